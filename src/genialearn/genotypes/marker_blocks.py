"""Genotypes in two bits, a block of markers at a time: what a sampler needs that visits markers one after the other.

Within a block effects change one by one; what that does to the other markers of the block, products of their columns
tell that are made once. So the animals are read twice a block, not twice a marker, and each reading serves all traits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from genialearn._arrays import ByteArray, Float32Array, FloatArray
from genialearn.genotypes import _lanes, _lookup
from genialearn.genotypes.matrix import GenotypeMatrix

NARROW, WIDE = 64, 128
"""Markers in a block. Narrow ones make their tables, and start their threads, more often; but every change of an effect
reads a row of the products of its block's columns, which is shorter there."""

FEW_ANIMALS, MANY_TRAITS = 1000, 8
"""Up to so many and from so many on, reading products outweighs making tables."""

padded_columns = _lanes.padded
"""Columns of values of animals or markers, with what they are filled up with."""

_TILES_OF_A_THREAD = 16
"""Animal tiles that a thread takes at a time, at least: sums of 32 KiB for 16 columns where markers are summed."""

_PARTS = 4
"""Into which many animals are divided where they are summed: as many whatever threads there are, so that these don't
change sums."""


def block_width(n_animals: int, n_traits: int) -> int:
    """Return how many markers a block should have."""
    return NARROW if n_animals <= FEW_ANIMALS and n_traits >= MANY_TRAITS else WIDE


@dataclass(frozen=True, eq=False)
class MarkerBlocks:
    """Z = M - 2p, a missing dosage 0 in Z, in blocks of markers; the last one is filled up with columns of 0.

    Parameters
    ----------
    squares
        Genotypes at two bits each, shape (blocks, animal tiles, marker pairs of a block, 16).
    n_animals, n_markers
        Without what they are filled up with.
    frequencies
        p, of these animals, shape (markers,).
    by_code
        What each PLINK code counts in Z, shape (blocks, 4, width).
    missing
        What a missing dosage counts in M - 1 so that it is 0 in Z, shape (blocks, width).
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
    def of(cls, genotypes: GenotypeMatrix, width: int = WIDE) -> MarkerBlocks:
        """Return the blocks of genotypes, of so many markers: one pass over them."""
        n_animals, n_markers = genotypes.shape
        n_blocks, n_tiles = -(-n_markers // width), -(-n_animals // _lookup.TILE)
        squares = np.empty((n_blocks, n_tiles, width // 2, _lanes.PAIRS), dtype=np.uint8)
        copies, called = np.zeros(n_blocks * width, dtype=np.int64), np.zeros(n_blocks * width, dtype=np.int64)
        codes = _lookup.codes_of_dosages()
        for place, (columns, block) in enumerate(genotypes.blocks(width)):
            squares[place] = _lookup.empty_squares(n_animals, width)
            _lookup.fill_squares(block, codes, 0, squares[place], copies[columns], called[columns])
        frequencies = copies / np.maximum(2 * called, 1)
        means = 2 * frequencies.reshape(n_blocks, width)
        by_code = np.stack([2 - means, np.zeros_like(means), 1 - means, -means], axis=1)
        missing = means - 1
        by_code[-1, :, n_markers - (n_blocks - 1) * width :] = 0.0
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
    def width(self) -> int:
        """Markers in a block."""
        return 2 * int(self.squares.shape[2])

    @property
    def shape(self) -> tuple[int, int]:
        """Animals and markers with what they are filled up with."""
        n_blocks, n_tiles = self.squares.shape[:2]
        return n_tiles * _lookup.TILE, n_blocks * self.width

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
        array, shape (diagonals, blocks, width, width)
        """
        out = np.zeros((weights.shape[1], len(self.squares), self.width, self.width), dtype=np.float32)
        for place, (columns, block) in enumerate(genotypes.blocks(self.width)):
            width = columns.stop - columns.start
            centred = np.where(block >= 0, block - 2 * self.frequencies[columns], 0.0).astype(np.float32)
            for diagonal, weight in enumerate(weights.T.astype(np.float32)):
                out[diagonal, place, :width, :width] = (centred * weight[:, None]).T @ centred
        return out


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def sums_over_animals(
    squares: ByteArray, values: Float32Array, missing: Float32Array, any_missing: bool, out: FloatArray
) -> None:
    """Write Z'V of one block.

    Parameters
    ----------
    squares, missing
        Of the block, as in `MarkerBlocks`.
    values
        V, shape (32 animal tiles, columns), of which there are as many as `padded_columns` says.
    any_missing
        Whether a dosage is missing.
    out
        Shape (markers of the block, columns).
    """
    n_tiles, n_columns = squares.shape[0], values.shape[1]
    n_parts = min(_PARTS, (n_tiles + _TILES_OF_A_THREAD - 1) // _TILES_OF_A_THREAD)
    sums, totals = np.zeros((n_parts, out.shape[0], n_columns)), np.zeros((n_parts, n_columns))
    for part in prange(n_parts):
        tiles = n_tiles * part // n_parts, n_tiles * (part + 1) // n_parts
        for start in range(0, n_columns, _PANEL):
            columns = start, min(start + _PANEL, n_columns)
            _tiles_over_animals(squares, values, missing, any_missing, tiles, columns, sums[part], totals[part])
    out[:] = sums[0] - np.outer(missing, totals[0])
    for part in range(1, n_parts):
        out += sums[part] - np.outer(missing, totals[part])


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def add_effects(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    effects: Float32Array,
    by_code: Float32Array,
    weights: Float32Array,
    left: Float32Array,
    moved: Float32Array,
) -> None:
    """Add Z U of one block to `moved`, and take D Z U from `left`.

    Parameters
    ----------
    squares, by_code
        Of the block, as in `MarkerBlocks`.
    effects
        U, shape (markers of the block, columns).
    weights
        D of each column, shape (32 animal tiles, columns).
    left, moved
        Shape (32 animal tiles, columns).
    """
    n_tiles, n_columns = squares.shape[0], effects.shape[1]
    n_parts = (n_tiles + _TILES_OF_A_THREAD - 1) // _TILES_OF_A_THREAD
    for part in prange(n_parts):
        tiles = part * _TILES_OF_A_THREAD, min(n_tiles, (part + 1) * _TILES_OF_A_THREAD)
        first = _TILE * tiles[0]
        for start in range(0, n_columns, _PANEL):
            columns = start, min(start + _PANEL, n_columns)
            lanes = columns[1] - columns[0]
            tables, sums = _aligned_zeros(_ROWS, lanes), _aligned_zeros(_TILE * _TILES_OF_A_THREAD, lanes)
            _tiles_over_markers(squares, effects, by_code, tiles, columns, tables, sums)
            for row in range(_TILE * (tiles[1] - tiles[0])):
                at = 4 * ((first + row) * n_columns + start)
                _move_row(
                    sums.ctypes.data + 4 * lanes * row,
                    weights.ctypes.data + at,
                    left.ctypes.data + at,
                    moved.ctypes.data + at,
                    lanes,
                )


_aligned_zeros, _tiles_over_animals = _lanes.aligned_zeros, _lookup.tiles_over_animals
_tiles_over_markers, _move_row = _lookup.tiles_over_markers, _lanes.move_row
_TILE, _PANEL, _ROWS = _lookup.TILE, _lanes.PANEL, 16 * _lanes.PAIRS
