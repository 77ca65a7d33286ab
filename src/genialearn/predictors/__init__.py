"""Predictors: models of many traits that learn from a cohort."""

from genialearn.predictors.catalogue import CATALOGUE, REFERENCE, make_predictor

__all__ = ["CATALOGUE", "REFERENCE", "make_predictor"]
