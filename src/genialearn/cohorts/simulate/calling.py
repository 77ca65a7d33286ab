"""Calling: genotypes as a laboratory gives them, with errors, missing calls, and cheaper chips for some animals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, IntArray, StrArray
from genialearn._checks import check_between
from genialearn.genotypes import PackedGenotypes


@dataclass(frozen=True)
class Calling:
    """How true genotypes become called ones.

    Parameters
    ----------
    missing, errors
        Shares of calls that are missing, and that are one of the two wrong genotypes.
    low_density
        Share of the markers that are on the cheaper chip.
    low_density_animals
        Share of the animals that are typed with it; they have no call at other markers.
    """

    missing: float = 0.0
    errors: float = 0.0
    low_density: float = 0.1
    low_density_animals: float = 0.0

    def __post_init__(self) -> None:
        check_between("missing", self.missing, 0, 0.5)
        check_between("errors", self.errors, 0, 0.5)
        check_between("low_density", self.low_density, 0, 1)
        check_between("low_density_animals", self.low_density_animals, 0, 1)

    def called(self, genotypes: PackedGenotypes, rng: np.random.Generator) -> PackedGenotypes:
        """Return the calls of the true genotypes of one chromosome."""
        if self.missing > 0 or self.errors > 0:
            genotypes = genotypes.disturbed(missing=self.missing, errors=self.errors, rng=rng)
        if self.low_density_animals > 0:
            off_chip = np.ones(genotypes.shape[1], dtype=bool)
            off_chip[_spread(genotypes.shape[1], self.low_density)] = False
            genotypes = genotypes.hidden(_chosen(genotypes.animals, self.low_density_animals), off_chip)
        return genotypes


def _spread(n_markers: int, share: float) -> IntArray:
    """Return so large a share of the markers of a chromosome, at least one, evenly spread."""
    return np.linspace(0, n_markers - 1, max(1, round(share * n_markers))).round().astype(np.int64)


def _chosen(animals: StrArray, share: float) -> BoolArray:
    """Return which animals get the cheaper chip, the same on all chromosomes: identifiers come in random order."""
    chosen = np.zeros(len(animals), dtype=bool)
    chosen[np.argsort(animals.astype(str), kind="stable")[: round(share * len(animals))]] = True
    return chosen
