from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray, IntArray, as_ids
from genialearn.errors import AlignmentError
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, MarkerMap, dosages
from genialearn.relationships import GenomicScale


def genotypes_of(values: object) -> DenseGenotypes:
    matrix = np.asarray(values, dtype=np.int8)
    return DenseGenotypes(as_ids(range(len(matrix))), MarkerMap.numbered(matrix.shape[1]), np.asfortranarray(matrix))


def plain_relationships(values: IntArray) -> FloatArray:
    """VanRaden's first G, written plainly: a missing dosage is twice the allele's frequency."""
    called = np.where(values < 0, np.nan, values.astype(np.float64))
    p = np.nanmean(called, axis=0) / 2
    centred = np.nan_to_num(called - 2 * p)
    return np.asarray(centred @ centred.T / (2 * np.sum(p * (1 - p))))


@pytest.fixture
def genotypes() -> GenotypeMatrix:
    return family_cohort().genotypes


class TestRelationships:
    def test_by_hand(self) -> None:
        """p = (1/2, 1/3), Z = [[-1, -2/3], [0, 4/3], [1, -2/3]], k = 2 (1/4 + 2/9) = 17/18."""
        genotypes = genotypes_of([[0, 0], [1, 2], [2, 0]])

        expected = np.array([[13, -8, -5], [-8, 16, -8], [-5, -8, 13]]) / 9 / (17 / 18)
        np.testing.assert_allclose(GenomicScale.of(genotypes).relationships(genotypes), expected, rtol=1e-14)

    @settings(max_examples=25, deadline=None)
    @given(n_animals=st.integers(2, 9), n_markers=st.integers(1, 9), seed=st.integers(0, 1000))
    def test_it_is_the_plain_formula(self, n_animals: int, n_markers: int, seed: int) -> None:
        values = np.random.default_rng(seed).integers(-1, 3, (n_animals, n_markers))
        values[:2, 0] = [0, 2]
        values[:, (values < 0).all(axis=0)] = 0
        genotypes = genotypes_of(values)

        actual = GenomicScale.of(genotypes).relationships(genotypes)
        np.testing.assert_allclose(actual, plain_relationships(values), atol=1e-12)

    def test_more_markers_than_a_block(self) -> None:
        values = np.random.default_rng(5).integers(-1, 3, (20, 700))
        genotypes = genotypes_of(values)

        actual = GenomicScale.of(genotypes).relationships(genotypes)
        np.testing.assert_allclose(actual, plain_relationships(values), atol=1e-12)
        np.testing.assert_array_equal(actual, actual.T)

    def test_the_counted_allele_does_not_matter(self, genotypes: GenotypeMatrix) -> None:
        swapped = genotypes.recoded(np.arange(genotypes.shape[1]) % 2 == 0)

        expected = GenomicScale.of(genotypes).relationships(genotypes)
        np.testing.assert_allclose(GenomicScale.of(swapped).relationships(swapped), expected, atol=1e-12)

    def test_its_mean_is_nought_and_its_diagonal_one(self) -> None:
        """Z has mean 0; in Hardy-Weinberg proportions E(z^2) = 2p(1 - p)."""
        rng = np.random.default_rng(6)
        genotypes = genotypes_of(rng.binomial(2, rng.uniform(0.1, 0.9, 2000), (100, 2000)))
        relationships = GenomicScale.of(genotypes).relationships(genotypes)

        assert abs(relationships.mean()) < 1e-12
        assert pytest.approx(1.0, abs=0.02) == np.diag(relationships).mean()

    def test_half_sibs_are_more_related_than_others(self) -> None:
        cohort = family_cohort()
        relationships = GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)
        assert cohort.pedigree is not None
        sires = cohort.pedigree.sires_of(cohort.animals)
        same = np.equal.outer(sires, sires) & ~np.eye(len(sires), dtype=bool)

        assert relationships[same].mean() > relationships[~np.equal.outer(sires, sires)].mean() + 0.15

    def test_nothing_varies(self) -> None:
        with pytest.raises(
            AlignmentError, match="genotypes: expected at least one marker that varies among the training animals"
        ):
            GenomicScale.of(genotypes_of(np.full((4, 3), 2)))

    def test_nothing_is_called(self) -> None:
        with pytest.raises(AlignmentError, match="expected at least one marker that varies"):
            GenomicScale.of(genotypes_of(np.full((4, 3), -1)))


class TestMarkerEffects:
    def test_dual_and_primal_agree(self, genotypes: GenotypeMatrix) -> None:
        """G a = Z (Z'a / k)."""
        scale = GenomicScale.of(genotypes)
        dual = np.random.default_rng(7).standard_normal((genotypes.shape[0], 2))

        effects = scale.marker_effects(genotypes, dual)
        expected = scale.relationships(genotypes) @ dual
        np.testing.assert_allclose(scale.breeding_values(genotypes, effects), expected, atol=1e-10)

    def test_missing_dosages_contribute_nothing(self) -> None:
        scale = GenomicScale.of(genotypes_of([[0, 0], [1, 2], [2, 1]]))
        newborn = genotypes_of([[-1, -1], [-1, 2]])

        np.testing.assert_array_equal([[0.0], [5.0]], scale.breeding_values(newborn, np.array([[3.0], [5.0]])))


class TestReadThrough:
    def test_another_order_and_coding(self, genotypes: GenotypeMatrix) -> None:
        scale = GenomicScale.of(genotypes)
        order = np.random.default_rng(8).permutation(genotypes.shape[1])
        other = genotypes.select(markers=order).recoded(order % 3 == 0)

        np.testing.assert_array_equal(dosages(genotypes), dosages(scale.read_through(other)))

    def test_absent_markers_are_missing(self, genotypes: GenotypeMatrix) -> None:
        scale = GenomicScale.of(genotypes)
        kept = np.arange(genotypes.shape[1]) % 10 > 0
        read = scale.read_through(genotypes.select(markers=kept))

        assert np.all(dosages(read)[:, ~kept] == -1)
        np.testing.assert_array_equal(dosages(genotypes)[:, kept], dosages(read)[:, kept])

    def test_too_many_absent(self, genotypes: GenotypeMatrix) -> None:
        scale = GenomicScale.of(genotypes)

        message = (
            "marker map: expected at least nine tenths of the 300 markers of the model, found 31 absent. "
            "Impute the genotypes to the chip that the model was fitted on."
        )
        with pytest.raises(AlignmentError, match=f"^{re.escape(message)}$"):
            scale.read_through(genotypes.select(markers=np.arange(269)))
