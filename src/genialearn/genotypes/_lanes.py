"""What products by table lookup do with rows of 16, 32, 40 or 48 float32 numbers, as LLVM vectors.

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
"""Float32 numbers in 64 bytes, which is what the widest vectors of a processor hold."""

WIDTHS = (16, 32, 40, 48)
"""Columns that one pass over the genotypes may serve."""

PANEL = WIDTHS[-1]
"""The most of them."""

PAIRS = 16
"""Pairs of animals, or of markers, whose tables are in use together."""

_CODES = 4
_OF_A_NUMBER = 4
"""Bytes of a float32 number, by which an address can be divided where no more is known of it."""


def padded(n_columns: int) -> int:
    """Return how many columns there are with what they are filled up with: whole panels, and the next width."""
    panels, rest = divmod(n_columns, PANEL)
    return PANEL * panels + (next(width for width in WIDTHS if width >= rest) if rest else 0)


def _accumulator(width: int, *, across: bool) -> Callable[..., None]:
    """Return the inner step: 16 squares, two sums of so many columns.

    The step takes addresses of the squares, of the 16 tables, and of the two sums. It runs along the squares of a
    marker pair (animals are summed), or across those of 16 marker pairs (markers are summed).
    """
    step = PAIRS if across else 1
    row_bytes = 4 * width

    @intrinsic
    def accumulate(typing: Any, squares: Any, tables: Any, first: Any, second: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, width)
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
    """The few LLVM instructions that rows of so many numbers need: vectors of 16, and one of 8 where these are left."""

    def __init__(self, builder: Any, width: int) -> None:
        self._builder = builder
        self._firsts = list(range(0, width, LANES))
        self._lanes = [min(LANES, width - first) for first in self._firsts]
        self._align = _OF_A_NUMBER * min(self._lanes)

    def _number(self, value: int) -> Any:
        return ir.Constant(ir.IntType(64), value)

    def _pointers(self, address: Any, kind: Any, size: int) -> list[Any]:
        return [
            self._builder.inttoptr(self.behind(address, size * first), ir.VectorType(kind, lanes).as_pointer())
            for first, lanes in zip(self._firsts, self._lanes, strict=True)
        ]

    def load(self, address: Any, align: int | None = None) -> list[Any]:
        """Return the vectors from an address on, which is that of a row of its own array unless told."""
        pointers = self._pointers(address, ir.FloatType(), 4)
        return [self._builder.load(pointer, align=align or self._align) for pointer in pointers]

    def store(self, address: Any, vectors: list[Any], align: int | None = None) -> None:
        """Write vectors from an address on."""
        for pointer, vector in zip(self._pointers(address, ir.FloatType(), 4), vectors, strict=True):
            self._builder.store(vector, pointer, align=align or self._align)

    def add_to_doubles(self, address: Any, vectors: list[Any]) -> None:
        """Add vectors to float64 numbers from an address on."""
        for pointer, vector in zip(self._pointers(address, ir.DoubleType(), 8), vectors, strict=True):
            wide = self._builder.fpext(vector, ir.VectorType(ir.DoubleType(), vector.type.count))
            self._builder.store(self._builder.fadd(self._builder.load(pointer, align=8), wide), pointer, align=8)

    def zeros(self) -> list[Any]:
        """Return vectors of 0."""
        return [ir.Constant(ir.VectorType(ir.FloatType(), lanes), None) for lanes in self._lanes]

    def repeated(self, address: Any, place: int) -> list[Any]:
        """Return vectors of the float32 number at a place behind an address."""
        start = self._builder.inttoptr(address, ir.FloatType().as_pointer())
        number = self._builder.load(self._builder.gep(start, [self._number(place)]))
        out = []
        for lanes in self._lanes:
            nothing = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
            first = self._builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), None)
            out.append(self._builder.shuffle_vector(first, nothing, everywhere))
        return out

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


def _filler(width: int) -> Callable[..., None]:
    """Return the step that writes the table of a pair: row (code, code') is f(code) x + g(code') x'.

    It takes addresses of x, of x', of the four f and the four g, and of the table.
    """

    @intrinsic
    def fill(typing: Any, left: Any, right: Any, factors: Any, table: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, width)
            left_at, right_at, factors_at, table_at = arguments
            x, y = (build.load(address, _OF_A_NUMBER) for address in (left_at, right_at))
            own = [build.times(build.repeated(factors_at, c), x) for c in range(_CODES)]
            others = [build.times(build.repeated(factors_at, _CODES + c), y) for c in range(_CODES)]
            for second, other in enumerate(others):
                for first, one in enumerate(own):
                    row = 4 * width * (_CODES * second + first)
                    build.store(build.behind(table_at, row), build.plus(one, other))
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return fill  # type: ignore[no-any-return]


def _flusher(width: int) -> Callable[..., None]:
    """Return the step that adds a row of sums to float64 numbers, and starts it again from 0."""

    @intrinsic
    def flush(typing: Any, sums: Any, out: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, width)
            sums_at, out_at = arguments
            build.add_to_doubles(out_at, build.load(sums_at))
            build.store(sums_at, build.zeros())
            return context.get_dummy_value()

        return types.void(types.intp, types.intp), code

    return flush  # type: ignore[no-any-return]


def _mover(width: int) -> Callable[..., None]:
    """Return the step that adds a row s to a row `moved`, and takes w s from a row `left`.

    It takes addresses of s, of w, of `left` and of `moved`.
    """

    @intrinsic
    def move(typing: Any, sums: Any, weights: Any, left: Any, moved: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, width)
            sums_at, weights_at, left_at, moved_at = arguments
            change, weight = build.load(sums_at), build.load(weights_at, _OF_A_NUMBER)
            build.store(moved_at, build.plus(build.load(moved_at, _OF_A_NUMBER), change), _OF_A_NUMBER)
            rest = build.minus(build.load(left_at, _OF_A_NUMBER), build.times(weight, change))
            build.store(left_at, rest, _OF_A_NUMBER)
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp), code

    return move  # type: ignore[no-any-return]


def _adder(width: int) -> Callable[..., None]:
    """Return the step that adds f times a row to a row of sums; it takes addresses of the row, of f and of the sums."""

    @intrinsic
    def add(typing: Any, row: Any, factor: Any, sums: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            build = _Builder(builder, width)
            row_at, factor_at, sums_at = arguments
            added = build.times(build.load(row_at, _OF_A_NUMBER), build.repeated(factor_at, 0))
            build.store(sums_at, build.plus(build.load(sums_at), added))
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp), code

    return add  # type: ignore[no-any-return]


_along_16, _along_32, _along_40, _along_48 = (_accumulator(width, across=False) for width in WIDTHS)
_across_16, _across_32, _across_40, _across_48 = (_accumulator(width, across=True) for width in WIDTHS)
_fill_16, _fill_32, _fill_40, _fill_48 = (_filler(width) for width in WIDTHS)
_flush_16, _flush_32, _flush_40, _flush_48 = (_flusher(width) for width in WIDTHS)
_move_16, _move_32, _move_40, _move_48 = (_mover(width) for width in WIDTHS)
_add_16, _add_32, _add_40, _add_48 = (_adder(width) for width in WIDTHS)


@njit(inline="always")
def along(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    """Add what the squares of a marker pair hold of 16 pairs of animals to the sums of its two markers."""
    if lanes == 48:
        _along_48(at, tables, first, second)
    elif lanes == 40:
        _along_40(at, tables, first, second)
    elif lanes == 32:
        _along_32(at, tables, first, second)
    else:
        _along_16(at, tables, first, second)


@njit(inline="always")
def across(at: int, tables: int, first: int, second: int, lanes: int) -> None:
    """Add what the squares of an animal pair hold of 16 pairs of markers to the sums of its two animals."""
    if lanes == 48:
        _across_48(at, tables, first, second)
    elif lanes == 40:
        _across_40(at, tables, first, second)
    elif lanes == 32:
        _across_32(at, tables, first, second)
    else:
        _across_16(at, tables, first, second)


@njit(inline="always")
def fill_table(left: int, right: int, factors: int, table: int, lanes: int) -> None:
    """Write the 16 rows of a pair's table; see `_filler`."""
    if lanes == 48:
        _fill_48(left, right, factors, table)
    elif lanes == 40:
        _fill_40(left, right, factors, table)
    elif lanes == 32:
        _fill_32(left, right, factors, table)
    else:
        _fill_16(left, right, factors, table)


@njit(inline="always")
def flush_row(sums: int, to: int, lanes: int) -> None:
    """Add a row of sums to float64 numbers, and start it again from 0."""
    if lanes == 48:
        _flush_48(sums, to)
    elif lanes == 40:
        _flush_40(sums, to)
    elif lanes == 32:
        _flush_32(sums, to)
    else:
        _flush_16(sums, to)


@njit(inline="always")
def move_row(sums: int, weights: int, left: int, moved: int, lanes: int) -> None:
    """Add a row to `moved`, and what it weighs take from `left`; see `_mover`."""
    if lanes == 48:
        _move_48(sums, weights, left, moved)
    elif lanes == 40:
        _move_40(sums, weights, left, moved)
    elif lanes == 32:
        _move_32(sums, weights, left, moved)
    else:
        _move_16(sums, weights, left, moved)


@njit(inline="always")
def add_multiple(row: int, factor: int, sums: int, lanes: int) -> None:
    """Add a multiple of a row to sums; see `_adder`."""
    if lanes == 48:
        _add_48(row, factor, sums)
    elif lanes == 40:
        _add_40(row, factor, sums)
    elif lanes == 32:
        _add_32(row, factor, sums)
    else:
        _add_16(row, factor, sums)


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
