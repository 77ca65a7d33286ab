from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts_for_tests import family_cohort
from dense_mixed_model import DenseModel, relationships
from genialearn.errors import AlignmentError
from genialearn.mixed_models.exact import fit_trait_models
from genialearn.mixed_models.variance import (
    HIGHEST,
    LOWEST,
    Contrasts,
    heritability_standard_error,
    restricted_maximum_likelihood,
)


def contrasts(h2: float, n: int = 300, *, seed: int = 1) -> Contrasts:
    """Return simulated contrasts of total variance 4."""
    rng = np.random.default_rng(seed)
    eigenvalues = np.sort(rng.exponential(size=n))
    return Contrasts(eigenvalues, 2 * np.sqrt(h2 * eigenvalues + 1 - h2) * rng.standard_normal(n))


class TestLikelihood:
    def test_it_is_that_of_the_full_matrices(self) -> None:
        """Up to a constant, log|Q'Q| - log|X'X| of the basis."""
        cohort = family_cohort(60, 100, seed=10).canonical()
        twin = DenseModel.of(cohort, 0)
        model = fit_trait_models(cohort, relationships(cohort), [0.5] * 5).models[0]
        grid = np.linspace(0.01, 0.99, 15)

        expected = np.array([twin.log_likelihood(h) for h in grid])
        actual = np.array([model.contrasts.at(h).log_likelihood for h in grid])
        np.testing.assert_allclose(actual - actual[0], expected - expected[0], atol=1e-7)


class TestEstimate:
    @settings(max_examples=30, deadline=None)
    @given(h2=st.floats(0, 1), seed=st.integers(0, 1000))
    def test_no_other_value_is_more_likely(self, h2: float, seed: int) -> None:
        made = contrasts(h2, 60, seed=seed)
        best = restricted_maximum_likelihood(made)
        others = [made.at(h).log_likelihood for h in np.linspace(LOWEST, HIGHEST, 400)]

        assert best.log_likelihood >= max(others) - 1e-6
        assert LOWEST <= best.heritability <= HIGHEST

    def test_variances(self) -> None:
        best = restricted_maximum_likelihood(contrasts(0.4, 20_000))

        assert pytest.approx(0.4, abs=0.03) == best.heritability
        assert pytest.approx(4, rel=0.05) == best.total
        assert pytest.approx(best.total) == best.genetic + best.residual
        assert pytest.approx(best.heritability) == best.genetic / best.total

    @pytest.mark.parametrize(("seen", "expected"), [(-1.0, LOWEST), (1.0, HIGHEST)])
    def test_borders(self, seen: float, expected: float) -> None:
        """Values that grow against, or exactly with, the eigenvalues."""
        eigenvalues = np.linspace(0.1, 3, 100)

        best = restricted_maximum_likelihood(Contrasts(eigenvalues, eigenvalues ** (seen / 2)))
        assert pytest.approx(expected, abs=1e-5) == best.heritability

    @pytest.mark.parametrize("factor", [1e-9, 1e9])
    def test_unit(self, factor: float) -> None:
        made = contrasts(0.4)
        expected = restricted_maximum_likelihood(made)
        actual = restricted_maximum_likelihood(Contrasts(made.eigenvalues, factor * made.values))

        assert pytest.approx(expected.heritability, abs=1e-6) == actual.heritability
        assert pytest.approx(expected.total * factor**2, rel=1e-6) == actual.total

    def test_too_few_records(self) -> None:
        with pytest.raises(AlignmentError, match=r"^records: expected at least three records more than fixed effects"):
            restricted_maximum_likelihood(Contrasts(np.ones(2), np.ones(2)))


class TestStandardError:
    @pytest.mark.parametrize("h2", [0.1, 0.5, 0.9])
    def test_it_is_the_spread_of_estimates(self, h2: float) -> None:
        estimates, errors = [], []
        for seed in range(200):
            made = contrasts(h2, 400, seed=seed)
            estimates.append(restricted_maximum_likelihood(made).heritability)
            errors.append(heritability_standard_error(made, estimates[-1]))

        assert pytest.approx(np.std(estimates), rel=0.2) == np.nanmean(errors)
