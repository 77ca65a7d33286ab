"""Where markers lie, for bodies whose layers follow the genome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.genotypes import MarkerMap


@dataclass(frozen=True, eq=False)
class Genome:
    """The markers of a network's input, in its order.

    Parameters
    ----------
    chromosomes
        Number of each marker's chromosome, counted from 0 in order of appearance, shape (markers,).
    positions
        In base pairs, shape (markers,).
    """

    chromosomes: IntArray
    positions: FloatArray

    @classmethod
    def of(cls, markers: MarkerMap) -> Genome:
        """Return the genome of a marker map."""
        names = markers.chromosomes.astype(str)
        _, first, number = np.unique(names, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        return cls(rank[number].astype(np.int64), markers.positions.astype(np.float64))

    @property
    def n_markers(self) -> int:
        """How many markers there are."""
        return len(self.chromosomes)
