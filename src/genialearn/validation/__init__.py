"""Validation: splits, metrics and significance; models use it inside `fit` only, on training animals."""
