from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn._arrays import Int8Array, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, dosages
from messages import exactly


def alleles_of(n_animals: int, n_markers: int, seed: int = 1) -> Int8Array:
    return np.random.default_rng(seed).integers(0, 2, (2 * n_animals, n_markers)).astype(np.int8)


def haplotypes_of(alleles: Int8Array) -> HaplotypeMatrix:
    animals = as_ids([f"a{row}" for row in range(len(alleles) // 2)])
    return HaplotypeMatrix.of(animals, MarkerMap.numbered(alleles.shape[1]), alleles)


@pytest.mark.parametrize("n_animals", [1, 3, 4, 5, 300])
def test_alleles_come_back(n_animals: int) -> None:
    alleles = alleles_of(n_animals, 270)
    phased = haplotypes_of(alleles)

    np.testing.assert_array_equal(alleles, phased.alleles())
    np.testing.assert_array_equal(alleles[:, 5:9], phased.alleles(slice(5, 9)))
    np.testing.assert_array_equal(alleles, np.hstack([block for _, block in phased.blocks()]))
    assert (n_animals, 270) == phased.shape
    assert 2 * n_animals == len(phased)
    assert 270 * -(-2 * n_animals // 8) == phased.packed.nbytes


def test_genotypes_are_sums_of_two() -> None:
    alleles = alleles_of(7, 300)

    np.testing.assert_array_equal(alleles[0::2] + alleles[1::2], dosages(haplotypes_of(alleles).genotypes()))


def test_animals_and_markers_are_selected_in_order() -> None:
    alleles = alleles_of(6, 20)
    chosen = haplotypes_of(alleles).select(animals=np.array([4, 0, 4]), markers=np.array([19, 3]))

    assert ["a4", "a0", "a4"] == list(chosen.animals)
    assert ["m20", "m4"] == list(chosen.markers.names)
    np.testing.assert_array_equal(alleles[[8, 9, 0, 1, 8, 9]][:, [19, 3]], chosen.alleles())


def test_the_other_allele_is_counted() -> None:
    alleles = alleles_of(3, 4)
    swap = np.array([True, False, False, True])
    recoded = haplotypes_of(alleles).recoded(swap)

    np.testing.assert_array_equal(alleles ^ swap.astype(np.int8), recoded.alleles())
    assert ["A", "B", "B", "A"] == list(recoded.markers.counted_alleles)
    np.testing.assert_array_equal(alleles ^ 1, haplotypes_of(alleles).canonical().alleles())


def test_alleles_that_are_none() -> None:
    alleles = alleles_of(2, 3)
    alleles[1, 1] = -1
    advice = "Fill missing alleles first, as phasing programs do."
    with pytest.raises(
        SettingError, match=exactly(f"haplotypes: expected alleles 0 and 1, found from -1 to 1. {advice}")
    ):
        haplotypes_of(alleles)
    with pytest.raises(SettingError, match=r"expected alleles of shape \(4, 3\), found \(3, 3\)"):
        HaplotypeMatrix.of(as_ids(["a", "b"]), MarkerMap.numbered(3), alleles[:3])


class TestCohort:
    def test_phase_goes_with_the_animals(self) -> None:
        alleles = alleles_of(5, 9)
        cohort = Cohort.of_genotypes(haplotypes_of(alleles)).select(np.array([3, 1]))

        assert cohort.haplotypes is not None
        np.testing.assert_array_equal(alleles[[6, 7, 2, 3]], cohort.haplotypes.alleles())
        assert (2, 0, 0) == (len(cohort), len(cohort.traits), len(cohort.records.animals))

    def test_the_canonical_form_is_that_of_the_genotypes(self) -> None:
        phased = haplotypes_of(alleles_of(12, 9))
        order = np.random.default_rng(1).permutation(9)
        cohort = Cohort.of_genotypes(phased.select(markers=order)).canonical()

        assert cohort.haplotypes is not None
        np.testing.assert_array_equal(dosages(cohort.genotypes), dosages(cohort.haplotypes.genotypes()))
        np.testing.assert_array_equal(cohort.genotypes.markers.names, cohort.haplotypes.markers.names)

    def test_haplotypes_of_others_are_refused(self) -> None:
        phased = haplotypes_of(alleles_of(5, 9))
        cohort = Cohort.of_genotypes(phased)
        with pytest.raises(AlignmentError, match="expected the animals of the genotypes, in their order, found 2 that"):
            replace(cohort, haplotypes=phased.select(animals=np.array([1, 0, 2, 3, 4])))
        with pytest.raises(AlignmentError, match="expected the counted alleles of the genotypes"):
            replace(cohort, haplotypes=phased.recoded(np.arange(9) == 2))
        with pytest.raises(AlignmentError, match="expected the markers of the genotypes, in their order, found 4 that"):
            replace(cohort, haplotypes=phased.select(markers=slice(0, 5)))
