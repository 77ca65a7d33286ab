"""Is one model better than another? Paired tests on the same animals, corrected over traits.

A difference between two correlations with the same observations is tested by Hotelling and Williams, which takes
animals as independent, and its interval comes from a bootstrap of families, which doesn't. A verdict needs both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr

from genialearn._arrays import FloatArray, StrArray

Verdict = Literal["better", "equal", "worse"]
LEVEL = 0.05
N_RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """The difference in r between a model and a reference on the same animals.

    Parameters
    ----------
    difference
        r of the model minus r of the reference.
    se
        Standard error, by a bootstrap of blocks; NaN where there is only one.
    low, high
        The bootstrap's 95 % interval, by percentiles; the whole line where there is only one block.
    p
        Two-sided, Hotelling-Williams.
    """

    difference: float
    se: float
    low: float
    high: float
    p: float


def hotelling_williams(r_model: float, r_reference: float, r_between: float, n: int) -> float:
    """Return the two-sided p of a difference between two correlations that share one variable.

    t = (r12 - r13) sqrt((n - 1)(1 + r23) / (2 R (n - 1)/(n - 3) + rbar^2 (1 - r23)^3)) with n - 3 degrees of freedom,
    R = 1 - r12^2 - r13^2 - r23^2 + 2 r12 r13 r23 and rbar = (r12 + r13)/2.

    Parameters
    ----------
    r_model, r_reference
        r12 and r13: correlations of the observed with the two predicted variables.
    r_between
        r23: correlation of the two predicted variables; at 1 they are the same and p is 1.
    n
        Number of animals; with fewer than 4, p is 1.

    References
    ----------
    Williams 1959, J R Stat Soc B 21:396-399; Steiger 1980, Psychol Bull 87:245-251, equation 7,
    doi:10.1037/0033-2909.87.2.245.
    """
    if n < 4 or r_between >= 1 - 1e-12:
        return 1.0
    determinant = 1 - r_model**2 - r_reference**2 - r_between**2 + 2 * r_model * r_reference * r_between
    spread = 2 * max(determinant, 0.0) * (n - 1) / (n - 3) + ((r_model + r_reference) / 2) ** 2 * (1 - r_between) ** 3
    if spread <= 0:
        return 1.0
    statistic = (r_model - r_reference) * np.sqrt((n - 1) * (1 + r_between) / spread)
    return float(2 * stdtr(n - 3, -abs(statistic)))


def compare(
    observed: FloatArray,
    model: FloatArray,
    reference: FloatArray,
    *,
    blocks: StrArray,
    rng: np.random.Generator,
    weights: FloatArray | None = None,
    n: int | None = None,
) -> Comparison:
    """Compare the correlations of two predictions with the same observations.

    Parameters
    ----------
    observed, model, reference
        Already centred within folds, shape (animals,).
    blocks
        What is resampled together, e.g. the sire, shape (animals,).
    rng
        For the bootstrap.
    weights
        Precision of the observations, shape (animals,).
    n
        How many distinct animals there are, where repeats of a k-fold show them several times.
    """
    weights = np.ones(len(observed)) if weights is None else weights
    values = np.stack([observed, *(_without_rounding(x, observed) for x in (model, reference))], axis=1)
    sums = _moment_sums(values, weights, blocks)
    r_model, r_reference, r_between = _correlations(sums.sum(axis=0, keepdims=True))[0].tolist()
    p = hotelling_williams(r_model, r_reference, r_between, len(observed) if n is None else n)
    if len(sums) < 2:
        return Comparison(r_model - r_reference, float("nan"), -float("inf"), float("inf"), p)
    resampled = _resampled_differences(sums, rng)
    low, high = np.quantile(resampled, [LEVEL / 2, 1 - LEVEL / 2]).tolist()
    return Comparison(r_model - r_reference, float(np.std(resampled, ddof=1)), low, high, p)


def _without_rounding(predicted: FloatArray, observed: FloatArray) -> FloatArray:
    """Return predictions, as zeros where they were all the same and centring left nothing but rounding errors."""
    return predicted if np.abs(predicted).max() > 1e-10 * np.abs(observed).max() else np.zeros_like(predicted)


def _moment_sums(values: FloatArray, weights: FloatArray, blocks: StrArray) -> FloatArray:
    """Return for each block the weighted sums of 1, the three variables and their six products, shape (blocks, 10)."""
    _, block_of = np.unique(blocks.astype(str), return_inverse=True)
    pairs = [values[:, i] * values[:, j] for i in range(3) for j in range(i, 3)]
    terms = np.column_stack([np.ones(len(values)), values, *pairs]) * weights[:, None]
    out = np.zeros((block_of.max() + 1, terms.shape[1]))
    np.add.at(out, block_of, terms)
    return out


def _correlations(sums: FloatArray) -> FloatArray:
    """Return r(observed, model), r(observed, reference), r(model, reference) of rows of moment sums."""
    n = sums[:, :1]
    means = sums[:, 1:4] / n
    second = sums[:, 4:] / n
    products = np.stack([means[:, i] * means[:, j] for i in range(3) for j in range(i, 3)], axis=1)
    aa, ab, ac, bb, bc, cc = np.moveaxis(second - products, 1, 0)
    pairs = ((ab, aa, bb), (ac, aa, cc), (bc, bb, cc))
    return np.stack([_ratio(cross, left * right) for cross, left, right in pairs], axis=1)


def _ratio(cross: FloatArray, product: FloatArray) -> FloatArray:
    """Return cross / sqrt(product), 0 where a variable is constant."""
    positive = product > 1e-300
    return np.where(positive, cross / np.sqrt(np.where(positive, product, 1.0)), 0.0)


def _resampled_differences(sums: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return r(observed, model) - r(observed, reference) of samples of as many blocks, drawn with replacement.

    A sample's moment sums are the sums of its blocks', so no animal is touched (Efron and Tibshirani 1993, chapter 8).
    """
    n_blocks = len(sums)
    samples = np.empty((N_RESAMPLES, sums.shape[1]))
    for sample in samples:
        sample[:] = np.bincount(rng.integers(0, n_blocks, n_blocks), minlength=n_blocks) @ sums
    correlations = _correlations(samples)
    return correlations[:, 0] - correlations[:, 1]


def holm(p_values: FloatArray) -> FloatArray:
    """Return p values corrected for their number, in the order given: step down, p times the number not yet rejected.

    References
    ----------
    Holm 1979, Scand J Stat 6:65-70.
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    out = np.empty_like(p_values)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out


def verdict(comparison: Comparison, p_holm: float) -> Verdict:
    """Return "better" or "worse" where the corrected p is below .05 and the bootstrap interval excludes 0."""
    if p_holm >= LEVEL or comparison.low <= 0 <= comparison.high:
        return "equal"
    return "better" if comparison.difference > 0 else "worse"
