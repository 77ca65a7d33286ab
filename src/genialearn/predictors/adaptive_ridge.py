"""Adaptive ridge regression from sums of products: a term keeps what its own t statistic justifies.

A term whose squared t statistic by itself is t^2 has penalty (q / t^2)^2 relative to its own sum of squares: one with
t^2 far above q is kept whole, one far below is dropped, and one with t^2 below 1 is left out. q, the strictness, is
chosen by cross-validation, one value for lines and one for curves. The shrinkage is that of the non-negative garrote
(Breiman 1995, Technometrics 37:373) made smooth.

Everything follows from the sums of products of each fold, which are computed once: regressions on any folds, their
losses on others, regressions without each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Self

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray

STRICTNESS = (2.0, 4.0, 8.0, 16.0, 32.0)
"""How large a term's squared t statistic must be to keep half of its coefficient."""

LEAST_T_SQUARED = 1.0

_GRID = np.array(list(product(STRICTNESS, STRICTNESS)))
_CHUNK = 16_384
"""Animals whose products are formed at a time."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums from which regressions, and their losses on other animals, follow without the data.

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
    def of(cls, terms: FloatArray, response: FloatArray, weights: FloatArray, rows: BoolArray) -> Self:
        """Return the sums over some animals, shapes (animals, terms), (animals,), (animals,) and (animals,)."""
        places = np.flatnonzero(rows & (weights > 0))
        chunks = [places[start : start + _CHUNK] for start in range(0, max(len(places), 1), _CHUNK)]
        return cls.total([cls._of(terms[chunk], response[chunk], weights[chunk]) for chunk in chunks])

    @classmethod
    def _of(cls, x: FloatArray, y: FloatArray, w: FloatArray) -> Self:
        wx = w[:, None] * x
        return cls(float(w.sum()), wx.sum(axis=0), float(w @ y), float(w @ y**2), x.T @ wx, wx.T @ y)

    @classmethod
    def total(cls, parts: Sequence[Self]) -> Self:
        """Return the sums over all parts."""
        return cls(*(np.sum([getattr(part, item.name) for part in parts], axis=0) for item in fields(cls)))

    def __sub__(self, part: Self) -> Self:
        return type(self)(*(getattr(self, item.name) - getattr(part, item.name) for item in fields(self)))

    def centred(self) -> tuple[FloatArray, FloatArray, float]:
        """Return X'X, X'y and y'y about the means."""
        n = max(self.n, 1.0)
        return self.xx - np.outer(self.x, self.x) / n, self.xy - self.x * self.y / n, self.yy - self.y**2 / n

    def penalised(self, strictness: FloatArray, is_line: BoolArray) -> tuple[IntArray, FloatArray, FloatArray]:
        """Return which terms stay, and X'X plus penalties (choices, kept, kept) and X'y (kept,) of these.

        Parameters
        ----------
        strictness
            q of lines and of curves, shape (choices, 2).
        is_line
            Shape (terms,).
        """
        xx, xy, yy = self.centred()
        diagonal = np.maximum(np.diag(xx), 1e-12)
        t_squared = max(self.n, 1.0) * xy**2 / (diagonal * max(yy, 1e-300))
        kept = np.flatnonzero(t_squared > LEAST_T_SQUARED)
        asked = np.where(is_line[kept], strictness[:, :1], strictness[:, 1:])
        penalised = np.broadcast_to(xx[np.ix_(kept, kept)], (len(asked), len(kept), len(kept))).copy()
        every = np.arange(len(kept))
        penalised[:, every, every] += diagonal[kept] * (1e-9 + (asked / t_squared[kept]) ** 2)
        return kept, penalised, xy[kept]

    def coefficients(self, strictness: FloatArray, is_line: BoolArray) -> FloatArray:
        """Return coefficients (choices, terms) for each choice (lines, curves) of strictness."""
        kept, penalised, xy = self.penalised(strictness, is_line)
        out = np.zeros((len(strictness), len(self.x)))
        out[:, kept] = np.linalg.solve(penalised, np.broadcast_to(xy[:, None], (len(out), len(xy), 1)))[..., 0]
        return out

    def intercept(self, coefficients: FloatArray) -> FloatArray:
        """Return what makes the mean of fitted values that of the response, of coefficients (..., terms)."""
        return np.asarray((self.y - coefficients @ self.x) / max(self.n, 1e-300))

    def losses_on(self, other: Moments, strictness: FloatArray, is_line: BoolArray) -> FloatArray:
        """Return the squared error on other animals of each regression fitted here, shape (choices,)."""
        b = self.coefficients(strictness, is_line)
        a = self.intercept(b)
        fitted = a**2 * other.n + 2 * a * (b @ other.x) + np.einsum("ci,ij,cj->c", b, other.xx, b, optimize=True)
        return np.asarray(other.yy - 2 * (a * other.y + b @ other.xy) + fitted)


@dataclass(frozen=True, eq=False)
class Regression:
    """An adaptive ridge regression.

    Parameters
    ----------
    intercept, coefficients
        Of one response, the coefficients of shape (terms,).
    strictness
        q of lines and curves, shape (2,).
    """

    intercept: float
    coefficients: FloatArray
    strictness: FloatArray


def fit_parts(parts: Sequence[Moments], is_line: BoolArray) -> Regression:
    """Return the regression on all parts, its strictness chosen by cross-validation over them."""
    whole = Moments.total(parts)
    losses = np.sum([(whole - part).losses_on(part, _GRID, is_line) for part in parts], axis=0)
    best = _GRID[[int(np.argmin(losses))]]
    coefficients = whole.coefficients(best, is_line)[0]
    return Regression(float(whole.intercept(coefficients)), coefficients, best[0])


def error_covariance(whole: Moments, regression: Regression, is_line: BoolArray) -> FloatArray:
    """Return s2 (X'X + P)^-1 of the coefficients, 0 for terms that were left out, shape (terms, terms).

    This is their covariance given the data where the penalties are prior precisions (Wahba 1983, J R Stat Soc B
    45:133), s2 the mean squared residual.
    """
    kept, penalised, _ = whole.penalised(regression.strictness[None], is_line)
    _, xy, yy = whole.centred()
    b = regression.coefficients
    squares = float(yy - 2 * b @ xy + b @ whole.centred()[0] @ b)
    out = np.zeros((len(b), len(b)))
    out[np.ix_(kept, kept)] = max(squares, 0.0) / max(whole.n, 1.0) * np.linalg.inv(penalised[0])
    return out
