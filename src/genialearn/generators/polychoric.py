"""Correlations of the normal variables behind genotypes.

A genotype g is taken as the number of thresholds that a standard normal variable z exceeds, and two such variables as
bivariate normal. The covariance of two genotypes is then a sum over pairs of thresholds, whose derivative with respect
to the angle of the latent correlation rho = sin(t) is elementary (Drezner & Wesolowsky 1990, J Stat Comput Simul
35:101-107):

    d cov / dt = sum_kl exp(-(a_k^2 + b_l^2 - 2 a_k b_l sin t) / (2 cos^2 t)) / (2 pi).

It is positive, so the correlation that belongs to an observed covariance is found by adding up steps from t = 0 until
the covariance is reached: a few steps for most pairs, all of `N_STEPS` for identical markers.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from scipy.special import ndtri

from genialearn._arrays import FloatArray, Int8Array

N_STEPS = 64
FARTHEST = 38.0
"""Stands for an infinite threshold: its density is 0 in floating point."""

_MIDDLES = (np.arange(N_STEPS) + 0.5) * (np.pi / 2 / N_STEPS)
_SINES, _HALF_INVERSE_SQUARES = np.sin(_MIDDLES), 0.5 / np.cos(_MIDDLES) ** 2
_STEP = np.pi / 2 / N_STEPS


def thresholds_of(dosages: Int8Array) -> FloatArray:
    """Return what z exceeds for one copy and for two, by the frequencies of called genotypes, shape (markers, 2).

    A marker without a call gets no copies.
    """
    below = np.stack([(dosages == 0).sum(axis=0), (dosages == 1).sum(axis=0)]).cumsum(axis=0)
    called = (dosages >= 0).sum(axis=0)
    shares = np.where(called > 0, below / np.maximum(called, 1), 1.0)
    thresholds: FloatArray = np.clip(ndtri(shares), -FARTHEST, FARTHEST)
    return np.asarray(np.ascontiguousarray(thresholds.T))


def covariances_of(dosages: Int8Array) -> FloatArray:
    """Return covariances of dosages over the animals called at both markers, shape (markers, markers)."""
    called = dosages >= 0
    means = np.where(called, dosages, 0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
    centred = np.where(called, dosages - means, 0.0).astype(np.float32)
    if called.all():
        return np.asarray(centred.T @ centred / np.float32(len(dosages)), dtype=np.float64)
    both = called.astype(np.float32)
    return np.asarray(centred.T @ centred / np.maximum(both.T @ both, 1), dtype=np.float64)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def latent_correlations(covariances: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Return the correlations of z that give genotypes these covariances, 1 on the diagonal, shape (markers, markers).

    A covariance that no correlation reaches gets 1 or -1.
    """
    n_markers = len(thresholds)
    out = np.empty((n_markers, n_markers))
    for i in prange(n_markers):
        out[i, i] = 1.0
        for j in range(i + 1, n_markers):
            out[i, j] = out[j, i] = _latent_correlation(covariances[i, j], thresholds[i], thresholds[j])
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _latent_correlation(covariance: float, a: FloatArray, b: FloatArray) -> float:
    sign = 1.0 if covariance > 0 else -1.0
    left, angle = abs(covariance), 0.0
    for step in range(N_STEPS):
        gained = 0.0
        for k in range(2):
            for m in range(2):
                square = a[k] ** 2 + b[m] ** 2 - 2.0 * a[k] * b[m] * sign * _SINES[step]
                gained += np.exp(-square * _HALF_INVERSE_SQUARES[step])
        gained *= _STEP / (2 * np.pi)
        if left <= gained:
            angle += _STEP * (left / gained if gained > 0 else 0.0)
            break
        left -= gained
        angle += _STEP
    return float(sign * np.sin(angle))
