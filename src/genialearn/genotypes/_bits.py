"""The only code that knows how PLINK 1 packs four genotypes into a byte.

A .bed file holds one row of bytes a marker; the lowest two bits of a byte belong to the first of its four animals
(https://www.cog-genomics.org/plink/1.9/formats#bed)::

    00 -> two copies of A1, the counted allele    -> dosage  2
    01 -> missing                                 -> dosage -1
    10 -> one copy                                -> dosage  1
    11 -> none                                    -> dosage  0
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from genialearn._arrays import ByteArray, Int8Array, IntArray

MAGIC = bytes([0x6C, 0x1B, 0x01])
"""The first three bytes of a marker-major .bed file."""

MISSING = -1

_DOSAGE_OF_CODE = np.array([2, MISSING, 1, 0], dtype=np.int8)
_CODE_OF_DOSAGE = np.array([3, 2, 0, 1], dtype=np.uint8)
"""Indexed by dosage; -1 (missing) reads the last entry."""

_SHIFTS = np.array([0, 2, 4, 6], dtype=np.uint8)

_DOSAGES_OF_BYTE = _DOSAGE_OF_CODE[(np.arange(256)[:, None] >> _SHIFTS) & 3]
"""The four dosages in each of the 256 bytes, shape (256, 4)."""


def bytes_per_marker(n_animals: int) -> int:
    """Return how many bytes hold one marker's genotypes: four animals a byte, rounded up."""
    return (n_animals + 3) // 4


def pack(dosages: Int8Array) -> ByteArray:
    """Return dosages (animals, markers) as packed bytes (markers, bytes); unused bits are 0."""
    n_animals, n_markers = dosages.shape
    codes = np.zeros((n_markers, 4 * bytes_per_marker(n_animals)), dtype=np.uint8)
    codes[:, :n_animals] = _CODE_OF_DOSAGE[dosages.T]
    first, second, third, fourth = (codes[:, lane::4] << shift for lane, shift in enumerate(_SHIFTS))
    packed: ByteArray = first | second | third | fourth
    return packed


@njit(parallel=True, cache=True)
def _unpack_all(packed: ByteArray, table: Int8Array, out: Int8Array) -> None:
    n_animals, n_markers = out.shape
    whole = n_animals // 4
    for marker in prange(n_markers):
        row = packed[marker]
        for byte in range(whole):
            for lane in range(4):
                out[4 * byte + lane, marker] = table[row[byte], lane]
        for animal in range(4 * whole, n_animals):
            out[animal, marker] = table[row[whole], animal - 4 * whole]


@njit(parallel=True, cache=True)
def _unpack_some(packed: ByteArray, animals: IntArray, table: Int8Array, out: Int8Array) -> None:
    for marker in prange(out.shape[1]):
        row = packed[marker]
        for i in range(len(animals)):
            out[i, marker] = table[row[animals[i] >> 2], animals[i] & 3]


def unpack(packed: ByteArray, n_animals: int, animals: IntArray | None = None) -> Int8Array:
    """Return packed bytes (markers, bytes) as dosages (animals, markers), of all animals or of some."""
    n_rows = n_animals if animals is None else len(animals)
    out = np.empty((n_rows, len(packed)), dtype=np.int8, order="F")
    if animals is None:
        _unpack_all(packed, _DOSAGES_OF_BYTE, out)
    else:
        _unpack_some(packed, animals, _DOSAGES_OF_BYTE, out)
    return out
