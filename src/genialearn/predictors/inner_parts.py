"""Which training animals a model holds out: to stop by, the youngest, as those it will predict are younger still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.validation.splits import SplitScheme, birth_years

if TYPE_CHECKING:
    from genialearn.neural.ensemble import InnerPart

_LEAST_PARTS = 5

_MOST_YOUNG = 1 / 3
"""Share of the animals that may be held out as the youngest: whole years are, however many animals they have."""

_COUNTED = 10_000
"""Animals in all folds together whose losses choose, about."""


def inner_parts(cohort: Cohort, recorded: BoolArray, n_members: int, *, seed: int) -> list[InnerPart]:
    """Return each member's inner part of the animals that have a record.

    Where birth years are known and of two years at least, every member holds out the youngest, about a fifth; animals
    of unknown birth year are trained on. Else animals are divided at random, and each member holds out another part.

    Parameters
    ----------
    cohort
        The animals.
    recorded
        Which of them have a record, shape (animals,).
    n_members
        How many parts are needed.
    seed
        Of the random parts.
    """
    from genialearn.neural.ensemble import InnerPart

    rows = np.flatnonzero(recorded)
    youngest = youngest_animals(cohort, recorded)
    if len(youngest):
        return [InnerPart(np.setdiff1d(rows, youngest), youngest)] * n_members
    folds = np.random.default_rng(seed).permutation(len(rows)) % max(n_members, _LEAST_PARTS)
    return [InnerPart(rows[folds != member], rows[folds == member]) for member in range(n_members)]


def recorded_traits(cohort: Cohort) -> BoolArray:
    """Return which animals have a record of which trait, shape (animals, traits)."""
    recorded = np.zeros((len(cohort), len(cohort.traits)), dtype=bool)
    np.logical_or.at(recorded, cohort.record_rows, np.isfinite(cohort.records.values))
    return recorded


def stopping_folds(cohort: Cohort, recorded: BoolArray, folds: int, *, seed: int) -> IntArray:
    """Return a fold of each animal, of which the first is what a model stops by.

    Parameters
    ----------
    cohort
        The animals.
    recorded
        Which of them have a record of which trait, shape (animals, traits).
    folds
        How many. The first one is of the youngest animals with records, where birth years are known and of two years at
        least; else all are random.
    seed
        Of the random ones.
    """
    youngest = youngest_animals(cohort, np.asarray(recorded.any(axis=1)))
    if not len(youngest):
        return spread_folds(recorded, folds, seed=seed)
    older = np.setdiff1d(np.arange(len(cohort)), youngest)
    out = np.zeros(len(cohort), dtype=np.int64)
    out[older] = 1 + spread_folds(recorded[older], folds - 1, seed=seed)
    return out


def youngest_animals(cohort: Cohort, recorded: BoolArray) -> IntArray:
    """Return rows of the youngest animals that have a record, about a fifth.

    None where birth years don't tell, or where whole years would leave too few: more than a third of the animals.

    Parameters
    ----------
    cohort
        The animals.
    recorded
        Which of them have a record, shape (animals,).
    """
    rows = np.flatnonzero(recorded)
    years = birth_years(cohort)[rows]
    if len(np.unique(years[np.isfinite(years)])) < 2:
        return rows[:0]
    youngest = rows[SplitScheme("forward").splits(cohort.select(rows), rng=np.random.default_rng(0))[0].test]
    return youngest if len(youngest) <= _MOST_YOUNG * len(rows) else rows[:0]


def spread_folds(recorded: BoolArray, folds: int, *, seed: int) -> IntArray:
    """Return a random fold of each animal; those with records of the rarest traits are dealt out first, over all folds.

    Parameters
    ----------
    recorded
        Which animals have a record of which trait, shape (animals, traits).
    folds
        How many.
    seed
        Of the order of equals.
    """
    counts = recorded.sum(axis=0)
    rarest = np.where(recorded, counts, len(recorded) + 1).min(axis=1)
    order = np.lexsort((np.random.default_rng(seed).permutation(len(recorded)), rarest))
    out = np.empty(len(recorded), dtype=np.int64)
    out[order] = np.arange(len(recorded)) % folds
    return out


def folds_counted(n_animals: int, folds: int) -> int:
    """Return on how many folds losses are counted: of five all up to 2,000 animals, two up to 5,000, then the first."""
    return min(max(_COUNTED // n_animals, 1), folds)


def squared_errors(errors: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted squares around the mean of each column, 0 where an error is NaN, shape (animals, columns)."""
    e, w = np.nan_to_num(errors), np.where(np.isnan(errors), 0.0, weights)
    means = np.sum(w * e, axis=0) / np.maximum(w.sum(axis=0), 1e-300)
    return np.asarray(w * (e - means) ** 2)
