"""The eigendecomposition of a relationship matrix, which makes every mixed model on it diagonal."""

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
        Eigenvectors U as columns, shape (n, n).
    """

    values: FloatArray
    vectors: FloatArray

    @classmethod
    def of(cls, matrix: FloatArray) -> Spectrum:
        """Return the spectrum of a matrix, rounding errors below 0 set to 0.

        Raises
        ------
        AlignmentError
            Where an eigenvalue is negative beyond rounding.
        """
        values, vectors = eigh(matrix, driver="evd", check_finite=False)
        tolerance = 1e-8 * max(float(values[-1]), 1.0)
        if values[0] < -tolerance:
            raise AlignmentError(
                "relationship matrix",
                expected="no negative eigenvalue",
                found=f"{values[0]:.3g}",
                advice="Is it a relationship matrix? Blend it with an identity matrix, or rebuild it.",
            )
        return cls(np.maximum(values, 0.0), vectors)

    def rotate(self, columns: FloatArray) -> FloatArray:
        """Return U' times columns (n, k)."""
        return self.vectors.T @ columns

    def rotate_back(self, columns: FloatArray) -> FloatArray:
        """Return U times columns (n, k)."""
        return self.vectors @ columns
