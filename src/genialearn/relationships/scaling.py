"""Relationships on one scale: variances from genomic and from pedigree relationships speak of other populations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genialearn.errors import AlignmentError
from genialearn.linalg.operators import LinearOperator


class Scaling(NamedTuple):
    """What turns relationships A into shift + factor A."""

    shift: float
    factor: float


def same_scale(reference: LinearOperator, other: LinearOperator) -> Scaling:
    """Return a and b such that a + b A has the mean and the mean diagonal of reference relationships G.

    a + b mean(A) = mean(G) and a + b mean(diag A) = mean(diag G), both of the same n animals; mean(K) = 1'K1 / n^2 by a
    product. Mean diagonal less mean is the variance that breeding values of these animals have among themselves, in
    units of s2g, so that a variance s2g means the same on both.

    Raises
    ------
    AlignmentError
        Where all elements of A are the same.

    References
    ----------
    Vitezica et al. 2011, Genet Res 93:357-366, doi:10.1017/S001667231100022X; Christensen et al. 2012, Animal
    6:1565-1571, doi:10.1017/S1751731112000742; Legarra 2016, Theor Popul Biol 107:26-30, doi:10.1016/j.tpb.2015.08.005.
    """
    diagonal, mean = _means(reference)
    other_diagonal, other_mean = _means(other)
    if not other_diagonal - other_mean > 1e-12:
        raise AlignmentError(
            "relationships",
            expected="animals that differ in their relationships",
            found="all relationships the same",
            advice="Train on more animals, or on one kind of relationships.",
        )
    factor = (diagonal - mean) / (other_diagonal - other_mean)
    return Scaling(diagonal - factor * other_diagonal, factor)


def _means(operator: LinearOperator) -> tuple[float, float]:
    """Return the means of the diagonal and of all elements."""
    ones = np.ones((operator.shape[0], 1))
    return float(np.mean(operator.diagonal())), float(np.mean(operator.matmat(ones))) / len(ones)
