"""The map from breeding values of all traits to each trait: linear borrowing and curves between traits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import solve
from sklearn.base import BaseEstimator

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_at_least
from genialearn.errors import NotFittedError, SettingError

_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge penalties tried, as multiples of the number of animals; the last is close to leaving the terms out."""


class TraitMap(BaseEstimator):  # type: ignore[misc]
    """Predict each trait from the breeding values of all traits, by ridge regression on lines and curves.

    trait_t = mean_t + u_t + sum_s a_ts z_s + sum_s sum_k c_tsk He_k(z_s), with z the standardised breeding values and
    He_k Hermite's polynomials of degree 2 and more, which normal breeding values make uncorrelated. Lines and curves
    are penalised apart; both penalties are chosen for each trait by cross-validation. What the data don't support
    shrinks to the trait's own breeding value u_t.

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
    penalties_
        Chosen penalties of lines and curves, shape (traits, 2).
    coefficients_
        a and c, shape (terms, traits).
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
                "TraitMap", expected="breeding values and traits of one shape",
                found=f"{breeding_values.shape} and {traits.shape}",
            )
        if folds is None:
            folds = np.random.default_rng(self.seed).permutation(len(traits)) % self.folds
        observed = np.isfinite(traits)
        weights = np.where(observed, 1.0 if weights is None else weights, 0.0)
        self._learn_scale(breeding_values)
        terms = self._terms(breeding_values)
        own = np.where(observed, traits - breeding_values, 0.0)
        totals = weights.sum(axis=0)
        self.mean_ = (weights * own).sum(axis=0) / totals
        fits = [
            self._fit_trait(terms, own[:, t] - self.mean_[t], weights[:, t] / weights[observed[:, t], t].mean(), folds)
            for t in range(traits.shape[1])
        ]
        self.coefficients_ = np.column_stack([coefficients for coefficients, _ in fits])
        self.intercepts_ = np.array([-weights[:, t] @ (terms @ c) / totals[t] for t, (c, _) in enumerate(fits)])
        self.penalties_ = np.array([penalties for _, penalties in fits])
        return self

    def predict(self, breeding_values: FloatArray) -> FloatArray:
        """Return traits, shape (animals, traits)."""
        return self.mean_ + breeding_values + self.corrections(breeding_values)

    def corrections(self, breeding_values: FloatArray) -> FloatArray:
        """Return what the other traits and the curves add to mean and own breeding value, shape (animals, traits)."""
        if not hasattr(self, "coefficients_"):
            raise NotFittedError("TraitMap", expected="fit before predict", found="a map that saw no data")
        return self._terms(breeding_values) @ self.coefficients_ + self.intercepts_

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

    def _fit_trait(
        self, terms: FloatArray, response: FloatArray, weights: FloatArray, folds: IntArray
    ) -> tuple[FloatArray, tuple[float, float]]:
        """Return the coefficients of one trait and its penalties of lines and curves."""
        n_lines = len(self.centre_)
        parts = [_Moments.of(terms, response, weights, folds == fold) for fold in np.unique(folds)]
        whole = _Moments.total(parts)
        curve_choices = _PENALTIES if terms.shape[1] > n_lines else _PENALTIES[-1:]
        grid = [(lines, curves) for lines in _PENALTIES for curves in curve_choices]
        penalties = [_penalty(n_lines, terms.shape[1], *choice) for choice in grid]
        losses = [sum((whole - part).loss_on(part, penalty) for part in parts) for penalty in penalties]
        best = int(np.argmin(losses))
        return whole.coefficients(penalties[best]), grid[best]


def _hermite(z: FloatArray, degree: int) -> FloatArray:
    """Return the probabilists' Hermite polynomial He_k(z) / sqrt(k!), of variance 1 for a standard normal z."""
    from scipy.special import eval_hermitenorm, factorial

    return np.asarray(eval_hermitenorm(degree, z) / np.sqrt(factorial(degree)))


def _penalty(n_lines: int, n_terms: int, lines: float, curves: float) -> FloatArray:
    return np.where(np.arange(n_terms) < n_lines, lines, curves)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Weighted sums from which ridge regressions with an intercept, and their losses, follow without the data.

    Parameters
    ----------
    n
        Sum of weights.
    x, y, yy
        Sums of terms, response and squared response.
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
    def of(cls, terms: FloatArray, response: FloatArray, weights: FloatArray, rows: np.ndarray) -> _Moments:
        rows = rows & (weights > 0)
        x, y, w = terms[rows], response[rows], weights[rows]
        wx = w[:, None] * x
        return cls(float(w.sum()), wx.sum(axis=0), float(w @ y), float(w @ y**2), x.T @ wx, wx.T @ y)

    @classmethod
    def total(cls, parts: list[_Moments]) -> _Moments:
        return cls(
            sum(p.n for p in parts),
            np.sum([p.x for p in parts], axis=0),
            sum(p.y for p in parts),
            sum(p.yy for p in parts),
            np.sum([p.xx for p in parts], axis=0),
            np.sum([p.xy for p in parts], axis=0),
        )

    def __sub__(self, part: _Moments) -> _Moments:
        return _Moments(
            self.n - part.n,
            self.x - part.x,
            self.y - part.y,
            self.yy - part.yy,
            self.xx - part.xx,
            self.xy - part.xy,
        )

    def coefficients(self, penalty: FloatArray) -> FloatArray:
        """Return ridge coefficients; `penalty` is per term, in multiples of the sum of weights."""
        n = max(self.n, 1.0)
        centred = self.xx - np.outer(self.x, self.x) / n
        centred[np.diag_indices_from(centred)] += n * penalty
        return np.asarray(solve(centred, self.xy - self.x * self.y / n, assume_a="pos", check_finite=False))

    def loss_on(self, other: _Moments, penalty: FloatArray) -> float:
        """Return the squared error on other animals of the regression fitted here."""
        b = self.coefficients(penalty)
        a = (self.y - self.x @ b) / max(self.n, 1.0)
        return float(
            other.yy - 2 * a * other.y - 2 * b @ other.xy + a**2 * other.n + 2 * a * (b @ other.x) + b @ other.xx @ b
        )
