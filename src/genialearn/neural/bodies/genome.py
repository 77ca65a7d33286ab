"""Where the markers of a network stand: what windows and convolutions must know, without names and alleles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import AlignmentError
from genialearn.genotypes import MarkerMap


@dataclass(frozen=True, eq=False)
class Genome:
    """The markers that a network sees, in its order of columns.

    Parameters
    ----------
    chromosomes
        0, 1, ... in order of appearance, those of a chromosome side by side, shape (markers,).
    positions
        Physical positions in base pairs, 0 where unknown, shape (markers,).
    """

    chromosomes: IntArray
    positions: FloatArray

    def __post_init__(self) -> None:
        if np.any(np.diff(self.chromosomes) < 0):
            raise AlignmentError(
                "network markers",
                expected="those of a chromosome side by side",
                found="a chromosome that comes again after another one",
                advice="Bring the genotypes to canonical order first.",
            )

    @property
    def n_markers(self) -> int:
        """How many markers there are."""
        return len(self.chromosomes)

    @classmethod
    def of(cls, markers: MarkerMap) -> Self:
        """Return the genome of a map in canonical order.

        Raises
        ------
        AlignmentError
            Where the markers of a chromosome don't stand side by side.
        """
        numbers = {name: number for number, name in enumerate(dict.fromkeys(markers.chromosomes))}
        chromosomes = np.array([numbers[name] for name in markers.chromosomes], dtype=np.int64)
        return cls(chromosomes, markers.positions.astype(np.float64))
