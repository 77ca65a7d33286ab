from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import dominant_part
from genialearn.mixed_models import exact
from genialearn.mixed_models.covariances import CovarianceEstimates, correlations, estimate_covariances, of_traits
from genialearn.mixed_models.multivariate import multivariate_reml
from genialearn.records import RecordTable, Trait
from genialearn.relationships import GenomicRelationships, GenomicScale

GENETIC = np.array([[1.0, 0.8, -0.3], [0.8, 2.0, 0.0], [-0.3, 0.0, 0.5]])
RESIDUAL = np.array([[1.0, 0.3, 0.0], [0.3, 1.5, -0.4], [0.0, -0.4, 1.0]])
N_ANIMALS = 400


def kernel_of(cohort: Cohort) -> GenomicRelationships:
    return GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)


def simulated(seed: int, *, holes: float = 0.0, repeats: int = 1) -> Cohort:
    """Return records of three traits with these covariances, on animals with few independent segments."""
    base = family_cohort(N_ANIMALS, 250, seed=5, n_sires=12).canonical()
    rng = np.random.default_rng(seed)
    genetic = kernel_of(base).draws(3, rng) @ np.linalg.cholesky(GENETIC).T
    rows = np.repeat(np.arange(N_ANIMALS), repeats)
    weights = rng.choice([0.5, 1.0, 2.0], (len(rows), 3)) if repeats > 1 else np.ones((len(rows), 3))
    values = genetic[rows] + rng.standard_normal((len(rows), 3)) @ np.linalg.cholesky(RESIDUAL).T / np.sqrt(weights)
    values[rng.random(values.shape) < holes] = np.nan
    effects = pd.DataFrame(index=range(len(rows)))
    traits = tuple(Trait(name) for name in ("a", "b", "c"))
    return Cohort(base.genotypes, RecordTable(traits, base.animals[rows], values, weights, effects), None)


def estimated(cohort: Cohort, vectors: int = 40) -> CovarianceEstimates:
    kernel = kernel_of(cohort)
    relationships = GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)
    models = exact.fit_trait_models(cohort, relationships, [None] * len(cohort.traits)).models
    part = dominant_part(kernel, 32, rng=np.random.default_rng(1))
    return estimate_covariances(cohort, kernel, models, part, rng=np.random.default_rng(2), vectors=vectors)


def test_diagonals_are_those_of_the_single_trait_models() -> None:
    cohort = simulated(1, holes=0.2)
    relationships = GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)
    models = exact.fit_trait_models(cohort, relationships, [None] * 3).models
    found = estimated(cohort, vectors=4)

    np.testing.assert_allclose(np.diag(found.genetic.matrix), [m.variances.genetic for m in models], rtol=1e-10)
    np.testing.assert_allclose(np.diag(found.residual.matrix), [m.variances.residual for m in models], rtol=1e-10)


def test_it_is_near_two_trait_reml() -> None:
    """Without holes the exact estimate is known: the moments lose little beside it."""
    distances, claimed = [], []
    for seed in range(6):
        cohort = simulated(seed)
        relationships = GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)
        pattern = exact.record_patterns(cohort, relationships)[0]
        reml = multivariate_reml(pattern.spectrum.values, pattern.spectrum.vectors.T @ cohort.records.values)
        found = estimated(cohort)
        distances += list((found.genetic.estimates - reml.genetic)[np.triu_indices(3, 1)])
        claimed += list(reml.genetic_se[np.triu_indices(3, 1)])

    assert np.sqrt(np.mean(np.square(distances))) < 0.5 * np.mean(claimed)


@pytest.mark.parametrize(
    ("holes", "repeats"),
    [pytest.param(0.0, 1, marks=pytest.mark.slow), pytest.param(0.5, 1, marks=pytest.mark.slow), (0.3, 2)],
)
def test_truth_is_within_its_intervals(holes: float, repeats: int) -> None:
    covered, z = 0, []
    for seed in range(12):
        found = estimated(simulated(100 + seed, holes=holes, repeats=repeats), vectors=10)
        for matrix, errors, truth in (
            (found.genetic.estimates, found.genetic_se, GENETIC),
            (found.residual.estimates, found.residual_se, RESIDUAL),
        ):
            z += list(((matrix - truth) / errors)[np.triu_indices(3, 1)])
    covered = int(np.sum(np.abs(z) < 2))

    assert covered >= 0.85 * len(z)
    assert abs(np.mean(z)) < 0.5


def test_correlations_have_intervals_of_the_right_size() -> None:
    truth = correlations(GENETIC)[np.triu_indices(3, 1)]
    z = []
    for seed in range(20):
        found = estimated(simulated(200 + seed, holes=0.2), vectors=10)
        errors: FloatArray = found.genetic_correlations_se[np.triu_indices(3, 1)]
        z += list((found.genetic_correlations[np.triu_indices(3, 1)] - truth) / errors)

    assert 0.6 < np.std(z) < 1.5
    assert np.mean(np.abs(z) < 2) >= 0.85


@pytest.mark.parametrize("n_unknown", [1, 3])
def test_a_trait_with_hardly_any_records_has_no_covariances(n_unknown: int) -> None:
    cohort = simulated(3)
    values = cohort.records.values.copy()
    values[8:, :n_unknown] = np.nan
    cohort = with_values(cohort, values)
    found = estimated(cohort, vectors=4)
    for matrix in (found.genetic.matrix, found.residual.matrix, found.predictive):
        off = matrix[:n_unknown][:, np.arange(3) >= n_unknown]

        np.testing.assert_array_equal(off, 0.0)
        assert np.diag(matrix).min() > 0
    assert np.isnan(found.genetic_se[0]).all()


def test_other_traits_do_not_see_a_trait_with_hardly_any_records() -> None:
    cohort = simulated(3)
    values = cohort.records.values.copy()
    values[8:, 0] = np.nan
    found = estimated(with_values(cohort, values), vectors=4)
    alone = estimated(of_traits(cohort, np.array([False, True, True])), vectors=4)

    np.testing.assert_allclose(found.genetic.matrix[1:, 1:], alone.genetic.matrix)
    np.testing.assert_allclose(found.residual_se[1:, 1:], alone.residual_se)


def test_what_predicts_has_the_variances_of_the_traits() -> None:
    found = estimated(simulated(4), vectors=4)

    np.testing.assert_allclose(np.diag(found.predictive), np.diag(found.genetic.matrix))
