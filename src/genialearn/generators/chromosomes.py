"""Chromosomes of a marker map and the genetic distances along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.genotypes import MarkerMap

CENTIMORGANS_PER_BASE = 1e-6
"""One centimorgan a megabase, about the average of cattle and man, where no genetic map is given."""

CENTIMORGANS_PER_INTERVAL = 0.05
"""The interval of a chip with 50,000 markers on 25 Morgans, where not even positions are known."""


@dataclass(frozen=True, eq=False)
class Chromosome:
    """Neighbouring columns of a canonical marker map.

    Parameters
    ----------
    name
        As in the map.
    columns
        Which columns of the map.
    centimorgans
        Genetic positions, from 0 at the first marker, never falling, shape (markers,).
    """

    name: str
    columns: slice
    centimorgans: FloatArray

    def __len__(self) -> int:
        return len(self.centimorgans)

    @property
    def gaps(self) -> FloatArray:
        """Centimorgans from the marker before, infinite at the first, shape (markers,)."""
        return np.append(np.inf, np.diff(self.centimorgans))


def chromosomes_of(markers: MarkerMap) -> list[Chromosome]:
    """Return the chromosomes of a map in canonical order.

    Genetic positions are those of the map where it has some on that chromosome, else one centimorgan a megabase. Where
    positions are missing too, or only number the markers, all intervals are of 0.05 centimorgans.
    """
    names = markers.chromosomes
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist()] if len(names) else []
    stops = [*starts[1:], len(names)]
    return [
        Chromosome(str(names[start]), slice(start, stop), _centimorgans(markers.select(slice(start, stop))))
        for start, stop in zip(starts, stops, strict=True)
    ]


def _centimorgans(markers: MarkerMap) -> FloatArray:
    """Return genetic positions of one chromosome's markers."""
    given, bases = markers.centimorgans, markers.positions
    if np.ptp(given) > 0:
        return np.asarray(np.maximum.accumulate(given - given[0]))
    steps = np.diff(bases)
    if np.all(steps <= 1):
        return np.arange(len(markers), dtype=np.float64) * CENTIMORGANS_PER_INTERVAL
    return np.asarray((bases - bases[0]) * CENTIMORGANS_PER_BASE, dtype=np.float64)
