"""Whether chains have settled, and how many independent draws they are worth."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray


def split_r_hat(draws: FloatArray) -> float:
    """Return the potential scale reduction of half chains, near 1 where all halves tell the same.

    The variance of all draws over that within halves, as a root (Gelman et al. 2013, Bayesian Data Analysis, section
    11.4); 1 where nothing varies.

    Parameters
    ----------
    draws
        Shape (chains, sweeps), four sweeps at least.
    """
    halves = _halves(draws)
    n = halves.shape[1]
    within = float(halves.var(axis=1, ddof=1).mean())
    if not within > 0:
        return 1.0
    between = n * float(halves.mean(axis=1).var(ddof=1))
    return float(np.sqrt((n - 1) / n + between / within / n))


def effective_sample_size(draws: FloatArray) -> float:
    """Return how many independent draws have a mean as certain as these, at most as many as there are.

    By autocorrelations within half chains and the variance between them, summed in pairs as long as pairs are positive
    and don't grow (Geyer 1992, Stat Sci 7:473; Vehtari et al. 2021, Bayesian Anal 16:667).

    Parameters
    ----------
    draws
        Shape (chains, sweeps), four sweeps at least.
    """
    halves = _halves(draws)
    n = halves.shape[1]
    covariances = np.mean([_autocovariances(half) for half in halves], axis=0)
    within = covariances[0] * n / (n - 1)
    if not within > 0:
        return float(halves.size)
    total = within * (n - 1) / n + float(halves.mean(axis=1).var(ddof=1))
    correlations = 1 - (within - covariances * n / (n - 1)) / total
    pairs = correlations[: 2 * (n // 2)].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ends[0] if len(ends) else len(pairs)])
    return float(halves.size / max(2 * pairs.sum() - 1, 1.0))


def _halves(draws: FloatArray) -> FloatArray:
    n = draws.shape[1] // 2
    return np.concatenate([draws[:, :n], draws[:, -n:]])


def _autocovariances(draws: FloatArray) -> FloatArray:
    """Return autocovariances by lag, by Fourier transforms, shape (sweeps,)."""
    n = len(draws)
    spectrum = np.fft.rfft(draws - draws.mean(), 2 * n)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, 2 * n)[:n] / n)
