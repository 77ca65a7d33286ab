"""The eigendecomposition of a relationship matrix, which makes every mixed model on it diagonal.

In the coordinates U'y the variance s2g K + s2e I is s2g d + s2e: one decomposition of O(n^3) serves every trait and
every value of the variances (Kang et al. 2008, Genetics 178:1709-1723, doi:10.1534/genetics.107.080101).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from genialearn._arrays import FloatArray
from genialearn.errors import AlignmentError

_ROUNDING, _REPAIRABLE = 1e-8, 1e-4
"""Shares of the largest eigenvalue by which one may be negative: without a word, and at all."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """K = U diag(d) U' of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    values
        Eigenvalues d, never negative, ascending, shape (n,).
    vectors
        Eigenvectors U as columns, shape (n, n) or (n, fewer).
    repaired
        How far below 0 an eigenvalue was that was set to 0, as a share of the largest; 0 where that was rounding.
    """

    values: FloatArray
    vectors: FloatArray
    repaired: float = 0.0

    @classmethod
    def of(cls, matrix: FloatArray) -> Spectrum:
        """Return the spectrum of a matrix; eigenvalues below 0 by at most 1e-4 of the largest are set to 0.

        Parameters
        ----------
        matrix
            Symmetric, no NaN; only its lower triangle is read, shape (n, n).

        Raises
        ------
        AlignmentError
            Where an eigenvalue is farther below 0.
        """
        if not len(matrix):
            return cls(np.empty(0), np.empty((0, 0)))
        values, vectors = eigh(matrix, driver="evd", check_finite=False)
        return cls(np.maximum(values, 0.0), vectors, _repaired(values))

    @classmethod
    def of_complement(cls, matrix: FloatArray, basis: FloatArray) -> Spectrum:
        """Return the spectrum of S K S on the complement of a basis, S = I - Q Q'.

        Parameters
        ----------
        matrix
            K, symmetric positive semidefinite, shape (n, n).
        basis
            Q with orthonormal columns, shape (n, q).

        Returns
        -------
        Spectrum
            n - q eigenvalues; the eigenvectors, shape (n, n - q), are orthogonal to Q.
        """
        image = matrix @ basis
        half = image - 0.5 * basis @ (basis.T @ image)
        projected = matrix - half @ basis.T - basis @ half.T
        # The basis itself gets an eigenvalue below all others, so that its q eigenvectors come first.
        lowest = max(float(np.abs(projected).sum(axis=0).max()), 1.0)
        values, vectors = eigh(projected - lowest * basis @ basis.T, driver="evd", check_finite=False)
        values, vectors = values[basis.shape[1] :], vectors[:, basis.shape[1] :]
        return cls(np.maximum(values, 0.0), vectors, _repaired(values))


def _repaired(values: FloatArray) -> float:
    """Return how far below 0 the first of ascending eigenvalues is, as a share of the largest; 0 if by rounding."""
    below = max(-float(values[0]), 0.0) / max(float(np.abs(values).max()), 1e-300) if len(values) else 0.0
    if below > _REPAIRABLE:
        raise AlignmentError(
            "relationship matrix",
            expected=f"no eigenvalue below 0 by more than {_REPAIRABLE:g} of the largest",
            found=f"{values[0]:.3g}",
            advice="Is it a relationship matrix? Blend it with an identity matrix, or rebuild it.",
        )
    return below if below > _ROUNDING else 0.0
