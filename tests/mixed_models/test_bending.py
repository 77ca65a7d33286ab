from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.mixed_models.bending import bent, predictive


def factors(n_traits: int, n_factors: int, seed: int = 1) -> FloatArray:
    """Return correlations that so many factors explain."""
    loadings = np.random.default_rng(seed).uniform(-0.6, 0.6, (n_traits, n_factors))
    matrix = loadings @ loadings.T
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def with_errors(matrix: FloatArray, size: float, seed: int = 2) -> FloatArray:
    noise = np.triu(np.random.default_rng(seed).normal(0, size, matrix.shape), 1)
    return np.asarray(matrix + noise + noise.T)


def test_few_factors_are_found_and_take_the_noise_away() -> None:
    truth = factors(20, 2)
    estimates = with_errors(truth, 0.1)
    found = bent(estimates, np.full((20, 20), 0.1))

    assert found.n_factors in {1, 2, 3}
    assert np.abs(found.matrix - truth).mean() < 0.6 * np.abs(estimates - truth).mean()


def test_the_result_is_positive_definite_and_keeps_variances() -> None:
    units = np.geomspace(0.01, 1000, 12)
    estimates = with_errors(factors(12, 3), 0.4) * np.outer(units, units)
    found = bent(estimates, 0.4 * np.outer(units, units))

    assert np.linalg.eigvalsh(estimates / np.outer(units, units)).min() < 0
    assert np.linalg.eigvalsh(found.matrix / np.outer(units, units)).min() > 0
    np.testing.assert_allclose(np.diag(found.matrix), np.diag(estimates))
    np.testing.assert_allclose(found.matrix, found.matrix.T)
    np.testing.assert_array_equal(found.estimates, estimates)


def test_units_do_not_matter() -> None:
    estimates, errors = with_errors(factors(6, 2), 0.1), np.full((6, 6), 0.1)
    units = np.outer([1, 10, 100, 0.1, 5, 7], [1, 10, 100, 0.1, 5, 7])

    np.testing.assert_allclose(bent(estimates * units, errors * units).matrix, bent(estimates, errors).matrix * units)


def test_what_is_known_well_stays() -> None:
    """Three correlations that can't be together: the one of large error gives way."""
    estimates = np.eye(5)
    for one, other, r in ((0, 1, 0.9), (1, 2, 0.9), (0, 2, -0.5)):
        estimates[one, other] = estimates[other, one] = r
    errors = np.full((5, 5), 0.02)
    errors[0, 2] = errors[2, 0] = 1.0
    found = bent(estimates, errors).matrix

    assert found[0, 1] == pytest.approx(0.9, abs=0.03)
    assert found[1, 2] == pytest.approx(0.9, abs=0.03)
    assert found[0, 2] > 0.6


@pytest.mark.parametrize("r", [0.0, 0.5, -0.9])
def test_two_traits_that_fit_together_are_left_alone(r: float) -> None:
    estimates = np.array([[4.0, 2 * r], [2 * r, 1.0]])
    found = bent(estimates, np.full((2, 2), 0.1))

    np.testing.assert_allclose(found.matrix, estimates)
    assert found.largest_change == pytest.approx(0, abs=1e-9)
    assert found.n_factors == 0


def test_a_correlation_beyond_one_is_brought_back() -> None:
    found = bent(np.array([[4.0, 2.6], [2.6, 1.0]]), np.full((2, 2), 0.2)).matrix

    assert 0.98 < found[0, 1] / 2 < 1
    np.testing.assert_allclose(np.diag(found), [4, 1])


def test_one_trait_is_its_variance() -> None:
    np.testing.assert_array_equal(bent(np.array([[3.0]]), np.array([[0.1]])).matrix, [[3.0]])


def sparse(n_traits: int, seed: int) -> FloatArray:
    """Return correlations of traits in pairs, all others 0."""
    matrix = np.eye(n_traits)
    for one, r in zip(
        range(0, n_traits - 1, 2), np.random.default_rng(seed).uniform(-0.8, 0.8, n_traits), strict=False
    ):
        matrix[one, one + 1] = matrix[one + 1, one] = r
    return matrix


@pytest.mark.parametrize("seed", range(3))
def test_what_predicts_has_less_chance_in_it_than_what_is_bent(seed: int) -> None:
    truth = sparse(20, seed)
    errors = np.full((20, 20), 0.15)
    estimates = with_errors(truth, 0.15, seed)
    distance = np.abs(predictive(estimates, errors) - truth).mean()

    assert distance < 0.5 * np.abs(bent(estimates, errors).matrix - truth).mean()


def test_what_predicts_is_positive_definite_keeps_variances_and_knows_no_units() -> None:
    units = np.outer(np.geomspace(0.01, 1000, 12), np.geomspace(0.01, 1000, 12))
    estimates, errors = with_errors(factors(12, 3), 0.4), np.full((12, 12), 0.4)
    found = predictive(estimates, errors)

    assert np.linalg.eigvalsh(estimates).min() < 0 < np.linalg.eigvalsh(found).min()
    np.testing.assert_allclose(np.diag(found), np.diag(estimates))
    np.testing.assert_allclose(predictive(estimates * units, errors * units), found * units, rtol=1e-6, atol=1e-6)


def test_what_predicts_is_what_was_estimated_where_that_is_certain() -> None:
    truth = sparse(8, 7)

    np.testing.assert_allclose(predictive(truth, np.full((8, 8), 1e-3)), truth, atol=2e-3)


def test_correlations_of_few_traits_are_as_estimated() -> None:
    estimates = factors(3, 1)

    np.testing.assert_array_equal(predictive(estimates, np.full((3, 3), 0.5)), estimates)
