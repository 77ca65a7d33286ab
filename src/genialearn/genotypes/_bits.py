"""The only code that knows how PLINK 1 packs four genotypes into a byte.

A .bed file holds one row of bytes a marker; the lowest two bits of a byte belong to the first of its four animals
(https://www.cog-genomics.org/plink/1.9/formats#bed)::

    00 -> two copies of A1, the counted allele    -> dosage  2
    01 -> missing                                 -> dosage -1
    10 -> one copy                                -> dosage  1
    11 -> none                                    -> dosage  0

The kernels see arrays with markers as rows, as they lie on disk and in column-major dosages.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from genialearn._arrays import BoolArray, ByteArray, FloatArray, Int8Array, IntArray

MAGIC = bytes([0x6C, 0x1B, 0x01])
"""The first three bytes of a marker-major .bed file."""

MISSING = -1

ABSENT = -1
"""Stands for the packed row of a marker that isn't there: every animal's genotype is missing."""

_DOSAGE_OF_CODE = np.array([2, MISSING, 1, 0], dtype=np.int8)
_CODE_OF_DOSAGE = np.array([3, 2, 0, 1], dtype=np.uint8)
"""Indexed by dosage; -1 (missing) reads the last entry."""

_TILE = 4096
"""Animals that are turned from columns to rows together: a tile of four markers fits into a first-level cache."""

_SHIFTS = np.array([0, 2, 4, 6], dtype=np.uint8)
_LANES = np.uint8(3) << _SHIFTS
"""The two bits of each of a byte's four animals."""

_DOSAGES_OF_BYTE = _DOSAGE_OF_CODE[(np.arange(256)[:, None] >> _SHIFTS) & 3]
"""The four dosages in each of the 256 bytes, shape (256, 4)."""

_DOSAGES = np.stack([_DOSAGES_OF_BYTE, np.where(_DOSAGES_OF_BYTE < 0, np.int8(MISSING), 2 - _DOSAGES_OF_BYTE)])
"""The same as they are and counting the other allele, shape (2, 256, 4)."""

_COUNTS = np.stack([np.maximum(_DOSAGES_OF_BYTE, 0).sum(axis=1), (_DOSAGES_OF_BYTE < 0).sum(axis=1)], axis=1)
"""Copies of A1 and missing genotypes in each of the 256 bytes, shape (256, 2)."""


_GENOTYPES_OF_HAPLOTYPES: ByteArray = np.sum(
    _CODE_OF_DOSAGE[((np.arange(256)[:, None] >> _SHIFTS) & 1) + ((np.arange(256)[:, None] >> (_SHIFTS + 1)) & 1)]
    << _SHIFTS,
    axis=1,
    dtype=np.uint8,
)
"""The four genotypes of eight haplotypes, one bit each, two of an animal beside each other, shape (256,)."""


def bytes_per_marker(n_animals: int) -> int:
    """Return how many bytes hold one marker's genotypes: four animals a byte, rounded up."""
    return (n_animals + 3) // 4


@njit(parallel=True, cache=True)
def _pack(dosages: Int8Array, out: ByteArray) -> None:
    n_markers, n_animals = dosages.shape
    whole = n_animals // 4
    for marker in prange(n_markers):
        row = dosages[marker]
        for byte in range(whole):
            codes = np.uint8(0)
            for lane in range(4):
                codes |= _CODE_OF_DOSAGE[row[4 * byte + lane] & 3] << np.uint8(2 * lane)
            out[marker, byte] = codes
        if 4 * whole < n_animals:
            codes = np.uint8(0)
            for animal in range(4 * whole, n_animals):
                codes |= _CODE_OF_DOSAGE[row[animal] & 3] << np.uint8(2 * (animal - 4 * whole))
            out[marker, whole] = codes


def pack(dosages: Int8Array) -> ByteArray:
    """Return dosages (animals, markers) as packed bytes (markers, bytes); unused bits are 0."""
    n_animals, n_markers = dosages.shape
    out = np.empty((n_markers, bytes_per_marker(n_animals)), dtype=np.uint8)
    _pack(_read_only(np.ascontiguousarray(dosages.T)), out)
    return out


def paired(haplotypes: ByteArray, n_animals: int) -> ByteArray:
    """Return the packed genotypes of packed haplotypes, haplotype 8k + j in bit j of byte k; unused bits are 0.

    Both are of shape (markers, bytes): eight haplotypes are four animals, so a byte becomes a byte.
    """
    out: ByteArray = _GENOTYPES_OF_HAPLOTYPES[np.ascontiguousarray(haplotypes)]
    if n_animals % 4:
        out[:, -1] &= np.uint8((1 << 2 * (n_animals % 4)) - 1)
    return out


@njit(nogil=True, cache=True)
def _shift(packed: ByteArray, n_animals: int, places: IntArray, shifts: Int8Array) -> None:
    for i in range(len(places)):
        marker, animal = places[i] // n_animals, places[i] % n_animals
        lane = np.uint8(2 * (animal & 3))
        byte = packed[marker, animal >> 2]
        dosage = _DOSAGE_OF_CODE[(byte >> lane) & np.uint8(3)]
        found = MISSING if shifts[i] < 0 or dosage < 0 else (dosage + shifts[i]) % 3
        packed[marker, animal >> 2] = (byte & ~(np.uint8(3) << lane)) | (_CODE_OF_DOSAGE[found & 3] << lane)


def shift(packed: ByteArray, n_animals: int, places: IntArray, shifts: Int8Array) -> None:
    """Change single genotypes in place: a dosage d becomes (d + shift) mod 3, or missing where the shift is negative.

    Parameters
    ----------
    packed
        Shape (markers, bytes).
    n_animals
        How many animals a row holds.
    places
        marker x n_animals + animal, shape (changes,).
    shifts
        Shape (changes,).
    """
    _shift(packed, n_animals, places, shifts)


def hide(packed: ByteArray, animals: BoolArray, markers: BoolArray) -> None:
    """Make the genotypes of some animals at some markers missing, in place.

    Parameters
    ----------
    packed
        Shape (markers, bytes).
    animals, markers
        Which ones, shape (animals,) and (markers,).
    """
    lanes = np.zeros(4 * bytes_per_marker(len(animals)), dtype=np.uint8)
    lanes[: len(animals)] = animals
    ones = (lanes.reshape(-1, 4) << _SHIFTS).sum(axis=1, dtype=np.uint8)
    packed[markers] = (packed[markers] & ~(ones | ones << 1)) | ones


@njit(parallel=True, cache=True)
def _unpack_all(packed: ByteArray, markers: IntArray, swap: BoolArray, out: Int8Array) -> None:
    n_animals = out.shape[1]
    whole = n_animals // 4
    for i in prange(len(markers)):
        if markers[i] < 0:
            out[i] = MISSING
            continue
        row, table = packed[markers[i]], _DOSAGES[int(swap[i])]
        for byte in range(whole):
            for lane in range(4):
                out[i, 4 * byte + lane] = table[row[byte], lane]
        for animal in range(4 * whole, n_animals):
            out[i, animal] = table[row[whole], animal - 4 * whole]


@njit(parallel=True, cache=True)
def _unpack_some(packed: ByteArray, markers: IntArray, swap: BoolArray, animals: IntArray, out: Int8Array) -> None:
    for i in prange(len(markers)):
        if markers[i] < 0:
            out[i] = MISSING
            continue
        row, table = packed[markers[i]], _DOSAGES[int(swap[i])]
        for j in range(len(animals)):
            out[i, j] = table[row[animals[j] >> 2], animals[j] & 3]


def unpack(
    packed: ByteArray,
    n_animals: int,
    animals: IntArray | None = None,
    *,
    markers: IntArray | None = None,
    swap: BoolArray | None = None,
) -> Int8Array:
    """Return packed genotypes as dosages, column-major.

    Parameters
    ----------
    packed
        Shape (packed markers, bytes).
    n_animals
        How many animals a packed row holds.
    animals
        Whom to return; None for all in order.
    markers
        Which packed rows to return, `ABSENT` for a marker that is missing for everyone; None for all in order.
    swap
        Where to count the other allele, one value for each of the markers returned; None for nowhere.

    Returns
    -------
    Int8Array
        Shape (animals, markers).
    """
    rows = np.arange(len(packed)) if markers is None else markers
    swapped = np.zeros(len(rows), dtype=bool) if swap is None else swap
    out = np.empty((len(rows), n_animals if animals is None else len(animals)), dtype=np.int8)
    if animals is None:
        _unpack_all(_read_only(packed), rows, swapped, out)
    else:
        _unpack_some(_read_only(packed), rows, swapped, animals, out)
    return out.T


@njit(parallel=True, cache=True)
def _count(packed: ByteArray, markers: IntArray, ignored: ByteArray, out: IntArray) -> None:
    for i in prange(len(markers)):
        copies = missing = 0
        row = packed[markers[i]]
        for byte in range(len(ignored)):
            codes = row[byte] | ignored[byte]
            copies += _COUNTS[codes, 0]
            missing += _COUNTS[codes, 1]
        out[i, 0] += copies
        out[i, 1] += missing


def counts(packed: ByteArray, n_animals: int, animals: IntArray | None, markers: IntArray) -> tuple[IntArray, IntArray]:
    """Return copies of A1, and missing genotypes, of some markers among some animals, each of shape (markers,).

    Animals that don't count are read as having no copy (11), so that whole bytes can be counted whoever is asked for.
    An animal named twice counts twice. Parameters are those of `unpack`.
    """
    out = np.zeros((len(markers), 2), dtype=np.int64)
    present = markers != ABSENT
    found = np.zeros((int(present.sum()), 2), dtype=np.int64)
    times = np.bincount(np.arange(n_animals) if animals is None else animals, minlength=n_animals)
    for time in range(times.max(initial=0)):
        _count(_read_only(packed), markers[present], _all_but(times > time), found)
    out[present] = found
    out[~present, 1] = times.sum()
    return out[:, 0], out[:, 1]


@njit(parallel=True, cache=True)
def _pack_by_animal(dosages: Int8Array, out: ByteArray) -> None:
    n_markers, n_animals = dosages.shape
    n_tiles = (n_animals + _TILE - 1) // _TILE
    for tile in prange(n_tiles):
        for byte in range((n_markers + 3) // 4):
            for animal in range(tile * _TILE, min((tile + 1) * _TILE, n_animals)):
                codes = np.uint8(0)
                for lane in range(min(4, n_markers - 4 * byte)):
                    codes |= _CODE_OF_DOSAGE[dosages[4 * byte + lane, animal] & 3] << np.uint8(2 * lane)
                out[animal, byte] = codes


def pack_by_animal(dosages: Int8Array, out: ByteArray) -> None:
    """Write dosages (animals, markers) as rows of packed bytes, four markers of an animal a byte.

    Parameters
    ----------
    dosages
        Shape (animals, markers), column-major where that shall be fast.
    out
        Where to, shape (animals, bytes); unused bits become 0.
    """
    _pack_by_animal(_read_only(np.ascontiguousarray(dosages.T)), out)


def by_code(values: FloatArray) -> FloatArray:
    """Return values of the dosages 0, 1, 2 and missing, (markers, 4), in the order of codes, shape (markers, 4)."""
    return np.ascontiguousarray(values[:, _DOSAGE_OF_CODE])


@njit(parallel=True, cache=True)
def _decode_all(packed: ByteArray, rows: IntArray, table: NDArray[Any], out: NDArray[Any]) -> None:
    n_markers = len(table)
    whole = n_markers // 4
    for i in prange(len(rows)):
        row = packed[rows[i]]
        for byte in range(whole):
            codes = row[byte]
            for lane in range(4):
                marker = 4 * byte + lane
                out[i, marker] = table[marker, (codes >> np.uint8(2 * lane)) & 3]
        for marker in range(4 * whole, n_markers):
            out[i, marker] = table[marker, (row[whole] >> np.uint8(2 * (marker & 3))) & 3]


@njit(parallel=True, cache=True)
def _decode_some(packed: ByteArray, rows: IntArray, markers: IntArray, table: NDArray[Any], out: NDArray[Any]) -> None:
    for i in prange(len(rows)):
        row = packed[rows[i]]
        for j in range(len(markers)):
            marker = markers[j]
            out[i, j] = table[j, (row[marker >> 2] >> np.uint8(2 * (marker & 3))) & 3]


def decode_by_animal(
    packed: ByteArray, rows: IntArray, markers: IntArray | None, table: NDArray[Any], out: NDArray[Any]
) -> None:
    """Write the values of some animals' genotypes at some markers.

    Parameters
    ----------
    packed
        As `pack_by_animal` writes it, shape (animals, bytes).
    rows
        Which animals.
    markers
        Which markers; None for all.
    table
        The value of each code at each of these markers, as `by_code` orders them, shape (these markers, 4).
    out
        Where to, of the table's type, shape (rows, these markers).
    """
    if markers is None:
        _decode_all(_read_only(packed), rows, table, out)
    else:
        _decode_some(_read_only(packed), rows, markers, table, out)


def _all_but(animals: BoolArray) -> ByteArray:
    """Return bytes (bytes,) with both bits set for everyone but some animals, and where no animal is."""
    ignored = np.ones(4 * bytes_per_marker(len(animals)), dtype=bool)
    ignored[: len(animals)] = ~animals
    codes: ByteArray = np.where(ignored.reshape(-1, 4), _LANES, np.uint8(0)).sum(axis=1, dtype=np.uint8)
    return codes


def _read_only(array: ByteArray) -> ByteArray:
    """Return a plain view that can't be written, so that kernels are compiled once for files and for memory."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
