"""Which markers stand for their neighbours, and which of them hang together."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray, Int8Array
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.tags import linked_pairs, squared_correlations, tags_of
from phased_cohorts import map_of, phased, phased_cohort

SIZES = [30, 20, 10]


def alleles_of_cohort() -> Int8Array:
    haplotypes = phased_cohort().haplotypes
    assert haplotypes is not None
    return np.ascontiguousarray(haplotypes.alleles())


def r2(alleles: Int8Array) -> FloatArray:
    return np.asarray(np.corrcoef(alleles.T) ** 2)


def tags(alleles: Int8Array, *, limit: float = 0.3, rarest: float = 0.0, reach: int = 100) -> list[int]:
    markers = map_of(SIZES)
    found = tags_of(phased(alleles, markers), chromosomes_of(markers), r2=limit, rarest=rarest, reach=reach)
    return [int(marker) for marker in found]


def chromosome_of() -> FloatArray:
    return np.repeat([1.0, 2.0, 3.0], SIZES)


def test_squared_correlations() -> None:
    alleles = alleles_of_cohort()[:, :30]
    found = squared_correlations(alleles, 4)

    for marker in range(30):
        for places in range(1, 5):
            expected = r2(alleles)[marker, marker + places] if marker + places < 30 else 0.0
            np.testing.assert_allclose(found[marker, places - 1], expected, atol=1e-5)


class TestTags:
    def test_no_two_are_closely_linked_and_everyone_else_is_linked_to_one(self) -> None:
        alleles = alleles_of_cohort()
        linked = (r2(alleles) > 0.3) & (chromosome_of()[:, None] == chromosome_of())
        chosen = tags(alleles)
        others = sorted(set(range(60)) - set(chosen))

        assert 5 < len(chosen) < 55
        assert len(chosen) == linked[np.ix_(chosen, chosen)].sum()
        assert linked[np.ix_(others, chosen)].any(axis=1).all()

    def test_the_commoner_of_two_that_are_alike_is_taken(self) -> None:
        alleles = np.zeros((40, 60), dtype=np.int8)
        alleles[:20, 7], alleles[:15, 8] = 1, 1

        assert [7] == tags(alleles, rarest=0.01)

    def test_rare_ones_and_those_that_do_not_vary_are_none(self) -> None:
        alleles = alleles_of_cohort().copy()
        alleles[:, 3] = 0
        alleles[:, 4] = np.arange(len(alleles)) == 0

        assert not {3, 4} & set(tags(alleles, limit=1.0, rarest=0.05))
        assert 3 not in tags(alleles, limit=1.0, rarest=0.001)

    def test_all_common_ones_where_any_link_is_allowed(self) -> None:
        assert list(range(60)) == tags(alleles_of_cohort(), limit=1.0)


class TestLinkedPairs:
    def test_each_with_the_one_it_is_linked_to_most(self) -> None:
        alleles, starts = alleles_of_cohort(), np.array([0, 30, 50, 60])
        pairs = linked_pairs(alleles, starts, reach=3, r2=0.2)
        linked = np.where(chromosome_of()[:, None] == chromosome_of(), r2(alleles), 0.0)

        assert len(pairs) > 10
        for first, second in pairs:
            window = linked[first, first + 1 : first + 4]
            assert first + 1 + window.argmax() == second
            assert window.max() >= 0.2

    def test_none_where_nothing_is_linked(self) -> None:
        alleles = np.random.default_rng(1).integers(0, 2, (500, 10)).astype(np.int8)

        assert (0, 2) == linked_pairs(alleles, np.array([0, 10]), reach=3, r2=0.5).shape
