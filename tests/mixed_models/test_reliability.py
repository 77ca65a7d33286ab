from __future__ import annotations

import numpy as np
import pytest
from kinds_of_records import COHORTS, HERITABILITIES

from cohorts_for_tests import family_cohort
from dense_mixed_model import DenseModel, relationships
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models import exact as exact_models
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.reliability import estimate_reliabilities
from genialearn.relationships import GenomicScale


def models(cohort: Cohort) -> list[TraitModel]:
    return list(exact_models.fit_trait_models(cohort, relationships(cohort), HERITABILITIES).models)


def dense(cohort: Cohort, column: int, h: float) -> FloatArray:
    """Return 1 - PEV / (s2g G_jj) from full matrices, the fixed effects unknown."""
    twin = DenseModel.of(cohort, column)
    v = np.linalg.inv(twin.covariance(h))
    p = v - v @ twin.x @ np.linalg.solve(twin.x.T @ v @ twin.x, twin.x.T @ v)
    covariance = h * twin.g @ twin.z.T
    return np.asarray(np.diag(covariance @ p @ covariance.T) / (h * np.diag(twin.g)))


def estimated(cohort: Cohort, *, exact: int | None = None, rank: int = 500) -> FloatArray:
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    rng = np.random.default_rng(1)
    return estimate_reliabilities(cohort, kernel, models(cohort), rng=rng, exact=exact, rank=rank).values


@pytest.mark.parametrize("name", COHORTS)
def test_exact_ones_are_those_of_the_full_matrix(name: str) -> None:
    cohort = COHORTS[name]()
    actual = estimated(cohort, exact=len(cohort))

    for column, h in enumerate(HERITABILITIES):
        np.testing.assert_allclose(actual[:, column], dense(cohort, column, h), atol=1e-4)


@pytest.mark.parametrize(("exact", "rank", "least"), [(40, 150, 0.97), (40, 60, 0.93), (12, 100, 0.93), (40, 20, 0.8)])
def test_approximate_ones_are_near_and_their_error_is_stated(exact: int, rank: int, least: float) -> None:
    cohort = family_cohort(300, 500, seed=4, holes=0.4, n_sires=10).canonical()
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    found = estimate_reliabilities(cohort, kernel, models(cohort), rng=np.random.default_rng(1), exact=exact, rank=rank)

    expected = np.column_stack([dense(cohort, column, h) for column, h in enumerate(HERITABILITIES)])
    errors = found.values - expected
    for column in range(5):
        assert np.corrcoef(found.values[:, column], expected[:, column])[0, 1] > least
        # An error that twelve animals tell is itself known to a fifth or so.
        assert np.sqrt(np.mean(errors[:, column] ** 2)) < (1.6 if exact >= 40 else 2.2) * found.errors[column]
    assert np.abs(errors.mean(axis=0)).max() < 0.02
    assert found.n_exact == exact


def test_animals_without_records_have_lower_ones() -> None:
    cohort = family_cohort(300, 500, seed=4, holes=0.4, n_sires=10).canonical()
    values = estimated(cohort, exact=40, rank=60)
    recorded = np.isfinite(cohort.records.values[:, 2])

    assert values[recorded, 2].mean() > values[~recorded, 2].mean() + 0.05
    assert values.min() >= 0
    assert values.max() <= 1
