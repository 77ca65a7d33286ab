"""Records: traits, their tables, fixed effects by formula, pedigrees."""

from genialearn.records.effects import Design, design
from genialearn.records.pedigree import Pedigree, check_pedigree, read_pedigree
from genialearn.records.traits import (
    RecordTable,
    Trait,
    read_records,
    read_trait_settings,
    with_covariates,
    with_weights,
)

__all__ = [
    "Design",
    "Pedigree",
    "RecordTable",
    "Trait",
    "check_pedigree",
    "design",
    "read_pedigree",
    "read_records",
    "read_trait_settings",
    "with_covariates",
    "with_weights",
]
