"""What products by table lookup do with rows of 16, 32 or 48 float32 numbers, as LLVM vectors.

The inner steps live from keeping sums in registers, and the others from never looking at one number by itself. They
take addresses, and compile for any processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from genialearn._arrays import Float32Array

LANES = 16
"""Columns of a product come in multiples of this: float32 numbers in 64 bytes."""

PANEL = 3 * LANES
"""The most columns that one pass over the genotypes serves."""

PAIRS = 16
"""Pairs of animals, or of markers, whose tables are in use together."""

_CODES = 4
_OF_A_NUMBER = 4
"""Bytes of a float32 number, by which an address can be divided where it needn't be by 64."""


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
                    sums[which] = build.plus(sums[which], row)
            for address, vectors in zip(sums_at, sums, strict=True):
                build.store(address, vectors)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return accumulate  # type: ignore[no-any-return]


class _Builder:
    """The few LLVM instructions that rows of `n_vectors` x 16 numbers need."""

    def __init__(self, builder: Any, n_vectors: int) -> None:
        self._builder, self._n_vectors = builder, n_vectors
        self._single, self._double = (ir.VectorType(kind, LANES) for kind in (ir.FloatType(), ir.DoubleType()))

    def _number(self, value: int) -> Any:
        return ir.Constant(ir.IntType(64), value)

    def _pointers(self, address: Any, vector: Any) -> list[Any]:
        start = self._builder.inttoptr(address, vector.as_pointer())
        return [self._builder.gep(start, [self._number(v)]) for v in range(self._n_vectors)]

    def load(self, address: Any, align: int = 4 * LANES) -> list[Any]:
        """Return the vectors from an address on."""
        return [self._builder.load(pointer, align=align) for pointer in self._pointers(address, self._single)]

    def store(self, address: Any, vectors: list[Any], align: int = 4 * LANES) -> None:
        """Write vectors from an address on."""
        for pointer, vector in zip(self._pointers(address, self._single), vectors, strict=True):
            self._builder.store(vector, pointer, align=align)

    def add_to_doubles(self, address: Any, vectors: list[Any]) -> None:
        """Add vectors to float64 numbers from an address on."""
        for pointer, vector in zip(self._pointers(address, self._double), vectors, strict=True):
            wide = self._builder.fpext(vector, self._double)
            self._builder.store(self._builder.fadd(self._builder.load(pointer, align=8), wide), pointer, align=8)

    def zeros(self) -> list[Any]:
        """Return vectors of 0."""
        return [ir.Constant(self._single, None)] * self._n_vectors

    def repeated(self, address: Any, place: int) -> Any:
        """Return a vector of the float32 number at a place behind an address."""
        start = self._builder.inttoptr(address, ir.FloatType().as_pointer())
        number = self._builder.load(self._builder.gep(start, [self._number(place)]))
        nothing = ir.Constant(self._single, ir.Undefined)
        first = self._builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        return self._builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(ir.IntType(32), LANES), None))

    def plus(self, one: list[Any], other: list[Any]) -> list[Any]:
        """Return sums of vectors."""
        return [self._builder.fadd(a, b) for a, b in zip(one, other, strict=True)]

    def minus(self, one: list[Any], other: list[Any]) -> list[Any]:
        """Return differences of vectors."""
        return [self._builder.fsub(a, b) for a, b in zip(one, other, strict=True)]

    def times(self, one: list[Any], other: list[Any]) -> list[Any]:
        """Return products of vectors."""
        return [self._builder.fmul(a, b) for a, b in zip(one, other, strict=True)]

    def byte(self, address: Any, offset: int) -> Any:
        """Return the byte at an address, as a 64-bit number."""
        start = self._builder.inttoptr(address, ir.IntType(8).as_pointer())
        loaded = self._builder.load(self._builder.gep(start, [self._number(offset)]))
        return self._builder.zext(loaded, ir.IntType(64))

    def offset(self, address: Any, index: Any, size: int, constant: int) -> Any:
        """Return address + index * size + constant."""
        scaled = self._builder.mul(index, self._number(size))
        return self._builder.add(address, self._builder.add(scaled, self._number(constant)))

    def behind(self, address: Any, constant: int) -> Any:
        """Return address + constant."""
        return self._builder.add(address, self._number(constant))

    def nibbles(self, square: Any, *, across: bool) -> tuple[Any, Any]:
        """Return the two nibbles of a square: one a marker, or `across`, one an animal."""
        if not across:
            return self._masked(square, 0, 15), self._builder.lshr(square, self._number(4))
        first = self._builder.or_(self._masked(square, 0, 3), self._masked(square, 2, 12))
        second = self._builder.or_(self._masked(square, 2, 3), self._masked(square, 4, 12))
        return first, second

    def _masked(self, square: Any, shift: int, mask: int) -> Any:
        return self._builder.and_(self._builder.lshr(square, self._number(shift)), self._number(mask))


def _filler(n_vectors: int) -> Callable[..., None]:
    """Return the step that writes the table of a pair: row (code, code') is f(code) x + g(code') x'.

    It takes addresses of x, of x', of the four f and the four g, and of the table.
    """

    @intrinsic
    def fill(typing: Any, left: Any, right: Any, factors: Any, table: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, n_vectors)
            left_at, right_at, factors_at, table_at = arguments
            x, y = (build.load(address, _OF_A_NUMBER) for address in (left_at, right_at))
            own = [build.times([build.repeated(factors_at, c)] * n_vectors, x) for c in range(_CODES)]
            others = [build.times([build.repeated(factors_at, _CODES + c)] * n_vectors, y) for c in range(_CODES)]
            for second, other in enumerate(others):
                for first, one in enumerate(own):
                    row = 4 * LANES * n_vectors * (_CODES * second + first)
                    build.store(build.behind(table_at, row), build.plus(one, other))
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return fill  # type: ignore[no-any-return]


def _flusher(n_vectors: int) -> Callable[..., None]:
    """Return the step that adds a row of sums to float64 numbers, and starts it again from 0."""

    @intrinsic
    def flush(typing: Any, sums: Any, out: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, n_vectors)
            sums_at, out_at = arguments
            build.add_to_doubles(out_at, build.load(sums_at))
            build.store(sums_at, build.zeros())
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), code

    return flush  # type: ignore[no-any-return]


def _mover(n_vectors: int) -> Callable[..., None]:
    """Return the step that adds a row s to a row `moved`, and takes w s from a row `left`.

    It takes addresses of s, of w, of `left` and of `moved`.
    """

    @intrinsic
    def move(typing: Any, sums: Any, weights: Any, left: Any, moved: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, n_vectors)
            sums_at, weights_at, left_at, moved_at = arguments
            change, weight = build.load(sums_at), build.load(weights_at, _OF_A_NUMBER)
            build.store(moved_at, build.plus(build.load(moved_at, _OF_A_NUMBER), change), _OF_A_NUMBER)
            rest = build.minus(build.load(left_at, _OF_A_NUMBER), build.times(weight, change))
            build.store(left_at, rest, _OF_A_NUMBER)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return move  # type: ignore[no-any-return]


_along_1, _along_2, _along_3 = (_accumulator(n, across=False) for n in (1, 2, 3))
_across_1, _across_2, _across_3 = (_accumulator(n, across=True) for n in (1, 2, 3))
_fill_1, _fill_2, _fill_3 = (_filler(n) for n in (1, 2, 3))
_flush_1, _flush_2, _flush_3 = (_flusher(n) for n in (1, 2, 3))
_move_1, _move_2, _move_3 = (_mover(n) for n in (1, 2, 3))


@njit(inline="always")
def along(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    """Add what the squares of a marker pair hold of 16 pairs of animals to the sums of its two markers."""
    if lanes == PANEL:
        _along_3(at, tables, first, second)
    elif lanes == 2 * LANES:
        _along_2(at, tables, first, second)
    else:
        _along_1(at, tables, first, second)


@njit(inline="always")
def across(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    """Add what the squares of an animal pair hold of 16 pairs of markers to the sums of its two animals."""
    if lanes == PANEL:
        _across_3(at, tables, first, second)
    elif lanes == 2 * LANES:
        _across_2(at, tables, first, second)
    else:
        _across_1(at, tables, first, second)


@njit(inline="always")
def fill_table(left: int, right: int, factors: int, table: int, lanes: int) -> None:
    """Write the 16 rows of a pair's table; see `_filler`."""
    if lanes == PANEL:
        _fill_3(left, right, factors, table)
    elif lanes == 2 * LANES:
        _fill_2(left, right, factors, table)
    else:
        _fill_1(left, right, factors, table)


@njit(inline="always")
def flush_row(sums: int, out: int, lanes: int) -> None:
    """Add a row of sums to float64 numbers, and start it again from 0."""
    if lanes == PANEL:
        _flush_3(sums, out)
    elif lanes == 2 * LANES:
        _flush_2(sums, out)
    else:
        _flush_1(sums, out)


@njit(inline="always")
def move_row(sums: int, weights: int, left: int, moved: int, lanes: int) -> None:
    """Add a row to `moved`, and what it weighs take from `left`; see `_mover`."""
    if lanes == PANEL:
        _move_3(sums, weights, left, moved)
    elif lanes == 2 * LANES:
        _move_2(sums, weights, left, moved)
    else:
        _move_1(sums, weights, left, moved)


@intrinsic
def trailing_zeros(typing: Any, number: Any) -> Any:
    """Return how many bits from the lowest on are 0 in a number that isn't."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), code


@njit(inline="always")
def aligned_zeros(n_rows: int, n_columns: int) -> Float32Array:
    """Return an array whose rows are whole vectors at addresses that are multiples of 64."""
    raw = np.zeros(n_rows * n_columns + LANES, dtype=np.float32)
    start = (-raw.ctypes.data % (4 * LANES)) // 4
    return raw[start : start + n_rows * n_columns].reshape(n_rows, n_columns)
