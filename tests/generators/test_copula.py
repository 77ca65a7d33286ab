from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray, Int8Array, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.generators.copula import GaussianCopula, _root
from genialearn.genotypes import DenseGenotypes, MarkerMap, dosages
from phased_cohorts import map_of, phased_cohort, without_phase

N_ANIMALS, SIZES = 800, [15, 15]


def unphased_cohort(values: Int8Array, markers: MarkerMap) -> Cohort:
    names = as_ids([f"cow{i:04d}" for i in range(len(values))])
    return Cohort.of_genotypes(DenseGenotypes(names, markers, np.asfortranarray(values)))


def population(n_animals: int = N_ANIMALS, shift: float = 0.0) -> Cohort:
    """Return animals with linked markers on two chromosomes, of two halves that differ by `shift` everywhere."""
    rng = np.random.default_rng(1)
    latent = rng.standard_normal((2, n_animals, sum(SIZES)))
    for marker in range(1, sum(SIZES)):
        if marker != SIZES[0]:
            latent[:, :, marker] = 0.9 * latent[:, :, marker - 1] + 0.436 * latent[:, :, marker]
    latent[:, : n_animals // 2] += shift
    alleles = latent > np.linspace(-1, 1, sum(SIZES))
    return unphased_cohort(alleles.sum(axis=0).astype(np.int8), map_of(SIZES))


def correlations(values: Int8Array) -> FloatArray:
    return np.asarray(np.corrcoef(values.T))


def drawn(cohort: Cohort, n_animals: int = 6000, **settings: int) -> Int8Array:
    return dosages(GaussianCopula(**settings).fit(cohort).sample(n_animals, rng=np.random.default_rng(2)))


class TestSample:
    def test_genotypes_are_as_frequent_as_observed(self) -> None:
        cohort = population(shift=1.0)
        values, artificial = dosages(cohort.genotypes), drawn(cohort)

        for genotype in (0, 1, 2):
            expected, actual = (np.mean(x == genotype, axis=0) for x in (values, artificial))
            np.testing.assert_allclose(actual, expected, atol=4 * 0.5 / np.sqrt(6000))

    def test_linkage_disequilibrium_is_that_of_the_training(self) -> None:
        expected, actual = correlations(dosages(population().genotypes)), correlations(drawn(population()))

        within = np.kron(np.eye(2), np.ones((15, 15))) > 0
        np.testing.assert_allclose(actual[within], expected[within], atol=0.07)
        assert abs(np.mean(actual[within] ** 2) / np.mean(expected[within] ** 2) - 1) < 0.05

    def test_chromosomes_share_what_populations_differ_in(self) -> None:
        cohort = population(shift=1.5)
        expected, actual = (correlations(x)[:15, 15:].mean() for x in (dosages(cohort.genotypes), drawn(cohort)))

        assert expected > 0.2
        np.testing.assert_allclose(actual, expected, rtol=0.1)

    def test_without_global_factors_chromosomes_are_independent(self) -> None:
        between = correlations(drawn(population(shift=1.5), factors=0))[:15, 15:]

        assert np.abs(between).max() < 5 / np.sqrt(6000)

    def test_missing_genotypes_do_not_count(self) -> None:
        cohort = population(4000)
        values = dosages(cohort.genotypes)
        holes = np.where(np.random.default_rng(3).random(values.shape) < 0.2, -1, values).astype(np.int8)

        expected, actual = correlations(drawn(cohort)), correlations(drawn(unphased_cohort(holes, map_of(SIZES))))
        np.testing.assert_allclose(actual[:15, :15], expected[:15, :15], atol=0.08)

    def test_a_marker_that_does_not_vary_stays_so(self) -> None:
        values = dosages(population().genotypes).copy()
        values[:, 3], values[:, 20] = 0, 2
        artificial = drawn(unphased_cohort(values, map_of(SIZES)), 100)

        np.testing.assert_array_equal(0, artificial[:, 3])
        np.testing.assert_array_equal(2, artificial[:, 20])


class TestBlocks:
    def test_long_chromosomes_are_cut_in_equal_parts(self) -> None:
        generator = GaussianCopula(block=8).fit(population())

        assert [7, 8, 7, 8] == [len(block.thresholds) for block in generator._blocks]

    def test_one_block_needs_no_global_factors(self) -> None:
        cohort = population(shift=1.5)
        genotypes = cohort.genotypes.select(markers=slice(0, 15))

        assert 0 == GaussianCopula().fit(Cohort.of_genotypes(genotypes)).factors_

    def test_global_factors_are_what_chromosomes_share(self) -> None:
        assert 0 == GaussianCopula().fit(population()).factors_
        assert 1 <= GaussianCopula().fit(population(shift=1.5)).factors_ <= 2

    def test_fewer_animals_than_factors(self) -> None:
        cohort = without_phase(phased_cohort()).select(slice(0, 4))

        assert (5, 60) == GaussianCopula().fit(cohort).sample(5, rng=np.random.default_rng(1)).shape

    @pytest.mark.parametrize(("setting", "value"), [("factors", -1), ("block", 1)])
    def test_settings_out_of_range(self, setting: str, value: int) -> None:
        with pytest.raises(SettingError, match=rf"^{setting}: expected a whole number of at least"):
            GaussianCopula(**{setting: value}).fit(population())


class TestRoot:
    def test_of_a_semidefinite_matrix_it_is_exact(self) -> None:
        matrix = correlations(np.random.default_rng(1).integers(0, 3, (50, 6)).astype(np.int8))
        root = _root(matrix, np.ones(6))

        np.testing.assert_allclose(root @ root.T, matrix, atol=1e-8)

    def test_of_another_it_is_the_nearest_of_this_diagonal(self) -> None:
        """Higham 2002, IMA J Numer Anal 22:329-343, section 4."""
        matrix = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
        root = _root(matrix, np.ones(3))

        np.testing.assert_allclose(
            root @ root.T, [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]], atol=0.01
        )
