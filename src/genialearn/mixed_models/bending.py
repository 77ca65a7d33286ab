"""Bending: the covariance matrix nearest to estimates that were made pair by pair and needn't belong together.

The matrix is L L' + D with few factors L (as Meyer 2009, Genet Sel Evol 41:21, doi:10.1186/1297-9686-41-21, fits
covariances of many traits), and nearest means least squares weighted by standard errors: what is known well stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.mixed_models.shrinkage import shrunk

_LEAST_SPECIFIC = 1e-3
"""Share of a trait's variance that no factor explains, at least: so no correlation reaches 1."""

_SEARCH = {"maxiter": 5000, "maxfun": 20_000, "maxcor": 40, "ftol": 1e-16, "gtol": 1e-12}

_FEWEST_TRAITS = 4
"""Of fewer traits, factors would be as many numbers as covariances."""


@dataclass(frozen=True, eq=False)
class Bent:
    """A positive definite matrix, and how far it is from the estimates.

    Parameters
    ----------
    matrix
        Shape (traits, traits).
    estimates
        What it was made from, shape (traits, traits).
    largest_change
        Of any covariance, in standard errors.
    n_factors
        Factors that it took; 0 where only eigenvalues were raised, or nothing was needed.
    """

    matrix: FloatArray
    estimates: FloatArray
    largest_change: float
    n_factors: int

    def scaled(self, units: FloatArray) -> Bent:
        """Return the same of traits in other units."""
        scale = np.outer(units, units)
        return Bent(self.matrix * scale, self.estimates * scale, self.largest_change, self.n_factors)


def bent(estimates: FloatArray, standard_errors: FloatArray) -> Bent:
    """Return the nearest positive definite matrix with few factors; variances are kept as they are.

    Of fewer than four traits, the estimates themselves where they are positive definite, else with eigenvalues raised.

    Parameters
    ----------
    estimates
        Symmetric, positive diagonal, shape (traits, traits).
    standard_errors
        Shape (traits, traits).
    """
    target, errors, scale = _correlations(estimates, standard_errors)
    if len(target) < _FEWEST_TRAITS:
        matrix, n_factors = _eigenvalues_raised(target), 0
    else:
        matrix, n_factors = _fewest_factors(target, errors)
    off = ~np.eye(len(target), dtype=bool)
    changes = np.abs(matrix - target)[off] / errors[off]
    return Bent(matrix * scale, estimates, float(changes.max(initial=0.0)), n_factors)


def predictive(estimates: FloatArray, standard_errors: FloatArray) -> FloatArray:
    """Return the positive definite matrix that predicts best, of estimates that are partly chance.

    Correlations are pulled towards 0 as far as their standard errors ask (`shrinkage`), and loadings L on as many
    factors as there are traits have a normal prior under which any share of a trait's variance may be common; variances
    are kept as they are. Of fewer than four traits nothing can be learned about correlations in general: they are
    `bent`.

    Parameters
    ----------
    estimates
        Symmetric, positive diagonal, shape (traits, traits).
    standard_errors
        Shape (traits, traits).
    """
    if len(estimates) < _FEWEST_TRAITS:
        return bent(estimates, standard_errors).matrix
    target, errors, scale = _correlations(estimates, standard_errors)
    above = np.triu_indices(len(target), 1)
    pulled = np.eye(len(target))
    pulled[above] = pulled.T[above] = shrunk(target[above], errors[above])
    return _fit(pulled, errors, len(target), prior=1 / len(target)) * scale


def _correlations(estimates: FloatArray, standard_errors: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return correlations and their standard errors, none next to 0, and the scale that was taken from both."""
    units = np.sqrt(np.diag(estimates))
    scale = np.outer(units, units)
    errors = standard_errors / scale
    return estimates / scale, np.maximum(errors, 1e-3 * np.nanmedian(errors)), scale


def _eigenvalues_raised(correlations: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(correlations)
    if values.min() > _LEAST_SPECIFIC:
        return correlations
    raised = (vectors * np.maximum(values, 2 * _LEAST_SPECIFIC)) @ vectors.T
    units = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(units, units))


def _fewest_factors(target: FloatArray, errors: FloatArray) -> tuple[FloatArray, int]:
    """Return the fit with the fewest factors that standard errors don't contradict, by chi-square."""
    n = len(target)
    off = np.triu_indices(n, 1)
    for n_factors in range(1, n):
        fitted = _fit(target, errors, n_factors)
        degrees = len(off[0]) - (n * n_factors - n_factors * (n_factors - 1) // 2)
        misfit = float(np.sum(((fitted - target) / errors)[off] ** 2))
        if degrees <= 1 or misfit <= degrees + 2 * np.sqrt(2 * degrees):
            break
    return fitted, n_factors


def _fit(target: FloatArray, errors: FloatArray, n_factors: int, *, prior: float = np.inf) -> FloatArray:
    """Return R = L L' + I - diag(L L') nearest to the target; rows of L are kept within the unit ball by scaling.

    Squared distances in standard errors, one a pair, are added to squared loadings over the prior variance of these.
    """
    from scipy.optimize import minimize

    n = len(target)
    weights = (1 - np.eye(n)) / errors**2
    unit = float(weights.max())
    weights, pull = weights / unit, 1 / (prior * unit)
    values, vectors = np.linalg.eigh(target)
    first = vectors[:, ::-1][:, :n_factors] * np.sqrt(np.maximum(values[::-1][:n_factors], 0.01))

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        raw = flat.reshape(n, n_factors)
        loadings, shrink = _within_ball(raw)
        difference = weights * (loadings @ loadings.T - target)
        slope = 2 * (difference @ loadings + pull * loadings)
        inner = np.sum(slope * raw, axis=1, keepdims=True)
        gradient = shrink * slope - shrink**3 / (1 - _LEAST_SPECIFIC) * inner * raw
        misfit = float(np.sum(difference * (loadings @ loadings.T - target)))
        return 0.5 * misfit + pull * float(np.sum(loadings**2)), gradient.ravel()

    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options=_SEARCH)
    loadings, _ = _within_ball(found.x.reshape(n, n_factors))
    fitted = loadings @ loadings.T
    np.fill_diagonal(fitted, 1.0)
    return np.asarray(fitted)


def _within_ball(raw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return x sqrt(c) / sqrt(c + |x|^2)-scaled rows, never longer than sqrt(c), c = 1 - the least specific share."""
    limit = 1 - _LEAST_SPECIFIC
    shrink = 1 / np.sqrt(1 + np.sum(raw**2, axis=1, keepdims=True) / limit)
    return raw * shrink, shrink
