from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from genialearn.predictors.uncertainty import Uncertainty, around

H2 = np.array([0.3, 0.6])


def simulated(n: int, *, reliability: float = 0.5, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return genetic values, predictions that explain a share of them, and records of variance 1, each (n, 2)."""
    rng = np.random.default_rng(seed)
    predicted = rng.standard_normal((n, 2)) * np.sqrt(reliability * H2)
    genetic = predicted + rng.standard_normal((n, 2)) * np.sqrt((1 - reliability) * H2)
    return genetic, predicted, genetic + rng.standard_normal((n, 2)) * np.sqrt(1 - H2)


class TestOf:
    def test_error_variances_are_those_of_genetic_values(self) -> None:
        genetic, predicted, values = simulated(20_000)
        held_out = [(np.arange(20_000), predicted)]
        found = Uncertainty.of(values, np.ones_like(values), held_out, H2).error_variances

        np.testing.assert_allclose(found, ((genetic - predicted) ** 2).mean(axis=0), rtol=0.08)

    def test_predictions_that_are_too_wide_or_beside_count(self) -> None:
        genetic, predicted, values = simulated(20_000)
        off = 1.6 * predicted + 0.3
        found = Uncertainty.of(values, np.ones_like(values), [(np.arange(20_000), off)], H2).error_variances

        np.testing.assert_allclose(found, ((genetic - off) ** 2).mean(axis=0), rtol=0.08)

    def test_members_that_hold_out_the_same_animals_are_averaged(self) -> None:
        _, predicted, values = simulated(50)
        weights = np.where(np.arange(100).reshape(50, 2) % 3, 1.0, 0.0)
        values = np.where(weights > 0, values, np.nan)
        one = Uncertainty.of(values, weights, [(np.arange(50), predicted)], H2)
        noise = np.random.default_rng(1).standard_normal((50, 2))
        two = Uncertainty.of(
            values, weights, [(np.arange(50), predicted - noise), (np.arange(50), predicted + noise)], H2
        )

        np.testing.assert_allclose(one.error_variances, two.error_variances)

    def test_a_trait_without_records_there_is_as_uncertain_as_can_be(self) -> None:
        _, predicted, values = simulated(50)
        weights = np.ones_like(values)
        values[:, 1], weights[:, 1] = np.nan, 0.0

        assert H2[1] == Uncertainty.of(values, weights, [(np.arange(50), predicted)], H2).error_variances[1]


class TestStandardDeviations:
    def test_they_grow_where_members_disagree(self) -> None:
        members = np.random.default_rng(1).standard_normal((4, 500, 2))
        usual = members.var(axis=0, ddof=1).mean(axis=0)
        found = Uncertainty(np.array([0.2, 0.4]), H2).standard_deviations(members, usual)

        np.testing.assert_allclose((found**2).mean(axis=0), [0.2, 0.4], rtol=1e-9)
        assert np.all(np.argmax(members.var(axis=0), axis=0) == np.argmax(found, axis=0))

    def test_one_member_has_no_spread(self) -> None:
        found = Uncertainty(np.array([0.2, 0.4]), H2).standard_deviations(np.zeros((1, 3, 2)), np.zeros(2))

        np.testing.assert_allclose(found, np.sqrt([[0.2, 0.4]] * 3))


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_what_they_promise(level: float) -> None:
    genetic, predicted, _ = simulated(20_000)
    low, high = around(predicted, np.sqrt(0.5 * H2) * np.ones_like(predicted), level)

    np.testing.assert_allclose(((low < genetic) & (genetic < high)).mean(axis=0), level, atol=0.02)
    assert pytest.approx(norm.ppf(0.5 + level / 2) * np.sqrt(0.15)) == (high - predicted)[0, 0]
