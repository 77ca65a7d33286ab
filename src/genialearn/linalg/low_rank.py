"""The dominant part of a positive semidefinite operator: its largest eigenvalues, by randomised subspace iteration.

Halko, Martinsson and Tropp 2011, SIAM Review 53:217-288, doi:10.1137/090771806.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, qr

from genialearn._arrays import Float32Array, FloatArray
from genialearn.linalg.operators import LinearOperator

_EXTRA = 16


@dataclass(frozen=True, eq=False)
class LowRank:
    """U diag(d) U', with orthonormal U.

    Parameters
    ----------
    values
        d, descending, shape (rank,).
    vectors
        U, float32, shape (n, rank).
    """

    values: FloatArray
    vectors: Float32Array


def dominant_part(operator: LinearOperator, rank: int, *, rng: np.random.Generator, passes: int = 3) -> LowRank:
    """Return approximately the largest eigenvalues and their eigenvectors.

    Parameters
    ----------
    operator
        Symmetric positive semidefinite.
    rank
        How many; fewer come back where the operator is smaller.
    rng
        Draws the first subspace.
    passes
        Products with the whole subspace; the last one gives the Rayleigh quotients.
    """
    n = operator.shape[0]
    width = min(rank + _EXTRA, n)
    basis = rng.standard_normal((n, width))
    for _ in range(passes - 1):
        basis = qr(operator.matmat(basis), mode="economic", overwrite_a=True, check_finite=False)[0]
    image = operator.matmat(basis)
    values, rotation = eigh(basis.T @ image)
    order = np.argsort(values)[::-1][: min(rank, width)]
    order = order[values[order] > 0]
    return LowRank(values[order], (basis @ rotation[:, order]).astype(np.float32))
