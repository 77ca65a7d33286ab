"""What every generator of the catalogue promises, whatever it does inside."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import GenotypeGenerator, HasLogLikelihood
from genialearn.errors import AlignmentError, NotFittedError, SettingError
from genialearn.generators import CATALOGUE, make_generator
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, MarkerMap, allele_frequencies, dosages
from phased_cohorts import phased_cohort, with_alleles_swapped, with_markers_reordered, without_phase

_SMALL_MACHINE = {"hidden": 4, "reach": 4, "steps": 150, "chains": 80, "sweeps": 20, "donors": 40}

_NETWORK: dict[str, Any] = {"batch": 32, "learning_rate": 5e-3, "threads": 1, "device": "cpu"}
_ADVERSARIAL = {**_NETWORK, "latent": 8, "hidden": (32,), "critic_hidden": (32,)}

SETTINGS: dict[str, dict[str, Any]] = {
    "boltzmann": _SMALL_MACHINE,
    "families": {"founder_settings": _SMALL_MACHINE},
    "mosaic": {"neighbours": 8},
    "vae": {**_NETWORK, "latent": 4, "hidden": (32,), "warm_up": 2, "epochs": 15},
    "gan": {**_ADVERSARIAL, "latent": 4, "hidden": (16,), "critic_learning_rate": 5e-3, "batch": 16, "epochs": 20},
    "wgan-gp": {**_ADVERSARIAL, "critic_steps": 2, "epochs": 15},
    "wgan-gp-local": {
        **_ADVERSARIAL,
        "critic_steps": 1,
        "window": 8,
        "frequency_weight": 3.0,
        "average": 0.8,
        "epochs": 15,
    },
    "pca-diffusion": {**_NETWORK, "hidden": (16,), "sampling_steps": 5, "noise_steps": 100, "epochs": 4},
}
"""Settings that make a generator fast enough for this suite."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "markov, order 2": ("markov", {"order": 2}),
    "mosaic, family": ("mosaic", {"neighbours": 8, "restrict": "family"}),
    "gene-drop, pedigree": ("gene-drop", {"structure": "pedigree"}),
    "boltzmann, every marker": (
        "boltzmann",
        {
            "hidden": 4,
            "reach": 4,
            "steps": 150,
            "chains": 80,
            "sweeps": 20,
            "tag_r2": 1.0,
            "rarest": 0.0,
            "coldest": 0.9,
        },
    ),
}
"""Further settings of generators of the catalogue that promise the same."""

NAMES = [*CATALOGUE, *VARIANTS]

FREQUENCY_ERROR = 0.08
"""Mean difference of allele frequencies among 200 artificial animals from those of the training: drift of a few parents
is the largest part of it."""


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    library = CATALOGUE[model_and_settings(request.param)[0]].library
    if library and find_spec(library) is None:
        pytest.skip(f"{library} isn't installed")
    return str(request.param)


@pytest.fixture
def generator(name: str) -> Any:
    """The generator, not fitted."""
    return unfitted(name)


@pytest.fixture
def fitted(name: str) -> Any:
    """The generator, fitted and shared by all tests."""
    return fitted_once(name)


@pytest.fixture
def expected(name: str) -> bytes:
    """What the fitted generator draws."""
    return drawn(fitted_once(name))


def model_and_settings(name: str) -> tuple[str, dict[str, Any]]:
    """Return the generator of the catalogue that a name stands for, and its settings."""
    return VARIANTS.get(name, (name, SETTINGS.get(name, {})))


def unfitted(name: str) -> Any:
    model, settings = model_and_settings(name)
    return make_generator(model, settings)


@cache
def fitted_once(name: str) -> Any:
    return unfitted(name).fit(phased_cohort())


def drawn(generator: Any, seed: int = 5) -> bytes:
    return values(generator.sample(7, rng=np.random.default_rng(seed))).tobytes()


def values(animals: GenotypeMatrix | HaplotypeMatrix) -> np.ndarray:
    """Return alleles or dosages."""
    return animals.alleles() if isinstance(animals, HaplotypeMatrix) else dosages(animals)


def genotypes(animals: GenotypeMatrix | HaplotypeMatrix) -> GenotypeMatrix:
    return animals.genotypes() if isinstance(animals, HaplotypeMatrix) else animals


def assert_same_map(expected: MarkerMap, actual: MarkerMap) -> None:
    for column in ("names", "chromosomes", "centimorgans", "positions", "counted_alleles", "other_alleles"):
        np.testing.assert_array_equal(getattr(expected, column), getattr(actual, column))


def test_settings_name_generators_of_the_catalogue() -> None:
    assert set() == set(SETTINGS) - set(CATALOGUE)
    assert set() == {model for model, _ in VARIANTS.values()} - set(CATALOGUE)


class TestAsAnEstimator:
    def test_it_is_a_generator(self, generator: Any) -> None:
        assert isinstance(generator, GenotypeGenerator)

    def test_fit_returns_itself_and_leaves_its_settings(self, generator: Any) -> None:
        settings = generator.get_params()

        assert generator is generator.fit(phased_cohort())
        assert settings == generator.get_params()

    def test_a_clone_has_the_same_settings_and_no_memory(self, fitted: Any) -> None:
        copy = clone(fitted)

        assert fitted.get_params() == copy.get_params()
        with pytest.raises(NotFittedError, match="expected fit before"):
            copy.sample(1, rng=np.random.default_rng(1))

    def test_settings_are_keyword_only(self, generator: Any) -> None:
        with pytest.raises(TypeError, match="positional argument"):
            type(generator)(1)

    def test_a_second_fit_forgets_the_first(self, generator: Any, expected: bytes) -> None:
        generator.fit(phased_cohort().select(slice(0, 25)))

        assert expected == drawn(generator.fit(phased_cohort()))


class TestArtificialAnimals:
    @pytest.mark.parametrize("n_animals", [1, 12])
    def test_names_and_markers(self, fitted: Any, n_animals: int) -> None:
        animals = fitted.sample(n_animals, rng=np.random.default_rng(1))

        assert [f"artificial{i + 1}" for i in range(n_animals)] == list(animals.animals)
        assert isinstance(animals, HaplotypeMatrix) == fitted.needs_haplotypes
        assert_same_map(phased_cohort().canonical().genotypes.markers, animals.markers)

    def test_no_genotype_is_missing(self, fitted: Any) -> None:
        found = dosages(genotypes(fitted.sample(20, rng=np.random.default_rng(1))))

        assert {0, 1, 2} == set(np.unique(found))

    def test_alleles_are_as_frequent_as_in_the_training(self, fitted: Any) -> None:
        animals = genotypes(fitted.sample(200, rng=np.random.default_rng(1)))

        error = np.abs(allele_frequencies(animals) - allele_frequencies(phased_cohort().canonical().genotypes))
        assert error.mean() < FREQUENCY_ERROR

    @pytest.mark.parametrize("n_animals", [0, -1, 1.5])
    def test_another_number_is_refused(self, fitted: Any, n_animals: Any) -> None:
        with pytest.raises(SettingError, match=r"n_animals: expected a whole number of at least 1, found"):
            fitted.sample(n_animals, rng=np.random.default_rng(1))

    def test_conditions_where_it_knows_no_traits_are_refused(self, fitted: Any) -> None:
        if fitted.conditional:
            pytest.skip("it is conditional")

        with pytest.raises(SettingError, match=r"^conditions: expected none: .* knows no traits, found values of milk"):
            fitted.sample(2, conditions=pd.DataFrame({"milk": [1.0, 2.0]}), rng=np.random.default_rng(1))


class TestRandomness:
    def test_same_seed_same_bytes(self, generator: Any, fitted: Any, expected: bytes) -> None:
        assert expected == drawn(fitted)
        assert expected == drawn(generator.fit(phased_cohort()))

    def test_another_seed_gives_other_animals(self, fitted: Any, expected: bytes) -> None:
        assert expected != drawn(fitted, seed=6)

    def test_animals_differ(self, fitted: Any) -> None:
        animals = values(fitted.sample(10, rng=np.random.default_rng(1))).reshape(10, -1)

        assert 10 == len(np.unique(animals, axis=0))

    def test_global_state_is_left_alone(self, generator: Any) -> None:
        def state() -> bytes:
            return np.asarray(np.random.get_state()[1]).tobytes()  # noqa: NPY002

        before = state()
        drawn(generator.fit(phased_cohort()))

        assert before == state()


class TestOrderAndCodingOfTheFiles:
    def test_order_of_animals(self, generator: Any, expected: bytes) -> None:
        cohort = phased_cohort()

        assert expected == drawn(generator.fit(cohort.select(np.random.default_rng(2).permutation(len(cohort)))))

    def test_order_of_markers(self, generator: Any, expected: bytes) -> None:
        order = np.random.default_rng(2).permutation(phased_cohort().genotypes.shape[1])

        assert expected == drawn(generator.fit(with_markers_reordered(phased_cohort(), order)))

    @pytest.mark.parametrize("share", [0.5, 1.0])
    def test_counted_allele(self, generator: Any, expected: bytes, share: float) -> None:
        swap = np.random.default_rng(2).random(phased_cohort().genotypes.shape[1]) < share

        assert expected == drawn(generator.fit(with_alleles_swapped(phased_cohort(), swap)))


class TestPhase:
    def test_it_is_asked_for_where_it_is_needed(self, generator: Any) -> None:
        if not generator.needs_haplotypes:
            pytest.skip("it learns from genotypes")

        with pytest.raises(AlignmentError, match=r"expected phased genotypes.*Phase them.*haplotypes\.vcf\.gz"):
            generator.fit(without_phase(phased_cohort()))

    def test_genotypes_are_enough_where_it_is_not(self, generator: Any) -> None:
        if generator.needs_haplotypes:
            pytest.skip("it needs haplotypes")

        animals = generator.fit(without_phase(phased_cohort(), missing=0.05)).sample(9, rng=np.random.default_rng(1))

        assert not isinstance(animals, HaplotypeMatrix)
        assert set(np.unique(dosages(animals))) <= {0, 1, 2}


class TestLogLikelihood:
    @pytest.fixture
    def likely(self, fitted: Any) -> Any:
        if not isinstance(fitted, HasLogLikelihood):
            pytest.skip("it tells no likelihood")
        return fitted

    @staticmethod
    def _others() -> Cohort:
        return phased_cohort(seed=2, n_animals=10)

    def test_one_value_a_haplotype_or_animal(self, likely: Any) -> None:
        nats = self._nats(likely, self._others())

        assert (20 if likely.needs_haplotypes else 10,) == nats.shape
        assert np.isfinite(nats).all()
        assert (nats < 0).all()

    def test_order_and_coding_of_the_file(self, likely: Any) -> None:
        cohort = self._others()
        n_markers = cohort.genotypes.shape[1]
        other = with_markers_reordered(cohort, np.random.default_rng(3).permutation(n_markers))
        swapped = with_alleles_swapped(other, np.arange(n_markers) % 3 == 0)

        np.testing.assert_array_equal(self._nats(likely, cohort), self._nats(likely, swapped))

    def test_animals_like_those_of_the_training_are_more_likely_than_noise(self, likely: Any) -> None:
        noise = np.random.default_rng(4).integers(0, 2, (80, 60)).astype(np.int8)
        training = phased_cohort()
        assert training.haplotypes is not None
        random = HaplotypeMatrix.of(training.animals, training.haplotypes.markers, noise)

        assert self._nats(likely, training).mean() > self._nats(likely, Cohort.of_genotypes(random)).mean()

    def test_unphased_animals_are_refused_where_it_needs_phase(self, likely: Any) -> None:
        if not likely.needs_haplotypes:
            pytest.skip("it reads genotypes")

        with pytest.raises(AlignmentError, match="expected phased genotypes"):
            likely.log_likelihood(phased_cohort().genotypes)

    def test_haplotypes_that_lack_markers_are_refused(self, likely: Any) -> None:
        if not likely.needs_haplotypes:
            pytest.skip("it reads genotypes")
        haplotypes = phased_cohort().haplotypes
        assert haplotypes is not None

        with pytest.raises(AlignmentError, match="expected all 60 markers of the training, found 10 of them absent"):
            likely.log_likelihood(haplotypes.select(markers=slice(0, 50)))

    @staticmethod
    def _nats(likely: Any, cohort: Cohort) -> FloatArray:
        nats: FloatArray = likely.log_likelihood(cohort.haplotypes)
        return nats
