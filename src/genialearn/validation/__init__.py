"""Validation: splits, metrics and significance; no model knows of it but through folds and scores."""
