"""Whether artificial animals give away training animals."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn.judging.samples import Samples
from genialearn.judging.statistics import area_under_curve

NEAR = 0.005
"""Largest distance of a near copy, as a share of the largest possible distance."""

CLOSE = 0.05
"""The percentile of the hold-out's distances to the training below which an artificial row is close."""

WINDOW = 64
"""Markers of a window."""


def nearest_distance(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return distances to the nearest training row, of artificial against hold-out rows.

    Parts: `median_ratio`, the quotient of the medians (1 where both are 0, NaN where only the hold-out's is); `close`,
    the share of artificial rows no farther from the training than the closest 5 % of the hold-out. All training animals
    count.
    """
    artificial = samples.distances("artificial", "everyone")[:, 0]
    real = samples.distances("holdout", "everyone")[:, 0]
    border = np.quantile(real, CLOSE, method="inverted_cdf")
    return {
        "median_ratio": _quotient(float(np.median(artificial)), float(np.median(real))),
        "close": float(np.mean(artificial <= border)),
    }


def nearest_ratio(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return the median quotient of the distances to the nearest and second nearest training row, 0 where both are 0.

    Well below that of the hold-out one training row stands behind each artificial one.
    """
    found = samples.distances("artificial", "everyone")
    first, second = found[:, 0].astype(np.float64), found[:, 1].astype(np.float64)
    return {"median": float(np.median(np.divide(first, second, out=np.zeros(len(first)), where=second > 0)))}


def copies(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return the share of artificial rows that are copies of a training row.

    Parts: `exact`; `near`, at a distance of at most .5 % of the largest possible one: of 1,000 markers at most 5
    alleles of a haplotype, 10 of an animal.
    """
    return _copies(samples, samples.distances("artificial", "everyone")[:, 0])


def duplicates(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return the share of artificial rows that another artificial row repeats, `exact` and `near` as for copies."""
    return _copies(samples, samples.distances("artificial", "artificial")[:, 0])


def copied_segments(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return the share of pieces of artificial rows that some training row has exactly.

    Parts: `window`, pieces of 64 markers (the rest of a chromosome counts with the piece before it); `chromosome`,
    whole chromosomes. A mosaic of training haplotypes is far from each of them, but its pieces are not.
    """
    chromosomes = samples.chromosomes()
    windows = [piece for columns in chromosomes for piece in _pieces(columns)]
    return {"window": _known(samples, "window", windows), "chromosome": _known(samples, "chromosome", chromosomes)}


def membership(samples: Samples, rng: np.random.Generator) -> dict[str, float]:
    """Return how well the distance to the nearest artificial row tells training from hold-out rows.

    The area under the curve; ties count one half.
    """
    members, others = (samples.distances(real, "artificial")[:, 0] for real in ("training", "holdout"))
    return {"auc": area_under_curve(-members, -others)}


def _copies(samples: Samples, distances: IntArray) -> dict[str, float]:
    near = distances <= NEAR * samples.largest_distance
    return {"exact": float(np.mean(distances == 0)), "near": float(np.mean(near))}


def _quotient(a: float, b: float) -> float:
    if b == 0:
        return 1.0 if a == 0 else float("nan")
    return a / b


def _pieces(columns: IntArray) -> list[IntArray]:
    n_pieces = max(len(columns) // WINDOW, 1)
    return np.split(columns, WINDOW * np.arange(1, n_pieces))


def _known(samples: Samples, name: str, pieces: list[IntArray]) -> float:
    """Return the share of pieces of artificial rows that some training row has exactly, NaN of no pieces."""

    def shares() -> FloatArray:
        found = [_is_among(samples.artificial[:, piece], samples.everyone[:, piece]) for piece in pieces]
        return np.mean(found, axis=0) if pieces else np.full(len(samples.artificial), np.nan)

    return float(samples.beside_everyone(f"known pieces: {name}", "artificial", shares).mean())


def _is_among(rows: Int8Array, known: Int8Array) -> BoolArray:
    """Return which rows are equal to one of the known rows, shape (rows,)."""
    kept = {row.tobytes() for row in known}
    return np.array([row.tobytes() in kept for row in rows], dtype=bool)
