"""What every model of the catalogue promises, whatever it does inside."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from cohorts_for_tests import (
    TRAIT_NAMES,
    family_cohort,
    on_the_other_strand,
    with_alleles_swapped,
    with_genotypes,
    with_markers_reordered,
    with_pedigree_reordered,
    with_trait_columns,
    with_values,
)
from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import HasBreedingValues, HasHeritability, HasHistory, HasMarkerEffects, Predictor
from genialearn.errors import AlignmentError, NotFittedError
from genialearn.genotypes import dosages
from genialearn.predictors import CATALOGUE
from genialearn.predictors.inner_parts import youngest_animals

_FEW_STEPS: dict[str, Any] = {"width": 16, "max_epochs": 3, "folds": 3, "refit": False, "gate_level": 0.5, "threads": 1}

_FEW_TREES: dict[str, Any] = {"windows": 10, "screened": 20, "components": 3, "folds": 2, "threads": 1}
_BOOSTED: dict[str, Any] = {**_FEW_TREES, "max_trees": 15, "patience": 5}

SETTINGS: dict[str, dict[str, Any]] = {
    "arc-cosine": {"most_layers": 2},
    "bayesc": {"sweeps": 60, "burn_in": 30, "chains": 1, "draws": 4},
    "bayesr": {"sweeps": 60, "burn_in": 30, "chains": 1, "draws": 4},
    "catboost": {**_BOOSTED, "learning_rate": 0.3, "penalty": 1.0, "features": "markers"},
    "deepgblup": {**_FEW_STEPS, "batch_animals": 32},
    "bslmm": {"folds": 2},
    "dlgblup": {"folds": 2, "members": 2, "max_epochs": 5, "batch_animals": 32, "threads": 1},
    "elastic-net": {"l1_ratio": 0.1, "steps": 8, "lowest": 0.1, "counted": 2},
    "extra-trees": {**_FEW_TREES, "n_trees": 20},
    "gblup": {},
    "hybrid": {"degree": 2, "folds": 3, "gate_level": 0.5},
    "lasso": {"steps": 12, "lowest": 0.05},
    "lightgbm": {**_BOOSTED, "min_leaf_animals": 5, "feature_fraction": 0.5},
    "network": {"width": 16, "max_epochs": 4, "members": 2, "batch_animals": 32, "threads": 1},
    "network-residual": {**_FEW_STEPS, "batch_animals": 32},
    "random-forest": {**_FEW_TREES, "n_trees": 20},
    "rkhs": {"bandwidths": (0.5, 2.0)},
    "xgboost": {**_BOOSTED, "min_leaf_animals": 5, "feature_fraction": 0.5},
    "super-learner": {
        "members": {"lightgbm": {**_BOOSTED, "min_leaf_animals": 5, "feature_fraction": 0.5}},
        "folds": 3,
        "gate_level": 0.5,
        "threads": 1,
    },
}
"""Settings that make a model fast enough for this suite; a model that isn't named is tested with its own."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gblup, iterative": ("gblup", {"solver": "iterative"}),
    "gblup, blended": ("gblup", {"blend": 0.1}),
    "gblup, blended, iterative": ("gblup", {"blend": 0.1, "solver": "iterative"}),
    "pedigree, iterative": ("pedigree", {"solver": "iterative"}),
    "lightgbm, markers": ("lightgbm", {**_BOOSTED, "features": "markers", "penalty": 1.0, "min_leaf_animals": 5}),
}
"""Further settings of models of the catalogue that promise the same."""

NAMES = [*CATALOGUE, *VARIANTS]

SINGLE_TRAIT = {
    "gblup", "gblup, blended", "gblup-nonadditive", "pedigree", "parent-average", "rkhs", "arc-cosine",
    "lightgbm, markers",
}  # fmt: skip
"""Models in which no trait learns from another's records."""

WITHOUT_OWN_RECORDS = {"parent-average"}
"""Models that don't use an animal's own records to predict it."""

EXACT, CLOSE, ITERATED = 1e-9, 1e-6, 1e-4
"""Tolerances in standard deviations of the trait: rounding in sums; rounding that a model's search carries on, or that
iterations carry on which end at a residual of 1e-6."""

TRAIN, TEST = slice(0, 120), slice(120, 150)
MILK, FAT, MASTITIS = 0, 1, 4
QUANTITATIVE = np.arange(len(TRAIT_NAMES)) != MASTITIS


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    library = CATALOGUE[model_and_settings(request.param)[0]].library
    if library and find_spec(library) is None:
        pytest.skip(f"{library} isn't installed")
    return str(request.param)


@pytest.fixture
def model(name: str) -> Any:
    """The model, not fitted."""
    return unfitted(name)


@pytest.fixture
def fitted(name: str) -> Any:
    """The model, fitted on `train` and shared by all tests."""
    return fitted_once(name)


@pytest.fixture
def expected(name: str) -> FloatArray:
    """What the fitted model predicts for `test`."""
    return fitted_once(name).predict(family_cohort().select(TEST))


@pytest.fixture
def close(name: str) -> float:
    """How close predictions are that only rounding changes."""
    return ITERATED if "iterative" in name else CLOSE


@pytest.fixture
def train() -> Cohort:
    return family_cohort().select(TRAIN)


@pytest.fixture
def test() -> Cohort:
    return family_cohort().select(TEST)


def model_and_settings(name: str) -> tuple[str, dict[str, Any]]:
    """Return the model of the catalogue that a name stands for, and its settings."""
    return VARIANTS.get(name, (name, SETTINGS.get(name, {})))


def unfitted(name: str) -> Any:
    model, settings = model_and_settings(name)
    return CATALOGUE[model].load()(**settings)


@cache
def fitted_once(name: str) -> Any:
    return unfitted(name).fit(family_cohort().select(TRAIN))


def scale(cohort: Cohort) -> FloatArray:
    """Return the standard deviation of each trait's records."""
    return np.nanstd(cohort.records.values, axis=0)


def with_large_loci(cohort: Cohort) -> FloatArray:
    """Return values that two markers make and little else, by animal: any model learns them from few records."""
    values = dosages(cohort.genotypes)[:, [20, 210]].sum(axis=1)
    return np.asarray(values + 0.1 * np.random.default_rng(6).standard_normal(len(cohort)))


def assert_same(expected: FloatArray, actual: FloatArray, tolerance: float, train: Cohort) -> None:
    np.testing.assert_allclose(actual / scale(train), expected / scale(train), rtol=0, atol=tolerance)


def assert_near_the_records(records: FloatArray, predicted: FloatArray) -> None:
    """Assert that predictions are in the range of the records, which they can't be if holes were read as numbers."""
    assert np.isfinite(predicted).all()
    assert np.all(np.abs(predicted - np.nanmean(records)) < 4 * np.nanstd(records))


def is_at_border(fitted: Any) -> BoolArray:
    """Return which traits' heritability is as low or as high as can be, shape (traits,).

    Of a model of several genetic variances, which traits have hardly a residual one.
    """
    if hasattr(fitted, "variances_"):
        return np.asarray(fitted.variances_[-1] < 1e-3 * fitted.variances_.sum(axis=0))
    h = fitted.heritability_ if isinstance(fitted, HasHeritability) else np.full(len(TRAIT_NAMES), 0.5)
    return np.asarray((h < 2e-5) | (h > 1 - 2e-5))


def test_settings_name_models_of_the_catalogue() -> None:
    assert set() == set(SETTINGS) - set(CATALOGUE)
    assert set() == SINGLE_TRAIT - set(NAMES)
    assert set() == {model for model, _ in VARIANTS.values()} - set(CATALOGUE)


class TestAsAnEstimator:
    def test_it_is_a_predictor(self, model: Any) -> None:
        assert isinstance(model, Predictor)
        assert model.requires <= {"genotypes", "pedigree"}

    def test_fit_returns_itself_and_changes_nothing_else(self, model: Any, train: Cohort, test: Cohort) -> None:
        def state() -> list[bytes]:
            global_generator = np.random.get_state()[1]  # noqa: NPY002
            arrays = (train.records.values, train.records.weights, dosages(train.genotypes), global_generator)
            return [np.asarray(array).tobytes() for array in arrays]

        before, settings = state(), model.get_params()

        assert model is model.fit(train)
        model.predict(test)
        assert before == state()
        assert settings == model.get_params()

    def test_a_clone_has_the_same_settings_and_no_memory(self, fitted: Any, test: Cohort) -> None:
        copy = clone(fitted)

        assert fitted.get_params() == copy.get_params()
        with pytest.raises(NotFittedError, match="expected fit before predict"):
            copy.predict(test)

    def test_settings_make_a_round_trip(self, model: Any) -> None:
        assert model.get_params() == type(model)(**model.get_params()).get_params()

    def test_settings_are_keyword_only(self, model: Any) -> None:
        with pytest.raises(TypeError, match="positional argument"):
            type(model)(1)

    def test_predict_before_fit_is_refused(self, model: Any, test: Cohort) -> None:
        with pytest.raises(NotFittedError, match="expected fit before predict, found a model that saw no data"):
            model.predict(test)

    def test_same_seed_same_bytes_whatever_was_fitted_before(
        self, model: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        model.fit(train.select(slice(0, 80)))

        assert expected.tobytes() == model.fit(train).predict(test).tobytes()

    def test_capabilities_have_their_shapes(self, fitted: Any, train: Cohort, test: Cohort) -> None:
        n_traits = len(train.traits)

        if isinstance(fitted, HasHeritability):
            assert (n_traits,) == fitted.heritability_.shape == fitted.heritability_se_.shape
            assert np.all((fitted.heritability_ > 0) & (fitted.heritability_ < 1))
        if isinstance(fitted, HasBreedingValues):
            assert (len(test), n_traits) == fitted.breeding_values(test).shape
        if isinstance(fitted, HasMarkerEffects):
            assert (train.genotypes.shape[1], n_traits) == fitted.marker_effects_.shape
        if isinstance(fitted, HasHistory):
            assert {"epoch", "training_loss", "validation_loss"} == set(fitted.history_[0])


class TestOrderAndCodingOfTheFiles:
    def test_order_of_animals(self, model: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        shuffled = train.select(np.random.default_rng(2).permutation(len(train)))

        assert_same(expected, model.fit(shuffled).predict(test), EXACT, train)

    def test_order_of_markers(self, model: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        order = np.random.default_rng(2).permutation(train.genotypes.shape[1])

        assert_same(expected, model.fit(with_markers_reordered(train, order)).predict(test), EXACT, train)

    @pytest.mark.parametrize("share", [0.5, 1.0])
    def test_counted_allele(self, model: Any, train: Cohort, test: Cohort, expected: FloatArray, share: float) -> None:
        swap = np.random.default_rng(2).random(train.genotypes.shape[1]) < share
        model.fit(with_alleles_swapped(train, swap))

        assert_same(expected, model.predict(test), CLOSE, train)
        assert_same(expected, model.predict(with_alleles_swapped(test, swap)), CLOSE, train)

    def test_another_file_of_the_same_animals(
        self, fitted: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        rng = np.random.default_rng(2)
        n_markers = train.genotypes.shape[1]
        other = on_the_other_strand(
            with_alleles_swapped(test, rng.random(n_markers) < 0.5), rng.random(n_markers) < 0.5
        )
        other = with_markers_reordered(other, rng.permutation(n_markers))

        assert_same(expected, fitted.predict(other), EXACT, train)

    def test_markers_that_the_model_does_not_know(self, model: Any, train: Cohort, test: Cohort) -> None:
        known = np.flatnonzero(np.arange(train.genotypes.shape[1]) % 3 > 0)
        model.fit(with_markers_reordered(train, known))

        assert_same(model.predict(with_markers_reordered(test, known)), model.predict(test), EXACT, train)

    def test_another_chip_is_refused(self, fitted: Any, test: Cohort) -> None:
        if "genotypes" not in fitted.requires:
            pytest.skip("genotypes aren't read")
        with pytest.raises(AlignmentError, match="expected at least nine tenths of the 300 markers of the model"):
            fitted.predict(with_markers_reordered(test, np.arange(200)))


class TestPrediction:
    def test_shape_and_no_nan(self, test: Cohort, expected: FloatArray) -> None:
        assert (len(test), len(TRAIT_NAMES)) == expected.shape
        assert np.float64 == expected.dtype
        assert np.isfinite(expected).all()

    def test_it_learns_something(self, name: str, fitted: Any, train: Cohort) -> None:
        predicted, observed = fitted.predict(train)[:, MILK], train.records.values[:, MILK]

        assert np.corrcoef(predicted, observed)[0, 1] > (0.2 if name in WITHOUT_OWN_RECORDS else 0.5)

    def test_a_binary_trait_is_a_probability(self, fitted: Any, train: Cohort) -> None:
        predicted = fitted.predict(train)[:, MASTITIS]

        assert 0 <= predicted.min() < predicted.max() <= 1

    def test_predict_twice_is_the_same(self, fitted: Any, test: Cohort, expected: FloatArray) -> None:
        assert expected.tobytes() == fitted.predict(test).tobytes()

    def test_company_does_not_matter(self, fitted: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        backwards = fitted.predict(test.select(slice(None, None, -1)))
        alone = np.concatenate([fitted.predict(test.select([row])) for row in (0, 11, 29)])

        assert_same(expected, backwards[::-1], EXACT, train)
        assert_same(expected[[0, 11, 29]], alone, EXACT, train)

    def test_records_of_the_predicted_are_not_read(self, fitted: Any, test: Cohort, expected: FloatArray) -> None:
        assert expected.tobytes() == fitted.predict(test.without_records()).tobytes()

    def test_an_animal_without_any_genotype(
        self, fitted: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        values = dosages(test.genotypes).copy()
        values[0] = -1
        predicted = fitted.predict(with_genotypes(test, values, test.genotypes.markers))

        assert np.isfinite(predicted).all()
        assert_same(expected[1:], predicted[1:], EXACT, train)

    def test_chromosomes_that_do_not_vary(self, model: Any, train: Cohort, test: Cohort) -> None:
        """Whatever is made of them is constant: dosages, parts of breeding values, windows."""
        fixed = np.asarray(train.genotypes.markers.chromosomes) != train.genotypes.markers.chromosomes[0]
        values = np.where(fixed, 2, dosages(train.genotypes)).astype(np.int8)
        predicted = model.fit(with_genotypes(train, values, train.genotypes.markers)).predict(test)

        assert_near_the_records(train.records.values[:, MILK], predicted[:, MILK])
        assert np.isfinite(predicted).all()


class TestPedigree:
    def test_it_is_refused_to_go_without_where_one_is_needed(self, model: Any, train: Cohort, test: Cohort) -> None:
        without = replace(train, pedigree=None)
        if "pedigree" not in model.requires:
            assert np.isfinite(model.fit(without).predict(replace(test, pedigree=None))).all()
            return
        with pytest.raises(
            AlignmentError, match=r"^pedigree: expected .*, found no pedigree\. Give one with --pedigree"
        ):
            model.fit(without)

    def test_order_of_the_pedigree(self, model: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        order = np.random.default_rng(2).permutation(len(family_cohort().pedigree or ()))
        model.fit(with_pedigree_reordered(train, order))

        assert_same(expected, model.predict(with_pedigree_reordered(test, order[::-1])), EXACT, train)


class TestRecords:
    def test_unit_of_a_trait(self, close: float, model: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        factor, shift = np.array([0.001, 1000.0, 2.0, 1.0, 1.0]), np.array([5.0, -40.0, 0.0, 300.0, 0.0])
        other = with_values(train, factor * train.records.values + shift)

        assert_same(factor * expected + shift, model.fit(other).predict(test), close, other)

    def test_a_mean_far_from_zero(
        self, close: float, model: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        shift = np.where(QUANTITATIVE, 1000 * scale(train), 0.0)
        far = with_values(train, train.records.values + shift)

        assert_same(expected + shift, model.fit(far).predict(test), close, train)

    def test_holes_are_no_numbers(self, model: Any, train: Cohort, test: Cohort) -> None:
        values = train.records.values + np.array([0.0, 400.0, 0.0, 0.0, 0.0])

        assert_near_the_records(values[:, FAT], model.fit(with_values(train, values)).predict(test)[:, FAT])

    def test_holes_are_not_filled_with_means(self, model: Any, name: str) -> None:
        """An animal with a hole is predicted as far from the mean as if it weren't there; filled, it would be near."""
        cohort = with_trait_columns(family_cohort(), [MILK, FAT]).select(TRAIN)
        known = np.random.default_rng(4).permutation(len(cohort)) < 0.4 * len(cohort)
        values = cohort.records.values.copy()
        values[:, 1] = with_large_loci(cohort)[cohort.record_rows]
        holes = with_values(cohort, np.where(known[cohort.record_rows, None] | [True, False], values, np.nan))
        missing = np.flatnonzero(~known)
        found = model.fit(holes).predict(cohort.select(missing))[:, 1]
        absent = unfitted(name).fit(holes.select(np.flatnonzero(known))).predict(cohort.select(missing))[:, 1]

        assert np.std(found) > 0.6 * np.std(absent)

    def test_a_trait_with_few_records(self, model: Any, train: Cohort, test: Cohort) -> None:
        values = train.records.values.copy()
        values[np.random.default_rng(3).permutation(len(values))[12:], FAT] = np.nan

        assert_near_the_records(values[:, FAT], model.fit(with_values(train, values)).predict(test)[:, FAT])

    def test_a_trait_that_only_the_youngest_have(self, model: Any, train: Cohort, test: Cohort) -> None:
        """Whoever holds the youngest out has no record to learn it from."""
        youngest = youngest_animals(train.canonical(), np.ones(len(train), dtype=bool))
        values = train.canonical().records.values.copy()
        values[np.setdiff1d(np.arange(len(train)), youngest), FAT] = np.nan
        predicted = model.fit(with_values(train.canonical(), values)).predict(test)

        assert 0 < len(youngest) < len(train) // 3
        assert_near_the_records(values[:, FAT], predicted[:, FAT])
        assert np.isfinite(predicted).all()

    def test_a_trait_that_does_not_vary(self, model: Any, train: Cohort, test: Cohort) -> None:
        """As a rare disease may be in the training part of a fold."""
        values = train.records.values.copy()
        values[:, FAT], values[:, MASTITIS] = 4.5, 0.0
        predicted = model.fit(with_values(train, values)).predict(test)

        np.testing.assert_allclose(predicted[:, [FAT, MASTITIS]], [[4.5, 0.0]] * len(test), atol=1e-6)
        assert np.isfinite(predicted).all()

    def test_a_class_with_one_record(self, model: Any, train: Cohort, test: Cohort) -> None:
        values = train.records.values.copy()
        known = np.flatnonzero(np.isfinite(values[:, MASTITIS]))
        values[known, MASTITIS] = 0.0
        values[known[7], MASTITIS] = 1.0
        predicted = model.fit(with_values(train, values)).predict(test)

        assert np.isfinite(predicted).all()
        assert 0 <= predicted[:, MASTITIS].min() <= predicted[:, MASTITIS].max() < 0.5

    def test_a_trait_without_records_is_refused(self, model: Any, train: Cohort) -> None:
        values = train.records.values.copy()
        values[:, FAT] = np.nan

        with pytest.raises(AlignmentError, match="trait fat: expected records of the training animals, found none"):
            model.fit(with_values(train, values))

    def test_single_trait_models_keep_to_their_trait(
        self, name: str, model: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        if name not in SINGLE_TRAIT:
            pytest.skip("traits learn from one another")
        values = train.records.values.copy()
        values[::2, FAT] = np.nan
        actual = model.fit(with_values(train, values)).predict(test)

        others = np.arange(len(TRAIT_NAMES)) != FAT
        np.testing.assert_array_equal(expected[:, others], actual[:, others])
        assert np.all(expected[:, FAT] != actual[:, FAT])

    def test_fixed_effects_only_move_the_mean(
        self, close: float, model: Any, train: Cohort, test: Cohort, expected: FloatArray
    ) -> None:
        herd = train.records.effects["herd"].str[1:].astype(int).to_numpy(dtype=np.float64)
        effect = np.outer(herd, np.where(QUANTITATIVE, 5 * scale(train), 0.0))
        moved = model.fit(with_values(train, train.records.values + effect)).predict(test) - expected

        assert_same(np.broadcast_to(moved.mean(axis=0), moved.shape), moved, close, train)

    def test_only_ratios_of_weights_matter(
        self, close: float, fitted: Any, model: Any, train: Cohort, test: Cohort
    ) -> None:
        """But for a heritability at its border, which is another one in units of other weights."""
        records = replace(train.records, weights=4 * train.records.weights)
        predicted = model.fit(replace(train, records=records)).predict(test)

        expected = fitted.predict(test)
        assert_same(np.where(is_at_border(fitted), predicted, expected), predicted, close, train)

    def test_weights_matter(self, model: Any, train: Cohort, test: Cohort, expected: FloatArray) -> None:
        weights = np.where(np.arange(len(train))[:, None] < 40, 5 * train.records.weights, train.records.weights)
        records = replace(train.records, weights=weights)
        predicted = model.fit(replace(train, records=records)).predict(test)

        assert np.isfinite(predicted).all()
        moved = np.std(predicted - expected, axis=0) > 1e-3 * scale(train)
        unknown = getattr(model, "n_effects_", np.ones(len(moved))) == 0  # a sparse model has left it at the mean
        assert np.all(moved | unknown | is_at_border(model)), "without residual variance no weight matters"
        assert moved.any()
