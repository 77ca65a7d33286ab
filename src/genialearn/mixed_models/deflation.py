"""Taking the dominant part of G out of the contrasts, where it would slow down iterations without telling much.

With some 100,000 related animals the largest eigenvalues of K are a thousand times the average. A Lanczos run has to
find them before it sees the rest. So contrasts are split: Q, within the span of the dominant eigenvectors, where Q'K Q
is known to be nearly diagonal, and their complement, where a run is short. The likelihood is taken as the product of
both parts; what is left out, the correlation between them, is small because the span is nearly invariant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import Float32Array, FloatArray
from genialearn.linalg.lanczos import Quadrature
from genialearn.linalg.low_rank import LowRank
from genialearn.mixed_models.projections import Projection
from genialearn.mixed_models.records import Pattern

_NEGLIGIBLE = 1e-6
"""Directions whose length is a smaller share of the longest are combinations of others."""


@dataclass(frozen=True, eq=False)
class Deflation:
    """Contrasts of a pattern in two parts.

    Parameters
    ----------
    basis
        Q, orthonormal, float32, shape (records, directions).
    values
        Diagonal of Q'K Q, shape (directions,).
    rest
        The pattern, Q removed from its contrasts like fixed effects.
    """

    basis: Float32Array
    values: FloatArray
    rest: Pattern

    @classmethod
    def of(cls, pattern: Pattern, part: LowRank, diagonal: FloatArray) -> Deflation:
        """Return the parts, for the dominant part of G and the diagonal of G."""
        factor = part.vectors * np.sqrt(part.values).astype(np.float32)
        own = np.maximum(diagonal - np.einsum("ij,ij->i", factor, factor), 0.0)[pattern.animals]
        weighted = factor[pattern.animals] * pattern.root_weights[:, None]
        free = pattern.projection.remove(weighted.astype(np.float64))
        values, vectors = np.linalg.eigh(free.T @ free)
        kept = values > _NEGLIGIBLE**2 * values[-1]
        basis = (free @ (vectors[:, kept] / np.sqrt(values[kept]))).astype(np.float32)
        left = np.einsum("ij,i,ij->j", basis, own * pattern.root_weights**2, basis, dtype=np.float64)
        rest = replace(pattern, projection=_WithoutBasis(pattern.projection, basis))
        return cls(basis, values[kept] + left, rest)

    def quadrature(self, contrasts: FloatArray) -> Quadrature:
        """Return the part of contrasts within Q: one node a direction."""
        return Quadrature(self.values, (self.basis.T @ contrasts).astype(np.float64) ** 2)


class _WithoutBasis(Projection):
    """A projection that removes a basis as well."""

    def __init__(self, projection: Projection, basis: Float32Array) -> None:
        self._projection, self._basis = projection, basis

    @property
    def rank(self) -> int:
        """How many directions are removed."""
        return self._projection.rank + int(self._basis.shape[1])

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Refuse."""
        raise NotImplementedError("a deflated pattern has no fixed effects to tell")

    def remove(self, values: FloatArray) -> FloatArray:
        """Return values without their fixed part and their part within the basis, shape (records, columns)."""
        free = self._projection.remove(values)
        inside = self._basis.T @ free.astype(np.float32)
        return np.asarray(free - self._basis @ inside)
