"""Single-trait mixed models of all traits on one relationship matrix, one eigendecomposition per pattern of holes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg import Spectrum
from genialearn.predictors import variance
from genialearn.predictors.adjustment import average_by_animal
from genialearn.records import design


@dataclass(frozen=True, eq=False)
class RecordPattern:
    """The records that some traits have in common, and their relationships in diagonal form.

    With weights w and the incidence Z of animals on records, K = W^1/2 Z G Z' W^1/2 makes the residual variance of
    every record s2e.

    Parameters
    ----------
    records
        Rows of the cohort's record table, shape (records,).
    animals
        Row of each record's animal, shape (records,).
    root_weights
        Square roots of the weights, shape (records,).
    spectrum
        Of K.
    """

    records: IntArray
    animals: IntArray
    root_weights: FloatArray
    spectrum: Spectrum

    def rotated(self, columns: FloatArray) -> FloatArray:
        """Return U' W^1/2 times columns (records, k)."""
        return self.spectrum.rotate(self.root_weights[:, None] * columns)

    def to_animals(self, rotated: FloatArray, n_animals: int) -> FloatArray:
        """Return Z' W^1/2 U times a rotated vector, shape (animals,)."""
        per_record = self.root_weights * self.spectrum.rotate_back(rotated)
        return np.bincount(self.animals, weights=per_record, minlength=n_animals)


@dataclass(frozen=True, eq=False)
class TraitModel:
    """The fitted single-trait model of one trait.

    Parameters
    ----------
    pattern
        Its records.
    rotated
        Its records and design in diagonal form.
    estimate
        The model at its estimated or given heritability.
    heritability_se
        Standard error of the heritability; NaN where it was given.
    fixed_names
        What each fixed effect is, shape (fixed effects,).
    mean
        Weighted average of the fixed part over the records.
    adjusted
        Records minus their fixed part plus `mean`, shape (records,).
    dual
        Coefficients a of the training animals: breeding values are G a, shape (animals,).
    """

    pattern: RecordPattern
    rotated: variance.RotatedModel
    estimate: variance.ModelAt
    heritability_se: float
    fixed_names: tuple[str, ...]
    mean: float
    adjusted: FloatArray
    dual: FloatArray


def record_patterns(cohort: Cohort, relationships: FloatArray) -> list[RecordPattern]:
    """Return the pattern of each trait; traits recorded on the same rows with the same weights share one."""
    known: dict[bytes, RecordPattern] = {}
    patterns = []
    for column in range(len(cohort.traits)):
        observed = np.flatnonzero(np.isfinite(cohort.records.values[:, column]))
        roots = np.sqrt(cohort.records.weights[observed, column])
        key = observed.tobytes() + roots.tobytes()
        if key not in known:
            known[key] = _record_pattern(cohort, relationships, observed, roots)
        patterns.append(known[key])
    return patterns


def _record_pattern(cohort: Cohort, relationships: FloatArray, records: IntArray, roots: FloatArray) -> RecordPattern:
    animals = cohort.record_rows[records]
    kernel = relationships[np.ix_(animals, animals)] * np.outer(roots, roots)
    return RecordPattern(records, animals, roots, Spectrum.of(kernel))


def fit_trait_models(
    cohort: Cohort, relationships: FloatArray, heritabilities: Iterable[float | None]
) -> list[TraitModel]:
    """Return one fitted model a trait.

    Parameters
    ----------
    cohort
        The training animals.
    relationships
        Their G, shape (animals, animals).
    heritabilities
        Given values, or None to estimate by REML, one a trait.
    """
    patterns = record_patterns(cohort, relationships)
    return [
        _fit_trait(cohort, column, pattern, given)
        for column, (pattern, given) in enumerate(zip(patterns, heritabilities, strict=True))
    ]


def _fit_trait(cohort: Cohort, column: int, pattern: RecordPattern, given: float | None) -> TraitModel:
    values = cohort.records.values[pattern.records, column]
    effects = design(cohort.traits[column].fixed, cohort.records.effects.iloc[pattern.records])
    incidence = effects.dense()
    kept = variance.independent_columns(incidence)
    incidence = incidence[:, kept]
    rotated = variance.RotatedModel(
        pattern.spectrum.values, pattern.rotated(values[:, None])[:, 0], pattern.rotated(incidence)
    )
    estimate = variance.restricted_maximum_likelihood(rotated) if given is None else rotated.at(given)
    error = variance.heritability_standard_error(rotated, estimate.heritability) if given is None else float("nan")
    fixed_part = incidence @ estimate.fixed
    mean = float(np.average(fixed_part, weights=pattern.root_weights**2))
    dual = estimate.heritability * pattern.to_animals(estimate.scaled_residuals, len(cohort))
    names = tuple(effects.names[i] for i in kept)
    return TraitModel(pattern, rotated, estimate, error, names, mean, values - fixed_part + mean, dual)


def adjusted_by_animal(models: Iterable[TraitModel], n_animals: int) -> tuple[FloatArray, FloatArray]:
    """Return records without their fixed effects, averaged by animal, and the sums of their weights.

    Both have shape (animals, traits); where an animal has no record the value is NaN and the weight 0.
    """
    columns = [
        average_by_animal(model.pattern.animals, model.adjusted, model.pattern.root_weights**2, n_animals)
        for model in models
    ]
    return np.column_stack([value for value, _ in columns]), np.column_stack([weight for _, weight in columns])


def out_of_fold_breeding_values(model: TraitModel, relationships: FloatArray, folds: IntArray) -> FloatArray:
    """Return each training animal's breeding value as if the records of its whole fold didn't exist.

    Exact, given the heritability, without refitting: with P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1 the dual
    coefficients without block B are P(y - E_B c), where c solves P_BB c = (P y)_B. Only P_BB is ever formed.

    Parameters
    ----------
    model
        A fitted model.
    relationships
        G of the training animals, shape (animals, animals).
    folds
        Fold of each training animal, shape (animals,).
    """
    rotated, h = model.rotated, model.estimate.heritability
    pattern = model.pattern
    projection = _Projection(rotated, h)
    vectors = pattern.spectrum.vectors
    full = vectors @ projection.times(rotated.records)
    out = np.empty(len(folds))
    for fold in np.unique(folds):
        members = np.flatnonzero(folds == fold)
        block = np.flatnonzero(folds[pattern.animals] == fold)
        corrected = rotated.records
        if len(block):
            correction = solve(projection.block(vectors[block]), full[block], assume_a="pos", check_finite=False)
            corrected = rotated.records - vectors[block].T @ correction
        dual = h * pattern.to_animals(projection.times(corrected), len(folds))
        out[members] = relationships[members] @ dual
    return out


class _Projection:
    """The matrix P of a rotated model (times s2), which removes fixed effects under the model's variance."""

    def __init__(self, model: variance.RotatedModel, h: float) -> None:
        self._variances = h * model.eigenvalues + (1 - h)
        weighted = model.design / self._variances[:, None]
        information = model.design.T @ weighted
        self._half = np.linalg.solve(np.linalg.cholesky(information), weighted.T)

    def times(self, vector: FloatArray) -> FloatArray:
        return vector / self._variances - self._half.T @ (self._half @ vector)

    def block(self, rows: FloatArray) -> FloatArray:
        """Return U_B P U_B' for some rows of U, with a ridge at rounding level.

        The ridge matters where a fixed effect has records in this block only: P_BB is then singular in that direction.
        """
        scaled = rows / np.sqrt(self._variances)
        across = rows @ self._half.T
        block = scaled @ scaled.T - across @ across.T
        block[np.diag_indices_from(block)] += 1e-10 * np.trace(block) / len(block)
        return np.asarray(block)
