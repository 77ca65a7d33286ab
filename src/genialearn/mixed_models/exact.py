"""Single-trait mixed models of all traits on one relationship matrix.

Traits that share their records, weights and fixed effects share one eigendecomposition, from which variances, fixed
effects, breeding values and leave-out predictions of each follow without another matrix being factorised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve, solve_triangular

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.linalg import Spectrum
from genialearn.mixed_models import variance
from genialearn.mixed_models.fits import TraitModel
from genialearn.records import design


@dataclass(frozen=True, eq=False)
class FixedBasis:
    """The fixed effects of some records as an orthonormal basis: W^1/2 X = Q R.

    Parameters
    ----------
    names
        What each fixed effect is; combinations of earlier ones are left out, shape (fixed effects,).
    incidence
        X, shape (records, fixed effects).
    orthonormal
        Q, shape (records, fixed effects).
    triangle
        R, shape (fixed effects, fixed effects).
    """

    names: tuple[str, ...]
    incidence: FloatArray
    orthonormal: FloatArray
    triangle: FloatArray

    @classmethod
    def of(cls, incidence: FloatArray, names: tuple[str, ...], root_weights: FloatArray) -> FixedBasis:
        """Return the basis of the independent columns of X."""
        weighted = root_weights[:, None] * incidence
        kept = independent_columns(weighted)
        orthonormal, triangle = qr(weighted[:, kept], mode="economic")
        return cls(tuple(names[i] for i in kept), incidence[:, kept], orthonormal, triangle)


def independent_columns(matrix: FloatArray) -> IntArray:
    """Return the columns that aren't combinations of others, ascending; the first column always stays.

    The unit of a covariate doesn't matter.
    """
    lengths = np.linalg.norm(matrix, axis=0)
    matrix = matrix / np.where(lengths > 0, lengths, 1.0)
    rest = matrix - np.outer(matrix[:, 0], matrix[:, 0] @ matrix) / (matrix[:, 0] @ matrix[:, 0])
    triangle, order = qr(rest[:, 1:], mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.sort(np.append(0, 1 + order[: int(np.sum(size > 1e-9))])).astype(np.int64)


@dataclass(frozen=True, eq=False)
class RecordPattern:
    """Records that some traits have in common, with weights w and fixed effects X, in diagonal form.

    With the incidence Z of animals on records, K = W^1/2 Z G Z' W^1/2 makes the residual variance of every record s2e.

    Parameters
    ----------
    records
        Rows of the cohort's record table, shape (records,).
    animals
        Row of each record's animal, shape (records,).
    root_weights
        Square roots of the weights, shape (records,).
    fixed
        The fixed effects.
    spectrum
        Of K on the complement of W^1/2 X: U and d.
    cross
        U'K Q, shape (records - fixed effects, fixed effects).
    inner
        Q'K Q, shape (fixed effects, fixed effects).
    """

    records: IntArray
    animals: IntArray
    root_weights: FloatArray
    fixed: FixedBasis
    spectrum: Spectrum
    cross: FloatArray
    inner: FloatArray

    def to_animals(self, contrasts: FloatArray, n_animals: int) -> FloatArray:
        """Return Z' W^1/2 U times a vector of contrasts, shape (animals,)."""
        per_record = self.root_weights * (self.spectrum.vectors @ contrasts)
        return np.bincount(self.animals, weights=per_record, minlength=n_animals).astype(np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class ExactTraitModel(TraitModel):
    """The fitted single-trait model of one trait, in diagonal form.

    Parameters
    ----------
    pattern
        Its records.
    contrasts
        Its records free of fixed effects.
    """

    pattern: RecordPattern
    contrasts: variance.Contrasts


@dataclass(frozen=True, eq=False)
class ExactFits:
    """The single-trait models of all traits on a relationship matrix that is formed.

    Parameters
    ----------
    models
        One a trait.
    relationships
        G of the training animals, shape (animals, animals).
    """

    models: list[ExactTraitModel]
    relationships: FloatArray
    solver: str = "exact"

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, shape (animals, traits)."""
        columns = [out_of_fold_breeding_values(model, self.relationships, folds) for model in self.models]
        return np.column_stack(columns)

    def duals_without(self, folds: IntArray, fold: int) -> FloatArray:
        """Return dual coefficients as if no animal of a fold had records, shape (animals, traits)."""
        return np.column_stack([dual_without(model, folds == fold) for model in self.models])


def record_patterns(cohort: Cohort, relationships: FloatArray) -> list[RecordPattern]:
    """Return the pattern of each trait; equal ones are the same object, decomposed once."""
    known: dict[tuple[bytes, bytes, str], RecordPattern] = {}
    patterns = []
    for column, trait in enumerate(cohort.traits):
        records = np.flatnonzero(np.isfinite(cohort.records.values[:, column]))
        roots = np.sqrt(cohort.records.weights[records, column])
        key = records.tobytes(), roots.tobytes(), trait.fixed
        if key not in known:
            known[key] = _record_pattern(cohort, relationships, column, records, roots)
        patterns.append(known[key])
    return patterns


def _record_pattern(
    cohort: Cohort, relationships: FloatArray, column: int, records: IntArray, roots: FloatArray
) -> RecordPattern:
    trait = cohort.traits[column]
    if not len(records):
        raise AlignmentError(
            f"trait {trait.name}",
            expected="records of the training animals",
            found="none",
            advice="Leave the trait out with --trait, or use another --split.",
        )
    animals = cohort.record_rows[records]
    effects = design(trait.fixed, cohort.records.effects.iloc[records])
    fixed = FixedBasis.of(effects.dense(), effects.names, roots)
    kernel = relationships[np.ix_(animals, animals)] * np.outer(roots, roots)
    image = kernel @ fixed.orthonormal
    inner = fixed.orthonormal.T @ image
    spectrum = Spectrum.of_complement(kernel, fixed.orthonormal)
    return RecordPattern(records, animals, roots, fixed, spectrum, spectrum.vectors.T @ image, inner)


def fit_trait_models(cohort: Cohort, relationships: FloatArray, heritabilities: Iterable[float | None]) -> ExactFits:
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
    models = [
        _fit_trait(cohort, column, pattern, given)
        for column, (pattern, given) in enumerate(zip(patterns, heritabilities, strict=True))
    ]
    return ExactFits(models, relationships)


def _fit_trait(cohort: Cohort, column: int, pattern: RecordPattern, given: float | None) -> ExactTraitModel:
    values = cohort.records.values[pattern.records, column]
    weighted = pattern.root_weights * values
    contrasts = variance.Contrasts(pattern.spectrum.values, pattern.spectrum.vectors.T @ weighted)
    if given is None:
        variances = variance.restricted_maximum_likelihood(contrasts, name=f"trait {cohort.traits[column].name}")
        h2_se = variance.heritability_standard_error(contrasts, variances.heritability)
    else:
        variances, h2_se = contrasts.at(given), float("nan")
    fixed, fixed_se = _fixed_effects(pattern, contrasts, variances, weighted)
    fixed_part = pattern.fixed.incidence @ fixed
    mean = float(np.average(fixed_part, weights=pattern.root_weights**2))
    h = variances.heritability
    dual = h * pattern.to_animals(contrasts.values / contrasts.relative_variances(h), len(cohort))
    return ExactTraitModel(
        records=pattern.records,
        animals=pattern.animals,
        weights=pattern.root_weights**2,
        variances=variances,
        heritability_se=h2_se,
        fixed_names=pattern.fixed.names,
        fixed=fixed,
        fixed_se=fixed_se,
        mean=mean,
        adjusted=values - fixed_part + mean,
        dual=dual,
        pattern=pattern,
        contrasts=contrasts,
    )


def _fixed_effects(
    pattern: RecordPattern, contrasts: variance.Contrasts, variances: variance.Variances, weighted: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return generalized least squares b = R^-1 Q'(y - h K P y), and its standard errors.

    With P = U diag(1/v) U', var(b) = s2 R^-1 (Q'HQ - Q'H P H Q) R^-T for H = h K + (1 - h) I.
    """
    h, cross, triangle = variances.heritability, pattern.cross, pattern.fixed.triangle
    scaled = cross / contrasts.relative_variances(h)[:, None]
    fixed = solve_triangular(triangle, pattern.fixed.orthonormal.T @ weighted - h * scaled.T @ contrasts.values)
    middle = h * pattern.inner + (1 - h) * np.eye(len(fixed)) - h**2 * cross.T @ scaled
    inverse = solve_triangular(triangle, np.eye(len(fixed)))
    squares = variances.total * np.einsum("ij,jk,ik->i", inverse, middle, inverse, optimize=True)
    return fixed, np.sqrt(np.maximum(squares, 0.0))


def out_of_fold_breeding_values(model: ExactTraitModel, relationships: FloatArray, folds: IntArray) -> FloatArray:
    """Return each training animal's breeding value as if the records of its whole fold didn't exist.

    Exact, given the heritability, without refitting.

    Parameters
    ----------
    model
        A fitted model.
    relationships
        G of the training animals, shape (animals, animals).
    folds
        Fold of each training animal, negative for animals that aren't asked for and get NaN, shape (animals,).
    """
    out = np.full(len(folds), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        members = folds == fold
        out[members] = relationships[members] @ dual_without(model, members)
    return out


def dual_without(model: ExactTraitModel, members: BoolArray) -> FloatArray:
    """Return the dual coefficients as if some animals had no records, the heritability kept, shape (animals,).

    With P = U diag(1/v) U' they are P (y - E_B c) for the records B of those animals, where c solves P_BB c = (P y)_B.
    Only P_BB is ever formed.

    Parameters
    ----------
    model
        A fitted model.
    members
        Which training animals have none, shape (animals,).
    """
    pattern, contrasts = model.pattern, model.contrasts
    h = model.variances.heritability
    v = contrasts.relative_variances(h)
    rows = pattern.spectrum.vectors[members[pattern.animals]]
    left = contrasts.values
    if len(rows):
        correction = solve(_block(rows, v), rows @ (left / v), assume_a="pos", check_finite=False)
        left = left - rows.T @ correction
    return h * pattern.to_animals(left / v, len(members))


def _block(rows: FloatArray, v: FloatArray) -> FloatArray:
    """Return P_BB = U_B diag(1/v) U_B' with a ridge at rounding level.

    The ridge matters where a fixed effect has records in this block only: P_BB is then singular in that direction.
    """
    scaled = rows / np.sqrt(v)
    block = scaled @ scaled.T
    block[np.diag_indices_from(block)] += 1e-10 * np.trace(block) / len(block)
    return np.asarray(block)
