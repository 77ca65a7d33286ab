"""Lanczos tridiagonalisation of many starts at once, and the quadratures that come from it.

After m products with A from a start v, the tridiagonal matrix T has eigenvalues t and first components c of its
eigenvectors such that v'f(A)v is nearly |v|^2 sum c^2 f(t), exactly so for polynomials of degree 2m - 1 (Golub and
Meurant 1994; traces so: Ubaru, Chen and Saad 2017, SIAM J Matrix Anal Appl 38:1075-1099). One run serves every f.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from genialearn._arrays import FloatArray
from genialearn.linalg.solvers import Product

_EXHAUSTED = 1e-7
"""A next vector so much shorter than the first step's is rounding: the start's whole space has been seen."""


@dataclass(frozen=True, eq=False)
class Quadrature:
    """v'f(A)v = sum of w f(t).

    Parameters
    ----------
    nodes
        t, shape (nodes,).
    weights
        w, their sum is |v|^2, shape (nodes,).
    """

    nodes: FloatArray
    weights: FloatArray

    def with_(self, other: Quadrature) -> Quadrature:
        """Return the sum of two."""
        return Quadrature(np.append(self.nodes, other.nodes), np.append(self.weights, other.weights))


class Lanczos:
    """A run that can be extended.

    Parameters
    ----------
    product
        A, which may differ from column to column.
    starts
        v, shape (n, columns).
    """

    def __init__(self, product: Product, starts: FloatArray) -> None:
        self._product = product
        self._norms = np.linalg.norm(starts, axis=0)
        self._now = starts / np.where(self._norms > 0, self._norms, 1.0)
        self._before = np.zeros_like(starts)
        self._diagonals: list[FloatArray] = []
        self._sides: list[FloatArray] = []

    @property
    def n_steps(self) -> int:
        """Products so far."""
        return len(self._diagonals)

    def extend(self, steps: int) -> None:
        """Take more steps: one product with all columns each."""
        columns = np.arange(len(self._norms))
        for _ in range(steps):
            image = self._product(self._now, columns)
            diagonal = np.einsum("ij,ij->j", image, self._now)
            image -= diagonal * self._now
            if self._sides:
                image -= self._sides[-1] * self._before
            side = np.linalg.norm(image, axis=0)
            side[side < _EXHAUSTED * (self._sides[0] if self._sides else np.abs(diagonal))] = 0.0
            image *= np.divide(1.0, side, out=np.zeros_like(side), where=side > 0)
            self._before, self._now = self._now, image
            self._diagonals.append(diagonal)
            self._sides.append(side)

    def quadrature(self, column: int) -> Quadrature:
        """Return the quadrature of one start."""
        diagonal = np.array([step[column] for step in self._diagonals])
        sides = np.array([step[column] for step in self._sides[:-1]])
        ended = np.flatnonzero(sides == 0)
        if len(ended):
            diagonal, sides = diagonal[: ended[0] + 1], sides[: ended[0]]
        nodes, vectors = eigh_tridiagonal(diagonal, sides)
        return Quadrature(nodes, self._norms[column] ** 2 * vectors[0] ** 2)
