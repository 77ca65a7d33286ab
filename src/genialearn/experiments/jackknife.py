"""Statistics with the jackknife: what they are without each block, so that differences and ratios are paired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, StrArray

_ROUNDING = 1e-12
"""Values that differ by less than this share of their size are the same."""


@dataclass(frozen=True, eq=False)
class Jackknifed:
    """A statistic of blocks of animals or markers that are dependent within, and independent of each other.

    Parameters
    ----------
    value
        Of all blocks.
    without
        Without each block, shape (blocks,).
    """

    value: float
    without: FloatArray

    @property
    def se(self) -> float:
        """sqrt((b - 1) / b sum (without - mean)^2) of b blocks, NaN of fewer than two (Efron and Stein 1981)."""
        n_blocks = len(self.without)
        if n_blocks < 2:
            return float("nan")
        return float(np.sqrt((n_blocks - 1) * np.var(self.without)))

    def __sub__(self, other: Jackknifed) -> Jackknifed:
        return Jackknifed(self.value - other.value, self.without - other.without)

    def __truediv__(self, other: Jackknifed) -> Jackknifed:
        """Return the ratio, NaN where the divisor isn't above 0."""
        ratios = _ratio(np.append(self.without, self.value), np.append(other.without, other.value))
        return Jackknifed(float(ratios[-1]), ratios[:-1])


def mean_of(statistics: Sequence[Jackknifed]) -> Jackknifed:
    """Return the mean of statistics on the same blocks."""
    values = float(np.mean([each.value for each in statistics]))
    return Jackknifed(values, np.mean([each.without for each in statistics], axis=0))


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted moments of two variables, block by block.

    Parameters
    ----------
    sums
        Of 1, x, y, xx, xy and yy, shape (blocks, 6).
    """

    sums: FloatArray

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, blocks: StrArray, weights: FloatArray | None = None) -> Moments:
        """Return the moments of x and y, NaN in neither, with the block of each pair, all of shape (pairs,)."""
        weights = np.ones(len(x)) if weights is None else weights
        x, y = _centred(x, weights), _centred(y, weights)
        terms = np.stack([np.ones(len(x)), x, y, x * x, x * y, y * y]) * weights
        return cls(_by_block(terms, blocks))

    def correlation(self) -> Jackknifed:
        """Return Pearson's r, 0 where a variable is constant."""
        xx, xy, yy = _second_moments(self.sums)
        product = xx * yy
        return _jackknifed(np.where(product > 0, xy / np.sqrt(np.where(product > 0, product, 1.0)), 0.0))

    def slope(self) -> Jackknifed:
        """Return the regression of y on x, NaN where x is constant."""
        xx, xy, _ = _second_moments(self.sums)
        return _jackknifed(_ratio(xy, xx))


def shared(first: BoolArray, second: BoolArray, blocks: StrArray) -> Jackknifed:
    """Return the share of the first set that is in the second too, all of shape (things,)."""
    both, own = _with_total(_by_block(np.stack([first & second, first]).astype(np.float64), blocks)).T
    return _jackknifed(_ratio(both, own))


def _second_moments(sums: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return variances and covariance without each block, then of all: each of shape (blocks + 1,)."""
    n, x, y, xx, xy, yy = _with_total(sums).T
    n = np.where(n > 0, n, 1.0)
    return xx / n - (x / n) ** 2, xy / n - x * y / n**2, yy / n - (y / n) ** 2


def _by_block(terms: FloatArray, blocks: StrArray) -> FloatArray:
    """Return sums of terms (terms, things) over the things of each block, shape (blocks, terms)."""
    _, block_of = np.unique(blocks.astype(str), return_inverse=True)
    return np.stack([np.bincount(block_of, weights=term) for term in terms], axis=1)


def _with_total(sums: FloatArray) -> FloatArray:
    """Return what is left without each block, then all: shape (blocks + 1, terms)."""
    total = sums.sum(axis=0)
    return np.vstack([total - sums, total])


def _jackknifed(statistic: FloatArray) -> Jackknifed:
    return Jackknifed(float(statistic[-1]), statistic[:-1])


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)


def _centred(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return values less their mean, exactly 0 where they differ by rounding errors only."""
    centred = values - np.average(values, weights=weights)
    return np.where(np.abs(centred).max() > _ROUNDING * np.abs(values).max(), centred, 0.0)
