"""Alignment: which animals and records go together, and the report of those that don't."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, StrArray
from genialearn.cohorts.cohort import Cohort
from genialearn.errors import AlignmentError, examples
from genialearn.genotypes import GenotypeMatrix
from genialearn.records import Pedigree, RecordTable
from genialearn.records.effects import without_incomplete
from genialearn.records.traits import varies

_PLINK_MISSING = -9.0
_SUSPICION = "kept as a number; write NA where nothing was recorded"


@dataclass(frozen=True)
class Finding:
    """One line of the reconciliation: what was found, how often, three examples, and what was done about it."""

    what: str
    n: int
    examples: tuple[str, ...]
    action: str

    @classmethod
    def of(cls, what: str, animals: StrArray, action: str) -> Finding:
        """Return the finding about these animals."""
        return cls(what, len(animals), tuple(animals[:3]), action)


@dataclass(frozen=True)
class Reconciliation:
    """Who and what doesn't fit together, and why.

    Parameters
    ----------
    findings
        Only what was found at least once.
    n_animals, n_markers
        What is left.
    """

    findings: tuple[Finding, ...]
    n_animals: int
    n_markers: int

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        return [
            f"{finding.what}: {finding.n:,} {finding.action}"
            f" ({', '.join(finding.examples)}{', ...' if finding.n > len(finding.examples) else ''})"
            for finding in self.findings
        ] or ["every animal has genotype and records"]


def align(
    genotypes: GenotypeMatrix,
    records: RecordTable,
    pedigree: Pedigree | None = None,
    *,
    keep_unrecorded: bool = False,
) -> tuple[Cohort, Reconciliation]:
    """Return the cohort of animals with genotype and records, and the report of the others.

    Parameters
    ----------
    genotypes, records, pedigree
        The parts, each in its own order.
    keep_unrecorded
        Whether genotyped animals without any record stay, to be predicted.

    Raises
    ------
    AlignmentError
        Where no animal has both genotype and records, or a trait has no two records that differ.
    SettingError
        Where a formula of fixed effects can't be computed.
    """
    has_genotype = _among(records.animals, genotypes.animals)
    complete, incomplete = without_incomplete(_only(records, has_genotype))
    usable = _only(complete, _is_recorded(complete))
    if not len(usable.animals):
        raise _nothing_left(genotypes.animals, records.animals, incomplete)
    _check_traits_vary(usable)
    recorded = _among(genotypes.animals, usable.animals)
    kept = recorded | keep_unrecorded
    cohort = Cohort(
        genotypes if kept.all() else genotypes.select(animals=kept), _by_animal(usable, genotypes.animals), pedigree
    )
    strays = _distinct(records.animals[_is_recorded(records) & ~has_genotype])
    found = (
        ("animals with records but no genotype", strays, "dropped"),
        ("records lacking a fixed effect", incomplete, "dropped"),
        ("genotyped animals without records", genotypes.animals[~recorded], "kept" if keep_unrecorded else "dropped"),
        ("animals unknown to the pedigree", _strangers(cohort), "kept without parents or birth year"),
        ("animals with -9 for a trait that is never negative otherwise", _suspects(usable), _SUSPICION),
    )
    findings = tuple(Finding.of(*one) for one in found if len(one[1]))
    return cohort, Reconciliation(findings, *cohort.genotypes.shape)


def _among(animals: StrArray, others: StrArray) -> BoolArray:
    known = set(others)
    return np.array([name in known for name in animals], dtype=bool)


def _only(records: RecordTable, kept: BoolArray) -> RecordTable:
    return records if kept.all() else records.select(np.flatnonzero(kept))


def _is_recorded(records: RecordTable) -> BoolArray:
    return np.asarray(np.isfinite(records.values).any(axis=1), dtype=bool)


def _nothing_left(genotyped: StrArray, recorded: StrArray, incomplete: StrArray) -> AlignmentError:
    if len(incomplete):
        return AlignmentError(
            "cohort",
            expected="animals with genotype, records and fixed effects",
            found=f"none: {len(incomplete):,} records lack a fixed effect, of {examples(incomplete)}",
            advice="Use another formula, or covariates of these animals.",
        )
    return AlignmentError(
        "cohort",
        expected="animals with both genotype and records",
        found=f"none: the genotypes name {examples(genotyped)}; the records {examples(recorded)}",
        advice="The ids of the traits must be the second column (IID) of the .fam file.",
    )


def _by_animal(records: RecordTable, animals: StrArray) -> RecordTable:
    row_of = {name: row for row, name in enumerate(animals)}
    return records.select(np.argsort([row_of[name] for name in records.animals], kind="stable"))


def _check_traits_vary(records: RecordTable) -> None:
    constant = [name for name, values in zip(records.trait_names, records.values.T, strict=True) if not varies(values)]
    if constant:
        raise AlignmentError(
            "cohort",
            expected="records that differ, of every trait, on animals with genotype",
            found=f"{len(constant)} without: {examples(constant)}",
            advice="Name the traits to use with --trait.",
        )


def _suspects(records: RecordTable) -> StrArray:
    """Return the animals with the record -9, PLINK's missing phenotype, of a trait that else is never negative."""
    is_code = records.values == _PLINK_MISSING
    otherwise_negative = ((records.values < 0) & ~is_code).any(axis=0)
    return _distinct(records.animals[(is_code & ~otherwise_negative).any(axis=1)])


def _strangers(cohort: Cohort) -> StrArray:
    if cohort.pedigree is None:
        return np.empty(0, dtype=object)
    return cohort.animals[cohort.pedigree.rows_of(cohort.animals) < 0]


def _distinct(animals: StrArray) -> StrArray:
    return np.array(list(dict.fromkeys(animals)), dtype=object)
