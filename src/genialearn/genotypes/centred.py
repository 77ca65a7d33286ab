"""Centred genotypes as a linear operator: two bits a genotype, products with many columns in one pass.

The plain twin of this module is `products`, which unpacks genotypes to float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import ByteArray, FloatArray
from genialearn.genotypes import _lanes, _lookup
from genialearn.genotypes.matrix import GenotypeMatrix

_MARKER_PAIRS, _ANIMAL_TILES = 1024, 32
"""What a thread takes at a time at most: sums of 384 and 192 KiB, within a second-level cache."""


@dataclass(frozen=True, eq=False)
class CentredGenotypes:
    """Z = (M - 2p) S: dosages minus their mean, times a scale for each marker; a missing dosage is 0 in Z.

    Products take and give float64; inside they are float32 sums of short runs, so relative errors are near 1e-7.

    Parameters
    ----------
    squares
        Genotypes at two bits each, shape (animal tiles, marker pairs, 16).
    shape
        (animals, markers).
    frequencies
        p, of the counted alleles, shape (markers,).
    scales
        Diagonal of S, shape (markers,).
    any_missing
        Whether a dosage is missing.
    """

    squares: ByteArray
    shape: tuple[int, int]
    frequencies: FloatArray
    scales: FloatArray
    any_missing: bool

    @classmethod
    def of(
        cls, genotypes: GenotypeMatrix, frequencies: FloatArray | None = None, *, standardised: bool = False
    ) -> CentredGenotypes:
        """Return genotypes ready for products: one pass over them, and a quarter of a byte of memory for each.

        Parameters
        ----------
        genotypes
            Any genotype matrix.
        frequencies
            p, shape (markers,); None for those of these animals.
        standardised
            Whether each marker is divided by sqrt(2p(1 - p)); markers without variation then count as 0.
        """
        n_animals, n_markers = genotypes.shape
        squares = _lookup.empty_squares(n_animals, n_markers)
        copies, called = np.zeros(n_markers, dtype=np.int64), np.zeros(n_markers, dtype=np.int64)
        codes = _lookup.codes_of_dosages()
        for columns, block in genotypes.blocks():
            _lookup.fill_squares(block, codes, columns.start // 2, squares, copies[columns], called[columns])
        own = copies / np.maximum(2 * called, 1) if frequencies is None else frequencies
        scales = standard_scales(own) if standardised else np.ones(n_markers)
        return cls(squares, (n_animals, n_markers), own, scales, _lookup.any_missing(called, n_animals))

    def times_animal_values(self, values: FloatArray) -> FloatArray:
        """Return Z'V for V (animals, columns): shape (markers, columns)."""
        n_tiles, n_pairs = self.squares.shape[:2]
        by_code = np.repeat(_lookup.COPIES_LESS_ONE[:, None], _lookup.TILE * n_tiles, axis=1)
        missing = np.zeros(2 * n_pairs, dtype=np.float32)
        missing[: self.shape[1]] = 2 * self.frequencies - 1
        width = _share(n_pairs, _MARKER_PAIRS)
        out = np.empty((self.shape[1], values.shape[1]))
        for columns in _panels(values.shape[1]):
            panel = _lookup.expand_by_marker(values[:, columns], _lookup.TILE * n_tiles)
            sums = np.zeros((2 * n_pairs, panel.shape[1]))
            _lookup.sum_over_animals(self.squares, panel, by_code, missing, self.any_missing, width, sums)
            totals = np.asarray(panel.sum(axis=0, dtype=np.float64))
            centred = sums[: self.shape[1]] - np.outer(2 * self.frequencies - 1, totals)
            out[:, columns] = (self.scales[:, None] * centred)[:, : columns.stop - columns.start]
        return out

    def times_marker_effects(self, effects: FloatArray) -> FloatArray:
        """Return Z U for U (markers, columns): shape (animals, columns)."""
        return self._sums_over_markers(self._values_by_code(), effects)

    def gram(self, values: FloatArray) -> FloatArray:
        """Return Z Z'V for V (animals, columns): shape (animals, columns)."""
        return self.times_marker_effects(self.times_animal_values(values))

    def diagonal(self) -> FloatArray:
        """Return the diagonal of Z Z', shape (animals,)."""
        squared = self._values_by_code() ** 2
        return self._sums_over_markers(squared, np.ones((self.shape[1], 1)))[:, 0]

    def _values_by_code(self) -> FloatArray:
        """Return what each PLINK code counts in Z, by marker, shape (4, markers)."""
        means = 2 * self.frequencies
        return np.stack([2 - means, np.zeros_like(means), 1 - means, -means]) * self.scales

    def _sums_over_markers(self, by_code: FloatArray, effects: FloatArray) -> FloatArray:
        n_tiles, n_pairs = self.squares.shape[:2]
        padded = _lookup.expand_by_marker(by_code.T, 2 * n_pairs)[:, :4].T.copy()
        width = _share(n_tiles, _ANIMAL_TILES)
        out = np.empty((self.shape[0], effects.shape[1]))
        for columns in _panels(effects.shape[1]):
            panel = _lookup.expand_by_marker(effects[:, columns], 2 * n_pairs)
            sums = np.zeros((_lookup.TILE * n_tiles, panel.shape[1]))
            _lookup.sum_over_markers(self.squares, panel, padded, width, sums)
            out[:, columns] = sums[: self.shape[0], : columns.stop - columns.start]
        return out


def standard_scales(frequencies: FloatArray) -> FloatArray:
    """Return 1 / sqrt(2p(1 - p)), 0 for markers without variation, shape (markers,)."""
    variances = 2 * frequencies * (1 - frequencies)
    return np.where(variances > 0, 1 / np.sqrt(np.where(variances > 0, variances, 1.0)), 0.0)


def _share(n_parts: int, most: int) -> int:
    """Return how many parts a thread takes at a time: some eight shares, none larger than fits its cache."""
    return max(1, min(most, -(-n_parts // 8)))


def _panels(n_columns: int) -> Iterator[slice]:
    """Yield columns in equal panels of at most 48."""
    n_panels = max(1, -(-n_columns // _lanes.PANEL))
    width = -(-n_columns // n_panels)
    for start in range(0, n_columns, width or 1):
        yield slice(start, min(start + width, n_columns))
