"""Records: traits, their tables, fixed effects by formula, pedigrees."""

from genialearn.records.effects import Design, design
from genialearn.records.pedigree import Pedigree, check_pedigree, read_pedigree
from genialearn.records.reading import read_records, with_covariates, with_weights
from genialearn.records.trait_settings import read_trait_settings
from genialearn.records.traits import RecordTable, Trait

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
