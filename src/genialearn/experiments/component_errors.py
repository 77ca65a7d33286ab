"""Standard errors of variances, from that of the heritability."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.mixed_models.fits import TraitModel


def component_errors(trait: TraitModel, breeding_values: FloatArray) -> tuple[float, float]:
    """Return the standard errors of s2g = h s2 and s2e = (1 - h) s2; NaN where that of h isn't known.

    Given h, REML has s2 = y'H^-1 y / n on n contrasts y, H = h K + (1 - h) I, with variance 2 s2^2 / n; and s2 follows
    h by d log s2 / dh = -(x'K x - x'x) / x'y, x = H^-1 y. So the inverse information on (h, s2) is known, and with it
    that on both variances. What is needed of x are residuals e and dual coefficients a: x = W^1/2 e / (1 - h) and
    x'K x = a'G a / h^2.

    Parameters
    ----------
    trait
        The fitted model.
    breeding_values
        G a of the training animals, shape (animals,).
    """
    h, total = trait.variances.heritability, trait.variances.total
    residuals = trait.adjusted - trait.mean - breeding_values[trait.animals]
    own = float(trait.weights @ residuals**2) / (1 - h) ** 2
    shared = float(trait.dual @ breeding_values) / h**2
    whole = h * shared + (1 - h) * own
    if not whole > 0:
        return float("nan"), float("nan")
    slope, given_h = (own - shared) / whole, 2 * total / whole
    by_h = np.array([1 + h * slope, (1 - h) * slope - 1])
    squares = (by_h * trait.heritability_se) ** 2 + np.array([h, 1 - h]) ** 2 * given_h
    genetic, residual = total * np.sqrt(squares)
    return float(genetic), float(residual)
