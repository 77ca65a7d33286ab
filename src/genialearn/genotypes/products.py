"""Products with centred genotypes, block by block: memory is one block, whatever the number of markers.

Z = M - 2p holds the dosages minus twice the allele frequency; a missing dosage is its mean, so 0 in Z.
Each product unpacks every genotype once and serves all columns of V or U.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from scipy.linalg.blas import dsyrk

from genialearn._arrays import FloatArray, Int8Array
from genialearn.genotypes.matrix import BLOCK_WIDTH, GenotypeMatrix

_BLOCK_GENOTYPES = 4_000_000
"""Genotypes unpacked to float64 at a time: 32 MB."""


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _centre(dosages: Int8Array, means: FloatArray, out: FloatArray) -> None:
    n_animals, n_markers = dosages.shape
    for marker in prange(n_markers):
        for animal in range(n_animals):
            dosage = dosages[animal, marker]
            out[animal, marker] = 0.0 if dosage < 0 else dosage - means[marker]


def _block_width(genotypes: GenotypeMatrix) -> int:
    """Return how many markers to take at a time: of few animals many, since changing between numba and BLAS costs."""
    return max(BLOCK_WIDTH, _BLOCK_GENOTYPES // max(genotypes.shape[0], 1))


def centred(dosages: Int8Array, frequencies: FloatArray) -> FloatArray:
    """Return a block of Z, float64 and column-major, shape (animals, markers)."""
    out = np.empty(dosages.shape, dtype=np.float64, order="F")
    _centre(dosages, 2 * frequencies, out)
    return out


def times_marker_effects(genotypes: GenotypeMatrix, frequencies: FloatArray, effects: FloatArray) -> FloatArray:
    """Return Z U for marker effects U (markers, columns): shape (animals, columns)."""
    out = np.zeros((genotypes.shape[0], effects.shape[1]))
    for columns, block in genotypes.blocks(_block_width(genotypes)):
        out += centred(block, frequencies[columns]) @ effects[columns]
    return out


def times_animal_values(genotypes: GenotypeMatrix, frequencies: FloatArray, values: FloatArray) -> FloatArray:
    """Return Z'V for values V (animals, columns): shape (markers, columns)."""
    out = np.empty((genotypes.shape[1], values.shape[1]))
    for columns, block in genotypes.blocks(_block_width(genotypes)):
        out[columns] = centred(block, frequencies[columns]).T @ values
    return out


def cross_product(genotypes: GenotypeMatrix, frequencies: FloatArray, scales: FloatArray | None = None) -> FloatArray:
    """Return ZZ', float64, shape (animals, animals); half the flops of a full product, by symmetry.

    With `scales` (markers,) the columns of Z are multiplied by them.
    """
    n_animals = genotypes.shape[0]
    out = np.zeros((n_animals, n_animals), order="F")
    for columns, block in genotypes.blocks(_block_width(genotypes)):
        part = centred(block, frequencies[columns])
        if scales is not None:
            part *= scales[columns]
        out = dsyrk(1.0, part, beta=1.0, c=out, overwrite_c=True, lower=True)
    _mirror_lower(out)
    return out


def _mirror_lower(matrix: FloatArray, width: int = 256) -> None:
    """Copy what is below the diagonal above it, where there are zeros, block by block."""
    for start in range(0, len(matrix), width):
        stop = start + width
        square = matrix[start:stop, start:stop]
        square += np.tril(square, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
