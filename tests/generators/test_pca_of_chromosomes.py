from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import Float32Array, Int8Array
from genialearn.generators.components import (
    Components,
    Thresholds,
    chromosome_components,
    exceedances,
    matching_cuts,
    rounded,
)
from genialearn.genotypes import dosages
from phased_cohorts import phased_cohort

CHROMOSOMES = phased_cohort().genotypes.markers.chromosomes


def states(*, n_animals: int = 40, n_states: int = 3) -> Int8Array:
    cohort = phased_cohort(n_animals)
    assert cohort.haplotypes is not None
    return np.ascontiguousarray(dosages(cohort.genotypes) if n_states == 3 else cohort.haplotypes.alleles())


class TestComponents:
    @pytest.mark.parametrize("n_animals", [15, 40, 80], ids=["fewer rows than markers", "some", "more"])
    @pytest.mark.parametrize("n_states", [2, 3])
    def test_all_components_give_the_states_back(self, n_animals: int, n_states: int) -> None:
        values = states(n_animals=n_animals, n_states=n_states)
        for part in chromosome_components(values, CHROMOSOMES, 1.0):
            expected = part.expected(part.scores(values))

            np.testing.assert_allclose(expected, values[:, part.start : part.end], atol=1e-4)
            assert np.array_equal(values[:, part.start : part.end], rounded(expected, n_states))

    def test_chromosomes_are_apart(self) -> None:
        parts = chromosome_components(states(), CHROMOSOMES, 0.9)

        assert [(0, 30), (30, 50), (50, 60)] == [(part.start, part.end) for part in parts]

    def test_variance_is_that_of_the_share(self) -> None:
        values = states()
        part = Components.of(values, 0, 30, 0.9)
        total, left = values[:, :30].var(axis=0).sum(), (part.residual_deviations() ** 2).sum()

        assert 0.9 <= 1 - left / total < 0.95
        np.testing.assert_allclose((part.deviations**2).sum(), total - left, rtol=1e-5)

    def test_scores_are_standardised_and_uncorrelated(self) -> None:
        scores = Components.of(states(), 0, 30, 0.9).scores(states())

        np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(scores.T @ scores / len(scores), np.eye(scores.shape[1]), atol=1e-4)

    def test_residuals_have_the_correlations_of_what_is_left(self) -> None:
        part = Components.of(states(), 0, 30, 0.8)
        drawn = part.residuals(40_000, np.random.default_rng(1))
        covariance = part.rest @ part.rest.T
        spread = np.sqrt(np.diag(covariance))

        np.testing.assert_allclose(np.corrcoef(drawn.T), covariance / np.outer(spread, spread), atol=0.03)
        np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.02)

    def test_markers_that_do_not_vary(self) -> None:
        part = Components.of(np.full((6, 4), 2, dtype=np.int8), 0, 4, 0.9)

        np.testing.assert_allclose(part.expected(part.scores(np.full((6, 4), 2, np.int8))), 2)


class TestThresholds:
    @pytest.fixture
    def expected(self) -> Float32Array:
        return np.random.default_rng(1).normal(1, 0.6, (500, 4)).astype(np.float32)

    def test_cuts_give_the_frequencies(self, expected: Float32Array) -> None:
        wanted = np.array([[0.9, 0.5, 1.0, 0.3], [0.2, 0.1, 0.4, 0.0]])
        cuts = matching_cuts(expected, np.full(4, 0.3), wanted)
        noise = np.random.default_rng(2).standard_normal((200, 500, 4)).astype(np.float32)
        drawn = np.stack([Thresholds(np.full(4, 0.3), cuts).states(expected, some) for some in noise]).reshape(-1, 4)

        np.testing.assert_allclose(exceedances(drawn, 3), wanted, atol=0.01)
        assert (np.isneginf(cuts[0, 2]), np.isposinf(cuts[1, 3])) == (True, True)

    @pytest.mark.parametrize("noise", [0.2, 0.6])
    def test_the_scale_is_that_of_the_data(self, noise: float) -> None:
        rng = np.random.default_rng(3)
        expected = rng.normal(1, 0.6, (4000, 3)).astype(np.float32)
        liabilities = expected + noise * rng.standard_normal(expected.shape)
        values = ((liabilities > 0.5).astype(np.int8) + (liabilities > 1.5)).astype(np.int8)
        found = Thresholds.fitted(expected, values, 3, np.ones(3))

        assert [pytest.approx(noise, abs=0.05)] * 3 == found.scales.tolist()
        np.testing.assert_allclose(found.cuts, [[0.5] * 3, [1.5] * 3], atol=0.1)


def test_rounded_states_stay_within_their_range() -> None:
    assert [[0, 1, 2]] == rounded(np.array([[-0.7, 1.2, 3.0]], dtype=np.float32), 3).tolist()
    assert [[0, 1, 1]] == rounded(np.array([[-0.7, 1.2, 3.0]], dtype=np.float32), 2).tolist()
