"""Where a cohort comes from: a folder with the usual names, or files given one by one."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn.cohorts.alignment import Finding, Reconciliation, align
from genialearn.cohorts.cohort import Cohort
from genialearn.errors import AlignmentError, FileFormatError, InputError, SettingError
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, read_plink, read_vcf
from genialearn.genotypes.plink import fileset
from genialearn.records import RecordTable, read_pedigree, read_records, tables, with_covariates, with_weights

_FILESET = ("genotypes", "markers", "animals")


@dataclass(frozen=True)
class CohortFiles:
    """The files of a cohort, and what to read of them.

    Parameters
    ----------
    bfile
        Prefix of a PLINK 1 fileset; None where genotypes are those of `haplotypes`.
    traits, records
        One row an animal, or many; exactly one of the two.
    trait_settings, weights, covariates, pedigree
        Optional files.
    haplotypes
        A phased VCF of the same animals and markers.
    truth
        Folder of a simulated cohort's true values.
    trait_names
        Traits to read; none means all.
    fixed
        Formula for all traits; None means those of `trait_settings`.
    """

    bfile: Path | None = None
    traits: Path | None = None
    records: Path | None = None
    trait_settings: Path | None = None
    weights: Path | None = None
    covariates: Path | None = None
    pedigree: Path | None = None
    haplotypes: Path | None = None
    truth: Path | None = None
    trait_names: tuple[str, ...] = ()
    fixed: str | None = None

    @classmethod
    def in_folder(cls, folder: Path | str, **given: Any) -> CohortFiles:
        """Return the files of a cohort folder, or a phased VCF alone; any may be given explicitly instead."""
        folder = Path(folder)
        explicit = {name: value for name, value in given.items() if value is not None}
        if folder.is_file() and folder.name.endswith((".vcf", ".vcf.gz")):
            return cls(**{"haplotypes": folder, **explicit})
        if not folder.is_dir():
            raise InputError(
                str(folder),
                expected="a cohort folder",
                found="a file" if folder.exists() else "nothing",
                advice="Name a folder with genotypes.bed and traits.tsv, or use --bfile and --traits.",
            )
        usual = {
            "bfile": folder / "genotypes",
            "traits": folder / "traits.tsv",
            "records": folder / "records.tsv",
            "trait_settings": folder / "traits.toml",
            "weights": folder / "weights.tsv",
            "covariates": folder / "covariates.tsv",
            "pedigree": folder / "pedigree.tsv",
            "haplotypes": folder / "haplotypes.vcf.gz",
            "truth": folder / "truth",
        }
        if {"traits", "records"} & set(explicit):
            usual = {name: path for name, path in usual.items() if name not in ("traits", "records")}
        elif usual["traits"].exists():
            del usual["records"]
        present = {name: path for name, path in usual.items() if name == "bfile" or path.exists() or path.is_symlink()}
        return cls(**{**present, **explicit})

    def paths(self) -> dict[str, Path]:
        """Return every file that is read, by name."""
        plink = {} if self.bfile is None else dict(zip(_FILESET, fileset(self.bfile), strict=True))
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        tables_given = {name: path for name, path in named.items() if isinstance(path, Path)}
        truth = tables_given.pop("truth", None)
        tables_given.pop("bfile", None)
        truths = {} if truth is None else {f"truth_{path.stem}": path for path in _truth_tables(truth).values()}
        return {**plink, **tables_given, **truths}


def read_cohort(files: CohortFiles, *, keep_unrecorded: bool = False) -> tuple[Cohort, Reconciliation]:
    """Return the cohort of these files on one order of animals, and the report of who and what was dropped.

    Parameters
    ----------
    files
        What to read.
    keep_unrecorded
        Whether genotyped animals without any record stay, to be predicted.

    Raises
    ------
    InputError
        Where a file can't be read, or the files don't fit each other.
    """
    if (files.traits is None) == (files.records is None):
        raise SettingError(
            "cohort",
            expected="either one record per animal (traits.tsv, --traits) or repeated ones (records.tsv, --records)",
            found="neither" if files.traits is None else "both",
        )
    genotypes = _genotypes(files)
    records = _read_records(files)
    weighted = records if files.weights is None else with_weights(records, files.weights)
    pedigree = None if files.pedigree is None else read_pedigree(files.pedigree)
    cohort, report = align(genotypes, weighted, pedigree, keep_unrecorded=keep_unrecorded)
    lost = records.animals[(np.isfinite(records.values) & np.isnan(weighted.values)).any(axis=1)]
    if len(lost):
        finding = Finding.of("records without a weight", lost, "dropped")
        report = replace(report, findings=(finding, *report.findings))
    return cohort, report


def read_animals(path: Path | str) -> Cohort:
    """Return the genotyped animals of a cohort folder, of a phased VCF, or of a PLINK fileset given by its prefix.

    Raises
    ------
    InputError
        Where it's none of these, or can't be read.
    """
    path = Path(path)
    if not path.is_dir() and fileset(path)[0].is_file():
        return Cohort.of_genotypes(read_plink(path))
    return read_genotyped(CohortFiles.in_folder(path))


def read_genotyped(files: CohortFiles) -> Cohort:
    """Return the genotyped animals of these files, phased where there is a VCF, with the records that there are.

    Unlike `read_cohort` it needs no records; animals without any stay.

    Raises
    ------
    InputError
        Where a file can't be read, or the files don't fit each other.
    """
    if files.traits is None and files.records is None:
        pedigree = None if files.pedigree is None else read_pedigree(files.pedigree)
        cohort = Cohort.of_genotypes(_genotypes(files), pedigree=pedigree)
    else:
        cohort, _ = read_cohort(files, keep_unrecorded=True)
    if files.haplotypes is None:
        return cohort
    return replace(cohort, haplotypes=_phased(files.haplotypes, cohort.genotypes))


def _genotypes(files: CohortFiles) -> GenotypeMatrix:
    if files.bfile is not None:
        return read_plink(files.bfile)
    assert files.haplotypes is not None, "one of the two is there"
    return read_vcf(files.haplotypes).genotypes()


def _phased(path: Path, genotypes: GenotypeMatrix) -> HaplotypeMatrix:
    """Return the haplotypes of a VCF, the alleles counted that the genotypes count.

    Raises
    ------
    AlignmentError
        Where they aren't of the same animals and markers, or called genotypes contradict them.
    """
    found = read_vcf(path)
    advice = "Make both from the same file."
    same = len(found.markers) == genotypes.shape[1] and np.array_equal(found.markers.names, genotypes.markers.names)
    if not same or not np.array_equal(found.animals, genotypes.animals):
        raise AlignmentError(
            str(path),
            expected=f"the {len(genotypes.animals):,} animals and {len(genotypes.markers):,} markers of the genotypes, "
            "in their order",
            found=f"{len(found.animals):,} animals and {len(found.markers):,} markers, not all of them the same",
            advice=advice,
        )
    aligned = found.recoded(found.markers.counted_alleles != genotypes.markers.counted_alleles)
    phased = HaplotypeMatrix(genotypes.animals, genotypes.markers, aligned.packed)
    conflicts = 0
    for (_, summed), (_, called) in zip(phased.genotypes().blocks(), genotypes.blocks(), strict=True):
        conflicts += int(np.sum((summed != called) & (called >= 0)))
    if conflicts:
        raise AlignmentError(
            str(path), expected="alleles that add up to the genotypes", found=f"{conflicts:,} that don't", advice=advice
        )
    return phased


def _read_records(files: CohortFiles) -> RecordTable:
    """Return the records with everything that explains them, but not their weights."""
    path = files.traits if files.records is None else files.records
    assert path is not None, "one of the two is there"
    records = read_records(
        path, names=files.trait_names, settings=files.trait_settings, repeated=files.records is not None
    )
    if files.covariates is not None:
        records = with_covariates(records, files.covariates)
    return records if files.fixed is None else records.with_fixed(files.fixed)


def _truth_tables(folder: Path) -> dict[str, Path]:
    names = ("breeding_values", "genetic_values")
    return {name: folder / f"{name}.tsv" for name in names if (folder / f"{name}.tsv").exists()}


def read_truth(files: CohortFiles) -> dict[str, pd.DataFrame]:
    """Return the true values of a simulated cohort: `breeding_values` and `genetic_values`, animals x traits.

    Only validation may look at them. Without a truth folder the answer is empty.

    Raises
    ------
    InputError
        Where the folder isn't there, or a table in it can't be read.
    """
    if files.truth is None:
        return {}
    if not files.truth.is_dir():
        raise InputError(
            str(files.truth),
            expected="a folder with breeding_values.tsv and genetic_values.tsv",
            found="a file" if files.truth.exists() else "nothing",
            advice="Name the folder truth of a simulated cohort.",
        )
    return {name: _truth_table(path) for name, path in _truth_tables(files.truth).items()}


def _truth_table(path: Path) -> pd.DataFrame:
    table = tables.read_table(path)
    values = {name: tables.numbers(path, table[name]) for name in table.columns if name != "id"}
    if not values:
        raise FileFormatError(str(path), expected="one column a trait", found="none", advice="Simulate it anew.")
    return pd.DataFrame(values, index=pd.Index(table["id"]))
