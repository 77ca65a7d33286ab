"""Relationships between animals."""

from genialearn.relationships.genomic import GenomicRelationships, GenomicScale
from genialearn.relationships.parentage import deviating_diagonals, parent_offspring_pairs, parentage_conflicts
from genialearn.relationships.pedigree import PedigreeRelationships, ancestry_of, inbreeding_coefficients, joined
from genialearn.relationships.scaling import Scaling, same_scale

__all__ = [
    "GenomicRelationships",
    "GenomicScale",
    "PedigreeRelationships",
    "Scaling",
    "ancestry_of",
    "deviating_diagonals",
    "inbreeding_coefficients",
    "joined",
    "parent_offspring_pairs",
    "parentage_conflicts",
    "same_scale",
]
