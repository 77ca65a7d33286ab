"""Metrics: how good predictions are, each with its standard error, its best value and its source.

Moments are weighted by the precision of the observed values. Standard errors take the animals as independent; a
difference between models is judged by `genialearn.validation.tests`, which resamples families.

References
----------
Legarra and Reverter 2018, Genet Sel Evol 50:53, doi:10.1186/s12711-018-0426-6 (dispersion and bias); Hanley and McNeil
1982, Radiology 143:29-36, doi:10.1148/radiology.143.1.7063747 (area under the curve).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class Estimate:
    """An estimate, its standard error and the number of animals behind it; NaN where it isn't defined."""

    value: float
    se: float
    n: int


@dataclass(frozen=True, eq=False)
class Slice:
    """Observed and predicted values of one trait, by one model.

    Parameters
    ----------
    observed, predicted
        No NaN, shape (animals,).
    weights
        Precision of the observed values, shape (animals,).
    heritability
        By GBLUP on the training records; NaN where unknown.
    lower_is_better
        Whether breeders want low values.
    affected
        Of a binary trait, whose record is 1, shape (animals,); None where the observed values are the records.
    """

    observed: FloatArray
    predicted: FloatArray
    weights: FloatArray
    heritability: float = float("nan")
    lower_is_better: bool = False
    affected: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.observed)

    @property
    def heritability_of_records(self) -> float:
        """h2 / (h2 + (1 - h2) / w) with w the mean weight: the share of genetic variance in the observed values."""
        residual = (1 - self.heritability) / float(np.mean(self.weights))
        return self.heritability / (self.heritability + residual)


@dataclass(frozen=True)
class Metric:
    """A way to score a slice of predictions.

    Parameters
    ----------
    name
        As in `scores.tsv`.
    best
        Which value is best: "high", "low", "zero" or "one".
    source
        Definition or reference, in words.
    score
        The function.
    pooled
        Whether folds are centred and pooled; otherwise the folds' estimates are averaged.
    """

    name: str
    best: Literal["high", "low", "zero", "one"]
    source: str
    score: Callable[[Slice], Estimate]
    pooled: bool = True


_UNDEFINED = Estimate(float("nan"), float("nan"), 0)
SMALLEST_HERITABILITY = 1e-3
"""Below it r / h says nothing."""

_FEWEST_ANIMALS = 4
"""With fewer no standard error says anything."""

_ROUNDING = 1e-20
"""Predictions whose variance is below this share of the observed variance differ by rounding errors only."""


def _moments(part: Slice) -> tuple[float, float, float]:
    """Return weighted variances of observed and predicted values, and their covariance; 0 where all are the same."""
    weights = part.weights / part.weights.sum()
    observed, predicted = _centred(part.observed, weights), _centred(part.predicted, weights)
    variances = float(weights @ observed**2), float(weights @ predicted**2)
    if variances[1] <= _ROUNDING * variances[0]:
        return variances[0], 0.0, 0.0
    return *variances, float(weights @ (observed * predicted))


def _centred(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return values minus their weighted mean, exactly 0 where all values are the same."""
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    return values - np.average(values, weights=weights)


def _weighted_mean(values: FloatArray, weights: FloatArray) -> Estimate:
    """Return sum w x / sum w, and its standard error sqrt(n / (n - 1) sum w^2 (x - mean)^2) / sum w."""
    n = len(values)
    mean = np.average(values, weights=weights)
    squares = np.sum((weights * (values - mean)) ** 2)
    return Estimate(float(mean), float(np.sqrt(n / (n - 1) * squares) / weights.sum()), n)


def correlation(part: Slice) -> Estimate:
    """Return r of observed with predicted values, 0 where all predictions are the same.

    Its standard error is (1 - r^2) / sqrt(n - 1).
    """
    if len(part) < _FEWEST_ANIMALS:
        return _UNDEFINED
    observed, predicted, covariance = _moments(part)
    r = float(np.clip(covariance / np.sqrt(observed * predicted), -1, 1)) if observed > 0 and predicted > 0 else 0.0
    return Estimate(r, (1 - r**2) / np.sqrt(len(part) - 1), len(part))


def accuracy(part: Slice) -> Estimate:
    """Return r / h: the correlation with the breeding value, if all of the heritability is captured.

    Its standard error takes h as known.
    """
    if len(part) < _FEWEST_ANIMALS or not part.heritability >= SMALLEST_HERITABILITY:
        return _UNDEFINED
    r, h = correlation(part), np.sqrt(part.heritability_of_records)
    return Estimate(r.value / h, r.se / h, r.n)


def dispersion(part: Slice) -> Estimate:
    """Return b1, the regression of observed on predicted values; below 1 the predictions are inflated."""
    if len(part) < _FEWEST_ANIMALS:
        return _UNDEFINED
    observed, predicted, covariance = _moments(part)
    if not predicted > 0:
        return _UNDEFINED
    slope = covariance / predicted
    residual = max(observed - slope * covariance, 0.0)
    return Estimate(slope, float(np.sqrt(residual / predicted / (len(part) - 2))), len(part))


def bias(part: Slice) -> Estimate:
    """Return the mean of predicted minus observed values, in genetic standard deviations h sd(observed)."""
    if len(part) < _FEWEST_ANIMALS or not part.heritability >= SMALLEST_HERITABILITY:
        return _UNDEFINED
    unit = np.sqrt(part.heritability_of_records * _moments(part)[0])
    if unit <= 0:
        return _UNDEFINED
    return _weighted_mean((part.predicted - part.observed) / unit, part.weights)


def mean_squared_error(part: Slice) -> Estimate:
    """Return the mean squared difference, in squared units of the trait."""
    if len(part) < _FEWEST_ANIMALS:
        return _UNDEFINED
    return _weighted_mean((part.predicted - part.observed) ** 2, part.weights)


def top_overlap(part: Slice) -> Estimate:
    """Return the share of the observed best tenth that is in the predicted best tenth, ties broken at random.

    That is the average over all ways of breaking ties, so the order of the animals doesn't matter.
    """
    n_top = len(part) // 10
    if not n_top:
        return _UNDEFINED
    sign = -1.0 if part.lower_is_better else 1.0
    share = float(_in_top(sign * part.observed, n_top) @ _in_top(sign * part.predicted, n_top)) / n_top
    return Estimate(share, float(np.sqrt(share * (1 - share) / n_top)), len(part))


def _in_top(values: FloatArray, n_top: int) -> FloatArray:
    """Return the probability of each value to be among the `n_top` highest when ties are broken at random."""
    border = np.partition(values, -n_top)[-n_top]
    above, tied = values > border, values == border
    return np.asarray(above + tied * ((n_top - above.sum()) / tied.sum()))


def area_under_curve(part: Slice) -> Estimate:
    """Return the probability that an animal with record 1 is predicted above one with 0 (Hanley and McNeil 1982).

    It isn't defined where all animals have the same record.
    """
    positive = part.observed > 0.5 if part.affected is None else part.affected
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return _UNDEFINED
    area = (pd.Series(part.predicted).rank().to_numpy()[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (n1 - 1) * (q1 - area**2) + (n0 - 1) * (q2 - area**2)) / (n1 * n0)
    return Estimate(float(area), float(np.sqrt(max(variance, 0.0))), len(part))


R = Metric("r", "high", "predictive ability: correlation of record minus fixed effects with prediction", correlation)

QUANTITATIVE = (
    R,
    Metric("accuracy", "high", "r / h, h from GBLUP on the training records", accuracy),
    Metric("b1", "one", "regression of observed on predicted (Legarra and Reverter 2018)", dispersion),
    Metric("bias", "zero", "mean of predicted minus observed, in genetic standard deviations", bias, pooled=False),
    Metric("mse", "low", "mean squared error, in squared units of the trait", mean_squared_error, pooled=False),
    Metric("top10", "high", "share of the observed best tenth in the predicted best tenth", top_overlap, pooled=False),
)

BINARY = (
    *(metric for metric in QUANTITATIVE if metric.name != "top10"),
    Metric(
        "auc",
        "high",
        "area under the receiver operating curve (Hanley and McNeil 1982)",
        area_under_curve,
        pooled=False,
    ),
)

TRUTHS = {
    "breeding_values": Metric("r_breeding_value", "high", "correlation with the true breeding value", correlation),
    "genetic_values": Metric("r_genetic_value", "high", "correlation with the true genetic value", correlation),
}


def pooled_slice(parts: list[Slice]) -> Slice:
    """Return the folds as one slice, each centred."""
    return Slice(
        np.concatenate([_centred(part.observed, part.weights) for part in parts]),
        np.concatenate([_centred(part.predicted, part.weights) for part in parts]),
        np.concatenate([part.weights for part in parts]),
        _average_heritability(parts),
        parts[0].lower_is_better,
    )


def _average_heritability(parts: list[Slice]) -> float:
    """Return the average over the folds on which GBLUP could be fitted, weighted by their sizes."""
    known = [part for part in parts if np.isfinite(part.heritability)]
    if not known:
        return float("nan")
    return float(np.average([part.heritability for part in known], weights=[len(part) for part in known]))


def overall(metric: Metric, parts: list[Slice]) -> Estimate:
    """Return a metric over all folds: on pooled centred animals, or as the folds' average weighted by their sizes.

    A fold on which the metric isn't defined is left out of the average.
    """
    if metric.pooled or len(parts) == 1:
        return metric.score(parts[0] if len(parts) == 1 else pooled_slice(parts))
    estimates = [estimate for estimate in map(metric.score, parts) if np.isfinite(estimate.value)]
    if not estimates:
        return _UNDEFINED
    shares = np.array([estimate.n for estimate in estimates], dtype=np.float64)
    total = int(shares.sum())
    shares /= shares.sum()
    value = float(shares @ [estimate.value for estimate in estimates])
    return Estimate(value, float(np.sqrt(shares**2 @ np.square([e.se for e in estimates]))), total)
