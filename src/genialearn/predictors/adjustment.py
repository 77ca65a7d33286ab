"""Records without their fixed effects, by least squares: what models that know no fixed effects learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.records import design


@dataclass(frozen=True, eq=False)
class AdjustedRecords:
    """One value an animal and trait.

    Parameters
    ----------
    values
        Records minus fixed effects plus their mean, averaged by animal; NaN without record, shape (animals, traits).
    weights
        Sum of the weights of the records behind a value, 0 without record, shape (animals, traits).
    """

    values: FloatArray
    weights: FloatArray

    @property
    def means(self) -> FloatArray:
        """Weighted mean of each trait, shape (traits,)."""
        return np.asarray(np.nansum(self.values * self.weights, axis=0) / self.weights.sum(axis=0))

    @property
    def standard_deviations(self) -> FloatArray:
        """Weighted standard deviation of each trait, shape (traits,)."""
        squares = np.nansum(self.weights * (self.values - self.means) ** 2, axis=0)
        return np.asarray(np.sqrt(squares / self.weights.sum(axis=0)))


def adjusted_records(cohort: Cohort) -> AdjustedRecords:
    """Return the cohort's records, adjusted for the fixed effects that least squares finds in this cohort alone."""
    columns = [_adjusted(cohort, column) for column in range(len(cohort.traits))]
    return AdjustedRecords(
        np.column_stack([values for values, _ in columns]), np.column_stack([weights for _, weights in columns])
    )


def _adjusted(cohort: Cohort, column: int) -> tuple[FloatArray, FloatArray]:
    records = cohort.records
    observed = np.flatnonzero(np.isfinite(records.values[:, column]))
    values, weights = records.values[observed, column], records.weights[observed, column]
    incidence = design(cohort.traits[column].fixed, records.effects.iloc[observed]).matrix
    fixed_part = incidence @ least_squares(incidence, values, weights)
    adjusted = values - fixed_part + np.average(fixed_part, weights=weights)
    return average_by_animal(cohort.record_rows[observed], adjusted, weights, len(cohort))


def least_squares(incidence: sparse.csc_matrix, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return b that minimises sum w (y - X b)^2, X sparse; a ridge at rounding level settles confounded effects."""
    weighted = sparse.csc_matrix(incidence.multiply(weights[:, None]))
    information = (incidence.T @ weighted).tocsc()
    ridge = 1e-9 * information.diagonal().mean() * sparse.eye(information.shape[0], format="csc")
    return np.asarray(splu(information + ridge).solve(weighted.T @ values))


def average_by_animal(
    animals: IntArray, values: FloatArray, weights: FloatArray, n_animals: int
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted average of each animal's values, NaN where it has none, and the sum of its weights."""
    totals = np.bincount(animals, weights=weights, minlength=n_animals).astype(np.float64)
    sums = np.bincount(animals, weights=weights * values, minlength=n_animals).astype(np.float64)
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), np.nan), totals
