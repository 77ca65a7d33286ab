"""Removing fixed effects: least squares on their incidence, factorised once for any number of right-hand sides."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from genialearn._arrays import FloatArray

_SMALL = 2**17
"""Elements of an incidence up to which it is worked with as a full matrix, in a fifth of the time or less."""

_DEPENDENT, _RIDGE, _REFINEMENTS = 1e-7, 1e-9, 4


class Projection:
    """Least squares on the columns of X, which may depend on each other: of all solutions the shortest.

    Lengths are those of effects of columns of unit length.

    Parameters
    ----------
    incidence
        X, already multiplied by the square roots of the weights, sparse, shape (records, fixed effects).
    """

    def __init__(self, incidence: sparse.csc_matrix) -> None:
        lengths = np.sqrt(np.asarray(incidence.power(2).sum(axis=0)).ravel())
        self._units = 1 / np.where(lengths > 0, lengths, 1.0)
        scaled = sparse.csc_matrix(incidence @ sparse.diags(self._units))
        self._solver = (_FullSolver if np.prod(scaled.shape) <= _SMALL else _SparseSolver)(scaled)

    @property
    def rank(self) -> int:
        """How many columns of X are independent of each other."""
        return self._solver.rank

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Return b that minimises |values - X b|^2 for values (records, columns): shape (fixed effects, columns)."""
        return np.asarray(self._units[:, None] * self._solver.solve(values)[0])

    def remove(self, values: FloatArray) -> FloatArray:
        """Return values minus their fixed part, shape (records, columns)."""
        return self._solver.solve(values)[1]


class _FullSolver:
    """By singular values of the full matrix.

    Sums are written out, as those of matrix products depend in their last digits on how many columns there are.
    """

    def __init__(self, scaled: sparse.csc_matrix) -> None:
        basis, sizes, others = np.linalg.svd(scaled.toarray(), full_matrices=False)
        known = sizes > _DEPENDENT
        self._basis = np.ascontiguousarray(basis[:, known].T)
        self._others = others[known].T / sizes[known]
        self.rank = int(known.sum())

    def solve(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coefficients of the columns of unit length, and what they leave over."""
        scores = np.stack([self._basis @ column for column in values.T], axis=1)
        fitted = np.stack([column @ self._basis for column in scores.T], axis=1)
        return self._others @ scores, values - fitted


class _SparseSolver:
    """A small ridge settles confounded effects; solving again for what it left over takes its shrinkage away.

    Riley 1955, Math Tables Aids Comput 9:96-101.
    """

    def __init__(self, scaled: sparse.csc_matrix) -> None:
        self._scaled, self._transposed = scaled, sparse.csr_matrix(scaled.T)
        self._single = scaled.shape[1] == 1
        if not self._single:
            gram = self._transposed @ scaled
            self._factors = splu(sparse.csc_matrix(gram + _RIDGE * sparse.eye(gram.shape[0])))

    @property
    def rank(self) -> int:
        if self._single:
            return 1
        return int(np.sum(np.abs(self._factors.U.diagonal()) > 10 * _RIDGE))

    def solve(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        effects = np.zeros((self._scaled.shape[1], values.shape[1]))
        left = values
        for _ in range(1 if self._single else _REFINEMENTS):
            sums = self._transposed @ left
            effects += sums if self._single else self._factors.solve(sums)
            left = values - self._scaled @ effects
        return effects, left
