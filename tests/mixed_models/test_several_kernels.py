"""Exact REML with several covariance matrices, against the model of one matrix and against full matrices."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from kinds_of_records import COHORTS, N_ANIMALS, N_FOLDS, plain, weighted
from scipy.optimize import minimize

from cohorts_for_tests import (
    family_cohort,
    with_records_repeated,
    with_trait_columns,
    with_values,
    without_fixed_effects,
)
from dense_mixed_model import DenseModel, random_folds, relationships
from dense_several_kernels import DenseSeveral
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, ConvergenceError
from genialearn.mixed_models import exact, several_kernels
from genialearn.mixed_models.components import bounded_step
from genialearn.mixed_models.several_kernels import SeveralKernelsFits, fit_several_kernels
from genialearn.relationships.nonadditive import DominanceScale, Epistasis
from messages import beginning

NAMES = ("genetic", "dominance", "epistasis")
ADDITIVE, DOMINANCE, EPISTASIS, RESIDUAL = 0.3, 0.3, 0.4, 0.5


@cache
def kernels_of(cohort: Cohort) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return G, D and G o G."""
    g = relationships(cohort)
    frequencies = np.nanmean(np.where((d := dense(cohort)) < 0, np.nan, d), axis=0) / 2
    d = DominanceScale(frequencies).between(cohort.genotypes, cohort.genotypes)
    return g, d, np.asarray(Epistasis.of(g).matrix, dtype=np.float64)


def dense(cohort: Cohort) -> FloatArray:
    return np.hstack([block for _, block in cohort.genotypes.blocks()]).astype(np.float64)


@cache
def simulated(seed: int = 1) -> Cohort:
    """Return up to three weighted records of one trait with additive, dominance and epistatic values."""
    base = with_trait_columns(family_cohort(100, 150, seed=5, n_sires=8), [0]).canonical()
    rng = np.random.default_rng(seed)
    values = np.zeros(100)
    for variance, kernel in zip((ADDITIVE, DOMINANCE, EPISTASIS), kernels_of(base), strict=True):
        values += np.sqrt(variance) * rng.multivariate_normal(np.zeros(100), kernel)
    cohort = with_records_repeated(base, rng.integers(1, 4, 100))
    n = len(cohort.records.animals)
    weights = rng.choice([0.5, 1.0, 2.0], (n, 1))
    y = 10 + values[cohort.record_rows] + np.sqrt(RESIDUAL / weights[:, 0]) * rng.standard_normal(n)
    cohort = replace(cohort, records=replace(cohort.records, weights=weights))
    return with_values(cohort, y[:, None])


def fitted(cohort: Cohort, n_kernels: int) -> SeveralKernelsFits:
    return fit_several_kernels(cohort, kernels_of(cohort)[:n_kernels], NAMES[:n_kernels])


@pytest.mark.parametrize("name", COHORTS)
class TestOneKernel:
    """It is the single-trait model on that matrix."""

    def test_variances_that_settle_to_the_last_bit_are_the_same(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(several_kernels, "_SETTLED", 0.0)
        cohort = COHORTS[name]()
        expected = exact.fit_trait_models(cohort, relationships(cohort), [None] * 5).models
        fits = fitted(cohort, 1)

        genetic, totals = np.array([(model.variances.genetic, model.variances.total) for model in expected]).T
        np.testing.assert_allclose(genetic / totals, fits.variances()[0] / totals, atol=1e-4)
        for model, actual in zip(expected, fits.models, strict=True):
            assert actual.components is not None
            assert actual.components.names == ("genetic", "residual")
            assert pytest.approx(model.variances.heritability, abs=1e-4) == actual.variances.heritability
            assert pytest.approx(model.variances.residual, abs=1e-4 * model.variances.total) == actual.parts[-1]
            assert pytest.approx(model.variances.total, rel=1e-4) == actual.variances.total

    def test_variances_settle_within_a_hundredth_of_their_standard_errors(self, name: str) -> None:
        cohort = COHORTS[name]()
        expected = exact.fit_trait_models(cohort, relationships(cohort), [None] * 5).models
        for model, actual in zip(expected, fitted(cohort, 1).models, strict=True):
            tolerance = 0.01 * actual.heritability_se
            assert pytest.approx(model.variances.heritability, abs=tolerance) == actual.variances.heritability
            assert pytest.approx(model.heritability_se, rel=0.5) == actual.heritability_se

    def test_values_at_the_same_heritability(self, name: str) -> None:
        cohort = COHORTS[name]()
        fits = fitted(cohort, 1)
        given = [model.variances.heritability for model in fits.models]
        expected = exact.fit_trait_models(cohort, relationships(cohort), given).models
        for model, actual in zip(expected, fits.models, strict=True):
            unit = float(np.std(model.adjusted))
            np.testing.assert_allclose(model.dual / unit, actual.dual / unit, atol=1e-7)
            np.testing.assert_allclose(model.adjusted / unit, actual.adjusted / unit, atol=1e-6)
            np.testing.assert_array_equal(model.records, actual.records)
            np.testing.assert_array_equal(model.animals, actual.animals)
            np.testing.assert_allclose(model.weights, actual.weights)
            assert pytest.approx(model.mean, abs=1e-6 * unit) == actual.mean

    def test_fixed_effects_are_generalized_least_squares(self, name: str) -> None:
        cohort = COHORTS[name]()
        for column, model in enumerate(fitted(cohort, 1).models):
            twin = DenseModel.of(cohort, column)
            expected = twin.x @ twin.fixed(model.variances.heritability)

            fixed_part = model.pattern.effects.dense() @ model.fixed
            np.testing.assert_allclose(expected, fixed_part, atol=1e-6 * np.std(twin.y))

    def test_out_of_fold_values(self, name: str) -> None:
        cohort, folds = COHORTS[name](), random_folds(N_ANIMALS, N_FOLDS)
        fits = fitted(cohort, 1)
        given = [model.variances.heritability for model in fits.models]
        expected = exact.fit_trait_models(cohort, relationships(cohort), given).out_of_fold_breeding_values(folds)
        units = np.nanstd(cohort.records.values, axis=0)

        np.testing.assert_allclose(expected / units, fits.out_of_fold_breeding_values(folds) / units, atol=1e-6)


@pytest.mark.parametrize("n_kernels", [2, 3])
class TestSeveralKernels:
    def test_no_variances_are_likelier(self, n_kernels: int) -> None:
        cohort = simulated()
        twin = DenseSeveral.of(cohort, 0, kernels_of(cohort)[:n_kernels])
        parts = fitted(cohort, n_kernels).models[0].parts

        def height(logs: FloatArray) -> float:
            return -twin.log_likelihood(np.exp(logs))

        start = np.log(np.full(n_kernels + 1, np.var(twin.records.y) / (n_kernels + 1)))
        first = minimize(height, start, method="L-BFGS-B", bounds=[(-12, 3)] * (n_kernels + 1))
        best = minimize(height, first.x, method="Nelder-Mead", options={"maxfev": 200})
        assert pytest.approx(-best.fun, abs=1e-4) == twin.log_likelihood(parts)
        assert twin.log_likelihood(parts) > -best.fun - 1e-5

    def test_standard_errors_are_from_the_curvature_of_the_likelihood(self, n_kernels: int) -> None:
        """Average information is between the observed and the expected one."""
        cohort = simulated()
        twin = DenseSeveral.of(cohort, 0, kernels_of(cohort)[:n_kernels])
        components = fitted(cohort, n_kernels).models[0].components
        assert components is not None

        steps = 0.02 * np.diag(components.values)
        corners = np.array(
            [
                [
                    sum(
                        s * t * twin.log_likelihood(components.values + s * a + t * b) for s in (1, -1) for t in (1, -1)
                    )
                    for b in steps
                ]
                for a in steps
            ]
        )
        observed = -corners / 4 / np.outer(np.diag(steps), np.diag(steps))
        errors = np.sqrt(np.diag(np.linalg.inv(observed)))
        np.testing.assert_allclose(errors, components.standard_errors, rtol=0.4)

    def test_values_are_those_of_the_mixed_model_equations(self, n_kernels: int) -> None:
        cohort = simulated()
        fits = fitted(cohort, n_kernels)
        model = fits.models[0]
        b, values = DenseSeveral.of(cohort, 0, fits.kernels).solved(model.parts)
        assert model.components is not None

        ratios = [1.0, *model.components.ratios]
        for ratio, kernel, expected in zip(ratios, fits.kernels, values, strict=True):
            np.testing.assert_allclose(expected, ratio * kernel @ model.dual, atol=1e-8)
        np.testing.assert_allclose(DenseModel.of(cohort, 0).x @ b, model.pattern.effects.dense() @ model.fixed)
        assert NAMES[:n_kernels] == model.components.names[:-1]

    def test_out_of_fold_values_are_those_of_refitting_without_the_fold(self, n_kernels: int) -> None:
        cohort, folds = simulated(), np.arange(100) % 4 - 1
        fits = fitted(cohort, n_kernels)
        twin, model = DenseSeveral.of(cohort, 0, fits.kernels), fits.models[0]
        expected = np.full(100, np.nan)
        for fold in range(3):
            _, values = twin.without(folds == fold).solved(model.parts)
            expected[folds == fold] = np.sum(values, axis=0)[folds == fold]

        np.testing.assert_allclose(expected, fits.out_of_fold_breeding_values(folds)[:, 0], atol=1e-7)


@pytest.mark.parametrize("name", COHORTS)
def test_out_of_fold_values_of_all_kinds_of_records(name: str) -> None:
    """A herd that is in one fold alone is told nothing of by the others."""
    cohort, folds = COHORTS[name](), random_folds(N_ANIMALS, N_FOLDS)
    fits = fitted(cohort, 2)
    actual, units = fits.out_of_fold_breeding_values(folds), np.nanstd(cohort.records.values, axis=0)
    for column, model in enumerate(fits.models):
        twin = DenseSeveral.of(cohort, column, fits.kernels)
        for fold in range(N_FOLDS):
            _, values = twin.without(folds == fold).solved(model.parts)
            expected = np.sum(values, axis=0)[folds == fold]
            np.testing.assert_allclose(
                expected / units[column], actual[folds == fold, column] / units[column], atol=1e-6
            )


def test_truth_is_found_on_average() -> None:
    found = np.array([fitted(simulated(seed), 3).models[0].parts for seed in range(1, 21)])

    errors = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - [ADDITIVE, DOMINANCE, EPISTASIS, RESIDUAL]), 3 * errors)


def test_variances_that_are_not_there_stay_positive() -> None:
    """Of values that animals share less than by chance."""
    cohort = with_trait_columns(plain(), [0])
    g, d, e = kernels_of(cohort)
    least = np.linalg.eigh(g)[1][:, :20] @ np.random.default_rng(1).standard_normal(20)
    cohort = with_values(cohort, 50 + least[cohort.record_rows][:, None])
    parts = fit_several_kernels(cohort, (g, d, e), NAMES).models[0].parts

    assert np.all(parts > 0)
    assert parts[0] < 1e-4 * parts.sum()
    assert np.isfinite(
        fit_several_kernels(cohort, (g, d, e), NAMES).out_of_fold_breeding_values(np.arange(60) % 5)
    ).all()


@pytest.mark.parametrize("n_kernels", [1, 2, 3])
def test_records_without_residuals_are_values(n_kernels: int) -> None:
    """The residual variance is at its border, the heritability at its own."""
    cohort = without_fixed_effects(with_trait_columns(plain(), [0]))
    values = kernels_of(cohort)[0] @ np.random.default_rng(2).standard_normal(N_ANIMALS)
    model = fitted(with_values(cohort, 50 + values[:, None]), n_kernels).models[0]
    assert model.components is not None

    assert model.parts[-1] < 1e-4 * model.parts[0]
    ratios = [1.0, *model.components.ratios]
    total = sum(r * k @ model.dual for r, k in zip(ratios, kernels_of(cohort)[:n_kernels], strict=True))
    np.testing.assert_allclose(50 + values, model.mean + total, atol=0.02 * np.std(values))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_a_trait_does_not_matter(unit: float) -> None:
    cohort = simulated()
    scaled = with_values(cohort, unit * cohort.records.values)
    one, other = (fitted(each, 3).models[0] for each in (cohort, scaled))

    np.testing.assert_allclose(unit**2 * one.parts, other.parts, rtol=1e-5)
    np.testing.assert_allclose(unit * one.dual, other.dual, atol=1e-5 * unit)
    assert one.components is not None
    assert other.components is not None
    np.testing.assert_allclose(unit**2 * one.components.standard_errors, other.components.standard_errors, rtol=1e-5)


def test_a_kernel_that_stands_there_twice_shares_its_variance() -> None:
    cohort = weighted()
    g = relationships(cohort)
    fits = fit_several_kernels(cohort, (g, g), ("genetic", "again"))

    np.testing.assert_allclose(fitted(cohort, 1).variances()[0], fits.variances().sum(axis=0), rtol=0.01)


def test_steps_that_are_too_long_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = fitted(simulated(), 3).models[0]
    assert expected.components is not None

    def long_at_first(score: FloatArray, information: FloatArray, lowest: FloatArray) -> FloatArray:
        step = bounded_step(score, information, lowest)
        return 4 * step if np.abs(step).max() > 0.02 else step

    monkeypatch.setattr(several_kernels, "bounded_step", long_at_first)
    actual = fitted(simulated(), 3).models[0]

    np.testing.assert_array_less(np.abs(expected.parts - actual.parts), 0.01 * expected.components.standard_errors)


def test_steps_that_are_too_short_are_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are where average information promises more than there is: 60 rounds would be too few for them."""
    expected = fitted(simulated(), 3).models[0]
    assert expected.components is not None
    monkeypatch.setattr(several_kernels, "bounded_step", lambda *given: 0.03 * bounded_step(*given))
    actual = fitted(simulated(), 3).models[0]

    np.testing.assert_array_less(np.abs(expected.parts - actual.parts), 0.06 * expected.components.standard_errors)
    monkeypatch.setattr(several_kernels, "_STRETCHED_FROM", 60)
    with pytest.raises(ConvergenceError, match="variances that settle within 60 rounds"):
        fitted(simulated(), 3)


def test_what_does_not_settle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several_kernels, "_ROUNDS", 2)

    with pytest.raises(
        ConvergenceError,
        match=beginning(
            "trait milk: variance components: expected variances that settle within 2 rounds, found steps of"
        ),
    ):
        fitted(simulated(), 3)


def test_too_few_records_are_refused_by_name() -> None:
    cohort = plain()
    values = cohort.records.values.copy()
    values[2:, 1] = np.nan

    with pytest.raises(
        AlignmentError, match=beginning("trait fat: expected at least three records more than fixed effects")
    ):
        fitted(with_values(cohort, values), 2)


def test_no_records_are_refused_by_name() -> None:
    cohort = plain()
    values = cohort.records.values.copy()
    values[:, 1] = np.nan

    with pytest.raises(
        AlignmentError, match=beginning("trait fat: expected records of the training animals, found none")
    ):
        fitted(with_values(cohort, values), 2)


@pytest.mark.parametrize("value", [0.0, 7.0, 7.1])
def test_traits_of_constant_records_end_somewhere(value: float) -> None:
    cohort = plain()
    values = cohort.records.values.copy()
    values[:, 0] = value
    model = fitted(with_values(cohort, values), 3).models[0]

    np.testing.assert_allclose(value, model.adjusted, atol=1e-12)
    np.testing.assert_allclose(0.0, model.dual, atol=1e-8)
