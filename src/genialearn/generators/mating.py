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
from genialearn.generators.principal_axes import PrincipalAxes
from genialearn.genotypes import HaplotypeMatrix

_TOGETHER = 1000
"""Animals whose haplotypes are assigned at a time: the cost grows with the cube."""


@dataclass(frozen=True, eq=False)
class Mating:
    """How alike the two haplotypes of an animal are.

    Parameters
    ----------
    axes
        Of the training haplotypes.
    slopes
        Of the second haplotype's scores on the first's, shape (axes, axes).
    root
        Square root of the covariance of the rest, lower triangular, shape (axes, axes).
    """

    axes: PrincipalAxes
    slopes: FloatArray
    root: FloatArray

    @classmethod
    def of(cls, panel: HaplotypeMatrix, axes: PrincipalAxes) -> Self:
        """Learn from the two haplotypes of each animal, either of which may be the first."""
        scores = axes.scores(panel)
        first, second = np.vstack([scores[0::2], scores[1::2]]), np.vstack([scores[1::2], scores[0::2]])
        variance = first.T @ first / len(first)
        floor = 1e-6 * np.eye(len(variance)) * max(float(np.trace(variance)), 1e-12)
        slopes = np.asarray(np.linalg.solve(variance + floor, first.T @ second / len(first)), dtype=np.float64)
        rest = second - first @ slopes
        root = np.asarray(np.linalg.cholesky(rest.T @ rest / len(rest) + floor), dtype=np.float64)
        return cls(axes, slopes, root)

    def order(self, haplotypes: Int8Array, rng: np.random.Generator) -> IntArray:
        """Return an order of haplotypes (2 animals, markers) in which the two of each animal stand together."""
        scores = self.axes.scores_of(haplotypes)
        order = rng.permutation(len(scores))
        firsts, seconds = np.split(order, 2)
        noise = rng.standard_normal((len(firsts), scores.shape[1])) @ self.root.T
        wanted = np.linalg.solve(self.root, (scores[firsts] @ self.slopes + noise).T).T
        there = np.linalg.solve(self.root, scores[seconds].T).T
        out = np.empty_like(order)
        out[0::2] = firsts
        for start in range(0, len(firsts), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            costs = ((wanted[part, None] - there[None, part]) ** 2).sum(axis=2)
            out[1::2][part] = seconds[part][linear_sum_assignment(costs)[1]]
        return out
