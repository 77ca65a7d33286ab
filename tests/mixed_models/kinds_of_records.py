"""Cohorts with all that records can be: holes, repeated records, weights, a fixed effect seen in one fold only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from cohorts_for_tests import family_cohort, with_records_repeated, with_values
from dense_mixed_model import random_folds
from genialearn.cohorts import Cohort

N_ANIMALS, N_FOLDS = 60, 5
HERITABILITIES = [0.3, 0.5, 0.2, 0.6, 0.4]


def plain() -> Cohort:
    """Return animals in canonical order; traits 2 to 5 have animals without a record."""
    return family_cohort(N_ANIMALS, 100, seed=10).canonical()


def repeated() -> Cohort:
    """Return up to three different records an animal."""
    cohort = with_records_repeated(plain(), np.random.default_rng(11).integers(1, 4, N_ANIMALS))
    noise = np.random.default_rng(12).standard_normal(cohort.records.values.shape)
    return with_values(cohort, cohort.records.values + np.nanstd(cohort.records.values, axis=0) * noise)


def weighted() -> Cohort:
    cohort = repeated()
    weights = np.random.default_rng(13).uniform(0.3, 5, cohort.records.values.shape)
    return replace(cohort, records=replace(cohort.records, weights=weights))


def with_a_level_in_one_fold() -> Cohort:
    """Return a herd whose cows are all in the first fold."""
    cohort = plain()
    first = random_folds(N_ANIMALS, N_FOLDS) == 0
    herd = np.where(first & (np.arange(N_ANIMALS) % 2 == 0), "alone", cohort.records.effects["herd"])
    effects = pd.DataFrame({"herd": herd, "age": cohort.records.effects["age"]})
    return replace(cohort, records=replace(cohort.records, effects=effects))


COHORTS: dict[str, Callable[[], Cohort]] = {
    "holes": plain,
    "repeated records": repeated,
    "weights": weighted,
    "a level in one fold": with_a_level_in_one_fold,
}
