"""At how many markers haplotypes differ, counted on bits."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from genialearn._arrays import ByteArray, IntArray
from genialearn.genotypes import HaplotypeMatrix

_BITS_OF_BYTE = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def bits_of(panel: HaplotypeMatrix) -> ByteArray:
    """Return a panel at one bit an allele, haplotypes as rows, shape (haplotypes, bytes)."""
    out = np.empty((len(panel), -(-len(panel.markers) // 8)), dtype=np.uint8)
    for columns, block in panel.blocks(2048):
        part = np.packbits(block, axis=1)
        out[:, columns.start // 8 : columns.start // 8 + part.shape[1]] = part
    return out


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def hamming(bits: ByteArray, rows: IntArray) -> IntArray:
    """Return at how many markers each of some rows differs from each row, shape (rows asked for, rows)."""
    out = np.zeros((len(rows), len(bits)), dtype=np.int64)
    for other in prange(len(bits)):
        for i in range(len(rows)):
            differences = 0
            for byte in range(bits.shape[1]):
                differences += _BITS_OF_BYTE[bits[rows[i], byte] ^ bits[other, byte]]
            out[i, other] = differences
    return out
