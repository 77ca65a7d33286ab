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


@dataclass(frozen=True, eq=False)
class Spectrum:
    """K = U diag(d) U' of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    values
        Eigenvalues d, never negative, ascending, shape (n,).
    vectors
        Eigenvectors U as columns, shape (n, n) or (n, fewer).
    """

    values: FloatArray
    vectors: FloatArray

    @classmethod
    def of(cls, matrix: FloatArray) -> Spectrum:
        """Return the spectrum of a matrix, rounding errors below 0 set to 0.

        Parameters
        ----------
        matrix
            Symmetric, no NaN; only its lower triangle is read, shape (n, n).

        Raises
        ------
        AlignmentError
            Where an eigenvalue is negative beyond rounding.
        """
        if not len(matrix):
            return cls(np.empty(0), np.empty((0, 0)))
        values, vectors = eigh(matrix, driver="evd", check_finite=False)
        return cls(_without_rounding(values), vectors)

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
        return cls(_without_rounding(values[basis.shape[1] :]), vectors[:, basis.shape[1] :])


def _without_rounding(values: FloatArray) -> FloatArray:
    """Return eigenvalues with rounding errors below 0 set to 0; markedly negative ones are refused."""
    if len(values) and values[0] < -1e-8 * max(np.abs(values).max(), 1e-300):
        raise AlignmentError(
            "relationship matrix",
            expected="no negative eigenvalue",
            found=f"{values[0]:.3g}",
            advice="Is it a relationship matrix? Blend it with an identity matrix, or rebuild it.",
        )
    return np.maximum(values, 0.0)
