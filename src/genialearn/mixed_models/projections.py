"""Removing fixed effects: least squares on sparse incidence, factorised once for any number of right-hand sides."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from genialearn._arrays import FloatArray

_RIDGE, _REFINEMENTS = 1e-9, 4


class Projection:
    """Least squares on the columns of X, which may depend on each other.

    A small ridge on columns of unit length settles confounded effects; solving again for what it left over takes its
    shrinkage away (Riley 1955, Math Tables Aids Comput 9:96-101).

    Parameters
    ----------
    incidence
        X, already multiplied by the square roots of the weights, sparse, shape (records, fixed effects).
    """

    def __init__(self, incidence: sparse.csc_matrix) -> None:
        lengths = np.sqrt(np.asarray(incidence.power(2).sum(axis=0)).ravel())
        self._units = 1 / np.where(lengths > 0, lengths, 1.0)
        self._scaled = sparse.csc_matrix(incidence @ sparse.diags(self._units))
        self._transposed = sparse.csr_matrix(self._scaled.T)
        self._single = self._scaled.shape[1] == 1
        if not self._single:
            gram = self._transposed @ self._scaled
            self._solver = splu(sparse.csc_matrix(gram + _RIDGE * sparse.eye(gram.shape[0])))

    @property
    def rank(self) -> int:
        """How many columns of X are independent of each other."""
        if self._single:
            return 1
        pivots = np.abs(self._solver.U.diagonal())
        return int(np.sum(pivots > 10 * _RIDGE))

    def coefficients(self, values: FloatArray) -> FloatArray:
        """Return b that minimises |values - X b|^2 for values (records, columns): shape (fixed effects, columns)."""
        scaled, _ = self._solve(values)
        return np.asarray(self._units[:, None] * scaled)

    def remove(self, values: FloatArray) -> FloatArray:
        """Return values minus their fixed part, shape (records, columns)."""
        return self._solve(values)[1]

    def _solve(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return coefficients of the columns of unit length, and what they leave over."""
        effects = np.zeros((self._scaled.shape[1], values.shape[1]))
        left = values
        for _ in range(1 if self._single else _REFINEMENTS):
            sums = self._transposed @ left
            effects += sums if self._single else self._solver.solve(sums)
            left = values - self._scaled @ effects
        return effects, left
