"""Marginal regressions of records on each marker: the plainest association study."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, Int8Array
from genialearn.genotypes import GenotypeMatrix


class Associations(NamedTuple):
    """Regressions of every trait on every marker.

    Attributes
    ----------
    effects
        Change of the record by a copy of the counted allele, shape (markers, traits).
    z
        Effects divided by their standard errors, shape (markers, traits).
    """

    effects: FloatArray
    z: FloatArray


def marker_regressions(genotypes: GenotypeMatrix, values: FloatArray, weights: FloatArray) -> Associations:
    """Return weighted least squares y = m + x b + e of each trait on each marker alone, var(e) = s2 / weight.

    One pass over the genotypes serves all traits. Animals without the record or the genotype don't count; a marker that
    doesn't vary among the others, or of which fewer than three are left, has effect and z 0.

    Parameters
    ----------
    genotypes
        The animals.
    values
        Records, NaN where there is none, shape (animals, traits).
    weights
        Precision of the records, shape (animals, traits).
    """
    known = np.isfinite(values)
    weights = np.where(known, weights, 0.0)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - (weights * filled).sum(axis=0) / weights.sum(axis=0), 0.0)
    shape = genotypes.shape[1], values.shape[1]
    effects, z = np.zeros(shape), np.zeros(shape)
    for columns, block in genotypes.blocks():
        effects[columns], z[columns] = _regressions(block, centred, weights, known)
    return Associations(effects, z)


def _regressions(
    block: Int8Array, values: FloatArray, weights: FloatArray, known: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return effects and z of a block of markers, each of shape (markers, traits)."""
    called = (block >= 0).astype(np.float64).T
    copies = np.where(block >= 0, block, 0).astype(np.float64).T
    n, w = called @ known.astype(np.float64), called @ weights
    x, y, yy = copies @ weights, called @ (weights * values), called @ (weights * values**2)
    mean_weight = np.where(w > 0, w, 1.0)
    sxx = copies**2 @ weights - x**2 / mean_weight
    sxy = copies @ (weights * values) - x * y / mean_weight
    varies = (n > 2) & (sxx > 1e-9 * mean_weight)
    divisor = np.where(varies, sxx, 1.0)
    effects = np.where(varies, sxy / divisor, 0.0)
    residual = np.maximum(yy - y**2 / mean_weight - effects * sxy, 0.0)
    errors = np.sqrt(residual / np.maximum(n - 2, 1) / divisor)
    return effects, np.where(varies & (errors > 0), effects / np.where(errors > 0, errors, 1.0), 0.0)
