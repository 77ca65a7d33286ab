from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import Dense, RandomOperator
from genialearn.mixed_models.joint import JointSystem
from genialearn.mixed_models.joint_fits import JointFits
from genialearn.relationships import GenomicScale

GENETIC = np.array([[1.0, 0.5], [0.5, 2.0]])
RESIDUAL = np.array([[2.0, -0.3], [-0.3, 1.0]])


def cohort_and_kernel(*, formed: bool) -> tuple[Cohort, RandomOperator]:
    """Return animals with two traits, a fifth of whose records are missing."""
    base = family_cohort(150, 200, seed=3, n_sires=10).canonical()
    scale = GenomicScale.of(base.genotypes)
    kernel = scale.operator(base.genotypes)
    rng = np.random.default_rng(4)
    genetic = kernel.draws(2, rng) @ np.linalg.cholesky(GENETIC).T
    values = 10 + genetic + rng.standard_normal((150, 2)) @ np.linalg.cholesky(RESIDUAL).T
    values[rng.random(values.shape) < 0.2] = np.nan
    traits = tuple(replace(trait, fixed="", kind="quantitative") for trait in base.traits[:2])
    records = replace(base.records, traits=traits, values=values, weights=np.ones_like(values), animals=base.animals)
    cohort = replace(base, records=records)
    return cohort, Dense(scale.relationships(base.genotypes)) if formed else kernel


def fitted(*, formed: bool = True) -> JointFits:
    cohort, kernel = cohort_and_kernel(formed=formed)
    part = dominant_part(kernel, 20, rng=np.random.default_rng(5))
    return JointFits.solved(cohort, kernel, part, GENETIC, RESIDUAL)


@pytest.mark.parametrize("formed", [True, False])
def test_out_of_fold_values_are_those_of_models_without_the_fold(formed: bool) -> None:
    fits = fitted(formed=formed)
    folds = np.arange(150) % 3
    out = fits.out_of_fold_breeding_values(folds)
    for fold in range(3):
        values = np.where((folds == fold)[:, None], np.nan, fits.cohort.records.values)
        cohort = with_values(fits.cohort, values)
        model = JointFits.solved(cohort, fits.kernel, fits.part, GENETIC, RESIDUAL).model
        expected = fits.kernel.matmat(model.coefficients)

        np.testing.assert_allclose(out[folds == fold], expected[folds == fold], atol=1e-2)


def test_animals_of_a_negative_fold_are_not_asked_for() -> None:
    fits, folds = fitted(), np.arange(150) % 3
    some = fits.out_of_fold_breeding_values(np.where(folds == 1, folds, -1))

    np.testing.assert_allclose(some[folds == 1], fits.out_of_fold_breeding_values(folds)[folds == 1], atol=1e-9)
    assert np.isnan(some[folds != 1]).all()


def test_a_trait_that_one_fold_alone_has_records_of_keeps_them() -> None:
    fits = fitted()
    values = fits.cohort.records.values.copy()
    values[5:, 1] = np.nan
    fits = JointFits.solved(with_values(fits.cohort, values), fits.kernel, fits.part, GENETIC, RESIDUAL)

    assert np.isfinite(fits.out_of_fold_breeding_values((np.arange(150) >= 5).astype(np.int64))).all()


def test_corrected_is_the_model_of_other_records() -> None:
    fits = fitted()
    corrections = np.random.default_rng(6).standard_normal((150, 2))
    found = fits.corrected(corrections, np.array([0.5, 1.0]))
    root = np.sqrt([0.5, 1.0])
    cohort = with_values(fits.cohort, fits.cohort.records.values - corrections)
    expected = JointFits.solved(cohort, fits.kernel, fits.part, GENETIC, RESIDUAL * np.outer(root, root))

    np.testing.assert_allclose(found.model.coefficients, expected.model.coefficients)
    np.testing.assert_allclose(np.diag(found.residual), [1.0, 1.0])


def test_adjusted_records_are_those_of_the_cohort_where_there_is_a_mean_only() -> None:
    fits = fitted()
    values, weights = fits.adjusted_by_animal()

    np.testing.assert_allclose(values, fits.cohort.records.values, atol=1e-8)
    np.testing.assert_array_equal(weights > 0, np.isfinite(fits.cohort.records.values))


def test_covariances_of_a_fold_do_not_know_its_records() -> None:
    fits, folds = fitted(), np.arange(150) % 3
    values = fits.cohort.records.values.copy()
    values[folds == 1] = values[folds == 1, ::-1] * 3
    others = JointFits.solved(with_values(fits.cohort, values), fits.kernel, fits.part, GENETIC, RESIDUAL)
    found = [f.cross_fitted(folds, [0.4, 0.6], seed=7).without for f in (fits, others)]

    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert np.abs(found[0][0][0] - found[1][0][0]).max() > 0.1


def test_out_of_fold_values_are_of_the_covariances_of_their_fold() -> None:
    fits, folds = fitted(), np.arange(150) % 3
    other = 2 * GENETIC, RESIDUAL
    found = replace(fits, without={1: other}).out_of_fold_breeding_values(folds)
    expected = JointFits.solved(fits.cohort, fits.kernel, fits.part, *other).out_of_fold_breeding_values(folds)

    np.testing.assert_allclose(found[folds == 1], expected[folds == 1], atol=1e-2)
    np.testing.assert_allclose(found[folds != 1], fits.out_of_fold_breeding_values(folds)[folds != 1], atol=1e-12)


def test_corrected_by_products_is_near_the_model_of_other_records() -> None:
    """It ends earlier than other solutions, since it begins near its end."""
    fits = fitted(formed=False)
    corrections = 0.3 * np.random.default_rng(6).standard_normal((150, 2))
    found = fits.corrected(corrections, np.array([0.9, 1.0]))
    root = np.sqrt([0.9, 1.0])
    cohort = with_values(fits.cohort, fits.cohort.records.values - corrections)
    expected = JointFits.solved(cohort, fits.kernel, fits.part, GENETIC, RESIDUAL * np.outer(root, root))
    values, exact = (fits.kernel.matmat(each.model.coefficients) for each in (found, expected))

    assert found.model.iterations < expected.model.iterations
    assert np.sqrt(np.mean((values - exact) ** 2)) < 1e-3 * exact.std()


def test_without_a_fold_corrected_records_begin_where_the_first_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    fits, folds, products = fitted(formed=False), np.arange(150) % 3, []
    fits.out_of_fold_breeding_values(folds)
    corrected = fits.corrected(0.1 * np.random.default_rng(6).standard_normal((150, 2)), np.ones(2))
    plain = JointSystem.covariance_times
    monkeypatch.setattr(JointSystem, "covariance_times", lambda own, v: (products.append(1), plain(own, v))[1])
    found, with_starts = corrected.out_of_fold_breeding_values(folds), len(products)
    anew = replace(corrected, solutions={}).out_of_fold_breeding_values(folds)

    np.testing.assert_allclose(found, anew, atol=1e-2)
    assert with_starts < len(products) - with_starts


def test_corrected_keeps_covariances_of_folds() -> None:
    fits = replace(fitted(), without={0: (GENETIC, RESIDUAL)})
    found = fits.corrected(np.zeros((150, 2)), np.array([0.25, 1.0])).without[0]

    np.testing.assert_allclose(found[1], RESIDUAL * np.outer([0.5, 1], [0.5, 1]))
