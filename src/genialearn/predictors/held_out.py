"""What a model predicts of animals that it was fitted without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.mixed_models.covariances import informative, of_traits


def predicted_without(model: Predictor, cohort: Cohort, parts: Sequence[IntArray]) -> FloatArray:
    """Return what a model predicts of each part of the animals from all others.

    Parameters
    ----------
    model
        Fitted once a part; what it was before is lost.
    cohort
        The animals, canonical.
    parts
        Rows, none of them in two parts.

    Returns
    -------
    array, shape (animals, traits)
        NaN for animals in no part, and in traits that have too few records without one of the parts.
    """
    others = [cohort.select(np.setdiff1d(np.arange(len(cohort)), rows)) for rows in parts]
    known = np.all([learnable(part) for part in others], axis=0)
    out = np.full((len(cohort), len(known)), np.nan)
    for rows, part in zip(parts, others if known.any() else [], strict=known.any()):
        fitted = model.fit(part if known.all() else of_traits(part, known))
        out[np.ix_(rows, np.flatnonzero(known))] = fitted.predict(cohort.select(rows))
    return out


def learnable(cohort: Cohort) -> BoolArray:
    """Return which traits have enough records to learn from, shape (traits,); unlike `informative`, also of none."""
    known = np.asarray(np.isfinite(cohort.records.values).any(axis=0))
    if known.any():
        known[known] = informative(of_traits(cohort, known))
    return known
