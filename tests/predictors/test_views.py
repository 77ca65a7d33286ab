from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn._arrays import FloatArray, IntArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, MarkerMap, dosages
from genialearn.genotypes.matrix import BLOCK_WIDTH
from genialearn.predictors.forests import RandomForest
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.tree_ensemble import Training
from genialearn.predictors.views import (
    VIEWS,
    Features,
    Views,
    check_views,
    largest,
    marker_windows,
    window_values,
)
from genialearn.relationships import GenomicScale

N_MARKERS, N_TRAITS = 300, 5
MILK, FAT, STATURE = 0, 1, 2


def random_genotypes(n_animals: int, n_markers: int) -> DenseGenotypes:
    """Return dosages of which a tenth is missing."""
    rng = np.random.default_rng(1)
    values = np.where(rng.random((n_animals, n_markers)) < 0.1, -1, rng.integers(0, 3, (n_animals, n_markers)))
    ids = as_ids([f"a{row}" for row in range(n_animals)])
    return DenseGenotypes(ids, MarkerMap.numbered(n_markers), np.asfortranarray(values, dtype=np.int8))


def centred(genotypes: GenotypeMatrix, frequencies: FloatArray) -> FloatArray:
    """Return the dense M - 2p, 0 where a genotype is missing."""
    values = dosages(genotypes).astype(np.float64)
    return np.where(values < 0, 0.0, values - 2 * frequencies)


def map_of(*sizes: int) -> MarkerMap:
    """Return a map of chromosomes of so many markers, the names of which aren't in the order of words."""
    chromosomes = [str(9 + number) for number, size in enumerate(sizes) for _ in range(size)]
    plain = MarkerMap.numbered(len(chromosomes))
    return MarkerMap(
        plain.names,
        as_ids(chromosomes),
        plain.centimorgans,
        plain.positions,
        plain.counted_alleles,
        plain.other_alleles,
    )


@cache
def views(*names: str) -> Views:
    """Return views of the family cohort by effects that are random numbers."""
    rng, scale = np.random.default_rng(2), GenomicScale.of(family_cohort().genotypes)
    effects = rng.standard_normal((N_MARKERS, N_TRAITS))
    return Views(
        names,
        scale,
        effects,
        rng.standard_normal((N_MARKERS, 3)),
        marker_windows(scale.markers, 10),
        largest(effects, scale.frequencies, 7),
    )


def features(*names: str) -> Features:
    return views(*names).of(family_cohort().genotypes)


def breeding_values() -> FloatArray:
    """Return those of the random effects, by the plain product."""
    scale = GenomicScale.of(family_cohort().genotypes)
    return centred(family_cohort().genotypes, scale.frequencies) @ views().effects


def mean_for_missing(markers: IntArray) -> FloatArray:
    values = dosages(family_cohort().genotypes)[:, markers].astype(np.float64)
    return np.where(values < 0, 2 * views().scale.frequencies[markers], values)


class TestWindowValues:
    @pytest.mark.parametrize("n_markers", [40, 2 * BLOCK_WIDTH + 7])
    def test_they_are_sums_over_the_markers_of_each_window(self, n_markers: int) -> None:
        """With many markers, windows go on in the next block of genotypes."""
        genotypes, rng = random_genotypes(9, n_markers), np.random.default_rng(3)
        frequencies, effects = rng.uniform(0.1, 0.9, n_markers), rng.standard_normal((n_markers, 2))
        windows = np.sort(rng.integers(0, 6, n_markers))
        windows[0], windows[-1] = 0, 5
        found = window_values(genotypes, frequencies, effects, windows)

        z = centred(genotypes, frequencies)
        expected = [[z[:, windows == w] @ effects[windows == w, t] for w in range(6)] for t in range(2)]
        assert (2, 9, 6) == found.shape
        assert np.float32 == found.dtype
        np.testing.assert_allclose(found, np.array(expected).transpose(0, 2, 1), atol=1e-3)

    def test_a_missing_genotype_adds_nothing(self) -> None:
        genotypes = random_genotypes(4, 20)
        genotypes.values[2] = -1
        found = window_values(genotypes, np.full(20, 0.3), np.ones((20, 1)), np.arange(20) // 10)

        np.testing.assert_array_equal(found[0, 2], [0, 0])
        assert np.all(found[0, [0, 1, 3]] != 0)

    def test_without_effects_all_are_0(self) -> None:
        found = window_values(random_genotypes(4, 20), np.full(20, 0.3), np.zeros((20, 2)), np.arange(20) // 5)

        np.testing.assert_array_equal(np.zeros((2, 4, 4)), found)


class TestMarkerWindows:
    @pytest.mark.parametrize(("sizes", "n_windows"), [((60, 60, 60), 12), ((100, 37, 3), 20), ((5, 500), 8)])
    def test_no_window_is_on_two_chromosomes(self, sizes: tuple[int, ...], n_windows: int) -> None:
        markers = map_of(*sizes)
        windows = marker_windows(markers, n_windows)

        for window in np.unique(windows):
            assert 1 == len(set(markers.chromosomes[windows == window]))

    def test_windows_of_a_chromosome_are_of_equal_size(self) -> None:
        windows = marker_windows(map_of(103, 52, 51), 20)

        for chromosome in (slice(0, 103), slice(103, 155), slice(155, 206)):
            sizes = np.unique(windows[chromosome], return_counts=True)[1]
            assert np.ptp(sizes) <= 1

    def test_they_ascend_from_0_and_none_is_empty(self) -> None:
        windows = marker_windows(map_of(103, 52, 51), 20)

        assert 0 == windows[0]
        assert {0, 1} == set(np.diff(windows))

    @pytest.mark.parametrize("n_windows", [3, 12, 30])
    def test_there_are_as_many_as_were_asked_for(self, n_windows: int) -> None:
        assert n_windows == len(np.unique(marker_windows(map_of(60, 60, 60), n_windows)))

    def test_each_chromosome_has_one_at_least(self) -> None:
        np.testing.assert_array_equal([0, 0, 1, 1, 1, 2], marker_windows(map_of(2, 3, 1), 1))

    def test_of_few_markers_each_is_a_window(self) -> None:
        np.testing.assert_array_equal([0, 1, 2, 3, 4], marker_windows(map_of(3, 2), 50))


class TestLargest:
    def test_they_explain_most_by_themselves(self) -> None:
        """Variances 2p(1 - p)u^2 are .5, .36, .18, .32 for the first trait, 0, .09, .18, 1.28 for the second."""
        effects = np.array([[1.0, 0.0], [2.0, -1.0], [1.0, 1.0], [-0.8, 1.6]])
        frequencies = np.array([0.5, 0.05, 0.1, 0.5])

        np.testing.assert_array_equal([[0, 1], [2, 3]], largest(effects, frequencies, 2))
        np.testing.assert_array_equal([[0], [3]], largest(effects, frequencies, 1))

    def test_of_equal_markers_the_first_ones_are_taken(self) -> None:
        effects = np.random.default_rng(1).integers(0, 2, (800, 1))

        expected = np.flatnonzero(effects[:, 0])[:3]
        np.testing.assert_array_equal([expected], largest(effects, np.full(800, 0.5), 3))

    def test_each_trait_has_its_own_in_the_order_of_the_map(self) -> None:
        rng = np.random.default_rng(1)
        effects, frequencies = rng.standard_normal((50, 3)), rng.uniform(0.05, 0.95, 50)
        found = largest(effects, frequencies, 6)

        assert (3, 6) == found.shape
        for trait in range(3):
            explained = 2 * frequencies * (1 - frequencies) * effects[:, trait] ** 2
            assert sorted(np.argsort(explained)[-6:]) == found[trait].tolist()


class TestCheckViews:
    @pytest.mark.parametrize(
        ("views", "expected"),
        [
            ("gblup", ("gblup",)),
            ("windows+screened", ("windows", "screened")),
            (" components +markers ", ("components", "markers")),
            (["screened", "windows"], ("screened", "windows")),
            (("markers",), ("markers",)),
            ("windows + screened + windows", ("windows", "screened")),
            ("gblup + windows + traits", ("windows", "traits")),
            ("gblup + windows", ("gblup", "windows")),
        ],
    )
    def test_names(self, views: Any, expected: tuple[str, ...]) -> None:
        assert expected == check_views("features", views)

    def test_all_of_them_are_known(self) -> None:
        assert tuple(VIEWS[1:]) == check_views("features", VIEWS)

    @pytest.mark.parametrize(
        ("views", "message"),
        [
            ("window", r"^features: expected a known name, found 'window'\. Did you mean windows\?$"),
            ("windows, screened", r"^features: expected a known name, found 'windows, screened'\."),
            (
                [],
                r"^features: expected some of gblup, traits, windows, screened, components, markers, found none\.$",
            ),
            ("", r"^features: expected a known name, found ''\. Known are: components, gblup,"),
            ("traits +", r"^features: expected a known name, found ''\. Known are: components, gblup,"),
        ],
    )
    def test_others_are_refused(self, views: Any, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            check_views("features", views)


class TestMatrix:
    def test_breeding_value_of_the_trait(self) -> None:
        found = features("gblup").matrix([FAT])

        np.testing.assert_allclose(found, breeding_values()[:, [FAT]], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            features("gblup").matrix([FAT, MILK]), breeding_values()[:, [FAT, MILK]], rtol=1e-4, atol=1e-4
        )

    def test_breeding_values_of_all_traits(self) -> None:
        np.testing.assert_allclose(features("traits").matrix([FAT]), breeding_values(), rtol=1e-4, atol=1e-4)

    def test_windows_of_each_trait_one_after_the_other(self) -> None:
        of_fat, of_milk = (features("windows").matrix([trait]) for trait in (FAT, MILK))

        assert (150, 10) == of_fat.shape
        np.testing.assert_allclose(of_fat.sum(axis=1), breeding_values()[:, FAT], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(np.hstack([of_fat, of_milk]), features("windows").matrix([FAT, MILK]))

    def test_breeding_values_are_the_same_with_windows_and_without(self) -> None:
        """Without them all markers are one window."""
        without, beside = features("gblup").matrix([FAT])[:, 0], features("windows", "gblup").matrix([FAT])[:, 10]

        assert (N_TRAITS, 150, 1) == features("gblup").by_window.shape
        np.testing.assert_allclose(beside, without, rtol=1e-5, atol=1e-5)

    def test_screened_markers_of_any_of_the_traits(self) -> None:
        of_fat, of_stature = views().screened[[FAT, STATURE]]
        union = np.union1d(of_fat, of_stature)

        np.testing.assert_allclose(features("screened").matrix([FAT]), mean_for_missing(of_fat), rtol=1e-6)
        np.testing.assert_allclose(features("screened").matrix([FAT, STATURE]), mean_for_missing(union), rtol=1e-6)

    def test_screened_markers_that_are_given(self) -> None:
        given = np.array([3, 200])

        np.testing.assert_allclose(features("screened").matrix([FAT], given), mean_for_missing(given), rtol=1e-6)

    def test_components(self) -> None:
        z = centred(family_cohort().genotypes, views().scale.frequencies)

        np.testing.assert_allclose(features("components").matrix([FAT]), z @ views().components, rtol=1e-4, atol=1e-4)

    def test_all_markers(self) -> None:
        np.testing.assert_allclose(features("markers").matrix([FAT]), mean_for_missing(np.arange(N_MARKERS)), rtol=1e-6)

    def test_columns_stand_in_the_order_of_the_names(self) -> None:
        names = ("components", "screened", "traits", "windows")
        parts = [features(name).matrix([FAT]) for name in names]
        found = features(*names).matrix([FAT])

        np.testing.assert_allclose(found, np.hstack(parts), rtol=1e-4, atol=1e-4)
        assert np.float32 == found.dtype
        assert found.flags.c_contiguous

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("gblup",), True),
            (("components", "windows"), True),
            (("screened",), True),
            (("traits", "components", "markers"), False),
        ],
    )
    def test_which_differ_by_trait(self, names: tuple[str, ...], expected: bool) -> None:
        of_fat, of_milk = (features(*names).matrix([trait]) for trait in (FAT, MILK))

        assert expected == views(*names).differ_by_trait
        assert expected != np.array_equal(of_fat, of_milk)


class TestOutOfFold:
    def test_each_animal_is_seen_by_effects_without_its_fold(self) -> None:
        genotypes, rng = family_cohort().genotypes, np.random.default_rng(4)
        folds, effects = rng.integers(0, 3, 150), rng.standard_normal((N_MARKERS, 3, N_TRAITS))
        whole = views("traits", "windows", "components")
        found = whole.out_of_fold(genotypes, effects, folds)

        z = centred(genotypes, whole.scale.frequencies)
        expected = np.array([z[row] @ effects[:, fold] for row, fold in enumerate(folds)])
        np.testing.assert_allclose(found.breeding_values(), expected, rtol=1e-4, atol=1e-4)
        for fold in range(3):
            of_all = whole.with_effects(effects[:, fold]).of(genotypes)
            rows = folds == fold
            np.testing.assert_allclose(found.by_window[:, rows], of_all.by_window[:, rows], rtol=1e-5, atol=1e-5)
            np.testing.assert_array_equal(of_all.components, found.components)


class TestTraining:
    """What a model makes of its cohort: forests, whose library is always there."""

    HERITABILITY = 0.4

    def training(self, cohort: Cohort, **settings: Any) -> Training:
        model = RandomForest(heritability=self.HERITABILITY, folds=3, screened=9, windows=10, components=4, **settings)
        return Training.learned(cohort.canonical(), model)

    def without(self, cohort: Cohort, rows: IntArray, **settings: Any) -> GBLUP:
        """Return GBLUP fitted on records of which those of some animals were taken out."""
        values = cohort.records.values.copy()
        values[np.isin(cohort.record_rows, rows)] = np.nan
        return GBLUP(heritability=self.HERITABILITY, **settings).fit(with_values(cohort, values))

    @pytest.mark.parametrize(("solver", "close"), [("exact", 1e-4), ("iterative", 1e-2)])
    def test_features_are_those_of_a_gblup_without_the_fold(self, solver: str, close: float) -> None:
        cohort = family_cohort().canonical()
        training = self.training(cohort, solver=solver)
        found, scale = training.features.breeding_values(), np.nanstd(cohort.records.values, axis=0)

        for fold in range(3):
            rows = np.flatnonzero(training.folds == fold)
            expected = self.without(cohort, rows, solver=solver).breeding_values(cohort)[rows]
            np.testing.assert_allclose(found[rows] / scale, expected / scale, rtol=0, atol=close)

    def test_markers_are_screened_without_the_fold(self) -> None:
        cohort = family_cohort().canonical()
        training = self.training(cohort)

        for fold in range(3):
            other = self.without(cohort, np.flatnonzero(training.folds == fold))
            expected = largest(other.marker_effects_, other.scale_.frequencies, 9)
            np.testing.assert_array_equal(expected, training.screened_without[fold])
        assert not np.array_equal(training.screened_without[0], training.screened_without[1])

    def test_a_model_sees_the_markers_screened_without_the_fold(self) -> None:
        training = self.training(family_cohort(), features="screened")
        for traits in ([FAT], [FAT, STATURE]):
            chosen = np.unique(training.screened_without[1][traits])

            np.testing.assert_array_equal(training.features.dosages(chosen), training.seen(traits, without=1))
            np.testing.assert_array_equal(
                training.features.dosages(np.unique(training.views.screened[traits])), training.seen(traits)
            )

    def test_features_that_all_traits_share_are_read_once(self) -> None:
        training = self.training(family_cohort(), features="components + markers")

        assert training.seen([FAT]) is training.seen([MILK], without=1)

    def test_markers_of_later_animals_are_screened_with_all_records(self) -> None:
        cohort = family_cohort().canonical()
        training, plain = self.training(cohort), GBLUP(heritability=self.HERITABILITY).fit(cohort)

        np.testing.assert_array_equal(
            largest(plain.marker_effects_, plain.scale_.frequencies, 9), training.views.screened
        )

    def test_trees_begin_with_breeding_values_out_of_fold_or_with_nothing(self) -> None:
        begun, from_mean = (self.training(family_cohort(), start=start) for start in ("gblup", "mean"))

        np.testing.assert_array_equal(begun.features.breeding_values(), begun.known)
        np.testing.assert_array_equal(np.zeros((150, N_TRAITS)), from_mean.known)

    def test_gblup_is_fitted_only_where_it_is_needed(self) -> None:
        assert self.training(family_cohort(), features="components", start="mean").base is None
        assert self.training(family_cohort(), features="components").base is not None
        assert self.training(family_cohort(), features="windows", start="mean").base is not None

    def test_components_are_principal_ones(self) -> None:
        """Uncorrelated, and on the scale of eigenvectors of the standardised G, times the root of eigenvalues."""
        cohort = family_cohort().canonical()
        found = self.training(cohort, features="components", start="mean").seen([MILK])

        scale = GenomicScale.of(cohort.genotypes, standardised=True)
        values, vectors = np.linalg.eigh(scale.relationships(cohort.genotypes))
        leading = vectors[:, ::-1][:, :2] * np.sqrt(values[::-1][:2])
        for component in range(2):
            assert abs(np.corrcoef(leading[:, component], found[:, component])[0, 1]) > 0.999
        np.testing.assert_allclose(np.linalg.norm(found[:, :2], axis=0), np.linalg.norm(leading, axis=0), rtol=1e-2)
