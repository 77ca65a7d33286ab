"""How far two sets of numbers are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, wasserstein_distance


def correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return Pearson's r, 0 where one of the two doesn't vary, NaN of fewer than two pairs."""
    if len(a) < 2:
        return float("nan")
    a, b = a - np.mean(a, dtype=np.float64), b - np.mean(b, dtype=np.float64)
    return ratio_of_moments(float(a @ b), float(a @ a), float(b @ b))


def ratio_of_moments(covariance: float, variance_a: float, variance_b: float) -> float:
    """Return the correlation of moments, 0 where a variance is 0."""
    product = variance_a * variance_b
    return float(np.clip(covariance / np.sqrt(product), -1, 1)) if product > 0 else 0.0


def wasserstein(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the first Wasserstein distance of two empirical distributions, in their unit."""
    if len(a) != len(b):
        return float(wasserstein_distance(a, b))
    return float(np.mean(np.abs(np.sort(a) - np.sort(b)), dtype=np.float64))


def share_above(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return how often the elements of `a` are above those of `b` in the same place, ties one half."""
    return float(np.mean(a > b) + np.mean(a == b) / 2)


def area_under_curve(cases: NDArray[Any], controls: NDArray[Any]) -> float:
    """Return the probability that a case's score is above a control's, ties one half (Hanley and McNeil 1982)."""
    ranks = rankdata(np.concatenate([cases, controls]))[: len(cases)]
    return float((ranks.sum() - len(cases) * (len(cases) + 1) / 2) / (len(cases) * len(controls)))
