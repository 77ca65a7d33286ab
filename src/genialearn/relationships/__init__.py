"""Relationships between animals."""

from genialearn.relationships.genomic import GenomicScale
from genialearn.relationships.pedigree import PedigreeRelationships, ancestry_of, inbreeding_coefficients

__all__ = ["GenomicScale", "PedigreeRelationships", "ancestry_of", "inbreeding_coefficients"]
