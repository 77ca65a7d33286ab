from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import logit

from cohorts_for_tests import (
    family_cohort,
    with_genotypes,
    with_trait_columns,
    with_values,
    without_fixed_effects,
)
from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, MissingExtraError, SettingError
from genialearn.genotypes import MarkerMap, dosages
from genialearn.predictors import inner_parts
from genialearn.predictors.boosting import Boosting, LightGBM, Losses, XGBoost
from genialearn.predictors.joint_boosting import CatBoost, _curve, _Labels
from genialearn.predictors.tree_ensemble import Training
from genialearn.predictors.tree_targets import Target
from genialearn.predictors.views import Features
from genialearn.validation.splits import birth_years

FAST: dict[str, Any] = {
    "features": "markers",
    "start": "mean",
    "max_trees": 60,
    "penalty": 1.0,
    "patience": 8,
    "threads": 1,
}
OWN: dict[str, dict[str, Any]] = {
    "lightgbm": {"min_leaf_animals": 5, "feature_fraction": 0.3},
    "xgboost": {"min_leaf_animals": 5, "feature_fraction": 0.3},
    "catboost": {"depth": 3},
}
PATIENT: dict[str, Any] = {"learning_rate": 0.2, "max_trees": 200, "patience": 40}
MILK, FAT, MASTITIS = 0, 1, 4
ONE_BY_ONE = (LightGBM, XGBoost)


@pytest.fixture(params=[*ONE_BY_ONE, CatBoost], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Any:
    """Each of the models, if its library is there."""
    pytest.importorskip(request.param.name)
    return request.param


@pytest.fixture(params=ONE_BY_ONE, ids=lambda kind: kind.name)
def one_by_one(request: pytest.FixtureRequest) -> Any:
    """Each of those that grow trees for one trait after the other, if its library is there."""
    pytest.importorskip(request.param.name)
    return request.param


@pytest.fixture
def catboost() -> Any:
    pytest.importorskip("catboost")
    return CatBoost


def unfitted(kind: Any, **settings: Any) -> Any:
    return kind(**{**FAST, **OWN[kind.name], **settings})


def with_milk(values: FloatArray) -> Cohort:
    """Return a cohort with milk records only, and no fixed effects."""
    cohort = with_trait_columns(without_fixed_effects(family_cohort()), [MILK])
    return with_values(cohort, values[:, None])


def with_weights(cohort: Cohort, weights: FloatArray) -> Cohort:
    return replace(cohort, records=replace(cohort.records, weights=weights))


def noise() -> FloatArray:
    return np.random.default_rng(1).standard_normal(150)


def signal() -> FloatArray:
    return np.asarray(dosages(family_cohort().genotypes)[:, :20].sum(axis=1) + 0.1 * noise())


def interaction() -> FloatArray:
    """Return records that depend on two markers together and on neither alone."""
    markers = dosages(family_cohort().genotypes)
    one, other = (np.sign(markers[:, column] - np.median(markers[:, column]) + 0.1) for column in (31, 171))
    return np.asarray(one * other + 0.1 * noise())


def epistatic() -> tuple[Cohort, Cohort]:
    """Return training and later animals of 8 independent markers, one of them additive and two interacting.

    The second trait is noise.
    """
    rng = np.random.default_rng(1)
    markers = 2 * rng.integers(0, 2, (400, 8))
    signs = markers - 1
    first = signs[:, 2] * signs[:, 5] + 0.7 * signs[:, 0] + 0.5 * rng.standard_normal(400)
    cohort = Cohort.from_arrays(markers, np.column_stack([first, rng.standard_normal(400)]))
    return cohort.select(slice(0, 300)), cohort.select(slice(300, 400))


def correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


class TestNumberOfTrees:
    def test_growing_stops_early_on_noise(self, kind: Any) -> None:
        assert unfitted(kind).fit(with_milk(noise())).n_trees_[0] < 30

    def test_a_strong_signal_grows_more_trees(self, kind: Any) -> None:
        assert unfitted(kind).fit(with_milk(signal())).n_trees_[0] > 40

    def test_max_trees_is_the_limit(self, kind: Any) -> None:
        cohort = with_trait_columns(without_fixed_effects(family_cohort()), [MILK, FAT])
        model = unfitted(kind, max_trees=3).fit(with_values(cohort, np.column_stack([signal(), -signal()])))

        np.testing.assert_array_equal([3, 3], model.n_trees_)

    def test_each_trait_has_its_own(self, one_by_one: Any) -> None:
        assert len(set(unfitted(one_by_one).fit(family_cohort()).n_trees_.tolist())) > 1

    def test_all_traits_of_catboost_have_the_same_or_none(self, catboost: Any) -> None:
        numbers = unfitted(catboost).fit(family_cohort()).n_trees_

        assert numbers.max() > 0
        assert set(numbers.tolist()) <= {0, numbers.max()}

    @pytest.mark.parametrize(
        ("n_animals", "expected"),
        [(100, [0, 1, 2, 3, 4]), (2_000, [0, 1, 2, 3, 4]), (2_001, [0, 1, 2, 3]), (5_000, [0, 1]), (50_000, [0])],
    )
    def test_of_many_animals_fewer_folds_are_held_out(self, n_animals: int, expected: list[int]) -> None:
        nothing: Any = None
        folds = np.zeros(n_animals, dtype=np.int64)
        training = Training(nothing, nothing, nothing, nothing, nothing, nothing, folds, nothing)

        assert expected == training.held_out(5)


@dataclass(kw_only=True, eq=False, repr=False)
class Scripted(Boosting):
    """Boosted trees that need no library: what they make of losses is known, and each tree adds 1.

    Parameters
    ----------
    curves
        Losses of animals held out over those of the start, one fold after the other, from the first one again.
    """

    curves: Sequence[Sequence[float]] = ((0.9, 0.6, 0.7),)

    name: ClassVar[str] = "scripted"
    held: ClassVar[list[IntArray]] = []

    def _curve(self, seen: Any, target: Target, held: Target) -> Sequence[float]:
        assert not set(target.rows) & set(held.rows)
        curve = self.curves[len(Scripted.held) % len(self.curves)]
        Scripted.held.append(held.rows)
        return [held.loss(held.offset) * factor for factor in curve]

    def _train(self, seen: Any, target: Target, n_trees: int) -> Any:
        return n_trees

    def _sums(self, trait: int, features: Features) -> FloatArray:
        return np.full(features.genotypes.shape[0], float(self.trees_[trait]))

    def _size(self, trees: Any) -> int:
        return int(trees)


class TestCountingOnFolds:
    @pytest.fixture(autouse=True)
    def nothing_held_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Scripted, "held", [])

    def scripted(self, cohort: Cohort, *curves: Sequence[float]) -> Scripted:
        return Scripted(features="components", start="mean", components=2, curves=curves).fit(cohort)

    @pytest.mark.parametrize(
        ("curve", "expected"), [((0.9, 0.6, 0.7), 2), ((1.1, 1.2), 0), ((1.1, 0.9), 2), ((1.0,), 0)]
    )
    def test_the_least_loss_tells_how_many(self, curve: tuple[float, ...], expected: int) -> None:
        np.testing.assert_array_equal([expected] * 5, self.scripted(family_cohort(), curve).n_trees_)

    @pytest.mark.parametrize(("weight", "expected"), [(1.0, 2), (50.0, 1)])
    def test_a_fold_counts_as_its_weights_say(self, weight: float, expected: int) -> None:
        """Four folds have most to gain from a second tree, the youngest animals lose by it."""
        cohort, years = with_milk(noise()), birth_years(family_cohort())
        youngest = np.isin(years, np.unique(years)[-2:])
        heavy = with_weights(cohort, np.where(youngest, weight, 1.0)[:, None])
        model = self.scripted(heavy, (0.9, 1.1), *[(1.1, 0.5)] * 4)

        np.testing.assert_array_equal(np.flatnonzero(youngest), Scripted.held[0])
        np.testing.assert_array_equal([expected], model.n_trees_)

    def test_each_animal_with_a_record_is_held_out_once(self) -> None:
        cohort = family_cohort()
        self.scripted(cohort, (0.9,))

        recorded = np.isfinite(cohort.records.values[:, FAT])
        assert 25 == len(Scripted.held)
        np.testing.assert_array_equal(np.flatnonzero(recorded), np.sort(np.concatenate(Scripted.held[5:10])))

    def test_of_many_animals_the_youngest_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inner_parts, "_COUNTED", 299)
        years = birth_years(family_cohort())
        self.scripted(with_milk(noise()), (0.9,))

        assert 1 == len(Scripted.held)
        assert np.delete(years, Scripted.held[0]).max() < years[Scripted.held[0]].min()

    def test_a_trait_that_does_not_vary_has_none(self) -> None:
        np.testing.assert_array_equal([0], self.scripted(with_milk(np.full(150, 7.0)), (0.9,)).n_trees_)
        assert [] == Scripted.held

    def test_trees_count_in_units_of_the_trait(self) -> None:
        cohort = with_milk(1000 * noise() + 50)
        predicted = self.scripted(cohort, (0.9, 0.8)).predict(cohort)

        values = cohort.records.values
        np.testing.assert_allclose(predicted, np.broadcast_to(values.mean() + 2 * values.std(), predicted.shape))


class TestLosses:
    def test_they_are_summed_over_folds_and_stay_as_they_were_last(self) -> None:
        losses = Losses(5)
        losses.add(4.0, [3.0, 1.0, 2.0], weight=2.0)
        losses.add(3.0, [5.0, 6.0, 2.0, 0.5, 0.0])

        sums = [2 * first + second for first, second in zip([4, 3, 1, 2, 2, 2], [3, 5, 6, 2, 0.5, 0], strict=True)]
        np.testing.assert_array_equal(sums, losses._sums)
        assert 5 == losses.best

    def test_the_first_of_equal_losses_is_the_best(self) -> None:
        losses = Losses(3)
        losses.add(2.0, [1.0, 1.0, 1.5])

        assert 1 == losses.best

    def test_without_folds_there_are_no_trees(self) -> None:
        assert 0 == Losses(8).best


class TestLossesOfTheLibraries:
    def weighted(self) -> Cohort:
        weights = np.random.default_rng(5).uniform(0.2, 5.0, (150, 5))
        return with_weights(family_cohort(), weights).canonical()

    def held_out(self, training: Training, trait: int) -> tuple[Target, BoolArray]:
        target = training.target(trait)
        return target, training.folds[target.rows] == 0

    @pytest.mark.parametrize("trait", [FAT, MASTITIS])
    @pytest.mark.parametrize("start", ["gblup", "mean"])
    def test_they_are_those_of_predictions(self, one_by_one: Any, trait: int, start: str) -> None:
        """So that they can be compared with the loss of no tree at all."""
        model = unfitted(one_by_one, start=start)
        training = Training.learned(self.weighted(), model)
        target, inside = self.held_out(training, trait)
        held, seen = target.part(inside), training.seen([trait], without=0)
        curve = model._curve(seen, target.part(~inside), held)

        for n_trees in (1, 4):
            model.trees_ = [model._train(seen, target.part(~inside), n_trees)] * 5
            sums = model._sums(trait, training.features)[held.rows]
            np.testing.assert_allclose(curve[n_trees - 1], held.loss(held.offset + sums), rtol=1e-5)

    @pytest.mark.parametrize("equal", [True, False])
    def test_so_are_those_of_catboost(self, catboost: Any, equal: bool) -> None:
        model, cohort = unfitted(catboost), family_cohort().canonical() if equal else self.weighted()
        training = Training.learned(cohort, model)
        labels = _Labels.of(training)
        rows, held = np.flatnonzero(training.folds != 0), np.flatnonzero(training.folds == 0)
        seen = training.seen(range(5), without=0)
        grown = model._train(seen, labels, rows, 5, held)

        for n_trees in (1, 5):
            said = np.zeros(labels.rest.shape)
            said[held] = grown.predict(seen[held], ntree_end=n_trees)
            left = labels._replace(rest=labels.rest - said)
            np.testing.assert_allclose(_curve(grown)[n_trees - 1], left.root_loss(held), rtol=1e-5)


class TestLabels:
    def some_milk(self) -> Cohort:
        """Return a cohort of which 100 animals have records."""
        return with_milk(np.where(np.arange(150) % 3 == 0, np.nan, signal()))

    def test_animals_without_a_record_are_left_out_of_lightgbm(self) -> None:
        """The root of each tree holds the animals with a record."""
        pytest.importorskip("lightgbm")
        model = unfitted(LightGBM).fit(self.some_milk())

        trees = model.trees_[0].dump_model()["tree_info"]
        assert {100} == {tree["tree_structure"]["internal_count"] for tree in trees}

    def test_so_they_are_of_xgboost(self) -> None:
        pytest.importorskip("xgboost")
        model = unfitted(XGBoost).fit(self.some_milk())

        trees = model.trees_[0].get_dump(with_stats=True, dump_format="json")
        assert {100.0} == {json.loads(tree)["cover"] for tree in trees}

    def test_weights_count(self, kind: Any) -> None:
        cohort = with_milk(interaction())
        heavy = with_weights(cohort, np.where(np.arange(150)[:, None] < 75, 20.0, 0.05))
        plain, weighted = (unfitted(kind).fit(each).predict(cohort)[:, 0] for each in (cohort, heavy))

        first = slice(0, 75)
        residuals = [np.std((interaction() - predicted)[first]) for predicted in (plain, weighted)]
        assert residuals[1] < residuals[0]

    def test_holes_of_a_trait_are_no_labels_of_catboost(self) -> None:
        cohort, rng = family_cohort().canonical(), np.random.default_rng(2)
        values = cohort.records.values.copy()
        values[rng.permutation(150)[:90], FAT] = np.nan
        full, holed = (
            _Labels.of(Training.learned(each, unfitted(CatBoost))) for each in (cohort, with_values(cohort, values))
        )

        others = np.arange(5) != FAT
        np.testing.assert_array_equal(np.isfinite(values), np.isfinite(holed.rest))
        np.testing.assert_array_equal(full.rest[:, others], holed.rest[:, others])

    def test_animals_are_weighted_by_the_mean_of_their_records(self) -> None:
        one = Target(np.array([0, 2]), np.array([5.0, 6.0]), np.array([1.0, 3.0]), np.array([0.5, 1.5]), False)
        other = Target(np.array([2, 3]), np.array([1.0, 0.0]), np.array([0.4, 0.2]), np.array([0.7, 1.3]), True)
        labels = _Labels.of(self.training_of(one, other))

        nan = np.nan
        np.testing.assert_allclose(labels.rest, [[4, nan], [nan, nan], [3, 0.6], [nan, -0.2], [nan, nan]])
        np.testing.assert_allclose(labels.weights, [0.5, 0, 1.1, 1.3, 0])
        np.testing.assert_array_equal([0, 2, 3], labels.rows)

    def test_a_trait_of_which_nothing_is_left_to_learn_is_none_of_catboost(self) -> None:
        one = Target(np.array([0, 2]), np.array([5.0, 6.0]), np.array([4.0, 5.0]), np.array([0.5, 1.5]), False)
        other = Target(np.array([2, 3]), np.array([1.0, 0.0]), np.array([0.4, 0.2]), np.array([0.7, 1.3]), True)
        labels = _Labels.of(self.training_of(one, other))

        assert [1] == labels.traits
        np.testing.assert_allclose(labels.rest[[2, 3]], [[0.6], [-0.2]])
        np.testing.assert_array_equal([2, 3], labels.rows)

    def training_of(self, *targets: Target) -> Any:
        return SimpleNamespace(folds=np.zeros(5), n_traits=len(targets), target=targets.__getitem__)

    def test_losses_are_weighted_and_of_the_records_that_there_are(self) -> None:
        rest = np.array([[9.0, 9.0, 9.0], [1.0, np.nan, np.nan], [3.0, 2.0, np.nan]])
        labels, rows = _Labels([0, 1, 2], rest, np.array([1.0, 3.0, 1.0])), np.array([1, 2])

        np.testing.assert_allclose(labels.losses(rows), [(3 * 1 + 9) / 4, 4, 0])
        np.testing.assert_allclose(labels.losses(rows, said=1.0), [(3 * 0 + 4) / 4, 1, 0])
        np.testing.assert_allclose(labels.root_loss(rows), np.sqrt(3 + 4))


class TestFit:
    def test_it_fits_interactions(self, kind: Any) -> None:
        settings = {"learning_rate": 0.3} if kind is CatBoost else {"feature_fraction": 1.0}
        model = unfitted(kind, max_trees=200, **settings).fit(with_milk(interaction()))

        assert correlation(model.predict(family_cohort())[:, 0], interaction()) > 0.8

    def test_another_seed_is_another_model(self, kind: Any) -> None:
        cohort = with_milk(signal())
        one, same, other = (unfitted(kind, max_trees=20, seed=seed).fit(cohort).predict(cohort) for seed in (1, 1, 2))

        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)

    @pytest.mark.parametrize("features", ["markers", "traits + windows + screened + components"])
    def test_an_animal_without_any_genotype_is_the_mean_of_all(self, kind: Any, features: str) -> None:
        cohort = with_milk(signal())
        model = unfitted(kind, features=features).fit(cohort)
        nothing = Cohort.from_arrays(
            np.full((1, 300), np.nan), np.full((1, 1), np.nan), markers=cohort.genotypes.markers
        )

        values = cohort.records.values
        assert model.n_trees_[0] > 0
        assert abs(model.predict(nothing)[0, 0] - values.mean()) < values.std()

    def test_a_cohort_smaller_than_two_leaves(self, one_by_one: Any) -> None:
        cohort = without_fixed_effects(family_cohort().select(slice(0, 12)))
        predicted = one_by_one(features="markers", start="mean", threads=1).fit(cohort).predict(cohort)

        np.testing.assert_allclose(predicted[:, MILK], cohort.records.values[:, MILK].mean(), rtol=1e-6)

    def test_fewer_animals_than_folds(self, kind: Any) -> None:
        cohort = without_fixed_effects(with_trait_columns(family_cohort().select(slice(0, 4)), [MILK]))

        assert np.isfinite(kind(threads=1).fit(cohort).predict(cohort)).all()


class TestBesideGBLUP:
    def test_where_nothing_is_left_to_learn_it_is_gblup(self, kind: Any) -> None:
        """Of traits that are noise some have no trees, and their predictions are GBLUP's to the bit."""
        cohort = without_fixed_effects(with_trait_columns(family_cohort(), [0, 1, 2]))
        cohort = with_values(cohort, np.random.default_rng(3).standard_normal((150, 3)))
        model = kind(start="gblup", windows=20, screened=30, max_trees=60, threads=1).fit(cohort)

        none = model.n_trees_ == 0
        assert none.any()
        np.testing.assert_array_equal(model.base_.predict(cohort)[:, none], model.predict(cohort)[:, none])

    def test_trees_add_to_gblup(self, one_by_one: Any) -> None:
        train, later = (each.canonical() for each in epistatic())
        model = unfitted(one_by_one, start="gblup", **PATIENT, feature_fraction=1.0).fit(train)
        sums = model._sums(0, model.views_.of(later.genotypes))

        unit = np.std(model.base_.models_[0].adjusted)
        assert np.ptp(sums) > 0
        np.testing.assert_allclose(model.predict(later)[:, 0], model.base_.predict(later)[:, 0] + unit * sums)

    @pytest.mark.parametrize("start", ["gblup", "mean"])
    def test_an_interaction_is_found_that_gblup_can_not_find(self, kind: Any, start: str) -> None:
        train, later = epistatic()
        settings = {} if kind is CatBoost else {"feature_fraction": 1.0}
        model = unfitted(kind, start=start, **PATIENT, **settings).fit(train)

        observed = later.records.values[:, 0]
        plain = unfitted(kind, start="gblup", max_trees=1, **settings).fit(train).base_
        assert correlation(model.predict(later)[:, 0], observed) > 0.85
        assert correlation(plain.predict(later)[:, 0], observed) < 0.65

    def test_a_trait_that_catboost_can_not_improve_is_gblup(self, catboost: Any) -> None:
        train, later = epistatic()
        model = unfitted(catboost, start="gblup", learning_rate=0.2).fit(train)
        predicted, plain = model.predict(later), model.base_.predict(later)

        assert model.n_trees_[0] > 0 == model.n_trees_[1]
        np.testing.assert_array_equal(plain[:, 1], predicted[:, 1])
        assert np.all(plain[:, 0] != predicted[:, 0])

    def test_catboost_of_a_single_trait(self, catboost: Any) -> None:
        train, later = (with_trait_columns(each, [0]) for each in epistatic())
        predicted = unfitted(catboost, start="gblup", learning_rate=0.2).fit(train).predict(later)

        assert (100, 1) == predicted.shape
        assert correlation(predicted[:, 0], later.records.values[:, 0]) > 0.8

    def test_without_need_there_is_no_gblup(self, kind: Any) -> None:
        cohort = with_milk(signal())

        assert unfitted(kind, max_trees=2).fit(cohort).base_ is None
        assert unfitted(kind, max_trees=2, features="screened").fit(cohort).base_ is not None


def one_marker() -> Cohort:
    """Return animals of one marker, homozygous, that moves the frequency of a disease from a quarter to three."""
    rng = np.random.default_rng(4)
    marker = 2 * (np.arange(240) % 2)
    return Cohort.from_arrays(marker[:, None], (rng.random(240) < np.where(marker > 0, 0.75, 0.25)).astype(float))


class TestBinaryTraits:
    def test_predictions_are_between_0_and_1(self, kind: Any) -> None:
        cohort = with_trait_columns(family_cohort(), [MASTITIS])
        predicted = unfitted(kind, start="gblup", learning_rate=0.3).fit(cohort).predict(cohort)

        assert 0 <= predicted.min() < predicted.max() <= 1

    def test_trees_add_to_the_logit(self, one_by_one: Any) -> None:
        cohort = one_marker().canonical()
        model = unfitted(one_by_one).fit(cohort)
        sums = model._sums(0, model.views_.of(cohort.genotypes))

        assert model.n_trees_[0] > 0
        mean = logit(cohort.records.values.mean())
        np.testing.assert_allclose(logit(model.predict(cohort)[:, 0]), mean + sums, rtol=1e-6)

    def test_they_are_grown_by_cross_entropy(self, one_by_one: Any) -> None:
        """The first leaves are Newton steps, the mean error over p(1 - p)."""
        cohort = one_marker().canonical()
        once = {"max_trees": 1, "leaves": 2, "learning_rate": 1.0, "penalty": 0.0, "min_leaf_animals": 1}
        model = unfitted(one_by_one, **once).fit(cohort)
        sums = model._sums(0, model.views_.of(cohort.genotypes))

        ill, carries = cohort.records.values[:, 0], dosages(cohort.genotypes)[:, 0] > 0
        mean = ill.mean()
        expected = np.where(carries, ill[carries].mean() - mean, ill[~carries].mean() - mean) / (mean * (1 - mean))
        np.testing.assert_allclose(sums, expected, rtol=1e-5)

    @pytest.mark.parametrize("kind", [LightGBM, XGBoost])
    def test_leaves_of_a_rare_one_are_as_small_as_of_others(self, kind: Any) -> None:
        """A marker makes it nine times as frequent; 20 animals a leaf are a thirtieth."""
        pytest.importorskip(kind.name)
        rng = np.random.default_rng(1)
        markers = 2 * rng.integers(0, 2, (600, 3))
        ill = rng.random(600) < np.where(markers[:, 0] > 0, 0.09, 0.01)
        cohort = Cohort.from_arrays(markers, ill.astype(float))

        assert unfitted(kind, feature_fraction=1.0, min_leaf_animals=20).fit(cohort).n_trees_[0] > 0

    def test_those_of_catboost_add_to_the_probability(self, catboost: Any) -> None:
        cohort = one_marker().canonical()
        model = unfitted(catboost).fit(cohort)
        sums = model._sums(0, model.views_.of(cohort.genotypes))

        assert model.n_trees_[0] > 0
        np.testing.assert_allclose(model.predict(cohort)[:, 0], cohort.records.values.mean() + sums)

    @pytest.mark.parametrize("kind", [LightGBM, XGBoost])
    def test_a_rare_one_without_trees_is_gblup(self, kind: Any) -> None:
        """No tree can divide the animals; predictions below .005 stay what they are."""
        pytest.importorskip(kind.name)
        cohort = with_milk((np.arange(150) % 50 == 0).astype(float))
        binary = tuple(replace(trait, kind="binary") for trait in cohort.traits)
        cohort = replace(cohort, records=replace(cohort.records, traits=binary))
        model = unfitted(kind, start="gblup", heritability=0.5, min_leaf_animals=150).fit(cohort)

        assert model.base_.predict(cohort).min() < 0.005
        np.testing.assert_array_equal(model.base_.predict(cohort), model.predict(cohort))


class TestWhatDoesNotVary:
    def test_animals_that_are_all_the_same_are_refused(self, kind: Any) -> None:
        cohort = Cohort.from_arrays(np.full((30, 4), 2), noise()[:30])

        with pytest.raises(AlignmentError, match="expected at least one marker that varies among the training"):
            unfitted(kind).fit(cohort)

    def of_the_youngest(self) -> Cohort:
        """Return animals of whom the youngest alone differ, at one marker."""
        values = np.zeros((150, 3), dtype=np.int8)
        years = birth_years(family_cohort())
        values[years == years.max(), 1] = np.arange(np.sum(years == years.max())) % 2
        return with_genotypes(with_milk(noise()), values, MarkerMap.numbered(3))

    def test_markers_that_vary_only_among_animals_held_out(self, one_by_one: Any) -> None:
        cohort = self.of_the_youngest()

        assert np.isfinite(unfitted(one_by_one).fit(cohort).predict(cohort)).all()

    def test_they_are_nothing_to_catboost(self, catboost: Any) -> None:
        cohort = self.of_the_youngest()

        assert np.isfinite(unfitted(catboost).fit(cohort).predict(cohort)).all()

    def test_a_trait_that_does_not_vary(self, kind: Any) -> None:
        cohort = with_values(with_trait_columns(family_cohort(), [MILK, FAT]), np.column_stack([[4.5] * 150, signal()]))
        predicted = unfitted(kind).fit(cohort).predict(cohort)

        np.testing.assert_allclose(predicted[:, 0], 4.5)
        assert correlation(predicted[:, 1], signal()) > 0.5

    def test_traits_of_which_none_varies(self, kind: Any) -> None:
        cohort = with_values(with_trait_columns(family_cohort(), [MILK, FAT]), np.tile([7.0, 4.5], (150, 1)))

        np.testing.assert_allclose(unfitted(kind).fit(cohort).predict(cohort), cohort.records.values)

    def late(self) -> Cohort:
        """Return a cohort of two traits, of which the second one is that of the youngest alone."""
        cohort = with_trait_columns(without_fixed_effects(family_cohort()), [MILK, FAT])
        years, values = birth_years(cohort), np.column_stack([signal(), noise()])
        values[years < years.max(), 1] = np.nan
        return with_values(cohort, values)

    def test_a_trait_that_only_the_youngest_have(self, kind: Any) -> None:
        cohort = self.late()
        predicted = unfitted(kind).fit(cohort).predict(cohort)

        assert correlation(predicted[:, 0], signal()) > 0.5
        assert np.ptp(predicted[:, 1]) < np.nanstd(cohort.records.values[:, 1])

    @pytest.mark.parametrize("kind", [*ONE_BY_ONE, CatBoost])
    def test_it_keeps_no_other_trait_from_trees(self, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there are so many animals that only the youngest are held out."""
        pytest.importorskip(kind.name)
        monkeypatch.setattr(inner_parts, "_COUNTED", 299)

        assert unfitted(kind).fit(self.late()).n_trees_[0] > 0


class TestErrors:
    @pytest.mark.parametrize("kind", [*ONE_BY_ONE, CatBoost], ids=lambda kind: kind.name)
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"max_trees": 0}, r"max_trees: expected a whole number of at least 1, found 0\.$"),
            ({"patience": 0}, r"patience: expected a whole number of at least 1, found 0\.$"),
            ({"windows": 0}, r"windows: expected a whole number of at least 1, found 0\.$"),
            ({"screened": 0.5}, r"screened: expected a whole number of at least 1, found 0\.5\.$"),
            ({"components": -3}, r"components: expected a whole number of at least 1, found -3\.$"),
            ({"folds": 1}, r"folds: expected a whole number of at least 2, found 1\.$"),
            ({"start": "blup"}, r"start: expected a known name, found 'blup'\. Did you mean gblup\?$"),
            ({"features": "windws"}, r"features: expected a known name, found 'windws'\. Did you mean windows\?$"),
            ({"features": []}, r"features: expected some of gblup, traits, windows, .* found none\.$"),
        ],
    )
    def test_settings(self, kind: Any, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=f"^{kind.name} {message}"):
            kind(**settings).fit(family_cohort())

    def test_settings_of_catboost(self) -> None:
        with pytest.raises(SettingError, match=r"^catboost depth: expected a whole number of at least 1, found 0\.$"):
            CatBoost(depth=0).fit(family_cohort())

    @pytest.mark.parametrize(("kind", "extra"), [(LightGBM, "trees"), (XGBoost, "boost"), (CatBoost, "boost")])
    def test_the_library_is_missing(self, kind: Any, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, kind.name, None)

        with pytest.raises(
            MissingExtraError,
            match=rf"^model {kind.name}: expected the library {kind.name}, found none\. "
            rf"Install it with: pip install 'genialearn\[{extra}\]'\.$",
        ):
            unfitted(kind).fit(with_milk(noise()))
