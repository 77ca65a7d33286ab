"""Regressions on Gaussian and arc-cosine kernels, against kernels that are written plainly."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from cohorts_for_tests import (
    family_cohort,
    with_alleles_swapped,
    with_genotypes,
    with_markers_reordered,
    with_trait_columns,
    with_values,
)
from dense_mixed_model import DenseModel, random_folds
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.errors import AlignmentError, NotFittedError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors import kernels
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.kernel_values import RandomFeatures
from genialearn.predictors.kernels import RKHS, ArcCosineBLUP, KernelBLUP
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonlinear import ArcCosine, FormedKernel, Gaussian, Kernel
from messages import exactly

MILK, MASTITIS = 0, 4
MODELS: dict[str, type[KernelBLUP]] = {"rkhs": RKHS, "arc-cosine": ArcCosineBLUP}
ALONE: dict[str, dict[str, Any]] = {"rkhs": {"bandwidths": (1.0,)}, "arc-cosine": {"most_layers": 1}}
"""Settings with one kernel to choose from, the one that random features stand for."""


def train() -> Cohort:
    return with_trait_columns(family_cohort(130, 150, seed=3).select(slice(0, 100)), [0, 1, MASTITIS])


def the_others() -> Cohort:
    return with_trait_columns(family_cohort(130, 150, seed=3).select(slice(100, 130)), [0, 1, MASTITIS])


@pytest.fixture(autouse=True)
def _features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the iterative solver take random features, as it does where there are many animals."""
    monkeypatch.setattr(kernels, "_MOST_FORMED", 0)


@cache
def fitted(name: str) -> KernelBLUP:
    return MODELS[name]().fit(train())


def centred(cohort: Cohort) -> FloatArray:
    """Return Z / sqrt(k) of any animals, by frequencies of the training animals."""
    scale = GenomicScale.of(train().canonical().genotypes)
    values = dosages(scale.read_through(cohort.genotypes))
    return np.asarray(np.where(values < 0, 0, values - 2 * scale.frequencies) / np.sqrt(scale.divisor))


def plain_kernel(name: str, which: str, one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the kernel of a name between rows, over the variance that values have among the training animals."""
    learned = centred(train().canonical())
    raw = {"rkhs": plain_gaussian, "arc-cosine": plain_arc_cosine}[name]
    own = raw(which, learned, learned)
    return raw(which, one, other) / (np.diag(own).mean() - own.mean())


def squared_distances(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.array([[np.sum((a - b) ** 2) for b in other] for a in one])


def plain_gaussian(which: str, one: FloatArray, other: FloatArray) -> FloatArray:
    learned = centred(train().canonical())
    pairs = squared_distances(learned, learned)[np.triu_indices(len(learned), 1)]
    distances = squared_distances(one, other) / np.median(pairs)
    return np.mean([np.exp(-float(theta) * distances) for theta in which.split()], axis=0)


def plain_arc_cosine(which: str, one: FloatArray, other: FloatArray) -> FloatArray:
    out = np.empty((len(one), len(other)))
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            length = np.linalg.norm(a) * np.linalg.norm(b)
            cosine = float(a @ b) / length
            for _ in range(int(which)):
                angle = math.acos(min(1.0, max(-1.0, cosine)))
                cosine = (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
            out[i, j] = length * cosine
    return out


NAMES = {"rkhs": ("0.2 1 3", "0.2", "1", "3"), "arc-cosine": ("1", "2", "3", "4")}
"""Of the kernels to choose from."""


@cache
def twins(name: str, which: str) -> tuple[DenseModel, ...]:
    """Return the mixed models of all traits on a kernel."""
    cohort = train().canonical()
    learned = centred(cohort)
    kernel = plain_kernel(name, which, learned, learned)
    return tuple(replace(DenseModel.of(cohort, trait), g=kernel) for trait in range(3))


@pytest.mark.parametrize("name", MODELS)
class TestAgainstPlainKernels:
    def test_predictions(self, name: str) -> None:
        model, new, learned = fitted(name), centred(the_others()), centred(train().canonical())
        predicted = model.predict(the_others())
        for trait, (which, h) in enumerate(zip(model.kernel_, model.heritability_, strict=True)):
            twin = twins(name, which)[trait]
            values = plain_kernel(name, which, new, learned) @ twin.dual(h)
            expected = np.average(twin.x @ twin.fixed(h), weights=twin.w) + values
            if trait == 2:
                expected = np.clip(expected, 0, 1)
            np.testing.assert_allclose(expected, predicted[:, trait], atol=1e-5 * np.std(twin.y))

    def test_values_of_training_animals(self, name: str) -> None:
        model = fitted(name)
        actual = model.breeding_values(train().canonical())
        for trait, (which, h) in enumerate(zip(model.kernel_, model.heritability_, strict=True)):
            twin = twins(name, which)[trait]
            np.testing.assert_allclose(twin.breeding_values(h), actual[:, trait], atol=1e-5 * np.std(twin.y))

    def test_the_chosen_kernel_is_the_likeliest(self, name: str) -> None:
        tried = np.array(
            [[twin.log_likelihood(twin.heritability()) for twin in twins(name, which)] for which in NAMES[name]]
        )

        assert [NAMES[name][place] for place in np.argmax(tried, axis=0)] == fitted(name).kernel_

    def test_a_heritability_can_be_given(self, name: str) -> None:
        model = MODELS[name](heritability=[0.2, 0.5, 0.8]).fit(train())

        np.testing.assert_array_equal([0.2, 0.5, 0.8], model.heritability_)
        which = model.kernel_[MILK]
        expected = twins(name, which)[MILK].breeding_values(0.2)
        actual = model.breeding_values(train().canonical())[:, MILK]
        np.testing.assert_allclose(expected, actual, atol=1e-5 * np.std(expected))

    def test_out_of_fold_values_are_those_of_refits(self, name: str) -> None:
        fits, folds = MODELS[name]().fit_traits(train()), random_folds(100, 4)
        actual = fits.out_of_fold_breeding_values(np.where(folds == 3, -1, folds))
        for trait, (which, h) in enumerate(zip(fitted(name).kernel_, fitted(name).heritability_, strict=True)):
            twin = twins(name, which)[trait]
            for fold in range(3):
                expected = twin.without(folds == fold).breeding_values(h)[folds == fold]
                np.testing.assert_allclose(expected, actual[folds == fold, trait], atol=1e-5 * np.std(twin.y))
        assert np.isnan(actual[folds == 3]).all()


@pytest.mark.parametrize("name", MODELS)
class TestManners:
    def test_it_is_a_predictor(self, name: str) -> None:
        assert isinstance(MODELS[name](), Predictor)
        assert clone(MODELS[name](n_features=77, seed=5)).get_params()["n_features"] == 77
        with pytest.raises(NotFittedError, match="expected fit before predict"):
            MODELS[name]().predict(the_others())

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_order_and_coding_of_files_do_not_matter(self, name: str, solver: str) -> None:
        settings: dict[str, Any] = {"solver": solver, "n_features": 256, "heritability": 0.4}
        expected = MODELS[name](**settings).fit(train()).predict(the_others())
        rng = np.random.default_rng(2)
        other = with_alleles_swapped(with_markers_reordered(train(), rng.permutation(150)), rng.random(150) < 0.5)
        model = MODELS[name](**settings).fit(other.select(rng.permutation(100)))
        backwards = the_others().select(slice(None, None, -1)).without_records()

        units = np.nanstd(train().records.values, axis=0)
        np.testing.assert_allclose(expected / units, model.predict(backwards)[::-1] / units, atol=1e-4)

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_same_seed_same_bytes(self, name: str, solver: str) -> None:
        one, other = (MODELS[name](solver=solver, n_features=128).fit(train()).predict(the_others()) for _ in range(2))

        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", MODELS)
class TestFormedInFloat32:
    """What the iterative solver works with up to some number of animals."""

    @pytest.fixture(autouse=True)
    def _formed(self, _features: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernels, "_MOST_FORMED", 100)
        monkeypatch.setattr(kernels, "_ROWS", 32)

    def test_predictions_are_the_exact_ones(self, name: str) -> None:
        settings: dict[str, Any] = {**ALONE[name], "heritability": [0.3, 0.5, 0.4]}
        exact = MODELS[name](**settings, solver="exact").fit(train())
        formed = MODELS[name](**settings, solver="iterative").fit(train())
        units = np.nanstd(train().records.values, axis=0)

        assert exact.kernel_ == formed.kernel_
        for cohort in (train(), the_others()):
            np.testing.assert_allclose(formed.predict(cohort) / units, exact.predict(cohort) / units, atol=2e-5)

    def test_variances_are_about_the_exact_ones(self, name: str) -> None:
        exact = MODELS[name](**ALONE[name], solver="exact").fit(train())
        formed = MODELS[name](**ALONE[name], solver="iterative").fit(train())

        np.testing.assert_allclose(exact.heritability_, formed.heritability_, atol=0.1)

    def test_one_animal_more_and_features_take_its_place(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        formed = MODELS[name](**ALONE[name], heritability=0.4, solver="iterative").fit(train()).predict(the_others())
        monkeypatch.setattr(kernels, "_MOST_FORMED", 99)
        features = MODELS[name](**ALONE[name], heritability=0.4, solver="iterative").fit(train()).predict(the_others())

        assert np.abs(formed - features).max() > 1e-4


class TestOneKernelForAllTraits:
    """What the iterative solver takes, of many traits and animals."""

    @pytest.fixture(autouse=True)
    def _formed(self, _features: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernels, "_MOST_FORMED", 400)

    def test_it_is_the_bandwidth_of_the_highest_likelihood(self) -> None:
        """Of all traits together; alone, they take different ones."""
        alone = [RKHS(bandwidths=[theta], solver="exact").fit(train()) for theta in (0.2, 1.0, 3.0)]
        together = RKHS(solver="exact").fit(train())
        likelihoods = {
            model.kernel_[0]: sum(fit.variances.log_likelihood for fit in model.models_)
            for model in [*alone, averaged()]
        }

        assert len(set(together.kernel_)) > 1
        assert set(RKHS(solver="iterative").fit(train()).kernel_) == {max(likelihoods, key=lambda k: likelihoods[k])}

    @pytest.mark.parametrize(("name", "usual"), [("rkhs", "0.2 1 3"), ("arc-cosine", "1")])
    def test_random_effects_leave_the_usual_one(self, name: str, usual: str) -> None:
        cohort = with_trait_columns(train(), [0])
        records = replace(cohort.records, traits=(replace(cohort.traits[0], random="herd", fixed=""),))

        assert MODELS[name]().fit(replace(cohort, records=records)).kernel_ == [usual]

    def test_features_are_those_of_one_layer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernels, "_MOST_FORMED", 0)

        assert ArcCosineBLUP(solver="iterative", n_features=64).fit(train()).kernel_ == ["1"] * 3


def averaged() -> KernelBLUP:
    """Return the model of the average of all bandwidths, which is tried first and here alone."""
    model = RKHS(solver="exact")
    model._kernels = lambda distance: RKHS._kernels(model, distance)[:1]  # type: ignore[method-assign]
    return model.fit(train())


def test_centred_covariances_sum_to_zero() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_normal((300, 40)) + 3
    given = values @ values.T
    kernel = FormedKernel(given.astype(np.float32))
    means, unit = kernel.centre()
    centring = np.eye(300) - 1 / 300
    expected = centring @ given @ centring

    assert pytest.approx(np.mean(np.diagonal(expected)), rel=1e-5) == unit
    np.testing.assert_allclose(kernel.matrix, expected / unit, atol=1e-4)
    np.testing.assert_allclose(means, given.mean(axis=1) - given.mean() / 2, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
class TestRandomFeatures:
    def test_predictions_are_about_the_exact_ones(self, name: str) -> None:
        exact = MODELS[name](**ALONE[name], solver="exact").fit(train())
        iterative = MODELS[name](**ALONE[name], solver="iterative").fit(train())
        one, other = exact.predict(the_others()), iterative.predict(the_others())

        assert (exact.solver_, iterative.solver_) == ("exact", "iterative")
        assert exact.kernel_ == iterative.kernel_
        assert min(np.corrcoef(one[:, trait], other[:, trait])[0, 1] for trait in range(3)) > 0.95
        np.testing.assert_allclose(exact.heritability_, iterative.heritability_, atol=0.15)
        np.testing.assert_array_less(0, np.abs(one - other).max(axis=0))

    def test_more_of_them_come_nearer(self, name: str) -> None:
        exact = MODELS[name](**ALONE[name], heritability=0.5).fit(train()).predict(the_others())[:, MILK]
        few, many = (
            MODELS[name](**ALONE[name], heritability=0.5, solver="iterative", n_features=n).fit(train())
            for n in (64, 8192)
        )

        errors = [np.std(model.predict(the_others())[:, MILK] - exact) for model in (few, many)]
        assert errors[1] < 0.4 * errors[0]

    def test_out_of_fold_values_are_about_the_exact_ones(self, name: str) -> None:
        folds = random_folds(100, 4)
        one, other = (
            MODELS[name](**ALONE[name], heritability=0.5, solver=solver)
            .fit_traits(train())
            .out_of_fold_breeding_values(folds)
            for solver in ("exact", "iterative")
        )

        assert min(np.corrcoef(one[:, trait], other[:, trait])[0, 1] for trait in range(3)) > 0.95


@pytest.mark.parametrize(("kernel", "n_features"), [(Gaussian((0.2, 1.0), 2.0), 300), (ArcCosine(1), 400)])
def test_features_are_centred_and_of_unit_length_among_training_animals(kernel: Kernel, n_features: int) -> None:
    cohort = train().canonical()
    phases = np.random.default_rng(1).uniform(0, 2 * np.pi, n_features).astype(np.float32)
    drawn, made = RandomFeatures.of(GenomicScale.of(cohort.genotypes), kernel, phases, 1, cohort.genotypes)
    features = drawn.features(cohort.genotypes)
    np.testing.assert_allclose(made, features, atol=1e-6)

    assert features.shape == (100, n_features)
    np.testing.assert_allclose(0.0, features.mean(axis=0), atol=1e-6)
    assert pytest.approx(1.0, rel=1e-5) == np.mean(np.sum(features**2, axis=1))
    some = cohort.genotypes.select(animals=slice(20, 30))
    np.testing.assert_allclose(features[20:30], drawn.features(some), atol=1e-5)


@cache
def interacting(seed: int) -> tuple[Cohort, FloatArray]:
    """Return 400 animals with 8 markers, of which four pairs act together alone, and their true values."""
    rng = np.random.default_rng(seed)
    values = rng.binomial(2, 0.5, (400, 8))
    z = values - 1.0
    truth = z[:, ::2] * z[:, 1::2] @ rng.choice([-1.0, 1.0], 4)
    y = truth + 0.7 * np.std(truth) * rng.standard_normal(400)
    return Cohort.from_arrays(values, y), truth


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", ["exact", "iterative"])
def test_what_acts_together_is_predicted_better_than_by_gblup(name: str, solver: str) -> None:
    accuracies = []
    for seed in range(3):
        cohort, truth = interacting(seed)
        told, hidden = cohort.select(slice(0, 300)), cohort.select(slice(300, 400))
        models = MODELS[name](solver=solver, n_features=2048).fit(told), GBLUP().fit(told)
        accuracies.append([np.corrcoef(m.predict(hidden)[:, 0], truth[300:])[0, 1] for m in models])

    ours, gblup = np.mean(accuracies, axis=0)
    assert ours > 0.6
    assert ours > gblup + 0.3


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("rkhs", {"bandwidths": ()}, "rkhs bandwidths: expected a list of numbers, found ()."),
        ("rkhs", {"bandwidths": 0.5}, "rkhs bandwidths: expected a list of numbers, found 0.5."),
        ("rkhs", {"bandwidths": "1 3"}, "rkhs bandwidths: expected a list of numbers, found '1 3'."),
        ("rkhs", {"bandwidths": (1, 0)}, "rkhs bandwidths: expected a number from 1e-06 to 1e+06, found 0."),
        ("rkhs", {"bandwidths": ("1",)}, "rkhs bandwidths: expected a number from 1e-06 to 1e+06, found 1."),
        ("rkhs", {"bandwidths": None}, "rkhs bandwidths: expected a list of numbers, found None."),
        ("rkhs", {"n_features": 1}, "rkhs n_features: expected a whole number of at least 2, found 1."),
        ("arc-cosine", {"most_layers": 0}, "arc-cosine most_layers: expected a whole number of at least 1, found 0."),
        ("arc-cosine", {"n_features": 2.5}, "arc-cosine n_features: expected a whole number of at least 2, found 2.5."),
        ("rkhs", {"heritability": [0.1, 0.2]}, "heritability: expected one value, or 3, found 2."),
        ("arc-cosine", {"solver": "exactly"}, "solver: expected a known name, found 'exactly'. Did you mean exact?"),
    ],
)
def test_impossible_settings_are_refused(name: str, setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=exactly(message)):
        MODELS[name](**setting).fit(train())


def of_dosages(values: object) -> Cohort:
    matrix = np.asarray(values)
    return Cohort.from_arrays(matrix, np.random.default_rng(1).standard_normal((len(matrix), 1)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", ["exact", "iterative"])
class TestAnimalsThatAreAlike:
    def test_all_of_them(self, name: str, solver: str) -> None:
        with pytest.raises(AlignmentError, match="expected at least one marker that varies among the training animals"):
            MODELS[name](solver=solver).fit(of_dosages(np.full((12, 5), 2)))

    def test_nearly_all_of_them(self, name: str, solver: str) -> None:
        """Then the median distance is 0, and one of the mean is taken."""
        values = np.full((12, 5), 2)
        values[3, 2] = 0
        predicted = MODELS[name](solver=solver).fit(of_dosages(values)).predict(of_dosages(values))

        assert np.isfinite(predicted).all()
        assert np.ptp(predicted[np.arange(12) != 3]) < 1e-5


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", ["exact", "iterative"])
def test_animals_without_genotypes_get_predictions(name: str, solver: str) -> None:
    """Two training animals and two others, all of whose dosages are missing."""
    cohort, two = train(), the_others().select([0, 1])
    values = dosages(cohort.genotypes).copy()
    values[[4, 50]] = -1
    model = MODELS[name](solver=solver, n_features=256).fit(with_genotypes(cohort, values, cohort.genotypes.markers))

    assert np.isfinite(model.predict(the_others())).all()
    assert np.isfinite(model.predict(with_genotypes(two, np.full((2, 150), -1), two.genotypes.markers))).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize("most_formed", [0, 1000])
def test_many_animals_are_predicted_some_at_a_time(
    name: str, solver: str, most_formed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By covariances in float64 and in float32, and by features."""
    monkeypatch.setattr(kernels, "_MOST_FORMED", most_formed)
    model = MODELS[name](solver=solver, n_features=256).fit(train())
    expected = model.predict(the_others())
    monkeypatch.setattr(kernels, "rows_at_once", lambda _: 7)

    np.testing.assert_allclose(expected, model.predict(the_others()), rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_random_effects_are_left_to_the_solver_that_knows_them(name: str) -> None:
    cohort = with_trait_columns(train(), [0])
    records = replace(cohort.records, traits=(replace(cohort.traits[0], random="herd", fixed=""),))
    model = MODELS[name](n_features=256).fit(replace(cohort, records=records))

    assert model.solver_ == "iterative"
    components = model.models_[0].components
    assert components is not None
    assert components.names == ("genetic", "herd", "residual")
    assert np.isfinite(model.predict(the_others())).all()


def test_constant_records_are_predicted_as_they_are() -> None:
    cohort = with_trait_columns(train(), [0])
    model = RKHS().fit(with_values(cohort, np.full((100, 1), 7.0)))

    np.testing.assert_allclose(7.0, model.predict(the_others()))
