"""GBLUP with dominance and epistasis, against full matrices and planted effects."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from cohorts_for_tests import (
    family_cohort,
    with_alleles_swapped,
    with_markers_reordered,
    with_trait_columns,
    with_values,
)
from dense_mixed_model import relationships
from dense_several_kernels import DenseSeveral
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.errors import NotFittedError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors import nonadditive
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.nonadditive import NonadditiveGBLUP
from genialearn.relationships import GenomicScale
from messages import exactly

MILK, FAT, MASTITIS = 0, 1, 2
BOTH = ("dominance", "epistasis")


def train() -> Cohort:
    """Return animals with missing genotypes, traits with holes and fixed effects, one of them binary."""
    return with_trait_columns(family_cohort(140, 150, seed=3).select(slice(0, 110)), [0, 1, 4])


def the_others() -> Cohort:
    return with_trait_columns(family_cohort(140, 150, seed=3).select(slice(110, 140)), [0, 1, 4])


@cache
def fitted(*parts: str, solver: str = "exact") -> NonadditiveGBLUP:
    return NonadditiveGBLUP(parts=parts, solver=solver).fit(train())


def kernels(parts: tuple[str, ...], cohort: Cohort) -> list[FloatArray]:
    """Return the covariances of any animals with the training animals, written plainly, the additive ones first."""
    learned = train().canonical().genotypes
    scale = GenomicScale.of(learned)
    p, (one, other) = scale.frequencies, (dosages(scale.read_through(each)) for each in (cohort.genotypes, learned))
    z, z_learned = (np.where(each < 0, 0, each - 2 * p) for each in (one, other))
    w, w_learned = (
        np.select([each == 0, each == 1, each == 2], [-2 * p**2, 2 * p * (1 - p), -2 * (1 - p) ** 2], 0.0)
        for each in (one, other)
    )
    g = z @ z_learned.T / np.sum(2 * p * (1 - p))
    own = np.sum(z_learned**2, axis=1) / np.sum(2 * p * (1 - p))
    found = {"dominance": w @ w_learned.T / np.sum((2 * p * (1 - p)) ** 2), "epistasis": g**2 / np.mean(own**2)}
    return [g, *(found[part] for part in parts)]


def twin(parts: tuple[str, ...], trait: int) -> DenseSeveral:
    cohort = train().canonical()
    return DenseSeveral.of(cohort, trait, kernels(parts, cohort))


def plain_values(model: NonadditiveGBLUP, trait: int, cohort: Cohort) -> tuple[float, list[FloatArray]]:
    """Return the mean and each part's values of any animals, at the variances of a model."""
    parts = tuple(model.parts_[1:])
    dense = twin(parts, trait)
    variances = model.variances_[:, trait]
    b, learned = dense.solved(variances)
    residuals = dense.records.y - dense.records.x @ b - dense.records.z @ np.sum(learned, axis=0)
    dual = dense.records.z.T @ (dense.records.w * residuals) / variances[-1]
    mean = float(np.average(dense.records.x @ b, weights=dense.records.w))
    return mean, [s * k @ dual for s, k in zip(variances[:-1], kernels(parts, cohort), strict=True)]


@pytest.mark.parametrize("parts", [BOTH, ("dominance",), ("epistasis",), ("epistasis", "dominance")])
class TestAgainstPlainMatrices:
    def test_predictions_are_the_mean_and_all_parts(self, parts: tuple[str, ...]) -> None:
        model = fitted(*parts)
        predicted, values = model.predict(the_others()), model.genetic_values(the_others())
        for trait in range(3):
            mean, found = plain_values(model, trait, the_others())
            expected, unit = mean + np.sum(found, axis=0), float(np.nanstd(train().records.values[:, trait]))
            assert pytest.approx(mean, abs=1e-6 * unit) == model.mean_[trait]
            np.testing.assert_allclose(np.sum(found, axis=0) / unit, values[:, trait] / unit, atol=1e-5)
            bounded = np.clip(expected, 0, 1) if trait == MASTITIS else expected
            np.testing.assert_allclose(bounded / unit, predicted[:, trait] / unit, atol=1e-5)

    def test_breeding_values_are_the_additive_part(self, parts: tuple[str, ...]) -> None:
        model = fitted(*parts)
        actual = model.breeding_values(the_others())
        for trait in range(3):
            _, (additive, *_) = plain_values(model, trait, the_others())
            np.testing.assert_allclose(
                additive, actual[:, trait], atol=1e-6 * np.nanstd(train().records.values[:, trait])
            )

    def test_no_other_variances_are_likelier(self, parts: tuple[str, ...]) -> None:
        model = fitted(*parts)
        for trait in range(3):
            variances, dense = model.variances_[:, trait], twin(parts, trait)
            best = dense.log_likelihood(variances)
            for place, step in product(range(len(variances)), (-0.05, 0.05)):
                moved = variances + step * variances.sum() * (np.arange(len(variances)) == place)
                assert moved.min() <= 0 or dense.log_likelihood(moved) < best + 1e-6

    def test_out_of_fold_values_are_those_of_refits(self, parts: tuple[str, ...]) -> None:
        model, folds = NonadditiveGBLUP(parts=parts, solver="exact"), np.arange(110) % 4
        actual = model.fit_traits(train()).out_of_fold_breeding_values(folds)
        for trait in range(3):
            dense, unit = twin(parts, trait), float(np.nanstd(train().records.values[:, trait]))
            for fold in range(4):
                _, values = dense.without(folds == fold).solved(model.variances_[:, trait])
                expected = np.sum(values, axis=0)[folds == fold]
                np.testing.assert_allclose(expected / unit, actual[folds == fold, trait] / unit, atol=1e-5)


class TestParts:
    def test_variances_are_those_of_each_part_and_the_residual(self) -> None:
        model = fitted(*BOTH)

        assert ("additive", *BOTH) == model.parts_
        assert model.variances_.shape == (4, 3)
        assert np.all(model.variances_ > 0)
        expected = model.variances_[0] / (model.variances_[0] + model.variances_[-1])
        np.testing.assert_allclose(np.clip(expected, 1e-5, 1 - 1e-5), model.heritability_, rtol=1e-9)
        assert np.all(model.heritability_se_ > 0)
        assert fitted("dominance").variances_.shape == (3, 3)

    def test_names_may_be_joined_or_listed(self) -> None:
        expected = fitted(*BOTH).predict(the_others())
        for parts in ("dominance + epistasis", "dominance+epistasis", ["dominance", "epistasis", "dominance"]):
            model = NonadditiveGBLUP(parts=parts, solver="exact").fit(train())
            assert ("additive", *BOTH) == model.parts_
            np.testing.assert_array_equal(expected, model.predict(the_others()))

    def test_their_order_does_not_matter(self) -> None:
        one, other = fitted(*BOTH), fitted(*BOTH[::-1])

        units = np.nanvar(train().records.values, axis=0)
        np.testing.assert_allclose(one.variances_ / units, other.variances_[[0, 2, 1, 3]] / units, atol=1e-3)

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            (
                {"parts": "dominence + epistasis"},
                "gblup-nonadditive parts: expected a known name, found 'dominence'. Did you mean dominance?",
            ),
            ({"parts": []}, "gblup-nonadditive parts: expected some of dominance, epistasis, found none."),
            (
                {"parts": ""},
                "gblup-nonadditive parts: expected a known name, found ''. Known are: dominance, epistasis.",
            ),
            ({"n_features": 1}, "gblup-nonadditive n_features: expected a whole number of at least 2, found 1."),
            ({"solver": "exactly"}, "solver: expected a known name, found 'exactly'. Did you mean exact?"),
        ],
    )
    def test_impossible_settings_are_refused(self, setting: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=exactly(message)):
            NonadditiveGBLUP(**setting).fit(train())


class TestManners:
    def test_it_is_a_predictor(self) -> None:
        assert isinstance(NonadditiveGBLUP(), Predictor)
        assert clone(NonadditiveGBLUP(parts="epistasis", n_features=9)).get_params() == {
            "parts": "epistasis",
            "solver": "auto",
            "n_features": 9,
            "seed": 1,
        }
        with pytest.raises(NotFittedError, match="expected fit before predict"):
            NonadditiveGBLUP().predict(the_others())
        with pytest.raises(NotFittedError, match="expected fit before predict"):
            NonadditiveGBLUP().breeding_values(the_others())

    def test_order_and_coding_of_files_do_not_matter(self) -> None:
        rng = np.random.default_rng(2)
        other = with_alleles_swapped(with_markers_reordered(train(), rng.permutation(150)), rng.random(150) < 0.5)
        model = NonadditiveGBLUP(solver="exact").fit(other.select(rng.permutation(110)))
        backwards = the_others().select(slice(None, None, -1)).without_records()

        expected, units = fitted(*BOTH).predict(the_others()), np.nanstd(train().records.values, axis=0)
        np.testing.assert_allclose(expected / units, model.predict(backwards)[::-1] / units, atol=1e-6)

    def test_many_animals_are_predicted_some_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = fitted(*BOTH).predict(the_others())
        monkeypatch.setattr(nonadditive, "rows_at_once", lambda _: 7)

        np.testing.assert_allclose(expected, fitted(*BOTH).predict(the_others()), rtol=1e-10)

    def test_few_records_get_the_exact_solver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert NonadditiveGBLUP(parts="dominance").fit(train()).solver_ == "exact"
        monkeypatch.setattr(nonadditive, "_MOST_EXACT", 50)
        assert NonadditiveGBLUP(parts="dominance").fit(train()).solver_ == "iterative"

    def test_few_records_of_many_animals_do_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Their relationships would be formed: the traits' records are of 50 of 110 animals each."""
        cohort = train()
        values = cohort.records.values.copy()
        values[:60, :2] = values[50:, 2] = np.nan
        monkeypatch.setattr(nonadditive, "_MOST_EXACT", 60)
        assert NonadditiveGBLUP(parts="dominance").fit(with_values(cohort, values)).solver_ == "exact"
        monkeypatch.setattr(nonadditive, "_MOST_EXACT", 54)
        assert NonadditiveGBLUP(parts="dominance").fit(with_values(cohort, values)).solver_ == "iterative"

    def test_same_seed_same_bytes(self) -> None:
        one, other = (NonadditiveGBLUP(solver="iterative").fit(train()).predict(the_others()) for _ in range(2))

        assert one.tobytes() == other.tobytes()


class TestWeights:
    @staticmethod
    def with_weights(weights: FloatArray) -> Cohort:
        return replace(train(), records=replace(train().records, weights=weights))

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_their_scale_is_the_residual_variances(self, solver: str) -> None:
        """A record's residual variance is s2e over its weight."""
        weights = np.random.default_rng(3).uniform(0.5, 2, train().records.values.shape)
        one, other = (
            NonadditiveGBLUP(parts="dominance", solver=solver).fit(self.with_weights(scale * weights))
            for scale in (1.0, 200.0)
        )

        np.testing.assert_allclose(one.variances_[:-1], other.variances_[:-1], rtol=1e-3)
        np.testing.assert_allclose(200 * one.variances_[-1], other.variances_[-1], rtol=1e-3)
        expected, units = one.predict(the_others()), np.nanstd(train().records.values, axis=0)
        np.testing.assert_allclose(expected / units, other.predict(the_others()) / units, atol=1e-3)
        heritabilities = other.variances_[0] / (other.variances_[0] + other.variances_[-1])
        np.testing.assert_allclose(heritabilities, other.heritability_, rtol=1e-3, atol=1e-5)

    def test_variances_are_the_likeliest(self) -> None:
        cohort = self.with_weights(np.random.default_rng(4).uniform(2, 9, train().records.values.shape))
        variances = NonadditiveGBLUP(solver="exact").fit(cohort).variances_[:, MILK]
        ordered = cohort.canonical()
        dense = DenseSeveral.of(ordered, MILK, kernels(BOTH, ordered))

        for place, step in product(range(4), (-0.05, 0.05)):
            moved = variances + step * variances.sum() * (np.arange(4) == place)
            assert moved.min() <= 0 or dense.log_likelihood(moved) < dense.log_likelihood(variances) + 1e-6


def test_binary_traits_are_predicted_within_their_bounds() -> None:
    cohort, truth = planted("additive", 1)
    told = with_values(cohort, (truth > 0)[:, None].astype(np.float64))
    told = replace(told, records=replace(told.records, traits=(replace(told.traits[0], kind="binary"),)))
    model = NonadditiveGBLUP(parts="dominance").fit(told)

    values = model.mean_ + model.genetic_values(told)
    assert values.min() < 0
    assert values.max() > 1
    np.testing.assert_array_equal(np.clip(values, 0, 1), model.predict(told))


class TestOtherRandomEffects:
    """They are estimated beside the parts, or refused; never passed over."""

    @staticmethod
    def cohort() -> Cohort:
        records = train().records
        traits = tuple(replace(trait, fixed="age", random="herd") for trait in records.traits)
        return replace(train(), records=replace(records, traits=traits))

    @pytest.mark.parametrize("solver", ["auto", "iterative"])
    def test_herds_have_a_variance(self, solver: str) -> None:
        model = NonadditiveGBLUP(solver=solver, parts="dominance").fit(self.cohort())

        assert model.solver_ == "iterative"
        for fitted_model in model.models_:
            assert fitted_model.components is not None
            assert "herd" in fitted_model.components.names
        assert np.isfinite(model.predict(the_others())).all()

    def test_the_exact_solver_does_not_know_them(self) -> None:
        with pytest.raises(SettingError, match="solver: expected iterative, the one that knows random effects"):
            NonadditiveGBLUP(solver="exact").fit(self.cohort())


@cache
def planted(kind: str, seed: int) -> tuple[Cohort, FloatArray]:
    """Return 360 animals with 20 markers in Hardy-Weinberg proportions, one trait of a kind, and true values."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.3, 0.7, 20)
    values = rng.binomial(2, p, (360, 20))
    z = values - 2 * p
    if kind == "additive":
        truth = z @ rng.standard_normal(20)
    elif kind == "dominance":
        w = (values == 1) - 2 * p * (1 - p) - (1 - 2 * p) * z
        truth = w @ rng.standard_normal(20)
    else:
        truth = np.sum([rng.standard_normal() * z[:, i] * z[:, j] for i, j in combinations(range(8), 2)], axis=0)
    truth = (truth - truth.mean()) / truth.std()
    return Cohort.from_arrays(values, truth + 0.6 * rng.standard_normal(360)), truth


@cache
def trials(kind: str) -> tuple[FloatArray, FloatArray]:
    """Return mean variances of the parts, and mean accuracies of this model and of GBLUP, of three seeds."""
    variances, accuracies = [], []
    for seed in range(3):
        cohort, truth = planted(kind, seed)
        told, hidden = cohort.select(slice(0, 280)), cohort.select(slice(280, 360))
        models = NonadditiveGBLUP().fit(told), GBLUP().fit(told)
        variances.append(models[0].variances_[:, 0])
        accuracies.append([np.corrcoef(model.predict(hidden)[:, 0], truth[280:])[0, 1] for model in models])
    return np.mean(variances, axis=0), np.mean(accuracies, axis=0)


class TestPlantedEffects:
    @pytest.mark.parametrize(("kind", "place"), [("dominance", 1), ("epistasis", 2)])
    def test_their_part_has_a_variance(self, kind: str, place: int) -> None:
        there, not_there = trials(kind)[0][place], trials("additive")[0][place]

        assert there > 0.4
        assert there > 5 * not_there

    @pytest.mark.parametrize("kind", ["dominance", "epistasis"])
    def test_they_are_predicted_better_than_by_gblup(self, kind: str) -> None:
        ours, gblup = trials(kind)[1]

        assert ours > 0.5
        assert ours > gblup + 0.2

    def test_additive_traits_are_predicted_as_well_as_by_gblup(self) -> None:
        variances, (ours, gblup) = trials("additive")

        assert variances[0] > 0.5
        assert ours > gblup - 0.02

    def test_what_offspring_inherit_is_the_additive_part_alone(self) -> None:
        cohort, truth = planted("dominance", 0)
        model = NonadditiveGBLUP().fit(cohort)

        assert np.std(model.breeding_values(cohort)) < 0.5 * np.std(model.genetic_values(cohort))
        assert np.corrcoef(model.genetic_values(cohort)[:, 0], truth)[0, 1] > 0.8


@pytest.mark.parametrize("solver", ["exact", "iterative"])
def test_a_trait_without_residuals_is_predicted_as_by_gblup(solver: str) -> None:
    """More markers than animals: the residual variance is at its border."""
    rng = np.random.default_rng(0)
    values = rng.binomial(2, rng.uniform(0.2, 0.8, 300), (120, 300))
    cohort = Cohort.from_arrays(values, 5 + values @ rng.standard_normal(300) / 10)
    told, hidden = cohort.select(slice(0, 90)), cohort.select(slice(90, 120))
    model, gblup = NonadditiveGBLUP(solver=solver).fit(told), GBLUP().fit(told)

    unit = np.std(told.records.values)
    np.testing.assert_allclose(gblup.predict(hidden) / unit, model.predict(hidden) / unit, atol=0.02)
    np.testing.assert_allclose(told.records.values / unit, model.predict(told) / unit, atol=0.02)


class TestIterativeSolver:
    @pytest.mark.parametrize("parts", [BOTH, ("dominance",), ("epistasis",)])
    def test_values_are_those_of_its_variances(self, parts: tuple[str, ...]) -> None:
        model = fitted(*parts, solver="iterative")
        actual, additive = model.genetic_values(the_others()), model.breeding_values(the_others())
        for trait in range(3):
            mean, values = plain_values(model, trait, the_others())
            unit = float(np.nanstd(train().records.values[:, trait]))
            assert pytest.approx(mean, abs=1e-3 * unit) == model.mean_[trait]
            np.testing.assert_allclose(np.sum(values, axis=0) / unit, actual[:, trait] / unit, atol=1e-3)
            np.testing.assert_allclose(values[0] / unit, additive[:, trait] / unit, atol=1e-3)

    @pytest.mark.parametrize("kind", ["dominance", "epistasis"])
    def test_it_comes_near_the_exact_one(self, kind: str) -> None:
        cohort, _ = planted(kind, 1)
        told, hidden = cohort.select(slice(0, 280)), cohort.select(slice(280, 360))
        exact, iterative = (NonadditiveGBLUP(solver=solver).fit(told) for solver in ("exact", "iterative"))

        np.testing.assert_allclose(exact.variances_, iterative.variances_, atol=0.15)
        assert np.corrcoef(exact.predict(hidden)[:, 0], iterative.predict(hidden)[:, 0])[0, 1] > 0.99

    def test_its_out_of_fold_values_are_all_parts_as_those_of_the_exact_one(self) -> None:
        cohort, _ = planted("dominance", 1)
        folds = np.arange(len(cohort)) % 4
        one, other = (
            NonadditiveGBLUP(solver=solver, parts="dominance").fit_traits(cohort).out_of_fold_breeding_values(folds)
            for solver in ("exact", "iterative")
        )

        assert np.corrcoef(one[:, 0], other[:, 0])[0, 1] > 0.95


class TestRandomFeatures:
    """They stand for G o G of more animals than it is held for."""

    @staticmethod
    @cache
    def held() -> NonadditiveGBLUP:
        cohort, _ = planted("epistasis", 1)
        return NonadditiveGBLUP(solver="iterative", parts="epistasis").fit(cohort.select(slice(0, 280)))

    @staticmethod
    def by_features(n_features: int, monkeypatch: pytest.MonkeyPatch) -> NonadditiveGBLUP:
        monkeypatch.setattr(nonadditive, "_MOST_ANIMALS", 20)
        cohort, _ = planted("epistasis", 1)
        model = NonadditiveGBLUP(solver="iterative", parts="epistasis", n_features=n_features)
        return model.fit(cohort.select(slice(0, 280)))

    def test_they_come_near_the_held_relationships(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cohort, truth = planted("epistasis", 1)
        hidden, held = cohort.select(slice(280, 360)), self.held()
        model = self.by_features(4096, monkeypatch)

        one, other = held.predict(hidden)[:, 0], model.predict(hidden)[:, 0]
        assert np.corrcoef(one, other)[0, 1] > 0.95
        assert 0 < np.abs(one - other).max()
        np.testing.assert_allclose(held.variances_, model.variances_, atol=0.3)
        assert np.corrcoef(other, truth[280:])[0, 1] > 0.5

    def test_more_of_them_come_nearer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cohort, _ = planted("epistasis", 1)
        hidden = cohort.select(slice(280, 360))
        expected = self.held().predict(hidden)
        errors = [np.std(self.by_features(n, monkeypatch).predict(hidden) - expected) for n in (100, 2000)]

        assert errors[1] < 0.5 * errors[0]

    def test_values_of_training_animals_are_what_was_solved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Records are mean, values and residuals, and residuals are dual coefficients over s2a / s2e."""
        cohort, _ = planted("epistasis", 1)
        told = cohort.select(slice(0, 280)).canonical()
        model = self.by_features(500, monkeypatch)

        components = model.models_[0].components
        assert components is not None
        residuals = (1 - components.heritability) / components.heritability * model.models_[0].dual
        np.testing.assert_allclose(told.records.values[:, 0], model.predict(told)[:, 0] + residuals, atol=1e-3)


def test_the_training_relationships_are_gblups() -> None:
    g, *_ = kernels(BOTH, train().canonical())

    np.testing.assert_allclose(relationships(train().canonical()), g, atol=1e-12)
