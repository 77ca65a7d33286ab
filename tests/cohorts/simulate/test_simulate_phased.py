from __future__ import annotations

from pathlib import Path

import numpy as np

from genialearn.cohorts import CohortFiles, read_genotyped
from genialearn.cohorts.simulate import HerdSettings, simulate_cohort, simulate_herd
from genialearn.genotypes import dosages

SMALL = HerdSettings(animals=120, markers=290, n_traits=2, founders="independent", seed=5, phased=True)


def test_phase_changes_nothing_else() -> None:
    phased, plain = simulate_herd(SMALL), simulate_herd(HerdSettings(**{**vars(SMALL), "phased": False}))

    assert plain.haplotypes is None
    assert phased.haplotypes is not None
    np.testing.assert_array_equal(dosages(plain.genotypes), dosages(phased.genotypes))
    np.testing.assert_array_equal(dosages(phased.genotypes), dosages(phased.haplotypes.genotypes()))


def test_the_first_haplotype_came_from_the_sire() -> None:
    """Calves of recorded dams share no allele with these where the dam is homozygous but their own from her."""
    herd = simulate_herd(SMALL)
    assert herd.haplotypes is not None
    row_of = {name: row for row, name in enumerate(herd.genotypes.animals)}
    parents = herd.pedigree.set_index("id")
    alleles, compared = herd.haplotypes.alleles(), 0
    for name, row in row_of.items():
        dam = row_of.get(parents.loc[name, "dam"])
        if dam is None:
            continue
        copies = dosages(herd.genotypes)[dam]
        same = copies != 1
        np.testing.assert_array_equal(copies[same] // 2, alleles[2 * row + 1, same])
        compared += int(same.sum())
    assert compared > 1000


def test_a_folder_with_phase(tmp_path: Path) -> None:
    simulate_cohort(tmp_path / "herd", animals=30, markers=40, n_traits=1, seed=2, phased=True)
    cohort = read_genotyped(CohortFiles.in_folder(tmp_path / "herd"))

    assert cohort.haplotypes is not None
    np.testing.assert_array_equal(dosages(cohort.genotypes), dosages(cohort.haplotypes.genotypes()))
