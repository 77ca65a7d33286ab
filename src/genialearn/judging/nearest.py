"""Exact nearest neighbours among haplotypes or animals, on packed bits.

The distance is the sum of absolute differences of alleles or dosages over markers: for haplotypes Hamming's. A dosage
takes two bits, 0 -> 00, 1 -> 01, 2 -> 11, so that the bits in which two dosages differ are as many as their difference;
a distance is then the number of ones in the exclusive or of two rows of 64-bit words.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from genialearn._arrays import Int8Array, IntArray
from genialearn.errors import SettingError

WordArray: TypeAlias = NDArray[np.uint64]

_FARTHEST = np.iinfo(np.int64).max

_TILE = 16
"""Queries that a reference is compared with while it is in the cache: else all references are read for each query."""


class Nearest(NamedTuple):
    """Distances of the nearest references, ascending, and their rows, each of shape (queries, k)."""

    distances: IntArray
    indices: IntArray


@intrinsic
def _ones(typing_context: Any, word: Any) -> Any:
    """Return how many bits of a 64-bit word are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(inline="always", nogil=True)
def _distance(a: WordArray, b: WordArray) -> np.int64:
    total = np.uint64(0)
    for word in range(len(a)):
        total += _ones(a[word] ^ b[word])
    return np.int64(total)


@njit(parallel=True, cache=True, nogil=True)
def _find(queries: WordArray, references: WordArray, skip: bool, distances: IntArray, indices: IntArray) -> None:
    """Write the nearest references of each query, of those equally far the first ones."""
    k = distances.shape[1]
    for tile in prange((len(queries) + _TILE - 1) // _TILE):
        for j in range(len(references)):
            for i in range(tile * _TILE, min((tile + 1) * _TILE, len(queries))):
                if skip and i == j:
                    continue
                distance = _distance(queries[i], references[j])
                place = k
                while place > 0 and distance < distances[i, place - 1]:
                    place -= 1
                for later in range(k - 1, place, -1):
                    distances[i, later], indices[i, later] = distances[i, later - 1], indices[i, later - 1]
                if place < k:
                    distances[i, place], indices[i, place] = distance, j


@njit(parallel=True, cache=True, nogil=True)
def _count(queries: WordArray, references: WordArray, radii: IntArray, counts: IntArray) -> None:
    for tile in prange((len(queries) + _TILE - 1) // _TILE):
        first, end = tile * _TILE, min((tile + 1) * _TILE, len(queries))
        counts[first:end] = 0
        for j in range(len(references)):
            for i in range(first, end):
                counts[i] += _distance(queries[i], references[j]) <= radii[j]


def nearest(queries: Int8Array, references: Int8Array, *, k: int = 1, skip_same_index: bool = False) -> Nearest:
    """Return the k nearest references of each query; of those equally far the first ones.

    Costs O(queries x references x markers / 64) and no memory beyond the packed rows and the result.

    Parameters
    ----------
    queries, references
        Alleles 0 and 1 or dosages 0, 1 and 2, none missing, shape (rows, markers).
    k
        How many.
    skip_same_index
        Whether row i of the references is no neighbour of row i of the queries: for neighbours within one set.

    Raises
    ------
    SettingError
        Where there are fewer references than k, the markers differ in number, or an entry isn't a dosage.
    """
    most = len(references) - skip_same_index
    if not 1 <= k <= most:
        raise SettingError("k", expected=f"a whole number from 1 to {most}", found=str(k))
    packed_queries, packed_references = _packed_alike(queries, references)
    distances = np.full((len(queries), k), _FARTHEST, dtype=np.int64)
    indices = np.full((len(queries), k), -1, dtype=np.int64)
    _find(packed_queries, packed_references, skip_same_index, distances, indices)
    return Nearest(distances, indices)


def count_within(queries: Int8Array, references: Int8Array, radii: IntArray) -> IntArray:
    """Return for each query how many references lie no farther from it than their own radius.

    Parameters
    ----------
    queries, references
        As for `nearest`.
    radii
        Of the references, shape (references,).
    """
    counts = np.empty(len(queries), dtype=np.int64)
    _count(*_packed_alike(queries, references), radii.astype(np.int64), counts)
    return counts


def _packed_alike(queries: Int8Array, references: Int8Array) -> tuple[WordArray, WordArray]:
    if queries.shape[1] != references.shape[1]:
        raise SettingError(
            "nearest neighbours",
            expected=f"{references.shape[1]} markers, as the references",
            found=f"{queries.shape[1]}",
        )
    highest = max(_highest(queries), _highest(references))
    return _packed(queries, highest), _packed(references, highest)


def _highest(rows: Int8Array) -> int:
    if rows.size and not (rows.min() >= 0 and rows.max() <= 2):
        raise SettingError(
            "nearest neighbours",
            expected="alleles or dosages 0, 1 and 2",
            found=f"from {rows.min()} to {rows.max()}",
            advice="Fill missing genotypes first.",
        )
    return int(rows.max()) if rows.size else 0


def _packed(rows: Int8Array, highest: int) -> WordArray:
    """Return rows as words, one plane of bits for "at least 1" and for dosages another for "at least 2"."""
    planes = [np.packbits(rows >= least, axis=1) for least in range(1, max(highest, 1) + 1)]
    in_bytes = np.concatenate(planes, axis=1)
    padded = np.zeros((len(rows), -(-in_bytes.shape[1] // 8) * 8), dtype=np.uint8)
    padded[:, : in_bytes.shape[1]] = in_bytes
    return padded.view(np.uint64)
