"""Genotypes at two bits each with animals as rows: a batch of animals is a few contiguous pieces of memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from genialearn._arrays import ByteArray, FloatArray, IntArray
from genialearn.genotypes import _bits
from genialearn.genotypes.matrix import BLOCK_WIDTH, GenotypeMatrix


@dataclass(frozen=True, eq=False)
class GenotypesByAnimal:
    """Standardised genotypes (d - 2p) / sqrt(2p(1 - p)), kept at two bits and computed where they are asked for.

    A missing genotype is 0, and so is every one of a marker that doesn't vary.

    Parameters
    ----------
    packed
        One row an animal, four markers a byte, shape (animals, bytes).
    values
        Of each code at each marker, shape (markers, 4).
    """

    packed: ByteArray
    values: FloatArray

    @classmethod
    def of(cls, genotypes: GenotypeMatrix, frequencies: FloatArray) -> GenotypesByAnimal:
        """Return genotypes whose columns are those of the frequencies p, turned once in blocks of columns."""
        n_animals, n_markers = genotypes.shape
        packed = np.empty((n_animals, _bits.bytes_per_marker(n_markers)), dtype=np.uint8)
        for columns, block in genotypes.blocks(BLOCK_WIDTH):
            first = columns.start // 4
            _bits.pack_by_animal(block, packed[:, first : first + _bits.bytes_per_marker(block.shape[1])])
        return cls(packed, _bits.by_code(_standardised(frequencies)))

    def with_missing(self, value: float) -> GenotypesByAnimal:
        """Return the same genotypes with another value in the place of missing ones; the packed ones are shared."""
        is_missing = _bits.by_code(np.array([[0.0, 0.0, 0.0, 1.0]])) > 0
        return replace(self, values=np.where(is_missing, value, self.values))

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""
        return len(self.packed), len(self.values)

    def __len__(self) -> int:
        return len(self.packed)

    def standardised(
        self, rows: IntArray, markers: IntArray | None = None, dtype: DTypeLike = np.float32
    ) -> NDArray[np.floating]:
        """Return standardised genotypes of some animals, at some markers or (None) all, shape (rows, markers)."""
        table = (self.values if markers is None else self.values[markers]).astype(dtype)
        out = np.empty((len(rows), len(table)), dtype=dtype)
        _bits.decode_by_animal(self.packed, rows, markers, table, out)
        return out


def _standardised(frequencies: FloatArray) -> FloatArray:
    """Return the standardised values of the dosages 0, 1, 2 and missing, shape (markers, 4)."""
    spread = np.sqrt(2 * frequencies * (1 - frequencies))
    values = (np.arange(4) - 2 * frequencies[:, None]) / np.where(spread > 0, spread, np.inf)[:, None]
    values[:, 3] = 0.0
    return np.asarray(values)
