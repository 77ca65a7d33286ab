from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from cohorts_for_tests import family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors.forests import ExtraTrees, Forest, RandomForest, _Said, _share

FAST: dict[str, Any] = {"features": "markers", "start": "mean", "n_trees": 40, "threads": 1}
MILK, MASTITIS = 0, 4


@pytest.fixture(params=[RandomForest, ExtraTrees], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def unfitted(kind: Any, **settings: Any) -> Any:
    return kind(**{**FAST, **settings})


def shares(model: Forest) -> list[float]:
    """Return how much of its trees is added to each trait."""
    return [0.0 if trees is None else trees.share for trees in model.trees_]


def with_records(values: FloatArray) -> Cohort:
    """Return a cohort with other records of the first traits, and no fixed effects."""
    cohort = with_trait_columns(without_fixed_effects(family_cohort()), list(range(values.shape[1])))
    return with_values(cohort, values)


def noise(n_traits: int = 1) -> FloatArray:
    return np.random.default_rng(1).standard_normal((150, n_traits))


def signal() -> FloatArray:
    return np.asarray(dosages(family_cohort().genotypes)[:, :20].sum(axis=1)[:, None] + 0.1 * noise())


def epistatic() -> tuple[Cohort, Cohort]:
    """Return training and later animals of 8 independent markers, one of them additive and two interacting."""
    rng = np.random.default_rng(1)
    markers = 2 * rng.integers(0, 2, (400, 8))
    signs = markers - 1
    records = signs[:, 2] * signs[:, 5] + 0.7 * signs[:, 0] + 0.5 * rng.standard_normal(400)
    cohort = Cohort.from_arrays(markers, records)
    return cohort.select(slice(0, 300)), cohort.select(slice(300, 400))


def correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


class TestShare:
    def test_of_noise_little_is_added_to_gblup(self, kind: Any) -> None:
        found = shares(unfitted(kind, start="gblup").fit(with_records(noise(5))))

        assert min(found) >= 0
        assert np.mean(found) < 0.2

    def test_so_it_is_where_markers_are_screened_with_the_records(self, kind: Any) -> None:
        model = unfitted(kind, start="gblup", features="screened", screened=20).fit(with_records(noise(5)))

        assert np.mean(shares(model)) < 0.3

    def test_of_an_interaction_all_is_added(self, kind: Any) -> None:
        train, _ = epistatic()
        share = shares(unfitted(kind, start="gblup").fit(train))[0]

        assert 0.9 < share <= 1

    def test_trees_from_the_mean_count_fully(self, kind: Any) -> None:
        assert [1.0] * 5 == shares(unfitted(kind).fit(with_records(noise(5))))

    def test_it_is_the_weighted_regression_within_0_and_1(self) -> None:
        rng = np.random.default_rng(2)
        said, weights = rng.standard_normal(60), rng.uniform(0.2, 3.0, 60)
        for slope in (0.4, -0.5, 1.7):
            rest = slope * said + 0.5 * rng.standard_normal(60) + 3
            expected = np.polyfit(said, rest, 1, w=np.sqrt(weights))[0]

            np.testing.assert_allclose(_share(_Said(rest, said, weights)), np.clip(expected, 0, 1))

    def test_of_trees_that_say_the_same_of_all_it_is_0(self) -> None:
        assert 0.0 == _share(_Said(np.arange(5.0), np.zeros(5), np.ones(5)))
        assert 0.0 == _share(_Said(np.empty(0), np.empty(0), np.empty(0)))


class TestNumberOfTrees:
    def test_it_is_the_one_asked_for(self, kind: Any) -> None:
        np.testing.assert_array_equal([7, 7], unfitted(kind, n_trees=7).fit(with_records(noise(2))).n_trees_)

    @pytest.mark.parametrize("n_trees", [1, 3])
    def test_few_trees_are_no_reason_for_a_warning(self, kind: Any, n_trees: int) -> None:
        """Though there are animals that each tree was grown on."""
        cohort = with_records(signal())

        assert np.isfinite(unfitted(kind, n_trees=n_trees, start="gblup").fit(cohort).predict(cohort)).all()

    def test_a_trait_that_does_not_vary_has_none(self, kind: Any) -> None:
        cohort = with_records(np.column_stack([signal(), np.full(150, 4.5)]))
        model = unfitted(kind).fit(cohort)

        np.testing.assert_array_equal([40, 0], model.n_trees_)
        np.testing.assert_allclose(model.predict(cohort)[:, 1], 4.5)


@pytest.mark.parametrize(
    ("kind", "expected"), [(RandomForest, RandomForestRegressor), (ExtraTrees, ExtraTreesRegressor)]
)
def test_trees_are_of_the_kind_that_the_model_names(kind: Any, expected: type) -> None:
    assert expected is type(unfitted(kind, n_trees=2).fit(with_records(signal())).trees_[0].trees)


class TestRecords:
    def test_animals_without_one_are_left_out(self, kind: Any) -> None:
        """Each bootstrap sample is as large as the number of animals with a record."""
        values = np.where(np.arange(150)[:, None] % 3 == 0, np.nan, signal())
        forest = unfitted(kind).fit(with_records(values)).trees_[0].trees

        assert {100.0} == {tree.tree_.weighted_n_node_samples[0] for tree in forest.estimators_}

    def test_weights_count(self, kind: Any) -> None:
        """Half of the animals have other records than their twins, and hardly any weight."""
        markers = 2 * (np.arange(200) % 2)[:, None]
        records = np.where(np.arange(200) < 100, 1.0, -1.0) * (markers[:, 0] - 1)
        cohort = Cohort.from_arrays(markers, records)
        weights = np.where(np.arange(200)[:, None] < 100, 9.0, 1.0)
        weighted = replace(cohort, records=replace(cohort.records, weights=weights))

        plain, heavy = (unfitted(kind).fit(each).predict(cohort)[:, 0] for each in (cohort, weighted))
        np.testing.assert_allclose(plain, 0, atol=0.1)
        np.testing.assert_allclose(heavy, 0.8 * (markers[:, 0] - 1), atol=0.1)

    def test_few_animals(self, kind: Any) -> None:
        cohort = without_fixed_effects(with_trait_columns(family_cohort().select(slice(0, 4)), [MILK]))

        assert np.isfinite(kind(n_trees=10, threads=1).fit(cohort).predict(cohort)).all()

    def test_animals_that_are_all_the_same_are_refused(self, kind: Any) -> None:
        cohort = Cohort.from_arrays(np.full((30, 4), 2), noise()[:30])

        with pytest.raises(AlignmentError, match="expected at least one marker that varies among the training"):
            unfitted(kind).fit(cohort)


class TestFit:
    def test_it_learns_what_is_there(self, kind: Any) -> None:
        cohort = with_records(signal())

        assert correlation(unfitted(kind).fit(cohort).predict(cohort)[:, 0], signal()[:, 0]) > 0.9

    @pytest.mark.parametrize("start", ["gblup", "mean"])
    def test_an_interaction_is_found_that_gblup_can_not_find(self, kind: Any, start: str) -> None:
        train, later = epistatic()
        observed = later.records.values[:, 0]
        model = unfitted(kind, start=start, feature_fraction=1.0).fit(train)
        plain = unfitted(kind, start="gblup", n_trees=1).fit(train).base_

        assert correlation(model.predict(later)[:, 0], observed) > 0.85
        assert correlation(plain.predict(later)[:, 0], observed) < 0.65

    def test_a_share_of_the_trees_is_added_to_gblup(self, kind: Any) -> None:
        cohort = family_cohort().canonical()
        model = unfitted(kind, start="gblup", features="windows + components", windows=10, components=4).fit(cohort)
        features = model.views_.of(cohort.genotypes)
        predicted, plain = model.predict(cohort), model.base_.predict(cohort)

        assert any(0 < share < 1 for share in shares(model))
        for trait in range(MASTITIS):
            unit, trees = np.nanstd(model.base_.models_[trait].adjusted), model.trees_[trait]
            said = 0.0 if trees is None else trees.share * trees.trees.predict(features.matrix([trait]))
            np.testing.assert_allclose(predicted[:, trait], plain[:, trait] + unit * said)

    def test_where_nothing_is_left_to_learn_it_is_gblup(self, kind: Any) -> None:
        cohort = with_records(noise(5))
        model = unfitted(kind, start="gblup").fit(cohort)

        none = model.n_trees_ == 0
        assert none.any()
        np.testing.assert_array_equal(model.base_.predict(cohort)[:, none], model.predict(cohort)[:, none])

    @pytest.mark.parametrize("start", ["gblup", "mean"])
    def test_a_binary_trait_is_a_probability(self, kind: Any, start: str) -> None:
        cohort = with_trait_columns(family_cohort(), [MASTITIS])
        predicted = unfitted(kind, start=start, min_leaf_animals=1).fit(cohort).predict(cohort)

        assert 0 <= predicted.min() < predicted.max() <= 1

    def test_the_seed_makes_the_model(self, kind: Any) -> None:
        cohort = with_records(signal())
        one, same, other = (unfitted(kind, seed=seed).fit(cohort).predict(cohort) for seed in (1, 1, 2))

        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)

    def test_threads_do_not_matter(self, kind: Any) -> None:
        cohort = with_records(signal())
        alone = unfitted(kind, n_trees=200).fit(cohort).predict(cohort)
        model = unfitted(kind, n_trees=200, threads=2).fit(cohort)

        assert {alone.tobytes()} == {model.predict(cohort).tobytes() for _ in range(5)}

    def test_without_need_there_is_no_gblup(self, kind: Any) -> None:
        cohort = with_records(signal())

        assert unfitted(kind, n_trees=2).fit(cohort).base_ is None
        assert unfitted(kind, n_trees=2, features="screened").fit(cohort).base_ is not None


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"n_trees": 0}, r"n_trees: expected a whole number of at least 1, found 0\.$"),
            ({"min_leaf_animals": 0}, r"min_leaf_animals: expected a whole number of at least 1, found 0\.$"),
            ({"feature_fraction": 0.0}, r"feature_fraction: expected a number from 1e-06 to 1, found 0\.0\.$"),
            ({"feature_fraction": 1.5}, r"feature_fraction: expected a number from 1e-06 to 1, found 1\.5\.$"),
            ({"folds": 1}, r"folds: expected a whole number of at least 2, found 1\.$"),
            ({"windows": 0}, r"windows: expected a whole number of at least 1, found 0\.$"),
            ({"start": "average"}, r"start: expected a known name, found 'average'\."),
            ({"features": "marker"}, r"features: expected a known name, found 'marker'\. Did you mean markers\?$"),
        ],
    )
    def test_others_are_refused(self, kind: Any, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=f"^{kind.name} {message}"):
            kind(**settings).fit(family_cohort())
