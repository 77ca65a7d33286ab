"""Principal components of hold-out animals, and where artificial ones lie among them."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, Int8Array
from genialearn.judging.samples import Samples
from genialearn.judging.statistics import wasserstein

AXES = 10
SHOWN_AXES = 3


def principal_components(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how far apart hold-out and artificial rows are on the principal axes of the hold-out.

    Axes are unit vectors of centred, unscaled alleles (or dosages), so that an axis weighs by its variance. Parts:
    `w1_axis1` to `w1_axis3`, the first Wasserstein distance on an axis (NaN where there is none), and `frechet`, the
    Frechet distance |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) of the first 10 axes.
    """
    mean, axes = principal_axes(samples.holdout, AXES, rng)
    real, artificial = (((rows - mean) @ axes).astype(np.float64) for rows in (samples.holdout, samples.artificial))
    distances = [wasserstein(real[:, axis], artificial[:, axis]) for axis in range(min(SHOWN_AXES, axes.shape[1]))]
    distances += [float("nan")] * (SHOWN_AXES - len(distances))
    named = {f"w1_axis{number}": distance for number, distance in enumerate(distances, start=1)}
    return {**named, "frechet": frechet(real, artificial)}


def principal_axes(rows: Int8Array, most: int, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """Return column means, shape (markers,), and the leading principal axes as columns, shape (markers, axes).

    By randomised subspace iteration (Halko et al. 2011, doi:10.1137/090771806).
    """
    from sklearn.utils.extmath import randomized_svd

    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    n_axes = min(most, len(rows) - 1, rows.shape[1])
    seed = int(rng.integers(2**31))
    _, _, right = randomized_svd(rows - mean, n_axes, n_iter=8, random_state=seed)
    return mean, np.ascontiguousarray(right.T)


def frechet(a: FloatArray, b: FloatArray) -> float:
    """Return the Frechet distance of two sets of points taken as normal (Dowson and Landau 1982).

    tr (C1 C2)^1/2 is the sum of the singular values of C1^1/2 C2^1/2.
    """
    roots = [_root(np.cov(points.T).reshape(2 * points.shape[1:])) for points in (a, b)]
    apart = float(np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2))
    cross = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return apart + float(sum(np.sum(root**2) for root in roots)) - 2 * float(cross)


def _root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)
