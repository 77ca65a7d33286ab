"""Records without their fixed effects, by least squares: what models that know no fixed effects learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.records import design

_RIDGE, _REFINEMENTS = 1e-9, 6


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
        """Weighted standard deviation of each trait, 0 where values differ by rounding errors only, shape (traits,)."""
        squares = np.nansum(self.weights * (self.values - self.means) ** 2, axis=0)
        deviations = np.sqrt(squares / self.weights.sum(axis=0))
        return np.where(deviations > 1e-12 * np.abs(self.means), deviations, 0.0)

    def standardised(self) -> AdjustedRecords:
        """Return values of mean 0 and variance 1, NaN where there is none, and weights of mean 1 a trait."""
        mean_weights = self.weights.sum(axis=0) / (self.weights > 0).sum(axis=0)
        units = np.where(self.standard_deviations > 0, self.standard_deviations, 1.0)
        return AdjustedRecords((self.values - self.means) / units, self.weights / mean_weights)


def adjusted_records(cohort: Cohort) -> AdjustedRecords:
    """Return the cohort's records, adjusted for the fixed effects that least squares finds in this cohort alone."""
    columns = [_adjusted(cohort, column) for column in range(len(cohort.traits))]
    return AdjustedRecords(
        np.column_stack([values for values, _ in columns]), np.column_stack([weights for _, weights in columns])
    )


def _adjusted(cohort: Cohort, column: int) -> tuple[FloatArray, FloatArray]:
    records = cohort.records
    observed = np.flatnonzero(np.isfinite(records.values[:, column]))
    if not len(observed):
        raise AlignmentError(
            f"trait {cohort.traits[column].name}",
            expected="records of the training animals",
            found="none",
            advice="Leave the trait out with --trait, or use another --split.",
        )
    values, weights = records.values[observed, column], records.weights[observed, column]
    incidence = design(cohort.traits[column].fixed, records.effects.iloc[observed]).matrix
    fixed_part = incidence @ least_squares(incidence, values, weights)
    adjusted = values - fixed_part + np.average(fixed_part, weights=weights)
    return average_by_animal(cohort.record_rows[observed], adjusted, weights, len(cohort))


def least_squares(incidence: sparse.csc_matrix, values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return a b that minimises sum w (y - X b)^2, X sparse.

    A small ridge on columns of unit length settles confounded effects; solving again for what it left over takes its
    shrinkage away (Riley 1955, Math Tables Aids Comput 9:96-101).
    """
    lengths = np.sqrt(incidence.power(2).T @ weights)
    scale = sparse.diags(1 / np.where(lengths > 0, lengths, 1.0))
    scaled = sparse.csc_matrix(incidence @ scale)
    weighted = sparse.csc_matrix(scaled.multiply(weights[:, None]))
    solver = splu(sparse.csc_matrix(scaled.T @ weighted + _RIDGE * sparse.eye(scaled.shape[1])))
    effects = np.zeros(scaled.shape[1])
    for _ in range(_REFINEMENTS):
        effects += solver.solve(weighted.T @ (values - scaled @ effects))
    return np.asarray(scale @ effects)


def average_by_animal(
    animals: IntArray, values: FloatArray, weights: FloatArray, n_animals: int
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted average of each animal's values, NaN where it has none, and the sum of its weights."""
    totals = np.bincount(animals, weights=weights, minlength=n_animals).astype(np.float64)
    sums = np.bincount(animals, weights=weights * values, minlength=n_animals).astype(np.float64)
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), np.nan), totals
