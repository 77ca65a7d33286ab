"""Dominance and epistatic relationships against their definitions written plainly."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray, IntArray, as_ids
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, MarkerMap, allele_frequencies, dosages
from genialearn.linalg.operators import as_matrix
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonadditive import (
    Dominance,
    DominanceScale,
    Epistasis,
    EpistaticFeatures,
    Heterozygosity,
)

IN_PROPORTION = np.array(
    [[0] * 4 + [1] * 8 + [2] * 4, [0] * 9 + [1] * 6 + [2], [0] + [1] * 6 + [2] * 9], dtype=np.int64
).T
"""Sixteen animals in Hardy-Weinberg proportions at markers of frequencies 1/2, 1/4 and 3/4."""


def genotypes_of(values: IntArray) -> DenseGenotypes:
    matrix = np.asfortranarray(values, dtype=np.int8)
    return DenseGenotypes(as_ids(range(len(matrix))), MarkerMap.numbered(matrix.shape[1]), matrix)


@cache
def family() -> GenotypeMatrix:
    """Return animals with missing genotypes, at more markers than a block."""
    return family_cohort().genotypes


def scale_of(genotypes: GenotypeMatrix) -> DominanceScale:
    return DominanceScale(allele_frequencies(genotypes))


def coded(dosage: int, p: float) -> float:
    return {0: -2 * p**2, 1: 2 * p * (1 - p), 2: -2 * (1 - p) ** 2, -1: 0.0}[dosage]


def plain_w(genotypes: GenotypeMatrix, frequencies: FloatArray) -> FloatArray:
    return np.array([[coded(int(d), p) for d, p in zip(row, frequencies, strict=True)] for row in dosages(genotypes)])


def plain_dominance(genotypes: GenotypeMatrix) -> FloatArray:
    p = allele_frequencies(genotypes)
    w = plain_w(genotypes, p)
    return np.asarray(w @ w.T / np.sum((2 * p * (1 - p)) ** 2))


class TestDominanceScale:
    def test_blocks_are_the_plain_coding(self) -> None:
        scale = scale_of(family())
        parts = list(scale.blocks(family()))

        assert [slice(0, 256), slice(256, 300)] == [columns for columns, _ in parts]
        w = np.hstack([part for _, part in parts])
        np.testing.assert_allclose(plain_w(family(), scale.frequencies), w, atol=1e-15)
        assert np.all(w[dosages(family()) < 0] == 0)

    def test_between_animals_and_others(self) -> None:
        scale = scale_of(family())
        one, other = family().select(animals=slice(0, 7)), family().select(animals=slice(5, 20))
        expected = plain_w(one, scale.frequencies) @ plain_w(other, scale.frequencies).T / scale.divisor

        np.testing.assert_allclose(expected, scale.between(one, other), atol=1e-12)
        np.testing.assert_allclose(plain_dominance(family()), scale.between(family(), family()), atol=1e-12)

    def test_its_mean_diagonal_is_one_in_hardy_weinberg_genotypes(self) -> None:
        rng = np.random.default_rng(1)
        genotypes = genotypes_of(rng.binomial(2, rng.uniform(0.1, 0.9, 1500), (100, 1500)))
        relationships = scale_of(genotypes).between(genotypes, genotypes)

        assert pytest.approx(1.0, abs=0.02) == np.diag(relationships).mean()
        assert abs(relationships[np.triu_indices(100, 1)].mean()) < 0.02

    def test_it_is_uncorrelated_with_dosages_in_hardy_weinberg_proportions(self) -> None:
        genotypes = genotypes_of(IN_PROPORTION)
        scale = scale_of(genotypes)
        w = next(block for _, block in scale.blocks(genotypes))

        np.testing.assert_allclose([0.5, 0.25, 0.75], scale.frequencies)
        np.testing.assert_allclose(0.0, w.mean(axis=0), atol=1e-15)
        np.testing.assert_allclose(0.0, np.sum(w * (IN_PROPORTION - 2 * scale.frequencies), axis=0), atol=1e-14)
        variances = (2 * scale.frequencies * (1 - scale.frequencies)) ** 2
        np.testing.assert_allclose(variances, np.mean(w**2, axis=0), rtol=1e-14)

    def test_counting_the_other_allele_changes_nothing(self) -> None:
        swapped = family().recoded(np.arange(300) % 3 == 0)

        expected = scale_of(family()).between(family(), family())
        np.testing.assert_allclose(expected, scale_of(swapped).between(swapped, swapped), atol=1e-12)
        np.testing.assert_allclose(expected, as_matrix(scale_of(swapped).operator(swapped)), atol=1e-5)

    def test_values_are_those_of_dominance_effects(self) -> None:
        scale, effects = scale_of(family()), np.random.default_rng(2).standard_normal((300, 2))
        some = family().select(animals=[3, 7, 11])

        np.testing.assert_allclose(plain_w(some, scale.frequencies) @ effects, scale.values(some, effects), atol=1e-12)


class TestDominance:
    @staticmethod
    def operator() -> Dominance:
        return scale_of(family()).operator(family())

    def test_products(self) -> None:
        values = np.random.default_rng(3).standard_normal((150, 4))

        expected = plain_dominance(family()) @ values
        assert self.operator().shape == (150, 150)
        np.testing.assert_allclose(expected, self.operator().matmat(values), atol=1e-5 * np.abs(expected).max())

    def test_effects_carry_values_to_others(self) -> None:
        scale, dual = scale_of(family()), np.random.default_rng(4).standard_normal((150, 2))
        effects = self.operator().effects(dual)

        expected = plain_w(family(), scale.frequencies).T @ dual / scale.divisor
        np.testing.assert_allclose(expected, effects, atol=1e-5 * np.abs(expected).max())
        np.testing.assert_allclose(plain_dominance(family()) @ dual, scale.values(family(), effects), atol=1e-4)

    def test_its_diagonal_is_about_right(self) -> None:
        expected, actual = np.diag(plain_dominance(family())), self.operator().diagonal()

        np.testing.assert_allclose(expected, actual, rtol=0.35)
        assert pytest.approx(expected.mean(), rel=0.03) == actual.mean()
        assert np.corrcoef(expected, actual)[0, 1] > 0.7


class TestHeterozygosity:
    def test_it_is_one_where_both_alleles_are(self) -> None:
        plain = dosages(family())
        expected = np.where(plain < 0, -1, np.where(plain == 1, 1, 0))

        np.testing.assert_array_equal(expected, dosages(Heterozygosity(family())))

    def test_it_has_the_animals_and_markers_of_the_genotypes(self) -> None:
        recoded = Heterozygosity(family())

        assert recoded.shape == (150, 300)
        np.testing.assert_array_equal(family().animals, recoded.animals)
        np.testing.assert_array_equal(family().markers.names, recoded.markers.names)

    def test_blocks_are_as_wide_as_asked_for(self) -> None:
        blocks = list(Heterozygosity(family()).blocks(100))

        assert [(0, 100), (100, 200), (200, 300)] == [(columns.start, columns.stop) for columns, _ in blocks]
        assert all(block.shape == (150, 100) and block.dtype == np.int8 for _, block in blocks)

    def test_some_animals_and_markers(self) -> None:
        rows, columns = [5, 2, 90], [7, 299, 0, 30]
        some = Heterozygosity(family()).select(animals=rows, markers=columns)

        np.testing.assert_array_equal(dosages(Heterozygosity(family()))[np.ix_(rows, columns)], dosages(some))
        np.testing.assert_array_equal(family().animals[rows], some.animals)

    def test_half_its_mean_is_a_frequency(self) -> None:
        plain = dosages(family())
        expected = np.sum(plain == 1, axis=0) / np.sum(plain >= 0, axis=0) / 2

        np.testing.assert_allclose(expected, allele_frequencies(Heterozygosity(family())), rtol=1e-14)

    def test_which_allele_is_counted_does_not_matter(self) -> None:
        swap = np.arange(300) % 2 == 0

        expected = dosages(Heterozygosity(family()))
        np.testing.assert_array_equal(expected, dosages(Heterozygosity(family().recoded(swap))))
        np.testing.assert_array_equal(expected, dosages(Heterozygosity(family()).recoded(swap)))


@cache
def additive() -> FloatArray:
    return GenomicScale.of(family()).relationships(family())


class TestEpistasis:
    def test_it_is_squares_over_their_mean_diagonal(self) -> None:
        g = additive()
        expected = g * g / np.mean(np.diag(g * g))
        epistasis = Epistasis.of(g)

        np.testing.assert_allclose(expected, epistasis.matrix, rtol=1e-12)
        assert pytest.approx(np.mean(np.diag(g) ** 2)) == epistasis.unit
        assert pytest.approx(1.0) == epistasis.diagonal().mean()

    def test_relationships_stay_as_they_were(self) -> None:
        before = additive().copy()
        Epistasis.of(before)

        np.testing.assert_array_equal(additive(), before)

    @pytest.mark.parametrize(("precision", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
    def test_it_is_an_operator_as_precise_as_relationships(self, precision: type, tolerance: float) -> None:
        epistasis = Epistasis.of(additive().astype(precision))
        values = np.random.default_rng(5).standard_normal((150, 3))
        expected = additive() ** 2 / np.mean(np.diag(additive()) ** 2)

        assert epistasis.matrix.dtype == precision
        assert epistasis.shape == (150, 150)
        product = epistasis.matmat(values)
        assert product.dtype == epistasis.diagonal().dtype == np.float64
        np.testing.assert_allclose(expected @ values, product, atol=tolerance * np.abs(expected @ values).max())
        np.testing.assert_allclose(np.diag(expected), epistasis.diagonal(), rtol=tolerance)


class TestEpistaticFeatures:
    @staticmethod
    def features(n_features: int, seed: int = 1) -> EpistaticFeatures:
        scale = GenomicScale.of(family())
        return EpistaticFeatures(scale.frequencies, scale.divisor, n_features, seed)

    @pytest.mark.parametrize("n_features", [500, 5_000])
    def test_their_products_are_about_squares_of_relationships(self, n_features: int) -> None:
        drawn = self.features(n_features).of(family())
        errors = (drawn @ drawn.T - additive() ** 2)[np.triu_indices(150, 1)]

        claimed = np.mean(np.diag(additive())) ** 2 / np.sqrt(n_features)
        assert 0.5 * claimed < np.sqrt(np.mean(errors**2)) < 2 * claimed
        assert abs(errors.mean()) < claimed

    def test_company_does_not_matter(self) -> None:
        features, some = self.features(60), np.array([100, 3])
        together = features.of(family())

        alone = features.of(family().select(animals=some))
        np.testing.assert_allclose(together[some], alone, atol=1e-5 * np.abs(together).max())

    def test_the_seed_decides(self) -> None:
        one, again, next_one = (self.features(60, seed).of(family()) for seed in (1, 1, 2))

        assert one.tobytes() == again.tobytes()
        assert abs(np.corrcoef(one.ravel(), next_one.ravel())[0, 1]) < 0.1
