"""Predictors: models of many traits that learn from a cohort."""

from genialearn.predictors.catalogue import CATALOGUE, REFERENCE, Entry, make_predictor

__all__ = ["CATALOGUE", "REFERENCE", "Entry", "make_predictor"]
