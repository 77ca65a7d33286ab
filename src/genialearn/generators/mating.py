"""Which two haplotypes make an animal: those of one population or breed, as far as real parents are.

On the leading principal axes of the training haplotypes the second haplotype of an animal is a linear function of the
first and a normal rest. Of drawn haplotypes one half are firsts; each gets a point so drawn, and the seconds are
assigned to the points such that the sum of squared distances, in units of the rest, is smallest (Crouse 2016, IEEE
Trans Aerosp Electron Syst 52:1679-1696). What haplotypes there are doesn't change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn.genotypes import HaplotypeMatrix

AXES = 10
"""Principal axes at most."""

_SPARE, _ROUNDS = 10, 4
_TOGETHER = 1000
"""Animals whose haplotypes are assigned at a time: the cost grows with the cube."""


@dataclass(frozen=True, eq=False)
class Mating:
    """How alike the two haplotypes of an animal are.

    Parameters
    ----------
    means, axes
        Of the training alleles, shapes (markers,) and (markers, axes).
    slopes
        Of the second haplotype's scores on the first's, shape (axes, axes).
    root
        Square root of the covariance of the rest, lower triangular, shape (axes, axes).
    """

    means: FloatArray
    axes: FloatArray
    slopes: FloatArray
    root: FloatArray

    @classmethod
    def of(cls, panel: HaplotypeMatrix, rng: np.random.Generator) -> Self:
        """Learn from the two haplotypes of each animal, either of which may be the first."""
        means, axes = _principal_axes(panel, rng)
        scores = np.zeros((len(panel), axes.shape[1]))
        for columns, block in panel.blocks():
            scores += (block - means[columns]) @ axes[columns]
        first, second = np.vstack([scores[0::2], scores[1::2]]), np.vstack([scores[1::2], scores[0::2]])
        variance = first.T @ first / len(first)
        floor = 1e-6 * np.eye(len(variance)) * max(float(np.trace(variance)), 1e-12)
        slopes = np.asarray(np.linalg.solve(variance + floor, first.T @ second / len(first)), dtype=np.float64)
        rest = second - first @ slopes
        root = np.asarray(np.linalg.cholesky(rest.T @ rest / len(rest) + floor), dtype=np.float64)
        return cls(means, axes, slopes, root)

    def order(self, haplotypes: Int8Array, rng: np.random.Generator) -> IntArray:
        """Return an order of haplotypes (2 animals, markers) in which the two of each animal stand together."""
        scores = (haplotypes - self.means) @ self.axes
        order = rng.permutation(len(scores))
        firsts, seconds = np.split(order, 2)
        noise = rng.standard_normal((len(firsts), self.axes.shape[1])) @ self.root.T
        wanted = np.linalg.solve(self.root, (scores[firsts] @ self.slopes + noise).T).T
        there = np.linalg.solve(self.root, scores[seconds].T).T
        out = np.empty_like(order)
        out[0::2] = firsts
        for start in range(0, len(firsts), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            costs = ((wanted[part, None] - there[None, part]) ** 2).sum(axis=2)
            out[1::2][part] = seconds[part][linear_sum_assignment(costs)[1]]
        return out


def _principal_axes(panel: HaplotypeMatrix, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return means of alleles, and leading principal axes by subspace iteration (markers, axes)."""
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
        basis = np.zeros((len(panel), width))
        for columns, block in panel.blocks():
            basis += (block - means[columns]) @ axes[columns]
    left, _, _ = np.linalg.svd(axes, full_matrices=False)
    return means, left[:, :AXES]
