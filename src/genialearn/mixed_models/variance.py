"""Variance components by REML, exact, on contrasts that an eigendecomposition has made independent.

The model is y = X b + g + e with var(g) = s2g K and var(e) = s2e I. With S = I - X (X'X)^-1 X' and S K S = U diag(d) U'
on the complement of X, the contrasts U'y are free of b and have the diagonal variance s2 v, v = h d + (1 - h), where
h = s2g / (s2g + s2e) and s2 = s2g + s2e. Their likelihood is the restricted likelihood (Patterson and Thompson 1971,
Biometrika 58:545-554); s2 profiled out, it is a function of h alone (in this form Kang et al. 2008, Genetics
178:1709-1723, doi:10.1534/genetics.107.080101). One value of h costs O(n), whatever the number of fixed effects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.errors import AlignmentError

LOWEST, HIGHEST = 1e-5, 1 - 1e-5
"""The range of h: at 0 every breeding value would be 0, and no ranking left."""

NO_VARIANCE = 1e-300
"""Stands for 0 where all records are the same, so that their likelihood stays finite."""

_GRID = np.array([LOWEST, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, HIGHEST])


@dataclass(frozen=True, eq=False)
class Variances:
    """The variances of one trait.

    Parameters
    ----------
    heritability
        h = s2g / (s2g + s2e), of a record of weight 1, G unscaled.
    total
        s2 = s2g + s2e.
    log_likelihood
        Restricted, without its constant.
    """

    heritability: float
    total: float
    log_likelihood: float

    @property
    def genetic(self) -> float:
        """s2g."""
        return self.heritability * self.total

    @property
    def residual(self) -> float:
        """s2e."""
        return (1 - self.heritability) * self.total


@dataclass(frozen=True, eq=False)
class Contrasts:
    """One trait's contrasts U'y, free of fixed effects and independent of each other.

    Parameters
    ----------
    eigenvalues
        d, shape (records - fixed effects,).
    values
        U'y, shape (records - fixed effects,).
    """

    eigenvalues: FloatArray
    values: FloatArray

    def relative_variances(self, h: float) -> FloatArray:
        """Return v = h d + (1 - h), shape of the eigenvalues."""
        return h * self.eigenvalues + (1 - h)

    def at(self, h: float) -> Variances:
        """Return the variances given h, and their restricted log likelihood."""
        v = self.relative_variances(h)
        n = len(v)
        total = max(float(np.sum(self.values**2 / v)) / n, NO_VARIANCE)
        return Variances(h, total, float(-0.5 * (n * (np.log(total) + 1) + np.sum(np.log(v)))))


def restricted_maximum_likelihood(contrasts: Contrasts, *, name: str = "records") -> Variances:
    """Return the variances at the REML estimate of h. An error names what the contrasts are of.

    Raises
    ------
    AlignmentError
        Where there are too few records for the fixed effects.
    """
    refuse_too_few(len(contrasts.values), name)
    return maximum(contrasts.at)


def refuse_too_few(n_contrasts: int, name: str) -> None:
    """Raise `AlignmentError` where so few records are left by fixed effects that no variance can be told."""
    if n_contrasts < 3:
        raise AlignmentError(
            name,
            expected="at least three records more than fixed effects",
            found=f"{n_contrasts} more",
            advice="Use fewer fixed effects or leave the trait out.",
        )


def maximum(at: Callable[[float], Variances]) -> Variances:
    """Return the highest point of a restricted likelihood, h to about 1e-8: a grid finds the peak, Brent climbs it."""
    from scipy.optimize import minimize_scalar

    best = int(np.argmax([at(h).log_likelihood for h in _GRID]))
    low, high = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    found = minimize_scalar(
        lambda h: -at(h).log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-8}
    )
    # Brent's method only comes near the ends of its interval; at the border of the range the peak is the end itself.
    return max(at(float(found.x)), at(float(_GRID[best])), key=lambda v: v.log_likelihood)


def heritability_standard_error(contrasts: Contrasts, h: float) -> float:
    """Return the standard error of h, s2 profiled out.

    It is 1 / sqrt(-l''(h)), by central differences. Where the estimate is at the border of its range, the likelihood
    has no peak whose curvature could tell; there the expected information is taken: n/2 times the variance over
    contrasts of (d - 1) / v, the derivative of log v by h.
    """
    step = 1e-3
    inside = LOWEST + 5 * step < h < HIGHEST - 5 * step
    if inside:
        low, middle, high = (contrasts.at(x).log_likelihood for x in (h - step, h, h + step))
        information = (2 * middle - low - high) / step**2
    else:
        scores = (contrasts.eigenvalues - 1) / contrasts.relative_variances(h)
        information = 0.5 * len(scores) * float(np.var(scores))
    return float(1 / np.sqrt(information)) if information > 0 else float("nan")
