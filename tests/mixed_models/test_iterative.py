from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kinds_of_records import COHORTS, HERITABILITIES, N_ANIMALS, N_FOLDS, plain, repeated

from cohorts_for_tests import family_cohort, with_values
from dense_mixed_model import DenseModel, random_folds, relationships
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, ConvergenceError
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models import exact, iterative
from genialearn.mixed_models.records import LowRankPreconditioner, RecordSystems, patterns
from genialearn.mixed_models.stochastic import estimate_variances, number_of_probes
from genialearn.predictors.gblup import GBLUP
from genialearn.relationships import GenomicScale


def operator(cohort: Cohort) -> LinearOperator:
    return GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)


def fitted(cohort: Cohort, heritabilities: list[float | None]) -> iterative.IterativeFits:
    return iterative.fit_trait_models(cohort, operator(cohort), heritabilities, rng=np.random.default_rng(1), probes=64)


@pytest.mark.parametrize("name", COHORTS)
class TestGivenHeritabilities:
    def test_models_are_the_exact_ones(self, name: str) -> None:
        cohort = COHORTS[name]()
        expected = exact.fit_trait_models(cohort, relationships(cohort), HERITABILITIES).models
        for actual, model in zip(fitted(cohort, list(HERITABILITIES)).models, expected, strict=True):
            unit = float(np.std(model.adjusted))
            np.testing.assert_allclose(actual.dual / unit, model.dual / unit, atol=2e-5)
            np.testing.assert_allclose(actual.adjusted / unit, model.adjusted / unit, atol=1e-4)
            np.testing.assert_array_equal(actual.records, model.records)
            np.testing.assert_array_equal(actual.animals, model.animals)
            np.testing.assert_allclose(actual.weights, model.weights)
            assert actual.variances.total == pytest.approx(model.variances.total, rel=1e-5)
            assert actual.mean == pytest.approx(model.mean, abs=1e-4 * unit)
            assert np.isnan(actual.heritability_se)

    def test_out_of_fold_values_are_the_exact_ones(self, name: str) -> None:
        cohort, folds = COHORTS[name](), random_folds(N_ANIMALS, N_FOLDS)
        expected = exact.fit_trait_models(cohort, relationships(cohort), HERITABILITIES)
        units = np.nanstd(cohort.records.values, axis=0)

        actual = fitted(cohort, list(HERITABILITIES)).out_of_fold_breeding_values(folds)

        np.testing.assert_allclose(actual / units, expected.out_of_fold_breeding_values(folds) / units, atol=1e-4)


@pytest.mark.parametrize("name", ["holes", "weights"])
def test_standard_errors_of_fixed_effects_are_near_the_exact_ones(name: str) -> None:
    cohort = COHORTS[name]()
    expected = exact.fit_trait_models(cohort, relationships(cohort), HERITABILITIES).models
    for actual, model in zip(fitted(cohort, list(HERITABILITIES)).models, expected, strict=True):
        places = [actual.fixed_names.index(effect) for effect in model.fixed_names]

        np.testing.assert_allclose(actual.fixed_se[places], model.fixed_se, rtol=0.1)


class TestProducts:
    @pytest.mark.parametrize("name", COHORTS)
    def test_they_are_those_of_the_matrix(self, name: str) -> None:
        """K = S W^1/2 Z G Z' W^1/2 S."""
        cohort = COHORTS[name]()
        columns = patterns(cohort)
        systems = RecordSystems(operator(cohort), columns)
        values = np.random.default_rng(1).standard_normal((systems.n_rows, len(columns)))
        actual = systems.product(values, np.arange(len(columns)))
        for column, pattern in enumerate(columns):
            twin = DenseModel.of(cohort, column)
            n = len(twin.y)
            root = np.diag(np.sqrt(twin.w))
            x = root @ twin.x
            s = np.eye(n) - x @ np.linalg.pinv(x)
            own = pattern.projection.remove(values[:n, [column]])[:, 0]
            expected = s @ root @ twin.z @ twin.g @ twin.z.T @ root @ own
            np.testing.assert_allclose(
                systems.product(np.pad(own, (0, systems.n_rows - n))[:, None], np.array([column]))[:n, 0],
                expected,
                atol=1e-5 * np.abs(expected).max(),
            )
            assert np.all(actual[n:, column] == 0)
            assert pattern.n_contrasts == n - twin.x.shape[1]


class TestPreconditioner:
    def test_it_saves_iterations_and_changes_nothing_else(self) -> None:
        cohort = family_cohort(300, 400, seed=3, n_sires=4).canonical()
        kernel, columns = operator(cohort), patterns(cohort)
        systems, h = RecordSystems(kernel, columns), np.full(len(columns), 0.6)
        contrasts = [
            pattern.free(cohort.records.values[pattern.records, t][:, None])[:, 0] for t, pattern in enumerate(columns)
        ]
        part = dominant_part(kernel, 40, rng=np.random.default_rng(1))

        def product(values: np.ndarray, which: np.ndarray) -> np.ndarray:
            return h[which] * systems.product(values, which) + (1 - h[which]) * values

        plain_way = conjugate_gradients(product, systems.stacked(contrasts), tolerance=1e-6)
        helped = conjugate_gradients(
            product,
            systems.stacked(contrasts),
            precondition=LowRankPreconditioner(systems, part, h),
            tolerance=1e-6,
        )

        np.testing.assert_allclose(helped.values, plain_way.values, atol=1e-4 * np.abs(plain_way.values).max())
        assert helped.iterations.max() < 0.7 * plain_way.iterations.max()


class TestVariances:
    def test_with_many_random_vectors_they_are_the_exact_ones(self) -> None:
        cohort = family_cohort(300, 400, seed=3, n_sires=10).canonical()
        expected = exact.fit_trait_models(cohort, relationships(cohort), [None] * 5).models
        columns = patterns(cohort)
        traits = [
            (trait.name, pattern, pattern.free(cohort.records.values[pattern.records, t][:, None])[:, 0])
            for t, (trait, pattern) in enumerate(zip(cohort.traits, columns, strict=True))
        ]
        found = estimate_variances(operator(cohort), traits, rng=np.random.default_rng(2), probes=400)
        for actual, model in zip(found, expected, strict=True):
            assert actual.variances.heritability == pytest.approx(
                model.variances.heritability, abs=0.15 * model.heritability_se
            )
            assert actual.variances.total == pytest.approx(model.variances.total, rel=0.02)
            assert actual.heritability_se == pytest.approx(model.heritability_se, rel=0.15)

    def test_random_vectors_scatter_as_their_share_of_the_standard_error_says(self) -> None:
        cohort = family_cohort(300, 400, seed=3, n_sires=10).canonical()
        pattern = patterns(cohort)[0]
        trait = ("milk", pattern, pattern.free(cohort.records.values[:, :1])[:, 0])
        kernel = operator(cohort)
        found = [
            estimate_variances(kernel, [trait], rng=np.random.default_rng(seed), probes=10)[0] for seed in range(25)
        ]
        spread = np.std([estimate.variances.heritability for estimate in found], ddof=1)
        claimed = np.mean([estimate.heritability_se for estimate in found]) * np.sqrt((1 / 10) / (1 + 1 / 10))

        assert 0.5 * claimed < spread < 1.5 * claimed

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        one, other = (fitted(plain(), [None] * 5) for _ in range(2))

        for a, b in zip(one.models, other.models, strict=True):
            assert vars(a.variances) == vars(b.variances)
            np.testing.assert_array_equal(a.dual, b.dual)

    def test_fewer_records_get_more_random_vectors(self) -> None:
        assert [number_of_probes(n) for n in (500, 2_000, 20_000, 113_599)] == [46, 46, 10, 10]

    def test_too_few_records_are_refused_by_name(self) -> None:
        cohort = plain()
        values = cohort.records.values.copy()
        values[2:, 1] = np.nan

        with pytest.raises(AlignmentError, match="trait fat: expected at least three records more than fixed effects"):
            fitted(with_values(cohort, values), [None] * 5)

    def test_traits_of_constant_records_end_somewhere(self) -> None:
        cohort = plain()
        values = cohort.records.values.copy()
        values[:, 0] = 7.0
        model = fitted(with_values(cohort, values), [None] * 5).models[0]

        np.testing.assert_allclose(model.adjusted, 7.0)
        np.testing.assert_allclose(model.dual, 0.0, atol=1e-8)


def test_what_does_not_converge_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = repeated()
    weights = np.full_like(cohort.records.values, 1e14)
    weights[::2] = 1e-14
    broken = replace(cohort, records=replace(cohort.records, weights=weights))

    with pytest.raises(ConvergenceError, match="breeding values: expected a relative residual of 1e-06"):
        fitted(broken, [0.9] * 5)


class TestGBLUP:
    def test_both_solvers_agree(self) -> None:
        train, test = family_cohort().select(slice(0, 120)), family_cohort().select(slice(120, 150))
        one = GBLUP(heritability=0.4, solver="exact").fit(train)
        other = GBLUP(heritability=0.4, solver="iterative").fit(train)
        units = np.nanstd(train.records.values, axis=0)

        np.testing.assert_allclose(other.predict(test) / units, one.predict(test) / units, atol=1e-4)
        assert (one.solver_, other.solver_) == ("exact", "iterative")

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_standardised_markers_are_another_model(self, solver: str) -> None:
        """VanRaden's second G is the first of markers divided by their standard deviations."""
        train, test = family_cohort().select(slice(0, 120)), family_cohort().select(slice(120, 150))
        model = GBLUP(heritability=0.4, solver=solver, relationships="vanraden2").fit(train)
        canonical = train.canonical()
        scale = GenomicScale.of(canonical.genotypes, standardised=True)
        g = scale.relationships(canonical.genotypes)
        twin = replace(DenseModel.of(canonical, 0), g=g)

        expected = scale.breeding_values(
            test.genotypes, scale.marker_effects(canonical.genotypes, twin.dual(0.4)[:, None])
        )
        assert np.mean(np.diag(g)) == pytest.approx(1.0, abs=0.15)
        np.testing.assert_allclose(model.breeding_values(test)[:, 0], expected[:, 0], atol=1e-3 * expected.std())
