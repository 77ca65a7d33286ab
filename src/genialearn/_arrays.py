"""Array types; the axes are always animals x markers x traits, in that order."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Float32Array: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
Int8Array: TypeAlias = NDArray[np.int8]
ByteArray: TypeAlias = NDArray[np.uint8]
BoolArray: TypeAlias = NDArray[np.bool_]
StrArray: TypeAlias = NDArray[Any]
"""Identifiers: one-dimensional, dtype object, every element a `str`."""

Selection: TypeAlias = IntArray | BoolArray | slice | None
"""Which rows or columns: indices, a mask, a slice, or None for all."""


def as_ids(values: object) -> StrArray:
    """Return identifiers as a one-dimensional object array of `str`."""
    listed = [str(value) for value in np.asarray(values, dtype=object).ravel()]
    out = np.empty(len(listed), dtype=object)
    out[:] = listed
    return out


def as_indices(selection: Selection, size: int) -> IntArray:
    """Return a selection of `size` things as an array of indices."""
    if selection is None:
        return np.arange(size, dtype=np.int64)
    if isinstance(selection, slice):
        return np.arange(size, dtype=np.int64)[selection]
    chosen = np.asarray(selection)
    if chosen.dtype == bool and chosen.shape != (size,):
        raise IndexError(f"a mask of shape {chosen.shape} can't select from {size} things")
    return np.arange(size, dtype=np.int64)[chosen if chosen.size else []]
