"""Animals with genotypes, phased or not, with or without records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.cohorts import CohortFiles, read_genotyped
from genialearn.errors import AlignmentError
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, dosages, write_plink, write_vcf


@pytest.fixture
def phased() -> HaplotypeMatrix:
    alleles = np.random.default_rng(1).integers(0, 2, (24, 40)).astype(np.int8)
    columns = [as_ids(column) for column in ([f"s{i}" for i in range(40)], ["1"] * 40, ["A"] * 40, ["T"] * 40)]
    markers = MarkerMap(columns[0], columns[1], np.zeros(40), np.arange(1, 41), columns[2], columns[3])
    return HaplotypeMatrix.of(as_ids([f"cow{row}" for row in range(12)]), markers, alleles)


@pytest.fixture
def herd(phased: HaplotypeMatrix, tmp_path: Path) -> Path:
    folder = tmp_path / "herd"
    folder.mkdir()
    write_plink(folder / "genotypes", phased.genotypes())
    write_vcf(folder / "haplotypes.vcf.gz", phased)
    return folder


def test_genotypes_are_enough(herd: Path, phased: HaplotypeMatrix) -> None:
    (herd / "haplotypes.vcf.gz").unlink()
    cohort = read_genotyped(CohortFiles.in_folder(herd))

    assert cohort.haplotypes is None
    np.testing.assert_array_equal(dosages(phased.genotypes()), dosages(cohort.genotypes))
    assert (0, 0) == (len(cohort.traits), len(cohort.records.animals))


def test_phase_comes_from_the_folder(herd: Path, phased: HaplotypeMatrix) -> None:
    cohort = read_genotyped(CohortFiles.in_folder(herd))

    assert cohort.haplotypes is not None
    np.testing.assert_array_equal(phased.alleles(), cohort.haplotypes.alleles())


def test_animals_without_records_stay(herd: Path) -> None:
    (herd / "traits.tsv").write_text("id\tmilk\ncow3\t1.5\ncow1\t2.5\n")
    cohort = read_genotyped(CohortFiles.in_folder(herd))

    assert (12, ["milk"]) == (len(cohort), cohort.records.trait_names)
    assert ["cow1", "cow3"] == list(cohort.records.animals)
    assert cohort.haplotypes is not None


def test_either_allele_may_be_the_alternative(herd: Path, phased: HaplotypeMatrix) -> None:
    write_vcf(herd / "haplotypes.vcf.gz", phased.recoded(np.arange(40) % 3 == 0))
    cohort = read_genotyped(CohortFiles.in_folder(herd))

    assert cohort.haplotypes is not None
    np.testing.assert_array_equal(phased.alleles(), cohort.haplotypes.alleles())


def test_other_animals_or_markers_are_refused(herd: Path, phased: HaplotypeMatrix) -> None:
    for other in (phased.select(animals=np.arange(12)[::-1]), phased.select(markers=np.arange(39))):
        write_vcf(herd / "haplotypes.vcf.gz", other)
        with pytest.raises(
            AlignmentError, match="expected the 12 animals and 40 markers of the genotypes, in their order"
        ):
            read_genotyped(CohortFiles.in_folder(herd))


def test_alleles_that_contradict_the_genotypes_are_refused(herd: Path, phased: HaplotypeMatrix) -> None:
    alleles = phased.alleles().copy()
    alleles[[2, 9], [5, 7]] ^= 1
    write_vcf(herd / "haplotypes.vcf.gz", HaplotypeMatrix.of(phased.animals, phased.markers, alleles))

    with pytest.raises(AlignmentError, match="expected alleles that add up to the genotypes, found 2 that don't"):
        read_genotyped(CohortFiles.in_folder(herd))
