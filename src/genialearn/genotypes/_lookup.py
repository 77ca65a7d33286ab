"""Products with genotypes in two bits, by table lookup: no genotype is ever unpacked to a number.

Genotypes are kept in squares: a byte holds two animals x two markers, sixteen such bytes in a row two markers of 32
animals. The PLINK codes of animals a, a' and markers m, m' stand in a byte as (a m), (a' m), (a m'), (a' m') from its
lowest bits. So a nibble is two animals of one marker; and after exchanging the two middle codes, two markers of one
animal. Either way a nibble has 16 values, and what a pair contributes to a product of up to 48 columns is one row of a
table with 16 rows:

- animals are summed (Z'V): the table of a pair of animals holds d V[a] + d' V[a'] for all codes; it serves all markers;
- markers are summed (Z U): the table of a pair of markers holds z U[m] + z' U[m'] for all codes; it serves all animals.

The tables of 16 pairs are 48 KiB, as large as a first-level cache. A product costs one vector addition for two
genotypes and 16 columns, half of what multiplying decoded numbers costs at best (`_lanes`).

Sums are float32 over at most 64 terms, then float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from genialearn._arrays import BoolArray, ByteArray, Float32Array, FloatArray, Int8Array, IntArray
from genialearn.genotypes._lanes import (
    PAIRS,
    across,
    add_multiple,
    aligned_zeros,
    along,
    fill_table,
    flush_row,
    padded,
    trailing_zeros,
)

TILE = 2 * PAIRS
"""Animals, or markers, in a tile."""

_CODES = 4
_FLUSH = 2
"""Tiles whose sums stay in float32: 2 have a sixth of the error of 64, for 3 % of the time."""

_CODE_OF_DOSAGE = np.array([3, 2, 0, 1], dtype=np.uint8)
_HETEROZYGOUS = 0b10101010
"""A byte that contributes nothing to sums over animals: padding."""

COPIES_LESS_ONE = np.array([1, 0, 0, -1], dtype=np.float32)
"""Dosage minus one by PLINK code; missing counts as one here."""

_MISSING_BITS = np.uint64(0x5555555555555555)


def empty_squares(n_animals: int, n_markers: int) -> ByteArray:
    """Return squares for so many animals and markers, shape (animal tiles, marker pairs, 16), as padding."""
    n_tiles, n_marker_tiles = -(-n_animals // TILE), -(-n_markers // TILE)
    return np.full((n_tiles, PAIRS * n_marker_tiles, PAIRS), _HETEROZYGOUS, dtype=np.uint8)


@njit(parallel=True, cache=True)
def fill_squares(  # noqa: PLR0917 - numba knows no keywords
    dosages: Int8Array,
    code_of_dosage: ByteArray,
    first_pair: int,
    squares: ByteArray,
    copies: IntArray,
    called: IntArray,
) -> None:
    """Write a block of dosages (animals, markers), column-major, into squares from a marker pair on, and count.

    Parameters
    ----------
    dosages
        Its first column has an even number among all markers.
    code_of_dosage
        The PLINK codes of 0, 1, 2 and -1.
    first_pair
        Marker pair of the first two columns.
    squares
        Written in place.
    copies, called
        Counted alleles and animals with a call, of each marker of the block, shape (markers,); written in place.
    """
    n_animals, n_markers = dosages.shape
    for pair in prange((n_markers + 1) // 2):
        for which in range(2):
            marker = 2 * pair + which
            if marker >= n_markers:
                continue
            n_copies, n_called = 0, 0
            keep = 0b11110000 if which == 0 else 0b00001111
            for row in range(0, n_animals, 2):
                first = dosages[row, marker]
                second = dosages[row + 1, marker] if row + 1 < n_animals else np.int8(1)
                code = code_of_dosage[first] | (code_of_dosage[second] << 2)
                tile, lane = row // TILE, (row % TILE) // 2
                rest = squares[tile, first_pair + pair, lane] & keep
                squares[tile, first_pair + pair, lane] = rest | (code << (4 * which))
                n_called += (first >= 0) + (second >= 0)
                n_copies += max(first, 0) + max(second, 0)
            padded = n_animals % 2
            copies[marker] = n_copies - padded
            called[marker] = n_called - padded


def codes_of_dosages() -> ByteArray:
    """Return the PLINK codes of the dosages 0, 1, 2 and -1."""
    return _CODE_OF_DOSAGE


@njit(cache=True)
def _fill_tables(tables: Float32Array, values: Float32Array, by_code: Float32Array, first: int, start: int) -> None:
    """Write the tables of 16 pairs: row (code, code') of a pair is f(code) x + f'(code') x', x from a column on."""
    lanes = tables.shape[1]
    factors = np.empty(2 * _CODES, dtype=np.float32)
    for pair in range(PAIRS):
        left = first + 2 * pair
        for code in range(_CODES):
            factors[code], factors[_CODES + code] = by_code[code, left], by_code[code, left + 1]
        at = values.ctypes.data + 4 * (left * values.shape[1] + start)
        right = at + 4 * values.shape[1]
        fill_table(at, right, factors.ctypes.data, tables.ctypes.data + 64 * lanes * pair, lanes)


@njit(cache=True)
def _flush(sums: Float32Array, out: FloatArray, first: int, start: int) -> None:
    """Add float32 sums to float64 ones from a row and a column on, and start again from 0."""
    lanes = sums.shape[1]
    for row in range(sums.shape[0]):
        to = out.ctypes.data + 8 * ((first + row) * out.shape[1] + start)
        flush_row(sums.ctypes.data + 4 * lanes * row, to, lanes)


@njit(cache=True)
def _add_missing(word: int, values: int, row_bytes: int, weights: int, sums: int, lanes: int) -> None:  # noqa: PLR0917
    """Add multiples of the rows of animals without a call to the sums of a marker pair.

    Parameters
    ----------
    word
        Eight squares of the marker pair: 16 animals.
    values, row_bytes
        Address of the first animal's row, and how far the next is.
    weights, sums
        Addresses of both markers' multiples, float32, and of their sums.
    lanes
        Columns.
    """
    found = word & ~(word >> np.uint64(1)) & _MISSING_BITS
    while found:
        bit = np.int64(trailing_zeros(found))
        found &= found - np.uint64(1)
        animal, which = 2 * (bit // 8) + (bit >> 1) % 2, (bit >> 2) % 2
        add_multiple(values + row_bytes * animal, weights + 4 * which, sums + 4 * lanes * which, lanes)


@njit(parallel=True, cache=True)
def sum_over_animals(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    values: Float32Array,
    by_code: Float32Array,
    missing: Float32Array,
    any_missing: bool,
    width: int,
    out: FloatArray,
) -> None:
    """Add D'V to `out`, for D = dosage - 1, plus `missing` V for missing dosages.

    Parameters
    ----------
    squares
        Shape (animal tiles, marker pairs, 16).
    values
        V with rows for whole tiles, shape (32 animal tiles, columns), of which there are 16, 32, 40 or 48.
    by_code
        `COPIES_LESS_ONE` for every animal, shape (4, 32 animal tiles).
    missing
        What a missing dosage counts in D, by marker, shape (2 marker pairs,).
    any_missing
        Whether there are missing dosages.
    width
        Marker pairs that a thread takes at a time.
    out
        Shape (2 marker pairs, columns).
    """
    n_tiles, n_pairs = squares.shape[:2]
    n_columns = values.shape[1]
    words = squares.reshape(n_tiles, n_pairs * PAIRS).view(np.uint64).reshape(n_tiles, n_pairs, 2)
    for block in prange((n_pairs + width - 1) // width):
        start, stop = block * width, min(n_pairs, (block + 1) * width)
        tables, sums = aligned_zeros(16 * PAIRS, n_columns), aligned_zeros(2 * (stop - start), n_columns)
        for tile in range(n_tiles):
            _fill_tables(tables, values, by_code, TILE * tile, 0)
            at = squares.ctypes.data + (tile * n_pairs + start) * PAIRS
            for pair in range(stop - start):
                first = sums.ctypes.data + 8 * pair * n_columns
                second = first + 4 * n_columns
                along(at + PAIRS * pair, tables.ctypes.data, first, second, n_columns)
                if any_missing:
                    for half in range(2):
                        rows = values.ctypes.data + 4 * n_columns * (TILE * tile + 16 * half)
                        weight = missing.ctypes.data + 8 * (start + pair)
                        _add_missing(words[tile, start + pair, half], rows, 4 * n_columns, weight, first, n_columns)
            if tile % _FLUSH == _FLUSH - 1 or tile == n_tiles - 1:
                _flush(sums, out, 2 * start, 0)


@njit(parallel=True, cache=True)
def sum_over_markers(
    squares: ByteArray, values: Float32Array, by_code: Float32Array, width: int, out: FloatArray
) -> None:
    """Add Z U to `out`.

    Parameters
    ----------
    squares
        Shape (animal tiles, marker pairs, 16).
    values
        U with rows for whole tiles, shape (2 marker pairs, columns), of which there are 16, 32, 40 or 48.
    by_code
        Z of each code of each marker, shape (4, 2 marker pairs).
    width
        Animal tiles that a thread takes at a time.
    out
        Shape (32 animal tiles, columns).
    """
    n_tiles, n_pairs = squares.shape[:2]
    n_columns = values.shape[1]
    for block in prange((n_tiles + width - 1) // width):
        start, stop = block * width, min(n_tiles, (block + 1) * width)
        tables, sums = aligned_zeros(16 * PAIRS, n_columns), aligned_zeros(TILE * (stop - start), n_columns)
        for group in range(n_pairs // PAIRS):
            _fill_tables(tables, values, by_code, TILE * group, 0)
            for tile in range(start, stop):
                at = squares.ctypes.data + (tile * n_pairs + PAIRS * group) * PAIRS
                for pair in range(PAIRS):
                    first = sums.ctypes.data + 8 * ((tile - start) * PAIRS + pair) * n_columns
                    second = first + 4 * n_columns
                    across(at + pair, tables.ctypes.data, first, second, n_columns)
            if group % _FLUSH == _FLUSH - 1 or group == n_pairs // PAIRS - 1:
                _flush(sums, out, TILE * start, 0)


@njit(cache=True)
def tiles_over_animals(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    values: Float32Array,
    missing: Float32Array,
    any_missing: bool,
    tiles: tuple[int, int],
    columns: tuple[int, int],
    out: FloatArray,
    totals: FloatArray,
) -> None:
    """Add D'V over some tiles of animals and some columns to `out`, and 1'V to `totals`; D as in `sum_over_animals`.

    Parameters
    ----------
    squares, values, missing, any_missing
        As in `sum_over_animals`, but for any number of columns.
    tiles, columns
        First and last but one; 16, 32, 40 or 48 columns.
    out
        Shape (2 marker pairs, columns of V).
    totals
        Shape (columns of V,).
    """
    n_tiles, n_pairs = squares.shape[:2]
    lanes = columns[1] - columns[0]
    words = squares.reshape(n_tiles, n_pairs * PAIRS).view(np.uint64).reshape(n_tiles, n_pairs, 2)
    tables, sums = aligned_zeros(16 * PAIRS, lanes), aligned_zeros(2 * n_pairs, lanes)
    factors = np.empty(2 * _CODES, dtype=np.float32)
    for code in range(_CODES):
        factors[code] = factors[_CODES + code] = COPIES_LESS_ONE[code]
    for tile in range(tiles[0], tiles[1]):
        for pair in range(PAIRS):
            left = values.ctypes.data + 4 * ((TILE * tile + 2 * pair) * values.shape[1] + columns[0])
            right = left + 4 * values.shape[1]
            fill_table(left, right, factors.ctypes.data, tables.ctypes.data + 64 * lanes * pair, lanes)
        at = squares.ctypes.data + tile * n_pairs * PAIRS
        for pair in range(n_pairs):
            first = sums.ctypes.data + 8 * pair * lanes
            along(at + PAIRS * pair, tables.ctypes.data, first, first + 4 * lanes, lanes)
            if any_missing:
                for half in range(2):
                    rows = values.ctypes.data + 4 * (values.shape[1] * (TILE * tile + 16 * half) + columns[0])
                    weight = missing.ctypes.data + 8 * pair
                    _add_missing(words[tile, pair, half], rows, 4 * values.shape[1], weight, first, lanes)
        for pair in range(PAIRS):
            for lane in range(lanes):
                totals[columns[0] + lane] += tables[16 * pair, lane]  # both animals with two copies
        if (tile - tiles[0]) % _FLUSH == _FLUSH - 1 or tile == tiles[1] - 1:
            _flush(sums, out, 0, columns[0])


@njit(cache=True)
def tiles_over_markers(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    effects: Float32Array,
    by_code: Float32Array,
    tiles: tuple[int, int],
    columns: tuple[int, int],
    tables: Float32Array,
    sums: Float32Array,
) -> None:
    """Add Z U of some tiles of animals to `sums`, for some columns of U.

    Parameters
    ----------
    squares, effects, by_code
        As in `sum_over_markers`, but for any number of columns.
    tiles, columns
        First and last but one; 16, 32, 40 or 48 columns.
    tables, sums
        Aligned room, shapes (256, columns) and (32 tiles, columns).
    """
    n_pairs, lanes = squares.shape[1], columns[1] - columns[0]
    for group in range(n_pairs // PAIRS):
        _fill_tables(tables, effects, by_code, TILE * group, columns[0])
        for tile in range(tiles[0], tiles[1]):
            at = squares.ctypes.data + (tile * n_pairs + PAIRS * group) * PAIRS
            for pair in range(PAIRS):
                first = sums.ctypes.data + 8 * ((tile - tiles[0]) * PAIRS + pair) * lanes
                across(at + pair, tables.ctypes.data, first, first + 4 * lanes, lanes)


def expand_by_marker(values: FloatArray, n_rows: int) -> Float32Array:
    """Return values (markers or animals, ...) as float32 with zero rows up to whole tiles, columns up to vectors."""
    out = np.zeros((n_rows, padded(values.shape[1])), dtype=np.float32)
    out[: len(values), : values.shape[1]] = values
    return out


def any_missing(called: IntArray, n_animals: int) -> bool:
    """Return whether any marker lacks a call."""
    flags: BoolArray = called < n_animals
    return bool(flags.any())
