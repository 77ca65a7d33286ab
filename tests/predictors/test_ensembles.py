from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import MissingExtraError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors.ensembles import LightGBM

pytest.importorskip("lightgbm")

FAST: dict[str, Any] = {"max_trees": 60, "min_leaf_animals": 5, "marker_fraction": 0.3, "patience": 8, "threads": 1}
MILK = 0


def with_milk(values: FloatArray) -> Cohort:
    """Return a cohort with milk records only, and no fixed effects."""
    cohort = with_trait_columns(without_fixed_effects(family_cohort()), [MILK])
    return with_values(cohort, values[:, None])


def noise() -> FloatArray:
    return np.random.default_rng(1).standard_normal(150)


def interaction() -> FloatArray:
    """Return records that depend on two markers together and on neither alone."""
    markers = dosages(family_cohort().genotypes)
    one, other = (np.sign(markers[:, column] - np.median(markers[:, column]) + 0.1) for column in (31, 171))
    return np.asarray(one * other + 0.1 * noise())


class TestNumberOfTrees:
    def test_growing_stops_early_on_noise(self) -> None:
        model = LightGBM(**FAST).fit(with_milk(noise()))

        assert model.n_trees_[0] < 30

    def test_a_strong_signal_grows_more_trees(self) -> None:
        signal = dosages(family_cohort().genotypes)[:, :20].sum(axis=1) + 0.1 * noise()
        model = LightGBM(**FAST).fit(with_milk(signal))

        assert model.n_trees_[0] > 40

    def test_max_trees_is_the_limit(self) -> None:
        model = LightGBM(**{**FAST, "max_trees": 3}).fit(family_cohort())

        assert np.all(model.n_trees_ <= 3)
        assert (len(family_cohort().traits),) == model.n_trees_.shape

    def test_each_trait_has_its_own(self) -> None:
        assert len(set(LightGBM(**FAST).fit(family_cohort()).n_trees_.tolist())) > 1


class TestLabels:
    def test_animals_without_a_record_are_left_out(self) -> None:
        """The root of each tree holds the animals with a record."""
        cohort = with_milk(np.where(np.arange(150) % 3 == 0, np.nan, noise()))
        model = LightGBM(**FAST).fit(cohort)

        trees = model.boosters_[0].dump_model()["tree_info"]
        assert {100} == {tree["tree_structure"]["internal_count"] for tree in trees}

    def test_weights_count(self) -> None:
        cohort = with_milk(interaction())
        weights = np.where(np.arange(150)[:, None] < 75, 20.0, 0.05)
        heavy = replace(cohort, records=replace(cohort.records, weights=weights))
        plain, weighted = (LightGBM(**FAST).fit(each).predict(cohort)[:, 0] for each in (cohort, heavy))

        first = slice(0, 75)
        residuals = [np.std((interaction() - predicted)[first]) for predicted in (plain, weighted)]
        assert residuals[1] < residuals[0]


class TestFit:
    def test_it_fits_interactions(self) -> None:
        model = LightGBM(**{**FAST, "marker_fraction": 1.0, "max_trees": 200}).fit(with_milk(interaction()))
        predicted = model.predict(family_cohort())[:, 0]

        assert np.corrcoef(predicted, interaction())[0, 1] > 0.8

    def test_another_seed_is_another_model(self) -> None:
        cohort = family_cohort()
        one, other = (LightGBM(**FAST, seed=seed).fit(cohort).predict(cohort) for seed in (1, 2))

        assert not np.array_equal(one, other)

    def test_missing_genotypes_are_values_of_their_own(self) -> None:
        cohort = family_cohort()
        nothing = Cohort.from_arrays(
            np.full((1, 300), np.nan), np.full((1, 5), np.nan), markers=cohort.genotypes.markers
        )

        assert np.isfinite(LightGBM(**FAST).fit(cohort).predict(nothing)).all()

    def test_a_cohort_smaller_than_two_leaves(self) -> None:
        cohort = family_cohort().select(slice(0, 12))
        predicted = LightGBM(threads=1).fit(without_fixed_effects(cohort)).predict(cohort)

        np.testing.assert_allclose(predicted[:, MILK], cohort.records.values[:, MILK].mean(), rtol=1e-6)


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"max_trees": 0}, r"^lightgbm max_trees: expected a whole number of at least 1, found 0\.$"),
            (
                {"validation_fraction": 0.9},
                r"^lightgbm validation_fraction: expected a number from 0\.01 to 0\.5, found 0\.9\.$",
            ),
        ],
    )
    def test_settings(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            LightGBM(**settings).fit(family_cohort())

    def test_the_library_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "lightgbm", None)

        with pytest.raises(
            MissingExtraError,
            match=r"^model lightgbm: expected the library lightgbm, found none\. "
            r"Install it with: pip install 'genialearn\[trees\]'\.$",
        ):
            LightGBM().fit(family_cohort())
