"""Genotype matrices: animals x markers dosages of the counted allele, packed on disk or plain in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from genialearn._arrays import BoolArray, ByteArray, FloatArray, Int8Array, IntArray, Selection, StrArray, as_indices
from genialearn.errors import SettingError
from genialearn.genotypes import _bits
from genialearn.genotypes.markers import MapMatch, MarkerMap

BLOCK_WIDTH = 256
"""How many markers are unpacked at a time: 256 x 100,000 animals are 25 MB."""


class GenotypeMatrix(Protocol):
    """Animals x markers dosages of the counted allele: 0, 1, 2, or -1 for missing."""

    @property
    def animals(self) -> StrArray:
        """Identifiers, shape (animals,)."""

    @property
    def markers(self) -> MarkerMap:
        """The columns."""

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""

    def select(self, *, animals: Selection = None, markers: Selection = None) -> GenotypeMatrix:
        """Return some animals and markers, in the order asked for."""

    def recoded(self, swap: BoolArray) -> GenotypeMatrix:
        """Return the same genotypes counting the other allele where `swap` is true, shape (markers,)."""

    def blocks(self, width: int = BLOCK_WIDTH) -> Iterator[tuple[slice, Int8Array]]:
        """Yield each block of columns with its dosages (animals, width), in order."""


def dosages(genotypes: GenotypeMatrix) -> Int8Array:
    """Return all dosages, int8, shape (animals, markers)."""
    out = np.empty(genotypes.shape, dtype=np.int8, order="F")
    for columns, block in genotypes.blocks():
        out[:, columns] = block
    return out


def allele_frequencies(genotypes: GenotypeMatrix) -> FloatArray:
    """Return the frequency of each marker's counted allele among called genotypes, shape (markers,).

    A marker without any call gets 0.
    """
    copies, missing = _packed_counts(genotypes) if isinstance(genotypes, PackedGenotypes) else _counts(genotypes)
    called = genotypes.shape[0] - missing
    return copies / np.maximum(2 * called, 1)


def _counts(genotypes: GenotypeMatrix) -> tuple[IntArray, IntArray]:
    """Return copies of the counted allele, and missing genotypes, of each marker, each of shape (markers,)."""
    copies, missing = np.zeros((2, genotypes.shape[1]), dtype=np.int64)
    for columns, block in genotypes.blocks():
        missing[columns] = (block == _bits.MISSING).sum(axis=0)
        copies[columns] = block.sum(axis=0, dtype=np.int64) - _bits.MISSING * missing[columns]
    return copies, missing


def _packed_counts(genotypes: PackedGenotypes) -> tuple[IntArray, IntArray]:
    """Return what `_counts` does, without unpacking a genotype."""
    copies, missing = _bits.counts(genotypes.packed, genotypes.n_packed, genotypes.rows, genotypes.columns)
    called = genotypes.shape[0] - missing
    return np.where(genotypes.swap, 2 * called - copies, copies), missing


def canonical(genotypes: GenotypeMatrix) -> GenotypeMatrix:
    """Return the genotypes with markers in map order, counting the alphabetically first allele.

    Whatever the order and coding of the file, a model that starts here learns the same.
    """
    in_order = genotypes.select(markers=genotypes.markers.canonical_order())
    return in_order.recoded(in_order.markers.canonical_swaps())


def matched(genotypes: GenotypeMatrix, match: MapMatch) -> GenotypeMatrix:
    """Return the genotypes with the columns and counted alleles of the map that they were matched to.

    Markers that the file lacks are missing for every animal; packed genotypes stay packed.
    """
    present = match.columns >= 0
    found = genotypes.select(markers=match.columns[present]).recoded(match.swaps[present])
    return _with_absent(found, match.reference, present) if match.n_absent else found


def _with_absent(genotypes: GenotypeMatrix, markers: MarkerMap, present: BoolArray) -> GenotypeMatrix:
    """Return genotypes with the columns `markers`, missing for everyone where they aren't `present`."""
    if isinstance(genotypes, PackedGenotypes):
        columns, swap = np.full(len(markers), _bits.ABSENT, dtype=np.int64), np.zeros(len(markers), dtype=bool)
        columns[present], swap[present] = genotypes.columns, genotypes.swap
        return replace(genotypes, markers=markers, columns=columns, swap=swap)
    dense = np.full((genotypes.shape[0], len(markers)), _bits.MISSING, dtype=np.int8, order="F")
    dense[:, present] = dosages(genotypes)
    return DenseGenotypes(genotypes.animals, markers, dense)


@dataclass(frozen=True, eq=False)
class DenseGenotypes:
    """Genotypes as plain int8 in memory: the twin that `PackedGenotypes` is held to, and the form of small data.

    Parameters
    ----------
    animals
        Identifiers, shape (animals,).
    markers
        The columns.
    values
        Dosages 0, 1, 2 or -1, int8, shape (animals, markers).
    """

    animals: StrArray
    markers: MarkerMap
    values: Int8Array

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.animals), len(self.markers)):
            raise SettingError(
                "genotypes",
                expected=f"dosages of shape ({len(self.animals)}, {len(self.markers)})",
                found=str(self.values.shape),
            )
        if self.values.dtype != np.int8 or not _are_dosages(self.values):
            raise SettingError("genotypes", expected="int8 dosages 0, 1, 2 or -1 (missing)", found=_extent(self.values))

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""
        return len(self.animals), len(self.markers)

    def select(self, *, animals: Selection = None, markers: Selection = None) -> DenseGenotypes:
        """Return some animals and markers, in the order asked for."""
        rows, columns = as_indices(animals, self.shape[0]), as_indices(markers, self.shape[1])
        values = np.asfortranarray(self.values[np.ix_(rows, columns)])
        return DenseGenotypes(self.animals[rows], self.markers.select(columns), values)

    def recoded(self, swap: BoolArray) -> DenseGenotypes:
        """Return the same genotypes counting the other allele where `swap` is true."""
        values = np.where(swap & (self.values >= 0), 2 - self.values, self.values)
        return DenseGenotypes(self.animals, self.markers.swapped(swap), values)

    def blocks(self, width: int = BLOCK_WIDTH) -> Iterator[tuple[slice, Int8Array]]:
        """Yield each block of columns with its dosages (animals, width)."""
        for columns in _block_slices(self.shape[1], width):
            yield columns, self.values[:, columns]


@dataclass(frozen=True, eq=False)
class PackedGenotypes:
    """Genotypes in two bits each, as in a PLINK 1 .bed file, usually memory-mapped.

    Parameters
    ----------
    animals
        Identifiers of the rows of this view, shape (animals,).
    markers
        The columns of this view, counted alleles as seen through `swap`.
    packed
        Bytes as on disk, shape (markers on disk, bytes a marker).
    n_packed
        How many animals a packed row holds.
    rows
        Which packed animals this view shows, shape (animals,); None for all in order.
    columns
        Which packed markers this view shows, -1 for those that it lacks, shape (markers,).
    swap
        Where this view counts the other allele, shape (markers,).
    """

    animals: StrArray
    markers: MarkerMap
    packed: ByteArray
    n_packed: int
    rows: IntArray | None
    columns: IntArray
    swap: BoolArray

    @classmethod
    def whole(cls, animals: StrArray, markers: MarkerMap, packed: ByteArray) -> PackedGenotypes:
        """Return the view of all animals and markers of a packed array."""
        n_markers = len(markers)
        return cls(animals, markers, packed, len(animals), None, np.arange(n_markers), np.zeros(n_markers, dtype=bool))

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""
        return len(self.animals), len(self.markers)

    def select(self, *, animals: Selection = None, markers: Selection = None) -> PackedGenotypes:
        """Return some animals and markers: a view, or a repacked copy when most animals are left out."""
        chosen, columns = as_indices(animals, self.shape[0]), as_indices(markers, self.shape[1])
        packed_rows = chosen if self.rows is None else self.rows[chosen]
        view = PackedGenotypes(
            self.animals[chosen],
            self.markers.select(columns),
            self.packed,
            self.n_packed,
            None if _is_everyone(packed_rows, self.n_packed) else packed_rows,
            self.columns[columns],
            self.swap[columns],
        )
        return view._repacked() if 4 * len(chosen) < self.n_packed else view

    def _repacked(self) -> PackedGenotypes:
        if self.rows is None and np.array_equal(self.columns, np.arange(len(self.packed))) and not self.swap.any():
            return PackedGenotypes.whole(self.animals, self.markers, np.array(self.packed))
        packed = np.empty((self.shape[1], _bits.bytes_per_marker(self.shape[0])), dtype=np.uint8)
        for columns, block in self.blocks():
            packed[columns] = _bits.pack(block)
        return PackedGenotypes.whole(self.animals, self.markers, packed)

    def recoded(self, swap: BoolArray) -> PackedGenotypes:
        """Return the same genotypes counting the other allele where `swap` is true: a view."""
        return PackedGenotypes(
            self.animals,
            self.markers.swapped(swap),
            self.packed,
            self.n_packed,
            self.rows,
            self.columns,
            self.swap ^ swap,
        )

    def disturbed(self, *, missing: float, errors: float, rng: np.random.Generator) -> PackedGenotypes:
        """Return the genotypes with about so large shares of calls wrong, and then missing, at random: a copy.

        A wrong call is either of the two other genotypes.
        """
        whole = self._repacked()
        n_calls = whole.shape[0] * whole.shape[1]
        for share, shifts in ((errors, (1, 3)), (missing, (-1, 0))):
            n_changes = int(rng.binomial(n_calls, share)) if share > 0 else 0
            places = rng.integers(0, n_calls, n_changes)
            _bits.shift(whole.packed, whole.shape[0], places, rng.integers(*shifts, n_changes, dtype=np.int8))
        return whole

    def hidden(self, animals: BoolArray, markers: BoolArray) -> PackedGenotypes:
        """Return the genotypes without those of some animals at some markers: a copy.

        Parameters
        ----------
        animals, markers
            Whose and which genotypes become missing, shape (animals,) and (markers,).
        """
        whole = self._repacked()
        _bits.hide(whole.packed, animals, markers)
        return whole

    def blocks(self, width: int = BLOCK_WIDTH) -> Iterator[tuple[slice, Int8Array]]:
        """Yield each block of columns with its dosages (animals, width), unpacked one block at a time."""
        for columns in _block_slices(self.shape[1], width):
            rows, swap = self.columns[columns], self.swap[columns]
            yield columns, _bits.unpack(self.packed, self.n_packed, self.rows, markers=rows, swap=swap)


def _are_dosages(values: Int8Array) -> bool:
    return not values.size or bool(values.min() >= _bits.MISSING and values.max() <= 2)


def _extent(values: Int8Array) -> str:
    return f"{values.dtype} from {values.min()} to {values.max()}" if values.size else str(values.dtype)


def _is_everyone(rows: IntArray, n_packed: int) -> bool:
    return len(rows) == n_packed and bool(np.array_equal(rows, np.arange(n_packed)))


def _block_slices(n_markers: int, width: int) -> Iterator[slice]:
    for start in range(0, n_markers, width):
        yield slice(start, min(start + width, n_markers))
