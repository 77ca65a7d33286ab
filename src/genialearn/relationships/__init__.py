"""Relationships between animals."""

from genialearn.relationships.genomic import GenomicScale

__all__ = ["GenomicScale"]
