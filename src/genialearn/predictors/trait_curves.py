"""Curves between traits as they are shown: with bands, and a test of whether they are more than lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn.predictors.adaptive_ridge import error_covariance

if TYPE_CHECKING:
    from genialearn.predictors.trait_map import TraitMap

_BAND = 1.96


@dataclass(frozen=True, eq=False)
class TraitCurve:
    """What one trait's breeding value adds to another trait beyond the latter's own breeding value.

    Parameters
    ----------
    driver, target
        Columns of the two traits.
    breeding_values
        Of the driver, ascending, shape (points,).
    effects, lower, upper
        Added to the target, in its units, with a band of 95 % at each point, shape (points,).
    p
        Of the hypothesis that the target depends on the driver's breeding value by a line, given the lines of all
        traits; 1 where the map has lines only.
    """

    driver: int
    target: int
    breeding_values: FloatArray
    effects: FloatArray
    lower: FloatArray
    upper: FloatArray
    p: float


def trait_curves(trait_map: TraitMap, points: int) -> list[TraitCurve]:
    """Return the curves of all pairs of a fitted map, target by target."""
    n_traits = len(trait_map.centre_)
    low, high = trait_map.range_
    z = np.linspace(low, high, points)
    spread = np.where(np.isfinite(trait_map.spread_), trait_map.spread_, 0.0)
    values = trait_map.centre_ + z * spread
    terms = trait_map._terms(values, None).reshape(points, trait_map.degree, n_traits)
    curves = []
    for target in range(n_traits):
        regression = trait_map.regressions_[target]
        covariance = error_covariance(trait_map.moments_[target], regression, trait_map._is_line)
        for driver in range(n_traits):
            mine = np.arange(trait_map.degree) * n_traits + driver
            x = terms[:, :, driver]
            effects = x @ regression.coefficients[mine]
            variance = np.einsum("ij,jk,ik->i", x, covariance[np.ix_(mine, mine)], x, optimize=True)
            width = _BAND * np.sqrt(np.maximum(variance, 0.0))
            p = float(trait_map.curvature_p_[driver, target])
            curves.append(TraitCurve(driver, target, values[:, driver], effects, effects - width, effects + width, p))
    return curves


def curvature_p_values(
    terms: FloatArray,
    responses: FloatArray,
    weights: FloatArray,
    families: StrArray | None,
    *,
    coefficients: FloatArray,
    degree: int,
) -> FloatArray:
    """Return p of each driver (rows) and target (columns) that the driver's curve is a line, shape (traits, traits).

    Score tests against the lines of all traits and the fitted curves of the other drivers, for the curves up to each
    degree, whose variance is the sum over families of squared sums of scores, so that neither unequal variances nor
    families count as curvature (White 1982, Econometrica 50:1; Liang and Zeger 1986, Biometrika 73:13). The p values of
    all degrees are combined by Cauchy's distribution (Liu and Xie 2020, J Am Stat Assoc 115:393).

    Parameters
    ----------
    terms
        Lines, then curves degree by degree, shape (animals, traits x degree).
    responses, weights
        Of weight 0 without record, shape (animals, traits).
    families
        Shape (animals,); None where all animals are independent.
    coefficients
        Fitted, shape (traits x degree, traits).
    degree
        The highest.
    """
    n_traits = terms.shape[1] // degree
    out = np.ones((n_traits, n_traits))
    if degree == 1:
        return out
    family: IntArray = np.arange(len(terms))
    if families is not None:
        _, family = np.unique(families.astype(str), return_inverse=True)
    for target in range(n_traits):
        known = weights[:, target] > 0
        scores = _scores(
            terms[known], responses[known, target], weights[known, target], coefficients[:, target], degree
        )
        totals = _family_sums(scores, family[known])
        for driver in range(n_traits):
            mine = totals[:, driver::n_traits]
            out[driver, target] = _combined([_score_test(mine[:, :k]) for k in range(1, degree)])
    return out


def _scores(
    terms: FloatArray, response: FloatArray, weights: FloatArray, coefficients: FloatArray, degree: int
) -> FloatArray:
    """Return each animal's score of each curve, shape (animals, curves); curves and response are free of lines."""
    n_traits = terms.shape[1] // degree
    roots = np.sqrt(weights)[:, None]
    curves = terms[:, n_traits:]
    fitted = np.einsum(
        "ikd,kd->id", curves.reshape(len(curves), -1, n_traits), coefficients[n_traits:].reshape(-1, n_traits)
    )
    unexplained = response[:, None] - fitted.sum(axis=1, keepdims=True) + fitted
    free = _without(roots * np.column_stack([np.ones(len(terms)), terms[:, :n_traits]]), roots * curves)
    left = _without(roots * np.column_stack([np.ones(len(terms)), terms[:, :n_traits]]), roots * unexplained)
    return np.asarray(free * np.tile(left, degree - 1))


def _without(lines: FloatArray, values: FloatArray) -> FloatArray:
    """Return values (animals, columns) without their regressions on lines (animals, lines)."""
    units = np.sqrt(np.sum(lines**2, axis=0))
    lines = lines / np.where(units > 0, units, 1.0)
    gram = lines.T @ lines + 1e-10 * np.eye(lines.shape[1])
    return np.asarray(values - lines @ np.linalg.solve(gram, lines.T @ values))


def _family_sums(scores: FloatArray, family: IntArray) -> FloatArray:
    """Return sums of scores by family, shape (families, curves)."""
    order = np.argsort(family, kind="stable")
    starts = np.flatnonzero(np.diff(family[order], prepend=-1))
    return np.add.reduceat(scores[order], starts, axis=0) if len(order) else scores


def _score_test(sums: FloatArray) -> float:
    """Return p of U'V^-1 U, U the sum of scores (families, terms) and V the sum of their squares."""
    scale = np.sqrt(np.sum(sums**2, axis=0))
    used = scale > 0
    if not used.any() or len(sums) <= 2 * used.sum():
        return 1.0
    scaled = sums[:, used] / scale[used]
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    kept = values > 1e-8 * values[-1]
    total = (vectors.T @ scaled.sum(axis=0))[kept]
    return float(chdtrc(int(kept.sum()), np.sum(total**2 / values[kept])))


def _combined(p: list[float]) -> float:
    """Return the p value of Cauchy's combination."""
    clipped = np.clip(p, 1e-300, 1 - 1e-12)
    return float(np.arctan2(1.0, np.mean(1 / np.tan(np.pi * clipped))) / np.pi)
