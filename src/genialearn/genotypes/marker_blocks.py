"""Genotypes in two bits, a block of markers at a time: what a sampler needs that visits markers one after the other.

Within a block effects change one by one; what that does to the other markers of the block, products of their columns
tell that are made once. So the animals are read twice a block, not twice a marker, and each reading serves all traits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from genialearn._arrays import ByteArray, Float32Array, FloatArray
from genialearn.genotypes import _lookup
from genialearn.genotypes.matrix import GenotypeMatrix

WIDTH = 128
"""Markers in a block."""

PAD_COLUMNS = _lookup.LANES
"""Columns of values of animals or markers come in multiples of this."""

_PAIRS = WIDTH // 2
_TILES_OF_A_THREAD = 16


@dataclass(frozen=True, eq=False)
class MarkerBlocks:
    """Z = M - 2p, a missing dosage 0 in Z, in blocks of 128 markers; the last one is filled up with columns of 0.

    Parameters
    ----------
    squares
        Genotypes at two bits each, shape (blocks, animal tiles, marker pairs of a block, 16).
    n_animals, n_markers
        Without what they are filled up with.
    frequencies
        p, of these animals, shape (markers,).
    by_code
        What each PLINK code counts in Z, shape (blocks, 4, 128).
    missing
        What a missing dosage counts in M - 1 so that it is 0 in Z, shape (blocks, 128).
    any_missing
        Whether a dosage is missing.
    """

    squares: ByteArray
    n_animals: int
    n_markers: int
    frequencies: FloatArray
    by_code: Float32Array
    missing: Float32Array
    any_missing: bool

    @classmethod
    def of(cls, genotypes: GenotypeMatrix) -> MarkerBlocks:
        """Return the blocks of genotypes: one pass over them."""
        n_animals, n_markers = genotypes.shape
        n_blocks, n_tiles = -(-n_markers // WIDTH), -(-n_animals // _lookup.TILE)
        squares = np.empty((n_blocks, n_tiles, _PAIRS, _lookup.PAIRS), dtype=np.uint8)
        copies, called = np.zeros(n_blocks * WIDTH, dtype=np.int64), np.zeros(n_blocks * WIDTH, dtype=np.int64)
        codes = _lookup.codes_of_dosages()
        for place, (columns, block) in enumerate(genotypes.blocks(WIDTH)):
            squares[place] = _lookup.empty_squares(n_animals, WIDTH)
            _lookup.fill_squares(block, codes, 0, squares[place], copies[columns], called[columns])
        frequencies = copies / np.maximum(2 * called, 1)
        means = 2 * frequencies.reshape(n_blocks, WIDTH)
        by_code = np.stack([2 - means, np.zeros_like(means), 1 - means, -means], axis=1)
        missing = means - 1
        by_code[-1, :, n_markers - (n_blocks - 1) * WIDTH :] = 0.0
        return cls(
            squares,
            n_animals,
            n_markers,
            frequencies[:n_markers],
            by_code.astype(np.float32),
            missing.astype(np.float32),
            _lookup.any_missing(called[:n_markers], n_animals),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Animals and markers with what they are filled up with."""
        n_blocks, n_tiles = self.squares.shape[:2]
        return n_tiles * _lookup.TILE, n_blocks * WIDTH

    def products(self, genotypes: GenotypeMatrix, weights: FloatArray) -> Float32Array:
        """Return Z_b' D Z_b of each block b for each of some diagonals D.

        Parameters
        ----------
        genotypes
            Those of the blocks.
        weights
            The diagonals, shape (animals, diagonals).

        Returns
        -------
        array, shape (diagonals, blocks, 128, 128)
        """
        n_blocks = len(self.squares)
        out = np.zeros((weights.shape[1], n_blocks, WIDTH, WIDTH), dtype=np.float32)
        for place, (columns, block) in enumerate(genotypes.blocks(WIDTH)):
            width = columns.stop - columns.start
            centred = np.where(block >= 0, block - 2 * self.frequencies[columns], 0.0).astype(np.float32)
            for diagonal, weight in enumerate(weights.T.astype(np.float32)):
                out[diagonal, place, :width, :width] = (centred * weight[:, None]).T @ centred
        return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def sums_over_animals(
    squares: ByteArray, values: Float32Array, missing: Float32Array, any_missing: bool, out: FloatArray
) -> None:
    """Write Z'V of one block.

    Parameters
    ----------
    squares, missing
        Of the block, as in `MarkerBlocks`.
    values
        V, shape (32 animal tiles, 16 columns or a multiple).
    any_missing
        Whether a dosage is missing.
    out
        Shape (128, columns).
    """
    by_code = np.empty((4, values.shape[0]), dtype=np.float32)
    for code in range(4):
        by_code[code] = _COPIES_LESS_ONE[code]
    out[:] = 0.0
    _lookup_sum_over_animals(squares, values, by_code, missing, any_missing, _PAIRS, out)
    totals = np.zeros(values.shape[1])
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            totals[column] += values[row, column]
    for marker in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[marker, column] -= missing[marker] * totals[column]


@njit(cache=True)  # type: ignore[untyped-decorator]
def sums_over_markers(squares: ByteArray, effects: Float32Array, by_code: Float32Array, out: FloatArray) -> None:
    """Write Z U of one block.

    Parameters
    ----------
    squares, by_code
        Of the block, as in `MarkerBlocks`.
    effects
        U, shape (128, 16 columns or a multiple).
    out
        Shape (32 animal tiles, columns).
    """
    out[:] = 0.0
    _lookup_sum_over_markers(squares, effects, by_code, _TILES_OF_A_THREAD, out)


_COPIES_LESS_ONE = _lookup.COPIES_LESS_ONE
_lookup_sum_over_animals, _lookup_sum_over_markers = _lookup.sum_over_animals, _lookup.sum_over_markers
