"""Generators of artificial genotypes; a module each, none imports another's."""

from genialearn.generators.catalogue import CATALOGUE, make_generator

__all__ = ["CATALOGUE", "make_generator"]
