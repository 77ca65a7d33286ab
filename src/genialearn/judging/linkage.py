"""Linkage disequilibrium of artificial animals against that of hold-out animals, within chromosomes.

r is the correlation of alleles where animals are phased, else of dosages (Rogers and Huff 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn.judging.samples import Samples
from genialearn.judging.statistics import correlation, ratio_of_moments

MOST_MARKERS, MOST_PAIRS = 3_000, 15_000_000
"""Of a chromosome with more markers, or its share of so many pairs, as many are taken at random."""

BINS = 20
"""Of the logarithm of distance."""

GAPS = tuple(2**power for power in range(11))
"""1, 2, 4, ..., 1024 markers between the neighbours of a triple."""

TRIPLES = 1_000
"""At most, for each gap."""


@dataclass
class _Tally:
    """Sums over pairs of markers: moments of two sets' r2, and r2 by bins of distance."""

    edges: FloatArray
    moments: FloatArray = field(default_factory=lambda: np.zeros(6))
    binned: FloatArray = field(default_factory=lambda: np.zeros((3, BINS)))

    def add(self, real: FloatArray, artificial: FloatArray, distances: FloatArray) -> None:
        """Add the r2 of pairs of one chromosome, at distances in base pairs."""
        self.moments += [
            len(real),
            real.sum(),
            artificial.sum(),
            real @ real,
            artificial @ artificial,
            real @ artificial,
        ]
        places = np.clip(np.searchsorted(self.edges, distances, side="right") - 1, 0, BINS - 1)
        for row, weights in enumerate((None, real, artificial)):
            self.binned[row] += np.bincount(places, weights, minlength=BINS)

    def correlation(self) -> float:
        """Return Pearson's r of the two sets' r2."""
        n, a, b, aa, bb, ab = self.moments
        return ratio_of_moments(ab - a * b / n, aa - a * a / n, bb - b * b / n) if n > 1 else float("nan")

    def errors(self) -> FloatArray:
        """Return differences of mean r2, shape (bins with pairs,)."""
        filled = self.binned[0] > 0
        return np.asarray((self.binned[2] - self.binned[1])[filled] / self.binned[0][filled])


def linkage(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return agreement of linkage disequilibrium over all pairs of markers on the same chromosome.

    Parts: `r` of r2 over the pairs; `gamma` Pearson's r of the signed r, a chromosome at a time, averaged;
    `decay_mae` and `decay_rmse` of mean r2 in 20 bins of log distance (base pairs) over the range of distances.

    Markers that don't vary in the hold-out are left out; those that don't vary among the artificial animals have
    r = 0 there. Of a chromosome with more than 3,000 markers that many are taken at random, and of 30 chromosomes
    1,000 of each at most.
    """
    columns = samples.chromosomes()
    most = min(MOST_MARKERS, int(np.sqrt(2 * MOST_PAIRS / max(len(columns), 1))))
    columns = [_some(all_of_it, most, rng) for all_of_it in columns]
    columns = [some[samples.holdout[:, some].std(axis=0) > 0] for some in columns]
    columns = [some for some in columns if len(some) > 1]
    tally, gammas = _Tally(_edges(samples.markers.positions, columns)), []
    for some in columns:
        pairs = np.triu_indices(len(some), 1)
        real, artificial = (
            correlations(rows[:, some])[pairs].astype(np.float64) for rows in (samples.holdout, samples.artificial)
        )
        gammas.append(correlation(real, artificial))
        positions = samples.markers.positions[some].astype(np.float64)
        tally.add(real**2, artificial**2, positions[pairs[1]] - positions[pairs[0]])
    errors = tally.errors()
    return {
        "r": tally.correlation(),
        "gamma": float(np.nanmean(gammas)) if np.isfinite(gammas).any() else float("nan"),
        "decay_mae": float(np.mean(np.abs(errors))) if errors.size else float("nan"),
        "decay_rmse": float(np.sqrt(np.mean(errors**2))) if errors.size else float("nan"),
    }


def correlations(rows: Int8Array) -> Float32Array:
    """Return r of all pairs of columns, 0 where one doesn't vary, shape (markers, markers)."""
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    norms = np.sqrt((centred**2).sum(axis=0))
    unit = np.zeros(rows.shape, dtype=np.float32)
    np.divide(centred, norms, out=unit, where=norms > 0, casting="same_kind")
    return unit.T @ unit


def three_point(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return Pearson's r of c_ijk = E[(x_i - p_i)(x_j - p_j)(x_k - p_k)] over triples of markers.

    Triples are i, i + g, i + 2g on one chromosome, for gaps g of 1, 2, 4, ..., 1024 markers; at most 1,000 of each gap,
    taken at random.
    """
    real, artificial = [], []
    for gap in GAPS:
        starts = _starts(samples.chromosomes(), gap)
        starts = rng.choice(starts, TRIPLES, replace=False) if len(starts) > TRIPLES else starts
        if len(starts):
            real.append(_third_moments(samples.holdout, starts, gap))
            artificial.append(_third_moments(samples.artificial, starts, gap))
    return {"r": correlation(np.concatenate(real), np.concatenate(artificial)) if real else float("nan")}


def _starts(chromosomes: list[IntArray], gap: int) -> IntArray:
    parts = [columns[: max(len(columns) - 2 * gap, 0)] for columns in chromosomes]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _third_moments(rows: Int8Array, starts: IntArray, gap: int) -> FloatArray:
    product = np.ones((len(rows), len(starts)), dtype=np.float32)
    for shift in (0, gap, 2 * gap):
        part = rows[:, starts + shift]
        product *= part - part.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(product.mean(axis=0, dtype=np.float64))


def _some(columns: IntArray, most: int, rng: np.random.Generator) -> IntArray:
    return columns if len(columns) <= most else np.sort(rng.choice(columns, most, replace=False))


def _edges(positions: IntArray, columns: list[IntArray]) -> FloatArray:
    """Return borders of the bins, from the smallest to the largest distance of two markers, at least 1 base pair."""
    gaps = [np.diff(positions[some]).min() for some in columns]
    spans = [positions[some[-1]] - positions[some[0]] for some in columns]
    low = max(min(gaps, default=1), 1)
    return np.geomspace(low, max(low, *spans, 1), BINS + 1) if spans else np.ones(BINS + 1)
