"""Attributions: what each window of the genome adds to predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray
from genialearn.genotypes import MarkerMap


@dataclass(frozen=True, eq=False)
class Attributions:
    """What windows of markers add to predictions.

    Parameters
    ----------
    windows
        "chromosome", "start" and "end" in base pairs (the end excluded), and "markers", one row a window.
    values
        In the units of the records (log odds where predictions are made there), shape (animals, windows, traits). Their
        sum over windows is the prediction less that of an average animal.
    """

    windows: pd.DataFrame
    values: FloatArray

    @property
    def importance(self) -> FloatArray:
        """Standard deviation of what a window adds, over animals, shape (windows, traits)."""
        return np.asarray(self.values.std(axis=0))


def windows_of(markers: MarkerMap, window_bp: int) -> tuple[IntArray, pd.DataFrame]:
    """Return each marker's window, (markers,), and the windows that hold a marker, by chromosome and place."""
    names, chromosome = np.unique(markers.chromosomes.astype(str), return_inverse=True)
    step = markers.positions // window_bp
    pairs, window, counts = np.unique(
        np.column_stack([chromosome, step]), axis=0, return_inverse=True, return_counts=True
    )
    starts = pairs[:, 1] * window_bp
    table = pd.DataFrame(
        {"chromosome": names[pairs[:, 0]], "start": starts, "end": starts + window_bp, "markers": counts}
    )
    return np.asarray(window.ravel(), dtype=np.int64), table
