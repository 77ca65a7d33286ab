from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from cohorts_for_tests import family_cohort, with_records_repeated, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.adjustment import adjusted_records, average_by_animal, least_squares
from genialearn.records import design


def weighted_and_repeated() -> Cohort:
    rng = np.random.default_rng(14)
    cohort = with_records_repeated(family_cohort(60, 100, seed=10), rng.integers(0, 4, 60))
    values = cohort.records.values * rng.uniform(0.9, 1.1, cohort.records.values.shape)
    records = replace(cohort.records, values=values, weights=rng.uniform(0.3, 5, values.shape))
    return replace(cohort, records=records)


def plain_least_squares(x: FloatArray, y: FloatArray, w: FloatArray) -> FloatArray:
    roots = np.sqrt(w)
    return np.asarray(np.linalg.lstsq(roots[:, None] * x, roots * y)[0])


class TestAdjustedRecords:
    def test_against_plain_least_squares(self) -> None:
        cohort = weighted_and_repeated()
        actual = adjusted_records(cohort)
        records = cohort.records
        for column in range(5):
            known = np.isfinite(records.values[:, column])
            y, w = records.values[known, column], records.weights[known, column]
            x = design("herd + age", records.effects[known]).dense()
            fixed_part = x @ plain_least_squares(x, y, w)
            adjusted = y - fixed_part + np.average(fixed_part, weights=w)
            rows = cohort.record_rows[known]
            for animal in range(len(cohort)):
                own = rows == animal
                expected = np.average(adjusted[own], weights=w[own]) if own.any() else np.nan
                assert pytest.approx(expected, rel=1e-6, nan_ok=True) == actual.values[animal, column]
                assert pytest.approx(w[own].sum()) == actual.weights[animal, column]

    def test_means_and_standard_deviations(self) -> None:
        actual = adjusted_records(weighted_and_repeated())
        for column in range(5):
            known = actual.weights[:, column] > 0
            values, weights = actual.values[known, column], actual.weights[known, column]
            mean = np.average(values, weights=weights)
            assert pytest.approx(mean) == actual.means[column]
            spread = np.average((values - mean) ** 2, weights=weights)
            assert pytest.approx(np.sqrt(spread)) == actual.standard_deviations[column]

    def test_the_mean_is_that_of_the_records(self) -> None:
        cohort = weighted_and_repeated()
        records = cohort.records
        expected = [
            np.average(records.values[known, column], weights=records.weights[known, column])
            for column, known in enumerate(np.isfinite(records.values).T)
        ]

        np.testing.assert_allclose(adjusted_records(cohort).means, expected, rtol=1e-9)

    def test_herds_and_ages_are_gone(self) -> None:
        cohort = family_cohort()
        effects = cohort.records.effects
        levels = np.outer(effects["herd"].str[1:].astype(float) ** 2, [1000.0, 2, 50, 300, 0])
        slopes = np.outer(effects["age"].astype(float), [70.0, 1, 0, -5, 0])
        moved = with_values(cohort, cohort.records.values + levels + slopes)

        before, after = adjusted_records(cohort), adjusted_records(moved)
        unit = before.standard_deviations
        expected = (before.values - before.means) / unit
        np.testing.assert_allclose((after.values - after.means) / unit, expected, atol=1e-6)


class TestLeastSquares:
    def test_confounded_effects_are_fitted_together(self) -> None:
        rng = np.random.default_rng(15)
        x = rng.integers(0, 2, (40, 3)).astype(float)
        x = np.column_stack([np.ones(40), x, x[:, 0] + x[:, 1], np.zeros(40)])
        y, w = 5 + rng.standard_normal(40), rng.uniform(0.5, 2, 40)
        actual = x @ least_squares(sparse.csc_matrix(x), y, w)

        np.testing.assert_allclose(actual, x @ plain_least_squares(x, y, w), rtol=1e-7)

    def test_a_year_beside_many_herds(self) -> None:
        """Squares of years are a million times the number of a herd's records; nothing may be shrunk for that."""
        rng = np.random.default_rng(16)
        herds = np.repeat(np.eye(50), 4, axis=0)
        year = 2020.0 + rng.integers(0, 5, 200)
        x = np.column_stack([np.ones(200), year, herds[:, 1:]])
        y = 9000 + 150 * (year - 2020) + herds @ rng.normal(0, 500, 50) + rng.normal(0, 900, 200)
        actual = x @ least_squares(sparse.csc_matrix(x), y, np.ones(200))

        np.testing.assert_allclose(actual, x @ plain_least_squares(x, y, np.ones(200)), atol=1e-3)

    @pytest.mark.parametrize("factor", [1e-8, 1e8])
    def test_the_unit_of_weights_does_not_matter(self, factor: float) -> None:
        rng = np.random.default_rng(17)
        x, y, w = rng.standard_normal((30, 4)), rng.standard_normal(30), rng.uniform(0.5, 2, 30)
        x = np.column_stack([x, x[:, 0]])
        expected, actual = (x @ least_squares(sparse.csc_matrix(x), y, weights) for weights in (w, factor * w))

        np.testing.assert_allclose(actual, expected, atol=1e-8)


class TestAverageByAnimal:
    def test_by_hand(self) -> None:
        values, weights = average_by_animal(
            np.array([0, 2, 0]), np.array([1.0, 5.0, 4.0]), np.array([1.0, 2.0, 2.0]), 4
        )

        np.testing.assert_array_equal([3.0, np.nan, 5.0, np.nan], values)
        np.testing.assert_array_equal([3.0, 0.0, 2.0, 0.0], weights)
