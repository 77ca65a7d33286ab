"""Principal components chromosome by chromosome, and the way back from them to alleles and genotypes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.special import ndtr

from genialearn._arrays import Float32Array, FloatArray, Int8Array, StrArray

_NOUGHT = 1e-9
_BLOCK = 2048
_SCALES = (0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3)
_LOWEST, _HIGHEST, _HALVINGS = -3.0, 5.0, 22
_LEAST_DEVIATION = 1e-3

_AT_NINE_TENTHS, _BY_MARKERS = 2.0, 0.65
"""Components that hold .9 of a chromosome's variance, a (markers)^b, as in simulated herds of 40 to 470 markers."""

_EIGEN_ARRAYS = 6
"""Matrices (markers or rows, the fewer, squared) in float64 while a chromosome is decomposed."""


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of one chromosome.

    x = mean + loadings z + rest e: z are the scores of the components kept, e standard normal in place of the others.

    Parameters
    ----------
    start, end
        Its columns.
    mean
        Of each marker, shape (markers,).
    loadings
        Orthonormal, shape (markers, kept).
    deviations
        Of the scores in the training data, shape (kept,).
    rest
        Loadings of the other components times their deviations, shape (markers, others).
    """

    start: int
    end: int
    mean: Float32Array
    loadings: Float32Array
    deviations: FloatArray
    rest: Float32Array

    @classmethod
    def of(cls, states: Int8Array, start: int, end: int, share: float) -> Components:
        """Return the components of columns start to end that hold a share of their variance.

        Parameters
        ----------
        states
            Shape (rows, all markers).
        start, end
            The columns.
        share
            1 keeps every component that varies.
        """
        columns = states[:, start:end]
        mean = columns.mean(axis=0, dtype=np.float64)
        variances, vectors = _eigen(columns, mean)
        total = np.cumsum(variances)
        enough = share * total[-1] if share < 1 else np.inf
        kept = min(int(np.searchsorted(total, enough)) + 1, len(variances))
        return cls(
            start,
            end,
            mean.astype(np.float32),
            vectors[:, :kept].astype(np.float32),
            np.sqrt(variances[:kept]),
            (vectors[:, kept:] * np.sqrt(variances[kept:])).astype(np.float32),
        )

    def scores(self, states: Int8Array) -> Float32Array:
        """Return standardised scores (rows, kept) of states (rows, all markers)."""
        parts = [
            (states[first : first + _BLOCK, self.start : self.end] - self.mean) @ self.loadings
            for first in range(0, len(states), _BLOCK)
        ]
        return np.asarray(np.concatenate(parts) / self.deviations, dtype=np.float32)

    def expected(self, scores: Float32Array) -> Float32Array:
        """Return mean + loadings z, shape (rows, markers), of standardised scores (rows, kept)."""
        return np.asarray(self.mean + (scores * self.deviations).astype(np.float32) @ self.loadings.T, dtype=np.float32)

    def residual_deviations(self) -> FloatArray:
        """Return the standard deviation of what the components kept leave, shape (markers,)."""
        return np.asarray(np.sqrt((self.rest.astype(np.float64) ** 2).sum(axis=1)))

    def residuals(self, n_rows: int, rng: np.random.Generator) -> Float32Array:
        """Return draws of variance 1 with the correlations of what is left, shape (rows, markers).

        A marker of which nothing is left gets a draw of its own.
        """
        spread = self.residual_deviations()
        free = spread < _LEAST_DEVIATION
        noise = rng.standard_normal((n_rows, self.rest.shape[1]), dtype=np.float32)
        out: Float32Array = np.divide(noise @ self.rest.T, np.where(free, 1.0, spread), dtype=np.float32)
        out[:, free] = rng.standard_normal((n_rows, int(free.sum())), dtype=np.float32)
        return out


def _eigen(columns: Int8Array, mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the variances of principal components, falling, and their vectors (markers, components).

    One component of variance 0 where nothing varies.
    """
    n_rows, n_markers = columns.shape
    wide = n_rows < n_markers
    values, vectors = _falling(np.asarray(_products(columns, mean, across_markers=not wide) / n_rows))
    kept = values > _NOUGHT * max(values[0], 1.0)
    if not kept.any():
        return np.full(1, _NOUGHT), np.zeros((n_markers, 1))
    values, vectors = values[kept], vectors[:, kept]
    return values, (columns - mean).T @ (vectors / np.sqrt(n_rows * values)) if wide else vectors


def _products(columns: Int8Array, mean: FloatArray, *, across_markers: bool) -> FloatArray:
    """Return X'X of centred columns X (rows, markers), or XX', in float64."""
    if not across_markers:
        centred = columns - mean
        return np.asarray(centred @ centred.T)
    out = np.zeros((len(mean), len(mean)))
    for first in range(0, len(columns), _BLOCK):
        centred = columns[first : first + _BLOCK] - mean
        out += centred.T @ centred
    return out


def _falling(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the eigenvalues of a symmetric matrix, falling, and their vectors as columns."""
    values, vectors = eigh(matrix)
    return np.asarray(values[::-1], dtype=np.float64), np.asarray(vectors[:, ::-1], dtype=np.float64)


def chromosome_components(states: Int8Array, chromosomes: StrArray, share: float) -> list[Components]:
    """Return the components of every chromosome, shape of `chromosomes` (markers,), those of one side by side."""
    changes = np.flatnonzero(chromosomes[1:] != chromosomes[:-1]) + 1
    edges = [0, *changes.tolist(), len(chromosomes)]
    return [Components.of(states, start, end, share) for start, end in pairwise(edges)]


def expected_components(n_markers: int, n_rows: int, share: float) -> int:
    """Return about how many components hold a share of a chromosome's variance: sizes alone tell."""
    most = min(n_markers, n_rows)
    spread = ((1 - share) / 0.1) ** -0.5 if share < 1 else np.inf
    return int(min(most, np.ceil(_AT_NINE_TENTHS * n_markers**_BY_MARKERS * spread)))


def component_bytes(sizes: list[int], n_rows: int) -> int:
    """Return the bytes of the components of all chromosomes of so many markers, and of a decomposition."""
    loadings = sum(4 * size * min(size, n_rows) for size in sizes)
    longest = max(sizes)
    square, centred = min(longest, n_rows) ** 2, min(n_rows, 2 * _BLOCK) * longest
    return loadings + 8 * (_EIGEN_ARRAYS * square + 2 * centred)


@dataclass(frozen=True, eq=False)
class Thresholds:
    """From expected states to states: x = number of k with y + s e > t_k, e standard normal.

    Parameters
    ----------
    scales
        s, shape (markers,).
    cuts
        t, rising, infinite where a state never stands, shape (n_states - 1, markers).
    """

    scales: FloatArray
    cuts: FloatArray

    @classmethod
    def fitted(cls, expected: Float32Array, states: Int8Array, n_states: int, deviations: FloatArray) -> Thresholds:
        """Return the scales of largest likelihood, each with the cuts that give the states' frequencies.

        Parameters
        ----------
        expected, states
            Of the same rows, shape (rows, markers).
        n_states
            2 or 3.
        deviations
            Of what the expectation leaves, in multiples of which scales are tried, shape (markers,).
        """
        wanted = exceedances(states, n_states)
        best_scales = np.ones(states.shape[1])
        best = np.full(states.shape[1], -np.inf)
        for multiple in _SCALES:
            scales = np.maximum(multiple * deviations, _LEAST_DEVIATION)
            likelihood = _log_likelihood(expected, states, scales, matching_cuts(expected, scales, wanted))
            better = likelihood > best
            best, best_scales = np.where(better, likelihood, best), np.where(better, scales, best_scales)
        return cls(best_scales, matching_cuts(expected, best_scales, wanted))

    def matched(self, expected: Float32Array, wanted: FloatArray) -> Thresholds:
        """Return the same scales with the cuts by which expectations (rows, markers) give wanted exceedances."""
        return Thresholds(self.scales, matching_cuts(expected, self.scales, wanted))

    def states(self, expected: Float32Array, noise: Float32Array) -> Int8Array:
        """Return states (rows, markers) of expectations and standard normal noise, each (rows, markers)."""
        liabilities = expected + self.scales.astype(np.float32) * noise
        out = np.zeros(expected.shape, dtype=np.int8)
        for cuts in self.cuts:
            out += liabilities > cuts
        return out


def exceedances(states: Int8Array, n_states: int) -> FloatArray:
    """Return the shares of rows whose state is at least 1, 2, ..., shape (n_states - 1, markers)."""
    return np.stack([(states >= state).mean(axis=0) for state in range(1, n_states)])


def matching_cuts(expected: Float32Array, scales: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return t with mean_i Phi((y_i - t) / s) = q for every wanted q, by bisection, shape (n_states - 1, markers)."""
    return np.stack([_cuts(expected, scales, share) for share in wanted])


def _cuts(expected: Float32Array, scales: FloatArray, share: FloatArray) -> FloatArray:
    low, high = np.full(len(scales), _LOWEST), np.full(len(scales), _HIGHEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_many = ndtr((expected - middle) / scales).mean(axis=0) > share
        low, high = np.where(too_many, middle, low), np.where(too_many, high, middle)
    return np.where(share <= 0, np.inf, np.where(share >= 1, -np.inf, (low + high) / 2))


def _log_likelihood(expected: Float32Array, states: Int8Array, scales: FloatArray, cuts: FloatArray) -> FloatArray:
    """Return the mean log probability of each marker's states, shape (markers,)."""
    above = [np.ones(expected.shape), *(ndtr((expected - cut) / scales) for cut in cuts), np.zeros(expected.shape)]
    probability = np.zeros(expected.shape)
    for state in range(len(cuts) + 1):
        probability += np.where(states == state, above[state] - above[state + 1], 0.0)
    return np.asarray(np.log(np.maximum(probability, 1e-12)).mean(axis=0))


def rounded(expected: Float32Array, n_states: int) -> Int8Array:
    """Return the nearest states (rows, markers) of expectations (rows, markers)."""
    return np.rint(np.clip(expected, 0, n_states - 1)).astype(np.int8)
