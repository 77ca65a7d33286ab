from __future__ import annotations

from dataclasses import replace

import numpy as np

from cohorts_for_tests import family_cohort, with_genotypes
from genialearn.cohorts import Cohort
from genialearn.experiments.soundness import check_genotypes
from genialearn.genotypes import dosages
from genialearn.records import Pedigree


def trios() -> Cohort:
    """Return 40 cows and the bull that stands first: he sires the next ten, the others' sires aren't genotyped."""
    cohort = family_cohort(41, 600, seed=4)
    rng = np.random.default_rng(1)
    values = np.maximum(dosages(cohort.genotypes), 0)
    bull = values[0]
    for calf in range(1, 11):
        gamete = np.where(bull == 1, rng.integers(0, 2, len(bull)), bull // 2)
        values[calf] = gamete + (rng.random(len(bull)) < 0.5)
    sires = np.where((np.arange(41) >= 1) & (np.arange(41) <= 10), 0, -1)
    nobody = np.full(41, -1)
    pedigree = Pedigree(cohort.animals, sires, nobody, np.full(41, np.nan), np.full(41, "", dtype=object))
    return replace(with_genotypes(cohort, values, cohort.genotypes.markers), pedigree=pedigree)


def test_sound_parents() -> None:
    assert "10 genotyped pairs of parent and offspring fit together" in list(check_genotypes(trios()))


def test_a_swapped_sample_is_named() -> None:
    cohort = trios()
    values = dosages(cohort.genotypes)
    values[[3, 20]] = values[[20, 3]]

    said = list(check_genotypes(with_genotypes(cohort, values, cohort.genotypes.markers)))[-1]

    assert said.startswith("1 of 10 genotyped pairs of parent and offspring are homozygous for different alleles")
    assert f"{cohort.animals[3]} and sire {cohort.animals[0]} (" in said


def test_many_wrong_parents_are_counted_and_three_named() -> None:
    cohort = trios()
    values = dosages(cohort.genotypes)
    values[0] = values[30]

    said = list(check_genotypes(with_genotypes(cohort, values, cohort.genotypes.markers)))[-1]

    assert said.startswith("10 of 10 genotyped pairs")
    assert 3 == said.count(f"sire {cohort.animals[0]}")
    assert said.endswith(", ...")


def test_markers_without_variation_and_mixed_samples() -> None:
    cohort = replace(family_cohort(150, 300), pedigree=None)
    assert [] == list(check_genotypes(cohort))
    values = dosages(cohort.genotypes)
    values[5] = np.where(np.maximum(values, 0).mean(axis=0) < 1, 2, 0)
    values[:, :7] = 2

    fixed, odd = check_genotypes(with_genotypes(cohort, values, cohort.genotypes.markers))

    assert fixed == "7 of 300 markers don't vary among these animals; they tell nothing"
    assert odd.startswith("1 of 150 animals have a diagonal of G unlike the others")
    assert f"{cohort.animals[5]} (" in odd


def test_no_marker_varies() -> None:
    cohort = family_cohort(41, 600, seed=4)
    same = replace(with_genotypes(cohort, np.zeros((41, 600)), cohort.genotypes.markers), pedigree=None)

    assert ["600 of 600 markers don't vary among these animals; they tell nothing"] == list(check_genotypes(same))
