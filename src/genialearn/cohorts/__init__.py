"""Cohorts: genotypes, records and pedigree on one order of animals."""

from genialearn.cohorts.alignment import Finding, Reconciliation, align
from genialearn.cohorts.cohort import Cohort
from genialearn.cohorts.sources import CohortFiles, read_animals, read_cohort, read_genotyped, read_truth

__all__ = [
    "Cohort",
    "CohortFiles",
    "Finding",
    "Reconciliation",
    "align",
    "read_animals",
    "read_cohort",
    "read_genotyped",
    "read_truth",
]
