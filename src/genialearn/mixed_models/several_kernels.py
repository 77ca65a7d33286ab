"""Single-trait mixed models with several covariance matrices of the animals that are formed, by exact REML.

y = X b + Z (g_1 + g_2 + ...) + e, var(g_i) = K_i s2_i, var(e) = W^-1 s2e. Average-information REML (Gilmour, Thompson
and Cullis 1995, Biometrics 51:1440-1450) with P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1 formed in each round: some two
inversions of a matrix of records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, solve
from scipy.linalg.lapack import dpotri

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import ConvergenceError
from genialearn.mixed_models.components import Components, bounded_step
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.records import Pattern, patterns
from genialearn.mixed_models.variance import NO_VARIANCE, Variances, refuse_too_few

_ROUNDS = 60
_SETTLED = 1e-3
"""Rounds end when no variance moves by more than this share of its standard error."""

_LONGEST, _HALVINGS = 0.5, 12
"""Of a step, in variances of the records, and how often it is halved."""

_STRETCHED_FROM = 8
"""Round from which steps are doubled while the likelihood rises: where a variance is hardly told, average information
promises more than there is, and steps towards 0 would be ever so short."""

_LEAST = 1e-6
"""Of a variance, over that of the records."""

_LEAST_RESIDUAL = 2e-5
"""Of the residual variance, over the sum of all."""


class _System:
    """The records of a trait, multiplied by root weights, with their covariances."""

    def __init__(self, pattern: Pattern, kernels: Sequence[FloatArray]) -> None:
        roots, animals = pattern.root_weights, pattern.animals
        self.incidence = np.asarray((pattern.effects.matrix.multiply(roots[:, None])).todense())
        self.terms = [kernel[np.ix_(animals, animals)] * np.outer(roots, roots) for kernel in kernels]

    def at(self, variances: FloatArray) -> _Point:
        """Return P = V^-1 - V^-1 X (X'V^-1 X)^- X'V^-1, symmetric to the last bit, and the log determinants.

        Parameters
        ----------
        variances
            Of the terms and the residual, shape (terms + 1,).
        """
        n, x = len(self.incidence), self.incidence
        v = np.zeros((n, n))
        for variance, term in zip(variances, self.terms, strict=False):
            v += variance * term
        v[np.diag_indices_from(v)] += variances[-1]
        inverse, log_determinant = _inverse(v)
        solved = inverse @ x
        values, vectors = np.linalg.eigh(x.T @ solved)
        kept = values > 1e-10 * values[-1]
        half = solved @ (vectors[:, kept] / np.sqrt(values[kept]))
        inverse -= half @ half.T
        log_determinant += float(np.sum(np.log(values[kept])))
        return _Point(np.asarray((inverse + inverse.T) / 2), log_determinant)


def _inverse(v: FloatArray) -> tuple[FloatArray, float]:
    """Return V^-1, symmetric, and log|V| of a positive definite V, which is written over.

    From the triangle of V alone: less than half the multiplications of solving for the columns of I.
    """
    factor, _ = cho_factor(v.T, lower=True, overwrite_a=True, check_finite=False)
    log_determinant = 2 * float(np.sum(np.log(np.diagonal(factor))))
    lower, _ = dpotri(factor, lower=True, overwrite_c=True)
    triangle = np.tril(lower, -1)
    inverse = triangle + triangle.T
    np.fill_diagonal(inverse, np.diagonal(lower))
    return inverse, log_determinant


class _Point(NamedTuple):
    """P at some variances, square by records, and log|V| + log|X'V^-1 X|."""

    projector: FloatArray
    log_determinant: float

    def log_likelihood(self, y: FloatArray) -> float:
        """Return the restricted log likelihood without its constant."""
        return -0.5 * (self.log_determinant + float(y @ self.projector @ y))


@dataclass(frozen=True, eq=False, kw_only=True)
class SeveralKernelsModel(TraitModel):
    """The fitted model of one trait: value i is ratio_i K_i a, with `dual` a and the ratios of `components`, first 1.

    Parameters
    ----------
    pattern
        Its records.
    values
        The records multiplied by root weights, less their fixed part by least squares, shape (records,).
    parts
        s2_i and the residual variance, shape (kernels + 1,).
    """

    pattern: Pattern
    values: FloatArray
    parts: FloatArray

    def duals_without(self, kernels: Sequence[FloatArray], folds: IntArray) -> dict[int, FloatArray]:
        """Return the dual coefficients as if a fold had no records, by fold, the variances kept, shape (animals,).

        They are P (y - E_B c) for the records B of the fold, where c solves P_BB c = (P y)_B.
        """
        projector = _System(self.pattern, kernels).at(self.parts).projector
        solved, found = projector @ self.values, {}
        for fold in np.unique(folds[folds >= 0]).tolist():
            inside = folds[self.animals] == fold
            left = solved
            if inside.any():
                block = projector[np.ix_(inside, inside)]
                block[np.diag_indices_from(block)] += 1e-10 * np.trace(block) / len(block)
                left = left - projector[:, inside] @ solve(block, left[inside], assume_a="pos", check_finite=False)
            found[fold] = self.pattern.to_animals(left[:, None], len(folds))[:, 0]
        return found


@dataclass(frozen=True, eq=False)
class SeveralKernelsFits:
    """The models of all traits.

    Parameters
    ----------
    models
        One a trait.
    kernels
        K_i, shape (animals, animals) each.
    """

    models: list[SeveralKernelsModel]
    kernels: Sequence[FloatArray]
    solver: str = "exact"

    def variances(self) -> FloatArray:
        """Return the variances s2_i, shape (kernels, traits)."""
        return np.column_stack([model.parts[:-1] for model in self.models])

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's genetic values, all parts of them, as if no animal of its fold had records."""
        out = np.full((len(folds), len(self.models)), np.nan)
        for trait, model in enumerate(self.models):
            for fold, dual in model.duals_without(self.kernels, folds).items():
                members = folds == fold
                out[members, trait] = sum(
                    s * (k[members] @ dual) for k, s in zip(self.kernels, model.parts[:-1], strict=True)
                )
        return out


def fit_several_kernels(cohort: Cohort, kernels: Sequence[FloatArray], names: Sequence[str]) -> SeveralKernelsFits:
    """Return the models of all traits.

    Parameters
    ----------
    cohort
        The training animals.
    kernels
        K_i, shape (animals, animals) each; mean diagonals near 1 let variances be compared.
    names
        Of the kernels.

    Raises
    ------
    AlignmentError
        Where there are too few records for the fixed effects.
    ConvergenceError
        Where variances haven't settled after 60 rounds.
    """
    models = [
        _fit(cohort, trait, pattern, kernels, ("genetic", *names[1:], "residual"))
        for trait, pattern in enumerate(patterns(cohort))
    ]
    return SeveralKernelsFits(models, kernels)


def _fit(
    cohort: Cohort, trait: int, pattern: Pattern, kernels: Sequence[FloatArray], names: tuple[str, ...]
) -> SeveralKernelsModel:
    name = f"trait {cohort.traits[trait].name}"
    refuse_too_few(pattern.n_contrasts, name)
    roots = pattern.root_weights
    records = cohort.records.values[pattern.records, trait]
    weighted, free = roots * records, pattern.free(records[:, None])[:, 0]
    unit = max(float(free @ free) / pattern.n_contrasts, NO_VARIANCE)
    system = _System(pattern, kernels)
    variances, covariance, projector = _estimate(free / np.sqrt(unit), system, name)
    components = Components(names, variances * unit, covariance * unit**2)
    solved = projector @ free / unit
    genetic = sum((s * (term @ solved) for s, term in zip(components.values, system.terms, strict=False)), 0 * solved)
    left = weighted - genetic - components.values[-1] * solved  # y - V P y = X b
    b = pattern.projection.coefficients(left[:, None])[:, 0]
    fixed_part = np.asarray(pattern.effects.matrix @ b)
    mean = float(np.average(fixed_part, weights=roots**2))
    total = max(float(components.values[0] + components.values[-1]), NO_VARIANCE)
    first = components.heritability / (1 - components.heritability) * float(components.values[-1])
    return SeveralKernelsModel(
        records=pattern.records,
        animals=pattern.animals,
        weights=roots**2,
        variances=Variances(components.heritability, total, float("nan")),
        heritability_se=components.heritability_se,
        fixed_names=pattern.effects.names,
        fixed=b,
        fixed_se=np.full(len(b), np.nan),
        mean=mean,
        adjusted=records - fixed_part + mean,
        dual=first * pattern.to_animals(solved[:, None], len(cohort))[:, 0],
        components=components,
        pattern=pattern,
        values=free,
        parts=components.values,
    )


def _estimate(y: FloatArray, system: _System, name: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return variances, the covariance of their estimates, and P, shapes (terms + 1,), its square, (records, records).

    A step that makes the likelihood smaller is halved; late ones are doubled while it rises.
    """
    terms = system.terms
    variances = np.array([0.5 / len(terms)] * len(terms) + [0.5])
    point = system.at(variances)
    for number in range(_ROUNDS):
        py = point.projector @ y
        images = np.column_stack([*(term @ py for term in terms), py])
        traces = [float(np.sum(point.projector * term)) for term in terms] + [float(np.trace(point.projector))]
        score = 0.5 * (py @ images - np.array(traces))
        information = 0.5 * images.T @ (point.projector @ images)
        step = bounded_step(score, information, np.minimum(_lowest(variances) - variances, 0.0))
        errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0.0))
        if np.all(np.abs(step) <= np.maximum(_SETTLED * errors, 1e-6)):
            return variances, np.linalg.pinv(information).astype(np.float64), point.projector
        variances, point = _climbed(y, system, variances, point, step, stretched=number >= _STRETCHED_FROM)
    raise ConvergenceError(
        f"{name}: variance components",
        expected=f"variances that settle within {_ROUNDS} rounds",
        found=f"steps of {', '.join(f'{size:.1g}' for size in np.abs(step))} of the records' variance",
        advice="Are two of the matrices nearly the same? Leave one out.",
    )


def _lowest(variances: FloatArray) -> FloatArray:
    """Return the least that variances may be; the residual one's is a share of all, as a solver's heritability is."""
    lowest = np.full(len(variances), _LEAST)
    lowest[-1] = max(_LEAST, _LEAST_RESIDUAL * float(variances.sum()))
    return lowest


def _climbed(
    y: FloatArray, system: _System, variances: FloatArray, point: _Point, step: FloatArray, *, stretched: bool
) -> tuple[FloatArray, _Point]:
    """Return where a step leads, or a part of it that doesn't lead down, or if `stretched` a multiple that leads up."""
    before = point.log_likelihood(y)
    step = step * min(1.0, _LONGEST / float(np.abs(step).max()))
    for _ in range(_HALVINGS):
        there = np.maximum(variances + step, _lowest(variances + step))
        found = system.at(there)
        if found.log_likelihood(y) >= before - 1e-9 * abs(before):
            break
        step = step / 2
    else:
        return variances, point
    while stretched and 2 * float(np.abs(step).max()) <= _LONGEST:
        step = 2 * step
        further = np.maximum(variances + step, _lowest(variances + step))
        beyond = system.at(further)
        if beyond.log_likelihood(y) <= found.log_likelihood(y):
            break
        there, found = further, beyond
    return there, found
