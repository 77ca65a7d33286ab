"""Correlations pulled towards 0 as far as all of them together say: adaptive shrinkage (Stephens 2017).

Most of the correlations of many traits are next to nothing, a few are large. Where one is known badly, as those of
traits of low heritability are, its estimate is mostly chance, and what a prediction borrows along it is noise.
"""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray

_DEVIATIONS = np.array([0.0, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8])
"""Standard deviations of the normal distributions that the true values are a mixture of; 0 stands for none at all."""

_NONE_BEFORE = 1.0
"""Values of 0 that count as seen before: with few estimates the mixture leans that way."""

_TOLERANCE, _MOST_STEPS = 1e-8, 2000


def shrunk(estimates: FloatArray, errors: FloatArray) -> FloatArray:
    """Return the posterior means of values that are drawn from one distribution, unimodal at 0.

    That distribution, a mixture of normal ones of mean 0 and given deviations, is estimated from all values by the EM
    algorithm (Stephens 2017, Biostatistics 18:275-294, doi:10.1093/biostatistics/kxw041).

    Parameters
    ----------
    estimates, errors
        Of correlations, and their standard errors, above 0, shape (values,).
    """
    total = _DEVIATIONS**2 + errors[:, None] ** 2
    log = -0.5 * (estimates[:, None] ** 2 / total + np.log(total))
    likelihoods = np.exp(log - log.max(axis=1, keepdims=True))
    shares = _mixture(likelihoods)
    belongs = shares * likelihoods
    belongs /= belongs.sum(axis=1, keepdims=True)
    return np.asarray(estimates * np.sum(belongs * _DEVIATIONS**2 / total, axis=1))


def _mixture(likelihoods: FloatArray) -> FloatArray:
    """Return the shares of the components that all values together make most likely, shape (components,)."""
    n_values, n_components = likelihoods.shape
    shares = np.full(n_components, 1 / n_components)
    seen = np.zeros(n_components)
    seen[0] = _NONE_BEFORE
    for _ in range(_MOST_STEPS):
        belongs = shares * likelihoods
        new = seen + (belongs / belongs.sum(axis=1, keepdims=True)).sum(axis=0)
        new /= n_values + _NONE_BEFORE
        if np.abs(new - shares).max() < _TOLERANCE:
            break
        shares = new
    return shares
