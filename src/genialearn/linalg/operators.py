"""Linear operators: matrices that are known by what they do to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genialearn._arrays import FloatArray


class LinearOperator(Protocol):
    """A symmetric matrix that may never be formed."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return the product with values (n, columns): shape (n, columns)."""

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (n,)."""


class RandomOperator(LinearOperator, Protocol):
    """A covariance matrix that random values can be drawn from."""

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return independent columns with this covariance matrix, shape (n, columns)."""


def as_matrix(operator: LinearOperator) -> FloatArray:
    """Return an operator as a matrix: for tests and small data, shape (n, n)."""
    return operator.matmat(np.eye(operator.shape[0]))


@dataclass(frozen=True, eq=False)
class Dense:
    """A symmetric matrix that is formed.

    Parameters
    ----------
    matrix
        Shape (n, n).
    """

    matrix: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.matrix), len(self.matrix)

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return the product with values (n, columns)."""
        return np.asarray(self.matrix @ values)

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (n,)."""
        return np.diagonal(self.matrix).copy()

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return independent columns with this covariance matrix, by an eigendecomposition, shape (n, columns)."""
        values, vectors = np.linalg.eigh(self.matrix)
        roots = np.sqrt(np.maximum(values, 0.0))[:, None]
        return np.asarray(vectors @ (roots * rng.standard_normal((len(values), n_columns))))


@dataclass(frozen=True, eq=False)
class Sum:
    """A weighted sum of operators, as of genomic and pedigree relationships.

    Parameters
    ----------
    operators
        All of one shape.
    weights
        One an operator, not negative.
    """

    operators: tuple[RandomOperator, ...]
    weights: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.operators[0].shape

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return the product with values (n, columns)."""
        products = (w * part.matmat(values) for w, part in zip(self.weights, self.operators, strict=True))
        return np.asarray(sum(products, np.zeros_like(values)))

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (n,)."""
        parts = (w * part.diagonal() for w, part in zip(self.weights, self.operators, strict=True))
        return np.asarray(sum(parts, np.zeros(self.shape[0])))

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return independent columns with this covariance matrix, sums of the parts' own, shape (n, columns)."""
        parts = (np.sqrt(w) * part.draws(n_columns, rng) for w, part in zip(self.weights, self.operators, strict=True))
        return np.asarray(sum(parts, np.zeros((self.shape[0], n_columns))))
