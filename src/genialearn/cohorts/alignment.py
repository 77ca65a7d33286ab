"""Alignment: which animals and records go together, and the report of those that don't."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import StrArray
from genialearn.cohorts.cohort import Cohort
from genialearn.errors import AlignmentError, examples
from genialearn.genotypes import GenotypeMatrix
from genialearn.records import Pedigree, RecordTable
from genialearn.records.effects import usable


@dataclass(frozen=True)
class Finding:
    """One line of the reconciliation: what was found, how often, three examples, and what was done about it."""

    what: str
    n: int
    examples: tuple[str, ...]
    action: str


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
        """Return the report as lines of text, counts before examples."""
        return [
            f"{finding.n:,} {finding.what}: {finding.action}"
            + (f" ({examples(finding.examples)})" if finding.examples else "")
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
        Where no animal has both genotype and records.
    """
    records, incomplete = _without_incomplete_effects(records)
    has_genotype = np.isin(records.animals, genotypes.animals)
    has_record = np.isfinite(records.values).any(axis=1)
    common = set(records.animals[has_genotype & has_record])
    if not common:
        raise AlignmentError(
            "cohort",
            expected="animals with both genotype and records",
            found=f"none: the genotypes name {examples(genotypes.animals)}; the records {examples(records.animals)}",
            advice="The ids of the traits must be the second column (IID) of the .fam file.",
        )
    recorded = np.array([name in common for name in genotypes.animals], dtype=bool)
    kept = np.ones(len(recorded), dtype=bool) if keep_unrecorded else recorded
    cohort = Cohort(
        genotypes if kept.all() else genotypes.select(animals=kept),
        _by_animal(records.select(np.flatnonzero(has_genotype & has_record)), genotypes.animals),
        pedigree,
    )
    findings = (
        _finding("records lacking a fixed effect", incomplete, "dropped"),
        _finding("animals with records but no genotype", _distinct(records.animals[~has_genotype]), "dropped"),
        _finding(
            "genotyped animals without records", genotypes.animals[~recorded], "kept" if keep_unrecorded else "dropped"
        ),
        _finding("animals unknown to the pedigree", _strangers(cohort), "kept without parents or birth year"),
    )
    return cohort, Reconciliation(tuple(f for f in findings if f.n), len(cohort), cohort.genotypes.shape[1])


def _without_incomplete_effects(records: RecordTable) -> tuple[RecordTable, StrArray]:
    """Return the records without those whose fixed effects aren't all known, and the animals concerned."""
    values = records.values.copy()
    complete_by = {trait.fixed: usable(trait.fixed, records.effects) for trait in records.traits}
    lost = np.zeros(len(values), dtype=bool)
    for column, trait in enumerate(records.traits):
        incomplete = ~complete_by[trait.fixed]
        lost |= incomplete & np.isfinite(values[:, column])
        values[incomplete, column] = np.nan
    return replace(records, values=values), records.animals[lost]


def _by_animal(records: RecordTable, animals: StrArray) -> RecordTable:
    row_of = {name: row for row, name in enumerate(animals)}
    return records.select(np.argsort([row_of[name] for name in records.animals], kind="stable"))


def _strangers(cohort: Cohort) -> StrArray:
    if cohort.pedigree is None:
        return np.empty(0, dtype=object)
    return cohort.animals[cohort.pedigree.rows_of(cohort.animals) < 0]


def _distinct(animals: StrArray) -> StrArray:
    return np.array(list(dict.fromkeys(animals)), dtype=object)


def _finding(what: str, animals: StrArray, action: str) -> Finding:
    return Finding(what, len(animals), tuple(animals[:3]), action)
