"""Products with genotypes in two bits, by table lookup: no genotype is ever unpacked to a number.

Genotypes are kept in squares: a byte holds two animals x two markers, sixteen such bytes in a row two markers of 32
animals. The PLINK codes of animals a, a' and markers m, m' stand in a byte as (a m), (a' m), (a m'), (a' m') from its
lowest bits. So a nibble is two animals of one marker; and after exchanging the two middle codes, two markers of one
animal. Either way a nibble has 16 values, and what a pair contributes to a product of up to 48 columns is one row of a
table with 16 rows:

- animals are summed (Z'V): the table of a pair of animals holds d V[a] + d' V[a'] for all codes; it serves all markers;
- markers are summed (Z U): the table of a pair of markers holds z U[m] + z' U[m'] for all codes; it serves all animals.

The tables of 16 pairs are 48 KiB, as large as a first-level cache. A product costs one vector addition for two
genotypes and 16 columns, half of what multiplying decoded numbers costs at best. The inner step is written as LLVM
vectors, since it lives from keeping its sums in registers; it compiles for any processor.

Sums are float32 over at most 64 terms, then float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

from genialearn._arrays import BoolArray, ByteArray, Float32Array, FloatArray, Int8Array, IntArray

PAIRS = 16
"""Pairs of animals, or of markers, whose tables are in use together."""

TILE = 2 * PAIRS
"""Animals, or markers, in a tile."""

LANES = 16
"""Columns of a product come in multiples of this: float32 numbers in 64 bytes."""

PANEL = 3 * LANES
"""The most columns that one pass over the genotypes serves."""

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


def _accumulator(n_vectors: int, *, across: bool) -> Callable[..., None]:
    """Return the inner step: 16 squares, two sums of `n_vectors` x 16 columns.

    The step takes addresses of the squares, of the 16 tables, and of the two sums. It runs along the squares of a
    marker pair (animals are summed), or across those of 16 marker pairs (markers are summed).
    """
    step = PAIRS if across else 1
    row_bytes = 4 * LANES * n_vectors

    @intrinsic
    def accumulate(typing: Any, squares: Any, tables: Any, first: Any, second: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, n_vectors)
            at, tables_at, *sums_at = arguments
            sums = [build.load(address) for address in sums_at]
            for pair in range(PAIRS):
                square = build.byte(at, step * pair)
                for which, nibble in enumerate(build.nibbles(square, across=across)):
                    row = build.load(build.offset(tables_at, nibble, row_bytes, PAIRS * pair * row_bytes))
                    sums[which] = [builder.fadd(a, b) for a, b in zip(sums[which], row, strict=True)]
            for address, vectors in zip(sums_at, sums, strict=True):
                build.store(address, vectors)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return accumulate  # type: ignore[no-any-return]


class _Builder:
    """The few LLVM instructions that the inner step needs."""

    def __init__(self, builder: Any, n_vectors: int) -> None:
        self._builder, self._n_vectors = builder, n_vectors
        self._vector = ir.VectorType(ir.FloatType(), LANES)

    def _number(self, value: int) -> Any:
        return ir.Constant(ir.IntType(64), value)

    def _pointers(self, address: Any) -> list[Any]:
        start = self._builder.inttoptr(address, self._vector.as_pointer())
        return [self._builder.gep(start, [self._number(v)]) for v in range(self._n_vectors)]

    def load(self, address: Any) -> list[Any]:
        """Return the vectors from an address on."""
        return [self._builder.load(pointer, align=4 * LANES) for pointer in self._pointers(address)]

    def store(self, address: Any, vectors: list[Any]) -> None:
        """Write vectors from an address on."""
        for pointer, vector in zip(self._pointers(address), vectors, strict=True):
            self._builder.store(vector, pointer, align=4 * LANES)

    def byte(self, address: Any, offset: int) -> Any:
        """Return the byte at an address, as a 64-bit number."""
        start = self._builder.inttoptr(address, ir.IntType(8).as_pointer())
        loaded = self._builder.load(self._builder.gep(start, [self._number(offset)]))
        return self._builder.zext(loaded, ir.IntType(64))

    def offset(self, address: Any, index: Any, size: int, constant: int) -> Any:
        """Return address + index * size + constant."""
        scaled = self._builder.mul(index, self._number(size))
        return self._builder.add(address, self._builder.add(scaled, self._number(constant)))

    def nibbles(self, square: Any, *, across: bool) -> tuple[Any, Any]:
        """Return the two nibbles of a square: one a marker, or `across`, one an animal."""
        if not across:
            return self._masked(square, 0, 15), self._builder.lshr(square, self._number(4))
        first = self._builder.or_(self._masked(square, 0, 3), self._masked(square, 2, 12))
        second = self._builder.or_(self._masked(square, 2, 3), self._masked(square, 4, 12))
        return first, second

    def _masked(self, square: Any, shift: int, mask: int) -> Any:
        return self._builder.and_(self._builder.lshr(square, self._number(shift)), self._number(mask))


_along_1, _along_2, _along_3 = (_accumulator(n, across=False) for n in (1, 2, 3))
_across_1, _across_2, _across_3 = (_accumulator(n, across=True) for n in (1, 2, 3))


@intrinsic
def _trailing_zeros(typing: Any, number: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), code


@njit(inline="always")
def aligned_zeros(n_rows: int, n_columns: int) -> Float32Array:
    """Return an array whose rows are whole vectors at addresses that are multiples of 64."""
    raw = np.zeros(n_rows * n_columns + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % (4 * LANES)) // 4
    return raw[start : start + n_rows * n_columns].reshape(n_rows, n_columns)


@njit(cache=True)
def _fill_tables(tables: Float32Array, values: Float32Array, by_code: Float32Array, first: int, start: int) -> None:
    """Write the tables of 16 pairs: row (code, code') of a pair is f(code) x + f'(code') x', x from a column on."""
    n_columns = tables.shape[1]
    for pair in range(PAIRS):
        left = first + 2 * pair
        for second in range(_CODES):
            g = by_code[second, left + 1]
            for code in range(_CODES):
                f = by_code[code, left]
                row = 16 * pair + 4 * second + code
                for column in range(n_columns):
                    tables[row, column] = f * values[left, start + column] + g * values[left + 1, start + column]


@njit(cache=True)
def _flush(sums: Float32Array, out: FloatArray, first: int) -> None:
    """Add float32 sums to float64 ones, and start again from 0."""
    for row in range(sums.shape[0]):
        for column in range(sums.shape[1]):
            out[first + row, column] += sums[row, column]
            sums[row, column] = 0


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
        V with rows for whole tiles, shape (32 animal tiles, a multiple of 16 up to 48 columns).
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
                if n_columns == 48:
                    _along_3(at + PAIRS * pair, tables.ctypes.data, first, second)
                elif n_columns == 32:
                    _along_2(at + PAIRS * pair, tables.ctypes.data, first, second)
                else:
                    _along_1(at + PAIRS * pair, tables.ctypes.data, first, second)
                if any_missing:
                    for half in range(2):
                        word = words[tile, start + pair, half]
                        found = word & ~(word >> np.uint64(1)) & _MISSING_BITS
                        while found:
                            bit = np.int64(_trailing_zeros(found))
                            found &= found - np.uint64(1)
                            animal = TILE * tile + 16 * half + 2 * (bit // 8) + (bit >> 1) % 2
                            row = 2 * pair + (bit >> 2) % 2
                            weight = missing[2 * start + row]
                            for column in range(n_columns):
                                sums[row, column] += weight * values[animal, column]
            if tile % _FLUSH == _FLUSH - 1 or tile == n_tiles - 1:
                _flush(sums, out, 2 * start)


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
        U with rows for whole tiles, shape (2 marker pairs, a multiple of 16 up to 48 columns).
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
                    if n_columns == 48:
                        _across_3(at + pair, tables.ctypes.data, first, second)
                    elif n_columns == 32:
                        _across_2(at + pair, tables.ctypes.data, first, second)
                    else:
                        _across_1(at + pair, tables.ctypes.data, first, second)
            if group % _FLUSH == _FLUSH - 1 or group == n_pairs // PAIRS - 1:
                _flush(sums, out, TILE * start)


@njit(inline="always")
def _along(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    if lanes == 48:
        _along_3(at, tables, first, second)
    elif lanes == 32:
        _along_2(at, tables, first, second)
    else:
        _along_1(at, tables, first, second)


@njit(inline="always")
def _across(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    if lanes == 48:
        _across_3(at, tables, first, second)
    elif lanes == 32:
        _across_2(at, tables, first, second)
    else:
        _across_1(at, tables, first, second)


@njit(cache=True)
def tiles_over_animals(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    values: Float32Array,
    missing: Float32Array,
    any_missing: bool,
    tiles: tuple[int, int],
    columns: tuple[int, int],
    out: FloatArray,
) -> None:
    """Add D'V over some tiles of animals and some columns to `out`, for D as in `sum_over_animals`.

    Parameters
    ----------
    squares, values, missing, any_missing
        As in `sum_over_animals`, but for any number of columns.
    tiles, columns
        First and last but one; 16, 32 or 48 columns.
    out
        Shape (2 marker pairs, columns of V).
    """
    n_pairs, lanes = squares.shape[1], columns[1] - columns[0]
    tables, sums = aligned_zeros(16 * PAIRS, lanes), aligned_zeros(2 * n_pairs, lanes)
    for tile in range(tiles[0], tiles[1]):
        for pair in range(PAIRS):
            left = TILE * tile + 2 * pair
            for second in range(_CODES):
                g = COPIES_LESS_ONE[second]
                for code in range(_CODES):
                    f, row = COPIES_LESS_ONE[code], 16 * pair + 4 * second + code
                    for lane in range(lanes):
                        column = columns[0] + lane
                        tables[row, lane] = f * values[left, column] + g * values[left + 1, column]
        at = squares.ctypes.data + tile * n_pairs * PAIRS
        for pair in range(n_pairs):
            first = sums.ctypes.data + 8 * pair * lanes
            _along(at + PAIRS * pair, tables.ctypes.data, first, first + 4 * lanes, lanes)
        if any_missing:
            _add_missing(squares[tile], values, missing, TILE * tile, columns[0], sums)
        if (tile - tiles[0]) % _FLUSH == _FLUSH - 1 or tile == tiles[1] - 1:
            for row in range(2 * n_pairs):
                for lane in range(lanes):
                    out[row, columns[0] + lane] += sums[row, lane]
                    sums[row, lane] = 0


@njit(cache=True)
def _add_missing(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray, values: Float32Array, missing: Float32Array, first_animal: int, start: int, sums: Float32Array
) -> None:
    """Add what missing dosages of a tile count, by marker."""
    words = squares.reshape(squares.shape[0] * PAIRS).view(np.uint64)
    for number in range(len(words)):
        found = words[number] & ~(words[number] >> np.uint64(1)) & _MISSING_BITS
        while found:
            bit = np.int64(_trailing_zeros(found))
            found &= found - np.uint64(1)
            animal = first_animal + 16 * (number % 2) + 2 * (bit // 8) + (bit >> 1) % 2
            row = 2 * (number // 2) + (bit >> 2) % 2
            for lane in range(sums.shape[1]):
                sums[row, lane] += missing[row] * values[animal, start + lane]


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
        First and last but one; 16, 32 or 48 columns.
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
                _across(at + pair, tables.ctypes.data, first, first + 4 * lanes, lanes)


def expand_by_marker(values: FloatArray, n_rows: int) -> Float32Array:
    """Return values (markers or animals, ...) as float32 with zero rows up to whole tiles, columns up to vectors."""
    n_columns = LANES * -(-values.shape[1] // LANES)
    out = np.zeros((n_rows, n_columns), dtype=np.float32)
    out[: len(values), : values.shape[1]] = values
    return out


def any_missing(called: IntArray, n_animals: int) -> bool:
    """Return whether any marker lacks a call."""
    flags: BoolArray = called < n_animals
    return bool(flags.any())
