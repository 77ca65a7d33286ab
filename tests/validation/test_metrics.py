from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, roc_auc_score

from genialearn._arrays import FloatArray
from genialearn.validation.metrics import (
    BINARY,
    QUANTITATIVE,
    Estimate,
    Metric,
    R,
    Slice,
    accuracy,
    area_under_curve,
    bias,
    correlation,
    dispersion,
    overall,
    pooled_slice,
    top_overlap,
)
from genialearn.validation.metrics import mean_squared_error as mean_squared_difference

ALL_METRICS = {metric.name: metric for metric in (*QUANTITATIVE, *BINARY)}


def part(n: int = 60, *, seed: int = 1, weighted: bool = False, heritability: float = 0.4) -> Slice:
    """Return 60 animals predicted with r of about .6."""
    rng = np.random.default_rng(seed)
    predicted = rng.standard_normal(n)
    observed = 100 + 0.9 * predicted + 1.2 * rng.standard_normal(n)
    weights = rng.uniform(0.5, 4, n) if weighted else np.ones(n)
    return Slice(observed, 99 + predicted, weights, heritability)


def binary_part(n: int = 80, *, seed: int = 2, decimals: int = 8) -> Slice:
    rng = np.random.default_rng(seed)
    observed = (rng.random(n) < 0.3).astype(float)
    return Slice(observed, np.round(0.3 * observed + rng.random(n), decimals), np.ones(n))


def repeated(piece: Slice, times: FloatArray) -> Slice:
    """Return each animal as often as `times` says, with weight 1."""
    counts = times.astype(int)
    observed, predicted = np.repeat(piece.observed, counts), np.repeat(piece.predicted, counts)
    return replace(piece, observed=observed, predicted=predicted, weights=np.ones(counts.sum()))


class TestAgainstPlainComputations:
    def test_correlation(self) -> None:
        piece = part()
        r = stats.pearsonr(piece.observed, piece.predicted).statistic

        assert pytest.approx(r) == correlation(piece).value
        assert pytest.approx((1 - r**2) / np.sqrt(59)) == correlation(piece).se

    def test_weighted_correlation(self) -> None:
        piece = part(weighted=True)
        covariance = np.cov(piece.observed, piece.predicted, aweights=piece.weights)

        assert pytest.approx(covariance[0, 1] / np.sqrt(np.prod(np.diag(covariance)))) == correlation(piece).value

    def test_accuracy(self) -> None:
        piece = part(heritability=0.25)

        assert pytest.approx(2 * correlation(piece).value) == accuracy(piece).value
        assert pytest.approx(2 * correlation(piece).se) == accuracy(piece).se

    def test_dispersion(self) -> None:
        piece = part()
        line = stats.linregress(piece.predicted, piece.observed)

        assert pytest.approx(line.slope) == dispersion(piece).value
        assert pytest.approx(line.stderr) == dispersion(piece).se

    def test_weighted_dispersion(self) -> None:
        piece = part(weighted=True)
        x, y, w = piece.predicted, piece.observed, piece.weights
        line = LinearRegression().fit(x[:, None], y, sample_weight=w)
        residual = y - line.predict(x[:, None])
        spread = w @ (x - np.average(x, weights=w)) ** 2

        assert pytest.approx(line.coef_[0]) == dispersion(piece).value
        assert pytest.approx(np.sqrt(w @ residual**2 / 58 / spread)) == dispersion(piece).se

    def test_bias(self) -> None:
        piece = part(heritability=0.25)
        in_genetic_sd = (piece.predicted - piece.observed) / (0.5 * piece.observed.std())

        assert pytest.approx(in_genetic_sd.mean()) == bias(piece).value
        assert pytest.approx(stats.sem(in_genetic_sd)) == bias(piece).se

    def test_mean_squared_error(self) -> None:
        piece = part()

        expected = mean_squared_error(piece.observed, piece.predicted)
        assert pytest.approx(expected) == mean_squared_difference(piece).value
        assert pytest.approx(stats.sem((piece.observed - piece.predicted) ** 2)) == mean_squared_difference(piece).se

    def test_weighted_mean_squared_error(self) -> None:
        piece = part(weighted=True)

        expected = mean_squared_error(piece.observed, piece.predicted, sample_weight=piece.weights)
        assert pytest.approx(expected) == mean_squared_difference(piece).value

    def test_top_overlap(self) -> None:
        piece = part(67)
        best = set(np.argsort(piece.observed)[-6:]) & set(np.argsort(piece.predicted)[-6:])

        assert pytest.approx(len(best) / 6) == top_overlap(piece).value

    def test_top_overlap_where_low_is_good(self) -> None:
        piece = part(67)
        negative = replace(piece, observed=-piece.observed, predicted=-piece.predicted, lower_is_better=True)

        assert top_overlap(piece) == top_overlap(negative)

    @pytest.mark.parametrize("decimals", [8, 1])
    def test_area_under_curve(self, decimals: int) -> None:
        piece = binary_part(decimals=decimals)

        assert pytest.approx(roc_auc_score(piece.observed, piece.predicted)) == area_under_curve(piece).value

    def test_standard_error_of_the_area_under_curve(self) -> None:
        """Hanley and McNeil 1982, their formula by hand at A = 3/4 with 2 positive and 2 negative animals."""
        piece = Slice(np.array([0.0, 0, 1, 1]), np.array([1.0, 3, 2, 4]), np.ones(4))

        q1, q2 = 0.75 / 1.25, 2 * 0.75**2 / 1.75
        variance = (0.75 * 0.25 + (q1 - 0.75**2) + (q2 - 0.75**2)) / 4
        assert pytest.approx(0.75) == area_under_curve(piece).value
        assert pytest.approx(np.sqrt(variance)) == area_under_curve(piece).se


class TestWeights:
    @pytest.mark.parametrize("name", ["r", "b1", "mse"])
    def test_weight_two_is_the_same_animal_twice(self, name: str) -> None:
        times = np.random.default_rng(3).integers(1, 4, 60).astype(float)
        piece = part()

        expected = ALL_METRICS[name].score(repeated(piece, times)).value
        assert pytest.approx(expected) == ALL_METRICS[name].score(replace(piece, weights=times)).value

    def test_an_average_of_records_is_closer_to_the_breeding_value(self) -> None:
        """With weight 4 and h2 = .2 half of the variance of an average is genetic."""
        piece = replace(part(), heritability=0.2)
        heavy = replace(piece, weights=np.full(len(piece), 4.0))

        assert pytest.approx(correlation(piece).value / np.sqrt(0.2)) == accuracy(piece).value
        assert pytest.approx(correlation(piece).value / np.sqrt(0.5)) == accuracy(heavy).value
        assert pytest.approx(np.sqrt(0.4)) == bias(heavy).value / bias(piece).value

    @pytest.mark.parametrize("name", [name for name in ALL_METRICS if name not in ("accuracy", "bias")])
    def test_only_their_ratios_matter(self, name: str) -> None:
        piece = binary_part() if name == "auc" else part(weighted=True)
        piece = replace(piece, heritability=0.3)
        score = ALL_METRICS[name].score

        expected, actual = score(piece), score(replace(piece, weights=7 * piece.weights))
        assert pytest.approx([expected.value, expected.se]) == [actual.value, actual.se]

    def test_standard_error_of_a_weighted_mean(self) -> None:
        """By simulation: values of variance 1 / weight."""
        rng = np.random.default_rng(4)
        weights = rng.uniform(0.2, 5, 200)
        scores = [
            bias(Slice(np.tile([0.0, 2.0], 100), np.tile([0.0, 2.0], 100) + e, weights, 1.0))
            for e in rng.standard_normal((400, 200)) / np.sqrt(weights)
        ]

        spread = np.std([score.value for score in scores])
        assert pytest.approx(spread, rel=0.1) == np.mean([score.se for score in scores])


class TestInvariance:
    @pytest.mark.parametrize("name", [name for name in ALL_METRICS if name != "mse"])
    def test_the_unit_does_not_matter(self, name: str) -> None:
        piece = replace(binary_part() if name == "auc" else part(), heritability=0.3)
        piece = replace(piece, affected=piece.observed > 0.5)
        other = replace(piece, observed=5 + 3 * piece.observed, predicted=5 + 3 * piece.predicted)
        score = ALL_METRICS[name].score

        assert pytest.approx(score(piece).value) == score(other).value

    @pytest.mark.parametrize("name", ALL_METRICS)
    def test_the_order_of_animals_does_not_matter_even_with_ties(self, name: str) -> None:
        piece = replace(binary_part() if name == "auc" else part(weighted=True), heritability=0.3)
        tied = replace(piece, observed=np.round(piece.observed), predicted=np.round(piece.predicted, 1))
        order = np.random.default_rng(5).permutation(len(piece))
        shuffled = replace(
            tied, observed=tied.observed[order], predicted=tied.predicted[order], weights=tied.weights[order]
        )

        expected, actual = ALL_METRICS[name].score(tied), ALL_METRICS[name].score(shuffled)
        assert pytest.approx([expected.value, expected.se]) == [actual.value, actual.se]


class TestDegenerateSlices:
    @pytest.mark.parametrize("level", [0.0, 1e4 / 3])
    def test_constant_predictions(self, level: float) -> None:
        piece = replace(part(), predicted=np.full(60, level))

        assert correlation(piece).value == 0
        assert np.isnan(dispersion(piece).value)
        assert pytest.approx(0.1) == top_overlap(piece).value

    def test_constant_predictions_that_differ_between_folds(self) -> None:
        folds = [replace(part(seed=seed), predicted=np.full(60, level)) for seed, level in ((1, 1e4 / 3), (2, 1e4 / 7))]

        assert overall(R, folds).value == 0
        assert np.isnan(overall(ALL_METRICS["b1"], folds).value)

    def test_constant_observations(self) -> None:
        piece = replace(part(), observed=np.full(60, 100 / 3))

        assert correlation(piece).value == 0
        assert np.isnan(bias(piece).value)
        assert np.isnan(area_under_curve(piece).value)

    @pytest.mark.parametrize("name", ALL_METRICS)
    @pytest.mark.parametrize("n", [0, 3])
    def test_too_few_animals(self, name: str, n: int) -> None:
        estimate = ALL_METRICS[name].score(Slice(np.arange(n) * 0.0, np.arange(n) * 1.0, np.ones(n), 0.3))

        assert np.isnan(estimate.value)
        assert np.isnan(estimate.se)

    @pytest.mark.parametrize("heritability", [float("nan"), 0.0, 1e-5])
    def test_no_heritability(self, heritability: float) -> None:
        piece = part(heritability=heritability)

        assert np.isnan(accuracy(piece).value)
        assert np.isnan(bias(piece).value)


class TestOverFolds:
    @pytest.fixture
    def folds(self) -> list[Slice]:
        """Two folds at different levels, the second twice as large."""
        second = part(120, seed=6, weighted=True, heritability=0.1)
        return [part(60, weighted=True), replace(second, observed=second.observed + 50)]

    def test_pooling_centres_each_fold(self, folds: list[Slice]) -> None:
        pooled = pooled_slice(folds)

        assert pytest.approx(0) == np.average(pooled.observed[:60], weights=pooled.weights[:60])
        assert pytest.approx(0) == np.average(pooled.predicted[60:], weights=pooled.weights[60:])
        assert pytest.approx(0.2) == pooled.heritability
        assert len(pooled) == 180

    def test_a_pooled_metric_ignores_differences_between_folds(self, folds: list[Slice]) -> None:
        shifted = [folds[0], replace(folds[1], predicted=folds[1].predicted - 1000)]

        assert pytest.approx(overall(R, folds).value) == overall(R, shifted).value

    def test_an_averaged_metric_is_weighted_by_size(self, folds: list[Slice]) -> None:
        scores = [bias(fold) for fold in folds]
        actual = overall(ALL_METRICS["bias"], folds)

        assert pytest.approx(scores[0].value / 3 + scores[1].value * 2 / 3) == actual.value
        assert pytest.approx(np.hypot(scores[0].se / 3, scores[1].se * 2 / 3)) == actual.se
        assert actual.n == 180

    def test_one_fold_is_itself(self, folds: list[Slice]) -> None:
        for metric in QUANTITATIVE:
            assert metric.score(folds[0]) == overall(metric, folds[:1])

    def test_undefined_folds_are_left_out(self, folds: list[Slice]) -> None:
        metric = Metric("n", "high", "", lambda piece: Estimate(float("nan") if len(piece) < 100 else 2.0, 0.5, 120))

        assert overall(replace(metric, pooled=False), folds) == Estimate(2.0, 0.5, 120)

    def test_nothing_but_undefined_folds(self, folds: list[Slice]) -> None:
        unknown = [replace(fold, heritability=float("nan")) for fold in folds]

        assert np.isnan(overall(ALL_METRICS["bias"], unknown).value)


class TestCatalogue:
    def test_names(self) -> None:
        shared = ["r", "accuracy", "b1", "bias", "mse"]

        assert [*shared, "top10"] == [metric.name for metric in QUANTITATIVE]
        assert [*shared, "auc"] == [metric.name for metric in BINARY]

    @pytest.mark.parametrize("metric", ALL_METRICS.values(), ids=ALL_METRICS)
    def test_a_perfect_prediction_is_best(self, metric: Metric) -> None:
        piece = replace(binary_part() if metric.name == "auc" else part(), heritability=1.0)
        best = {"high": 1.0, "one": 1.0, "zero": 0.0, "low": 0.0}

        assert pytest.approx(best[metric.best]) == metric.score(replace(piece, predicted=piece.observed)).value
        assert metric.source
