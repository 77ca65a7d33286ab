"""Relationships between animals."""

from genialearn.relationships.genomic import GenomicRelationships, GenomicScale
from genialearn.relationships.pedigree import PedigreeRelationships, ancestry_of, inbreeding_coefficients

__all__ = ["GenomicRelationships", "GenomicScale", "PedigreeRelationships", "ancestry_of", "inbreeding_coefficients"]
