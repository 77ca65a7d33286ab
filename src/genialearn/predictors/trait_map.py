"""The map from breeding values of all traits to each trait: linear borrowing and curves between traits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import product
from typing import Self

import numpy as np
from scipy.special import eval_hermitenorm, factorial
from threadpoolctl import threadpool_limits

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn._checks import check_at_least
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator

_STRICTNESS = (2.0, 4.0, 8.0, 16.0, 32.0)
"""How large a term's squared t statistic must be to keep half of its coefficient; one for lines and one for curves."""

_GRID = np.array(list(product(_STRICTNESS, _STRICTNESS)))


class TraitMap(Estimator):
    """Predict each trait from the breeding values of all traits, by lines and curves that the data support.

    trait_t = mean_t + u_t + sum_s a_ts z_s + sum_s sum_k c_tsk He_k(z_s), with z the standardised breeding values and
    He_k Hermite's polynomials of degree 2 and more, which normal breeding values make uncorrelated. The coefficients
    come from an adaptive ridge regression: a term with squared t statistic t^2 by itself has penalty (q / t^2)^2, so
    that one with t^2 far above q is kept whole and one far below is dropped. q is chosen for each trait, one value for
    lines and one for curves, by cross-validation. What the data don't support shrinks to the trait's own breeding
    value u_t.

    Parameters
    ----------
    degree
        Highest degree of the curves; 1 for lines only.
    folds
        Of the cross-validation.
    seed
        Of the folds.

    Attributes
    ----------
    coefficients_
        a and c, on standardised terms, shape (traits x degree, traits).
    strictness_
        Chosen q of lines and curves, shape (traits, 2).

    References
    ----------
    The shrinkage is that of the non-negative garrote (Breiman 1995, Technometrics 37:373) made smooth.
    """

    def __init__(self, *, degree: int = 3, folds: int = 5, seed: int = 1) -> None:
        self.degree = degree
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        breeding_values: FloatArray,
        traits: FloatArray,
        *,
        weights: FloatArray | None = None,
        folds: IntArray | None = None,
    ) -> Self:
        """Learn the map.

        Parameters
        ----------
        breeding_values
            Best predicted without the animal's own record (out of fold), shape (animals, traits).
        traits
            Records without fixed effects, NaN where there is none, shape (animals, traits).
        weights
            Precision of the records, shape (animals, traits).
        folds
            Fold of each animal; random where not given.
        """
        check_at_least("TraitMap degree", self.degree, 1)
        if breeding_values.shape != traits.shape:
            raise SettingError(
                "TraitMap",
                expected="breeding values and traits of one shape",
                found=f"{breeding_values.shape} and {traits.shape}",
            )
        if folds is None:
            folds = np.random.default_rng(self.seed).permutation(len(traits)) % self.folds
        observed = np.isfinite(traits)
        weights = np.where(observed, 1.0 if weights is None else weights, 0.0)
        own = np.where(observed, traits - breeding_values, 0.0)
        self.mean_ = (weights * own).sum(axis=0) / weights.sum(axis=0)
        self._learn_scale(breeding_values)
        self._fit_terms(self._terms(breeding_values), own - self.mean_, weights, folds)
        return self

    def _fit_terms(self, terms: FloatArray, responses: FloatArray, weights: FloatArray, folds: IntArray) -> None:
        is_line = np.arange(terms.shape[1]) < len(self.centre_)
        with threadpool_limits(1, user_api="blas"):  # many small systems: threads would only wait for each other
            fits = [_fit_one(terms, responses[:, t], weights[:, t], folds, is_line) for t in range(responses.shape[1])]
        self.coefficients_ = np.column_stack([coefficients for coefficients, _ in fits])
        self.strictness_ = np.array([strictness for _, strictness in fits])
        self.intercepts_ = -(weights * (terms @ self.coefficients_)).sum(axis=0) / weights.sum(axis=0)

    def predict(self, breeding_values: FloatArray) -> FloatArray:
        """Return traits, shape (animals, traits)."""
        corrections = self.corrections(breeding_values)
        return np.asarray(self.mean_ + breeding_values + corrections)

    def corrections(self, breeding_values: FloatArray) -> FloatArray:
        """Return what the other traits and the curves add to mean and own breeding value, shape (animals, traits)."""
        if not hasattr(self, "coefficients_"):
            raise NotFittedError("TraitMap", expected="fit before predict", found="a map that saw no data")
        return np.asarray(self._terms(breeding_values) @ self.coefficients_ + self.intercepts_)

    def _learn_scale(self, breeding_values: FloatArray) -> None:
        self.centre_ = breeding_values.mean(axis=0)
        spread = breeding_values.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, np.inf)
        z = (breeding_values - self.centre_) / self.spread_
        self.range_ = np.stack([z.min(axis=0), z.max(axis=0)])

    def _terms(self, breeding_values: FloatArray) -> FloatArray:
        """Return lines and curves, shape (animals, traits x degree); curves are level outside the range learned on."""
        z = (breeding_values - self.centre_) / self.spread_
        inside = np.clip(z, *self.range_)
        return np.concatenate([z, *(_hermite(inside, k) for k in range(2, self.degree + 1))], axis=1)


def _hermite(z: FloatArray, degree: int) -> FloatArray:
    """Return the probabilists' Hermite polynomial He_k(z) / sqrt(k!), of variance 1 for a standard normal z."""
    return np.asarray(eval_hermitenorm(degree, z) / np.sqrt(factorial(degree)))


def _fit_one(
    terms: FloatArray, response: FloatArray, weights: FloatArray, folds: IntArray, is_line: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of one trait and the strictness that cross-validation chose for lines and curves."""
    relative = weights / weights[weights > 0].mean()
    parts = [_Moments.of(terms, response, relative, folds == fold) for fold in np.unique(folds)]
    whole = _Moments.total(parts)
    losses = np.sum([(whole - part).losses_on(part, _GRID, is_line) for part in parts], axis=0)
    best = _GRID[[int(np.argmin(losses))]]
    return whole.coefficients(best, is_line)[0], best[0]


@dataclass(frozen=True, eq=False)
class _Moments:
    """Weighted sums from which adaptive ridge regressions, and their losses on other animals, follow without the data.

    Parameters
    ----------
    n
        Sum of weights.
    x, y, yy
        Sums of terms (terms,), of the response and of the squared response.
    xx, xy
        Sums of products, shapes (terms, terms) and (terms,).
    """

    n: float
    x: FloatArray
    y: float
    yy: float
    xx: FloatArray
    xy: FloatArray

    @classmethod
    def of(cls, terms: FloatArray, response: FloatArray, weights: FloatArray, rows: BoolArray) -> _Moments:
        rows = rows & (weights > 0)
        x, y, w = terms[rows], response[rows], weights[rows]
        wx = w[:, None] * x
        return cls(float(w.sum()), wx.sum(axis=0), float(w @ y), float(w @ y**2), x.T @ wx, wx.T @ y)

    @classmethod
    def total(cls, parts: list[_Moments]) -> _Moments:
        return cls(*(np.sum([getattr(part, item.name) for part in parts], axis=0) for item in fields(cls)))

    def __sub__(self, part: _Moments) -> _Moments:
        return _Moments(*(getattr(self, item.name) - getattr(part, item.name) for item in fields(self)))

    def coefficients(self, strictness: FloatArray, is_line: BoolArray) -> FloatArray:
        """Return ridge coefficients (choices, terms) for each choice (lines, curves) of strictness."""
        n = max(self.n, 1.0)
        xx = self.xx - np.outer(self.x, self.x) / n
        xy = self.xy - self.x * self.y / n
        diagonal = np.maximum(np.diag(xx), 1e-12)
        t_squared = np.maximum(n * xy**2 / (diagonal * max(self.yy - self.y**2 / n, 1e-300)), 1e-3)
        asked = np.where(is_line, strictness[:, :1], strictness[:, 1:])
        penalised = np.broadcast_to(xx, (len(asked), *xx.shape)).copy()
        every = np.arange(len(diagonal))
        penalised[:, every, every] += diagonal * (1e-9 + (asked / t_squared) ** 2)
        return np.asarray(np.linalg.solve(penalised, np.broadcast_to(xy[:, None], (len(asked), len(xy), 1)))[..., 0])

    def losses_on(self, other: _Moments, strictness: FloatArray, is_line: BoolArray) -> FloatArray:
        """Return the squared error on other animals of each regression fitted here, shape (choices,)."""
        b = self.coefficients(strictness, is_line)
        a = (self.y - b @ self.x) / max(self.n, 1.0)
        fitted = a**2 * other.n + 2 * a * (b @ other.x) + np.einsum("ci,ij,cj->c", b, other.xx, b, optimize=True)
        return np.asarray(other.yy - 2 * (a * other.y + b @ other.xy) + fitted)
