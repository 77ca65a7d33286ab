"""Predictors: models of many traits that learn from a cohort."""

from genialearn.predictors.catalogue import CATALOGUE, REFERENCE, REFERENCES, entry_of, make_predictor

__all__ = ["CATALOGUE", "REFERENCE", "REFERENCES", "entry_of", "make_predictor"]
