"""The nearest correlation matrix to one that can't be: what is offered where correlations contradict each other."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray

LEAST_EIGENVALUE = -1e-9
"""Below this a matrix isn't a correlation matrix; what is nearer to zero is rounding."""

_ROUNDS = 2000
_TOLERANCE = 1e-9


def least_eigenvalue(matrix: FloatArray) -> float:
    """Return the least eigenvalue of a symmetric matrix."""
    return float(np.linalg.eigvalsh(matrix)[0])


def is_possible(matrix: FloatArray) -> bool:
    """Return whether a symmetric matrix with ones on its diagonal can be one of correlations."""
    return least_eigenvalue(matrix) >= LEAST_EIGENVALUE


def nearest_correlations(matrix: FloatArray) -> FloatArray:
    """Return the correlation matrix nearest to a symmetric one, by the sum of squared differences.

    Alternating projections on matrices without negative eigenvalue and on those with ones on the diagonal; the first
    with Dykstra's correction (algorithm 3.3).

    Parameters
    ----------
    matrix
        Symmetric, with ones on its diagonal, shape (traits, traits).

    References
    ----------
    Higham (2002) Computing the nearest correlation matrix: a problem from finance. IMA J Numer Anal 22:329-343,
    https://doi.org/10.1093/imanum/22.3.329
    """
    nearest, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(_ROUNDS):
        before = nearest
        shifted = nearest - correction
        projected = _without_negative_eigenvalues(shifted)
        correction = projected - shifted
        nearest = projected.copy()
        np.fill_diagonal(nearest, 1.0)
        if np.abs(nearest - before).max() < _TOLERANCE:
            break
    return _of_unit_diagonal(_without_negative_eigenvalues(nearest))


def _without_negative_eigenvalues(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _of_unit_diagonal(matrix: FloatArray) -> FloatArray:
    deviations = np.sqrt(np.diag(matrix))
    scaled = matrix / np.outer(deviations, deviations)
    np.fill_diagonal(scaled, 1.0)
    return np.asarray((scaled + scaled.T) / 2)
