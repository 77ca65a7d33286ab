from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from genialearn.generators.polychoric import FARTHEST, covariances_of, latent_correlations, thresholds_of


def covariance_of(rho: float, a: list[float], b: list[float]) -> float:
    """Return the covariance of two genotypes by the distribution function of the bivariate normal."""
    both = multivariate_normal([0, 0], [[1, rho], [rho, 1]])
    return float(sum(both.cdf([-x, -y]) - norm.sf(x) * norm.sf(y) for x in a for y in b))


class TestLatentCorrelations:
    @pytest.mark.parametrize("rho", [-0.9, -0.3, 0.02, 0.5, 0.8, 0.97])
    @pytest.mark.parametrize(("a", "b"), [([-0.2, 1.1], [-0.2, 1.1]), ([-1.0, 0.3], [0.8, 2.0])])
    def test_they_give_the_covariances(self, rho: float, a: list[float], b: list[float]) -> None:
        covariance = covariance_of(rho, a, b)

        found = latent_correlations(np.array([[1.0, covariance], [covariance, 1.0]]), np.array([a, b]))
        np.testing.assert_allclose(found, [[1, rho], [rho, 1]], atol=0.003)

    def test_a_covariance_out_of_reach_gets_a_correlation_of_one(self) -> None:
        found = latent_correlations(np.array([[1.0, -9.0], [-9.0, 1.0]]), np.array([[0.0, 1.0], [0.5, 0.7]]))

        np.testing.assert_allclose(found, [[1, -1], [-1, 1]])

    def test_a_marker_that_does_not_vary_has_none(self) -> None:
        found = latent_correlations(np.zeros((2, 2)), np.array([[FARTHEST, FARTHEST], [0.5, 0.7]]))

        np.testing.assert_allclose(found, np.eye(2))


def test_thresholds_are_exceeded_as_often_as_genotypes_are_seen() -> None:
    values = np.array([[0, 0, -1], [1, 0, -1], [2, 0, -1], [2, 0, -1], [-1, 0, -1]], dtype=np.int8)

    shares = norm.sf(thresholds_of(values))
    np.testing.assert_allclose(shares, [[0.75, 0.5], [0, 0], [0, 0]], atol=1e-12)


def test_covariances_are_those_of_called_pairs() -> None:
    values = np.random.default_rng(1).integers(0, 3, (50, 3)).astype(np.int8)
    np.testing.assert_allclose(covariances_of(values), np.cov(values.T, bias=True), rtol=1e-5, atol=1e-6)

    twice = np.concatenate([values, np.column_stack([values[:, :2], np.full(50, -1)])]).astype(np.int8)
    np.testing.assert_allclose(covariances_of(twice), covariances_of(values), rtol=1e-5, atol=1e-6)
