"""Leading principal axes of haplotypes, and which haplotypes are near to each other on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial import KDTree

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn.genotypes import HaplotypeMatrix

AXES = 10
"""At most."""

_SPARE, _ROUNDS = 10, 4
"""Vectors beside those wanted, and rounds of subspace iteration."""


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Directions in which haplotypes differ most.

    Parameters
    ----------
    means
        Of alleles, shape (markers,).
    axes
        Orthonormal, shape (markers, axes).
    """

    means: FloatArray
    axes: FloatArray

    @classmethod
    def of(cls, panel: HaplotypeMatrix, rng: np.random.Generator) -> Self:
        """Find them by subspace iteration (Halko, Martinsson and Tropp 2011, SIAM Rev 53:217-288)."""
        means = np.empty(len(panel.markers))
        for columns, block in panel.blocks():
            means[columns] = block.mean(axis=0, dtype=np.float64)
        width = min(AXES + _SPARE, len(panel) - 1, len(means))
        basis = rng.standard_normal((len(panel), width))
        for _ in range(_ROUNDS):
            axes = np.empty((len(means), width))
            basis = np.linalg.qr(basis)[0]
            for columns, block in panel.blocks():
                axes[columns] = (block - means[columns]).T @ basis
            basis = cls(means, axes).scores(panel)
        left, _, _ = np.linalg.svd(axes, full_matrices=False)
        return cls(means, left[:, :AXES])

    def scores(self, panel: HaplotypeMatrix) -> FloatArray:
        """Return the place of each haplotype, shape (haplotypes, axes)."""
        out = np.zeros((len(panel), self.axes.shape[1]))
        for columns, block in panel.blocks():
            out += (block - self.means[columns]) @ self.axes[columns]
        return out

    def scores_of(self, alleles: Int8Array) -> FloatArray:
        """Return the places of haplotypes (haplotypes, markers), shape (haplotypes, axes)."""
        return np.asarray((alleles - self.means) @ self.axes)


def nearest_rows(places: FloatArray, n_nearest: int, among: IntArray | None = None) -> IntArray:
    """Return the rows nearest to each place, itself among them, shape (places, up to n_nearest).

    Where some rows are given, (some,), they are among these.
    """
    there = places if among is None else places[among]
    found = np.asarray(KDTree(there).query(places, k=min(n_nearest, len(there)))[1], dtype=np.int64)
    found = found.reshape(len(places), -1)
    return found if among is None else among[found]
