"""How much of a correction, or of one model beside another, out-of-fold errors justify, trait by trait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn.validation.tests import holm

_LEAST_SHARE = 0.5
"""Of a residual variance that is left at least, whatever a correction explains."""

_PRIOR_SD = 0.5
"""Of the mean share over traits, about 1 before anything is seen."""


def gates(
    errors: FloatArray, corrections: FloatArray, weights: FloatArray, level: float, *, blocks: StrArray
) -> FloatArray:
    """Return how much of each trait's correction out-of-fold data justify, from 0 to 1, shape (traits,).

    The errors y - u of the uncorrected prediction are regressed on the corrections. The slope, shrunk by its own
    uncertainty, is the gate, if it is above 0 by a one-sided test that Holm's method corrects for all traits.

    Parameters
    ----------
    errors, corrections
        Out of fold; errors are NaN without record, shape (animals, traits).
    weights
        Precision of the records, 0 without record, shape (animals, traits).
    level
        Of the family of tests.
    blocks
        Which animals' errors aren't independent, such as those of one sire, shape (animals,).
    """
    slopes = Slopes.of(errors, corrections, weights, blocks)
    value, error = slopes.values, slopes.errors
    significant = holm(stdtr(slopes.freedom, -value / error)) < level
    shrunk = value * (1 - (error / np.where(significant, value, 1.0)) ** 2)
    return np.where(significant, np.clip(shrunk, 0.0, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class Slopes:
    """Regressions of errors on corrections, one a trait.

    Parameters
    ----------
    values, errors
        Slopes and their standard errors, shape (traits,).
    freedom
        Degrees of freedom of the errors, shape (traits,).
    """

    values: FloatArray
    errors: FloatArray
    freedom: FloatArray

    @classmethod
    def of(cls, errors: FloatArray, corrections: FloatArray, weights: FloatArray, blocks: StrArray) -> Slopes:
        """Return each trait's slope by weighted regression; all but blocks have shape (animals, traits)."""
        _, block_of = np.unique(blocks.astype(str), return_inverse=True)
        slopes = [_slope(errors[:, t], corrections[:, t], weights[:, t], block_of) for t in range(errors.shape[1])]
        return cls(*np.array(slopes).T)


def _slope(
    errors: FloatArray, corrections: FloatArray, weights: FloatArray, block_of: IntArray
) -> tuple[float, float, float]:
    """Return the weighted regression of errors on corrections, its standard error, and degrees of freedom of that.

    The variance is the sum over blocks of squared sums of scores (Liang and Zeger 1986, Biometrika 73:13-22), each as
    if its block hadn't been seen (jackknife: Bell and McCaffrey 2002, Surv Methodol 28:169); a few blocks that the
    whole slope hangs on leave few degrees of freedom.
    """
    known = weights > 0
    w = weights[known] / weights[known].sum()
    x = corrections[known] - w @ corrections[known]
    y = errors[known] - w @ errors[known]
    spread = float(w @ x**2)
    if not spread > 0:
        return 0.0, 1.0, 1.0
    value = float(w @ (x * y)) / spread
    leverage = np.bincount(block_of[known], weights=w * x**2) / spread
    scores = np.bincount(block_of[known], weights=w * x * (y - value * x)) / np.maximum(1 - leverage, 1e-3)
    error = float(np.sqrt(np.sum(scores**2))) / spread
    if not error > 0:  # a trait that doesn't vary: what is left of it is rounding
        return 0.0, 1.0, 1.0
    return value, error, max(1 / float(np.sum(leverage**2)) - 1, 1.0)


def shares(errors: FloatArray, differences: FloatArray, weights: FloatArray, *, blocks: StrArray) -> FloatArray:
    """Return the share of each trait's difference that is best added, from 0 to 1, shape (traits,).

    For two models of which the second is better in theory, though it may not be with few records. The slopes of the
    first model's errors on the differences, one a trait, are taken as draws of a distribution over traits, whose mean
    is 1 +- 0.5 before anything is seen; each is shrunk towards that mean as far as its uncertainty asks (DerSimonian
    and Laird 1986, Control Clin Trials 7:177; the shrinkage is empirical Bayes).

    Parameters
    ----------
    errors
        Of the first model, out of fold; NaN without record, shape (animals, traits).
    differences
        Out of fold, second model less first, shape (animals, traits).
    weights
        Precision of the records, 0 without record, shape (animals, traits).
    blocks
        Which animals' errors aren't independent, shape (animals,).
    """
    slopes = Slopes.of(errors, differences, weights, blocks)
    value, error = slopes.values, slopes.errors
    precision = 1 / error**2
    centre = np.average(value, weights=precision)
    spread = np.sum(precision * (value - centre) ** 2) - (len(value) - 1)
    scale = precision.sum() - np.sum(precision**2) / precision.sum()
    variance = max(spread / scale, 0.0) if scale > 0 else 0.0
    total = 1 / (error**2 + variance)
    mean = (np.sum(total * value) + 1 / _PRIOR_SD**2) / (total.sum() + 1 / _PRIOR_SD**2)
    own = variance / (variance + error**2)
    return np.asarray(np.clip(own * value + (1 - own) * mean, 0.0, 1.0))


def residual_shares(errors: FloatArray, corrections: FloatArray, residual: FloatArray) -> FloatArray:
    """Return what corrections leave of the residual variances, from what they leave of the errors, shape (traits,)."""
    explained = np.nanmean(errors**2, axis=0) - np.nanmean((errors - corrections) ** 2, axis=0)
    return np.asarray(np.clip(1 - explained / np.maximum(residual, 1e-300), _LEAST_SHARE, 1.0))


def gate_notes(names: list[str], gate: FloatArray) -> list[str]:
    """Return which gates are open, and how far, in a sentence."""
    opened = [f"{name} ({share:.2f})" for name, share in zip(names, gate, strict=True) if share > 0]
    return [f"{len(opened)} of {len(names)} gates are open" + (f": {', '.join(opened)}" if opened else "")]
