from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.mosaic import Mosaic
from genialearn.records import Pedigree
from phased_cohorts import phased, phased_cohort

N_POPULATION, N_MARKERS = 12, 40


def two_populations() -> Cohort:
    """Return two populations of twelve animals, which differ at the last half of the markers."""
    alleles = np.random.default_rng(1).integers(0, 2, (4 * N_POPULATION, N_MARKERS))
    alleles[: 2 * N_POPULATION, N_MARKERS // 2 :] = 0
    alleles[2 * N_POPULATION :, N_MARKERS // 2 :] = 1
    return Cohort.of_genotypes(phased(alleles))


def in_families(cohort: Cohort, sire_of: list[str]) -> Cohort:
    """Return the cohort with a pedigree in which its animals have these sires."""
    sires = sorted(set(sire_of) - {"0"} - set(cohort.animals))
    ids = [*cohort.animals, *sires]
    rows = [ids.index(sire) if sire != "0" else -1 for sire in sire_of] + [-1] * len(sires)
    n = len(ids)
    pedigree = Pedigree(as_ids(ids), np.array(rows), np.full(n, -1), np.full(n, np.nan), as_ids([""] * n))
    return replace(cohort, pedigree=pedigree)


class TestNeighbours:
    def test_donors_are_the_nearest_by_plain_counting(self) -> None:
        generator = Mosaic(neighbours=5, rate=1.0, error=0.01).fit(phased_cohort())
        panel = phased_cohort().canonical().haplotypes
        assert panel is not None
        alleles = panel.alleles()

        for row, donors in enumerate(generator._donors_of(np.arange(80))):
            distances = (alleles != alleles[row]).sum(axis=1)
            np.testing.assert_array_equal(np.argsort(distances, kind="stable")[:5], donors)

    def test_the_own_animal_is_left_out_where_rates_are_estimated(self) -> None:
        generator = Mosaic(neighbours=30).fit(phased_cohort())

        donors = generator._donors_of(np.arange(80), without_own=True)
        assert not np.any(donors // 2 == np.arange(80)[:, None] // 2)

    def test_populations_do_not_mix(self) -> None:
        generator = Mosaic(neighbours=2 * N_POPULATION, rate=10.0, error=1e-9).fit(two_populations())

        drawn = generator.sample(100, rng=np.random.default_rng(1)).alleles()
        share = drawn[:, N_MARKERS // 2 :].mean(axis=1)
        assert {0.0, 1.0} == set(share)
        np.testing.assert_array_equal(share[0::2], share[1::2])

    def test_all_neighbours_make_populations_mix(self) -> None:
        generator = Mosaic(neighbours=4 * N_POPULATION, rate=10.0, error=1e-9).fit(two_populations())

        drawn = generator.sample(100, rng=np.random.default_rng(1)).alleles()
        assert 150 < np.sum(np.ptp(drawn[:, N_MARKERS // 2 :], axis=1) > 0)

    def test_a_single_neighbour_is_the_animal_itself(self) -> None:
        cohort = phased_cohort().canonical()
        assert cohort.haplotypes is not None
        training = {row.tobytes() for row in np.ascontiguousarray(cohort.haplotypes.alleles())}

        drawn = Mosaic(neighbours=1, rate=1.0, error=1e-9).fit(cohort).sample(10, rng=np.random.default_rng(1))
        assert {row.tobytes() for row in np.ascontiguousarray(drawn.alleles())} <= training


class TestFamilies:
    def test_families_do_not_mix(self) -> None:
        """Each of three families has ones at markers of its own."""
        family = np.repeat([0, 1, 2], 6)
        alleles = np.zeros((36, 30), dtype=np.int8)
        alleles[np.repeat(family, 2)[:, None] == np.repeat([0, 1, 2], 10)] = 1
        cohort = in_families(Cohort.of_genotypes(phased(alleles)), [f"bull{number}" for number in family])
        generator = Mosaic(neighbours=8, restrict="family", rate=100.0, error=1e-9).fit(cohort)

        drawn = generator.sample(60, rng=np.random.default_rng(1)).alleles().reshape(120, 3, 10)
        np.testing.assert_array_equal(1, drawn.max(axis=2).sum(axis=1))

    def test_small_families_and_animals_of_unknown_sire_are_one(self) -> None:
        sires = ["bull1"] * 6 + ["bull2"] * 4 + ["0"] * 6 + ["cow000"] * 4
        cohort = in_families(phased_cohort().select(slice(0, 20)), sires)
        generator = Mosaic(restrict="family", rate=1.0, error=0.01).fit(cohort)

        families = generator._families[::2]
        np.testing.assert_array_equal(families[1], families[1:6])
        np.testing.assert_array_equal(-1, families[6:16])
        np.testing.assert_array_equal(families[0], families[16:])
        assert 3 == len(np.unique(families))

    def test_a_pedigree_is_needed(self) -> None:
        with pytest.raises(AlignmentError, match="expected the sires of the training animals, found no pedigree"):
            Mosaic(restrict="family").fit(two_populations())


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "value"), [("neighbours", 0), ("restrict", "herd"), ("rate", -1.0), ("error", 0.9)]
    )
    def test_out_of_range(self, setting: str, value: object) -> None:
        with pytest.raises(SettingError, match=rf"^{setting}: expected"):
            Mosaic(**{setting: value}).fit(phased_cohort())  # type: ignore[arg-type]

    def test_more_neighbours_than_haplotypes_are_all(self) -> None:
        generator = Mosaic(neighbours=1000).fit(phased_cohort())

        assert (3, 80) == generator._donors_of(np.arange(3)).shape

    def test_given_rate_and_error_are_used(self) -> None:
        generator = Mosaic(neighbours=10, rate=0.5, error=0.1).fit(phased_cohort())

        assert (0.5, 0.1) == (generator.rate_, generator.error_)
