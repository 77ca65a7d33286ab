"""Variance components by REML, exact, on a model that an eigendecomposition has made diagonal.

The model is y = X b + g + e with var(g) = s2g K and var(e) = s2e I. With K = U diag(d) U', h = s2g / (s2g + s2e) and
s2 = s2g + s2e, the rotated records U'y have the diagonal variance s2 H, H = h d + (1 - h), and the restricted
likelihood, s2 and b profiled out, is a function of h alone (Patterson and Thompson 1971, Biometrika 58:545-554; in this
form Kang et al. 2008, Genetics 178:1709-1723, doi:10.1534/genetics.107.080101).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, qr
from scipy.optimize import minimize_scalar

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import AlignmentError

LOWEST, HIGHEST = 1e-5, 1 - 1e-5
"""The range of h: at 0 every breeding value would be 0, and no ranking left."""

_GRID = np.array([LOWEST, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, HIGHEST])


@dataclass(frozen=True, eq=False)
class RotatedModel:
    """One trait in the coordinates in which its variance is diagonal.

    Parameters
    ----------
    eigenvalues
        Eigenvalues d of the relationships of the records, shape (records,).
    records
        U'y, shape (records,).
    design
        U'X, of full column rank, shape (records, fixed effects).
    """

    eigenvalues: FloatArray
    records: FloatArray
    design: FloatArray

    @property
    def degrees_of_freedom(self) -> int:
        """Records minus fixed effects."""
        return len(self.records) - self.design.shape[1]

    def at(self, h: float) -> ModelAt:
        """Return generalized least squares given h."""
        variances = h * self.eigenvalues + (1 - h)
        weighted = self.design / variances[:, None]
        factor = cho_factor(weighted.T @ self.design, lower=True)
        fixed = cho_solve(factor, weighted.T @ self.records)
        scaled = (self.records - self.design @ fixed) / variances
        total = float(self.records @ scaled) / self.degrees_of_freedom
        log_det = np.sum(np.log(variances)) + 2 * np.sum(np.log(np.diag(factor[0])))
        log_likelihood = -0.5 * (self.degrees_of_freedom * (np.log(total) + 1) + log_det)
        covariance = total * cho_solve(factor, np.eye(len(fixed)))
        return ModelAt(h, total, fixed, covariance, scaled, float(log_likelihood))


@dataclass(frozen=True, eq=False)
class ModelAt:
    """A model given its heritability.

    Parameters
    ----------
    heritability
        h = s2g / (s2g + s2e).
    variance
        s2 = s2g + s2e.
    fixed, fixed_covariance
        Estimates b and their covariance.
    scaled_residuals
        H^-1 (U'y - U'X b), shape (records,): s2 times P y, rotated.
    log_likelihood
        Restricted, without its constant.
    """

    heritability: float
    variance: float
    fixed: FloatArray
    fixed_covariance: FloatArray
    scaled_residuals: FloatArray
    log_likelihood: float

    @property
    def genetic_variance(self) -> float:
        """s2g, on the scale of an unscaled G."""
        return self.heritability * self.variance

    @property
    def residual_variance(self) -> float:
        """s2e, of a record of weight 1."""
        return (1 - self.heritability) * self.variance


def restricted_maximum_likelihood(model: RotatedModel) -> ModelAt:
    """Return the model at its REML estimate of h, to about 1e-8.

    A grid finds the highest peak, Brent's method climbs it.
    """
    if model.degrees_of_freedom < 3:
        raise AlignmentError(
            "records",
            expected="at least three records more than fixed effects",
            found=f"{len(model.records)} records and {model.design.shape[1]} fixed effects",
            advice="Use fewer fixed effects or leave the trait out.",
        )
    heights = [model.at(h).log_likelihood for h in _GRID]
    best = int(np.argmax(heights))
    low, high = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    found = minimize_scalar(
        lambda h: -model.at(h).log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-8}
    )
    return model.at(float(found.x))


def heritability_standard_error(model: RotatedModel, h: float) -> float:
    """Return 1 / sqrt(-l''(h)), the curvature of the profile likelihood by central differences.

    Where the peak is at the border of the range, the curvature just inside is used.
    """
    step = 1e-3
    centre = min(max(h, LOWEST + step), HIGHEST - step)
    low, middle, high = (model.at(x).log_likelihood for x in (centre - step, centre, centre + step))
    curvature = (2 * middle - low - high) / step**2
    return float(1 / np.sqrt(curvature)) if curvature > 0 else float("nan")


def independent_columns(design: FloatArray) -> IntArray:
    """Return the columns of a design matrix that aren't combinations of earlier ones, ascending."""
    _, triangle, order = qr(design, mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    kept = order[: int(np.sum(size > 1e-9 * size[0]))]
    return np.sort(kept).astype(np.int64)
