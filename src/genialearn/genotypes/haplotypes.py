"""Phased genotypes: two haplotypes an animal, one bit an allele."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, ByteArray, Int8Array, Selection, StrArray, as_indices
from genialearn.errors import SettingError
from genialearn.genotypes import _bits
from genialearn.genotypes.markers import MarkerMap
from genialearn.genotypes.matrix import BLOCK_WIDTH, PackedGenotypes


@dataclass(frozen=True, eq=False)
class HaplotypeMatrix:
    """Alleles of animals, phased; none is missing.

    Haplotypes 2i and 2i + 1 are those of animal i. An allele is 1 where it is the counted one.

    Parameters
    ----------
    animals
        Identifiers, shape (animals,).
    markers
        The columns.
    packed
        One bit an allele, haplotype 8k + j in bit j of byte k, shape (markers, bytes).
    """

    animals: StrArray
    markers: MarkerMap
    packed: ByteArray

    @classmethod
    def of(cls, animals: StrArray, markers: MarkerMap, alleles: Int8Array | ByteArray | BoolArray) -> HaplotypeMatrix:
        """Return haplotypes of alleles 0 and 1, shape (2 animals, markers).

        Raises
        ------
        SettingError
            Where the shape doesn't fit, or an allele is neither 0 nor 1.
        """
        expected = (2 * len(animals), len(markers))
        if alleles.shape != expected:
            raise SettingError("haplotypes", expected=f"alleles of shape {expected}", found=str(alleles.shape))
        if alleles.size and (alleles.min() < 0 or alleles.max() > 1):
            raise SettingError(
                "haplotypes",
                expected="alleles 0 and 1",
                found=f"from {alleles.min()} to {alleles.max()}",
                advice="Fill missing alleles first, as phasing programs do.",
            )
        return cls(animals, markers, np.packbits(alleles.T.astype(bool), axis=1, bitorder="little"))

    def __len__(self) -> int:
        return 2 * len(self.animals)

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""
        return len(self.animals), len(self.markers)

    def alleles(self, markers: Selection = None) -> Int8Array:
        """Return alleles, int8, haplotypes as rows, column-major, shape (2 animals, markers)."""
        rows = self.packed if markers is None else self.packed[as_indices(markers, len(self.markers))]
        return np.unpackbits(rows, axis=1, count=len(self), bitorder="little").view(np.int8).T

    def blocks(self, width: int = BLOCK_WIDTH) -> Iterator[tuple[slice, Int8Array]]:
        """Yield each block of columns with its alleles (2 animals, width), in order."""
        for start in range(0, len(self.markers), width):
            columns = slice(start, min(start + width, len(self.markers)))
            yield columns, self.alleles(columns)

    def select(self, *, animals: Selection = None, markers: Selection = None) -> HaplotypeMatrix:
        """Return some animals and markers, in the order asked for."""
        rows, columns = as_indices(animals, self.shape[0]), as_indices(markers, self.shape[1])
        packed = self.packed[columns]
        if not np.array_equal(rows, np.arange(len(self.animals))):
            bits = np.unpackbits(packed, axis=1, count=len(self), bitorder="little")
            both = np.column_stack([2 * rows, 2 * rows + 1]).ravel()
            packed = np.packbits(bits[:, both], axis=1, bitorder="little")
        return HaplotypeMatrix(self.animals[rows], self.markers.select(columns), packed)

    def recoded(self, swap: BoolArray) -> HaplotypeMatrix:
        """Return the same haplotypes counting the other allele where `swap` is true, shape (markers,)."""
        bits = np.unpackbits(self.packed, axis=1, count=len(self), bitorder="little")
        packed = np.packbits(bits ^ swap[:, None].astype(np.uint8), axis=1, bitorder="little")
        return HaplotypeMatrix(self.animals, self.markers.swapped(swap), packed)

    def canonical(self) -> HaplotypeMatrix:
        """Return the haplotypes with markers in map order, counting the alphabetically first allele."""
        in_order = self.select(markers=self.markers.canonical_order())
        return in_order.recoded(in_order.markers.canonical_swaps())

    def genotypes(self) -> PackedGenotypes:
        """Return the sums of each animal's two alleles, at two bits each."""
        packed = _bits.paired(self.packed, len(self.animals))
        return PackedGenotypes.whole(self.animals, self.markers, packed)
