"""Heritabilities by moments: one pass over relationships, no likelihood, for models that need no more than a figure."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.linalg.operators import LinearOperator

_VECTORS = 8
_LOWEST, _HIGHEST = 0.01, 0.99


def haseman_elston(relationships: LinearOperator, values: FloatArray, *, rng: np.random.Generator) -> FloatArray:
    """Return heritabilities of standardised records by Haseman and Elston's regression, shape (traits,).

    h2 = sum z_i z_j G_ij / sum G_ij^2 over pairs of different animals that both have a record: products of records
    regressed on relationships. Both sums follow from products with G; the second one from random vectors v of signs,
    as v'G G v has the expectation sum G_ij^2. Between .01 and .99.

    Parameters
    ----------
    relationships
        G.
    values
        Records of mean 0 and variance 1, NaN where there is none, shape (animals, traits).
    rng
        Of the random vectors.

    References
    ----------
    Haseman and Elston 1972, Behav Genet 2:3-19, doi:10.1007/BF01066731; with random vectors: Wu and Sankararaman 2018,
    Bioinformatics 34:i187-i194, doi:10.1093/bioinformatics/bty253.
    """
    known, z = np.isfinite(values), np.nan_to_num(values)
    diagonal = relationships.diagonal()[:, None]
    products = (z * relationships.matmat(z)).sum(axis=0) - (diagonal * z**2).sum(axis=0)
    squares = _sum_of_squares(relationships, known.astype(np.float64), rng) - (known * diagonal**2).sum(axis=0)
    return np.asarray(np.clip(products / np.maximum(squares, 1e-12), _LOWEST, _HIGHEST))


def _sum_of_squares(relationships: LinearOperator, known: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the sum of G_ij^2 over animals i and j that have a record of the trait, about, shape (traits,)."""
    n_animals, n_traits = known.shape
    signs = rng.choice([-1.0, 1.0], (n_animals, _VECTORS, 1)) * known[:, None, :]
    products = relationships.matmat(signs.reshape(n_animals, -1)).reshape(n_animals, _VECTORS, n_traits)
    return np.asarray((known[:, None, :] * products**2).sum(axis=(0, 1)) / _VECTORS)
