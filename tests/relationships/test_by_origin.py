"""Relationships by breed of origin, beside plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from crossbred_cohorts import SIZES, crossbreds
from genialearn._arrays import FloatArray, Int8Array
from genialearn.errors import AlignmentError
from genialearn.genotypes import HaplotypeMatrix
from genialearn.relationships import GenomicScale
from genialearn.relationships.by_origin import OriginScale, breed_shares


def haplotypes() -> HaplotypeMatrix:
    found = crossbreds().cohort.haplotypes
    assert found is not None
    return found


def plain_parts(alleles: Int8Array, origins: Int8Array, by_breed: bool) -> list[FloatArray]:
    """Return Z_b, one allele after the other."""
    out = [np.zeros((len(alleles) // 2, alleles.shape[1])) for _ in range(2)]
    for marker in range(alleles.shape[1]):
        for row in range(len(alleles)):
            breed = origins[row, marker]
            known = origins[:, marker] == breed if by_breed else slice(None)
            out[breed][row // 2, marker] += alleles[row, marker] - alleles[known, marker].mean()
    return out


@pytest.mark.parametrize("by_breed", [False, True])
def test_relationships_are_those_of_plain_sums(by_breed: bool) -> None:
    some = haplotypes().select(animals=np.arange(20, 90, 3))
    origins = crossbreds().origins.reshape(-1, 2, sum(SIZES))[20:90:3].reshape(-1, sum(SIZES))
    scale = OriginScale.of(some, origins, 2, by_breed=by_breed)
    across, within = scale.relationships(some, origins)
    parts = plain_parts(some.alleles(), origins, by_breed)
    total = parts[0] + parts[1]

    np.testing.assert_allclose(total @ total.T / scale.divisor, across, atol=1e-12)
    np.testing.assert_allclose(sum(z @ z.T for z in parts) / scale.divisor, within, atol=1e-12)


def test_with_common_frequencies_the_sum_is_vanraden_s() -> None:
    scale = OriginScale.of(haplotypes(), crossbreds().origins, 2)
    across, _ = scale.relationships(haplotypes(), crossbreds().origins)
    genotypes = crossbreds().cohort.genotypes

    np.testing.assert_allclose(GenomicScale.of(genotypes).relationships(genotypes), across, atol=1e-12)


@pytest.mark.parametrize("by_breed", [False, True])
def test_values_are_relationships_times_dual_coefficients(by_breed: bool) -> None:
    origins, correlations = crossbreds().origins, np.array([0.0, 0.3, 1.0])
    scale = OriginScale.of(haplotypes(), origins, 2, by_breed=by_breed)
    across, within = scale.relationships(haplotypes(), origins)
    dual = np.random.default_rng(1).standard_normal((len(across), 3))
    effects = scale.effects(haplotypes(), origins, dual, correlations)

    expected = [(c * across + (1 - c) * within) @ a for c, a in zip(correlations, dual.T, strict=True)]
    np.testing.assert_allclose(np.column_stack(expected), scale.values(haplotypes(), origins, effects), atol=1e-9)


def test_counted_alleles_do_not_matter() -> None:
    origins, swap = crossbreds().origins, np.arange(sum(SIZES)) % 2 == 0
    swapped = haplotypes().recoded(swap)
    expected = OriginScale.of(haplotypes(), origins, 2).relationships(haplotypes(), origins)
    actual = OriginScale.of(swapped, origins, 2).relationships(swapped, origins)

    np.testing.assert_allclose(expected, actual, atol=1e-12)


def test_a_breed_without_alleles_at_a_marker_takes_the_common_frequency() -> None:
    origins = crossbreds().origins.copy()
    origins[:, 3] = 0
    scale = OriginScale.of(haplotypes(), origins, 2, by_breed=True)

    assert haplotypes().alleles()[:, 3].mean() == pytest.approx(scale.frequencies[1, 3])


def test_shares_of_breeds() -> None:
    origins = np.array([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=np.int8)

    np.testing.assert_array_equal([[0.25, 0.75], [1.0, 0.0]], breed_shares(origins, 2))


def test_absent_markers_are_refused() -> None:
    scale = OriginScale.of(haplotypes(), crossbreds().origins, 2)

    with pytest.raises(
        AlignmentError, match=r"^marker map: expected all 100 markers of the model, phased, found 1 absent\. Impute"
    ):
        scale.read_through(haplotypes().select(markers=np.arange(99)))


def test_markers_that_do_not_vary_are_refused() -> None:
    still = HaplotypeMatrix.of(
        haplotypes().animals, haplotypes().markers, np.zeros((len(haplotypes()), sum(SIZES)), dtype=np.int8)
    )

    with pytest.raises(
        AlignmentError, match=r"^genotypes: expected at least one marker that varies .*, found none\. Train on more"
    ):
        OriginScale.of(still, crossbreds().origins, 2)
