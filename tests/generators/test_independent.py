from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.independent import Independent
from genialearn.genotypes import DenseGenotypes, HaplotypeMatrix, dosages
from phased_cohorts import map_of, phased, phased_cohort, without_phase


def unphased_cohort(values: np.ndarray) -> Cohort:
    names = np.array([f"cow{i:04d}" for i in range(len(values))], dtype=object)
    matrix = np.asfortranarray(values.astype(np.int8))
    return Cohort.of_genotypes(DenseGenotypes(names, map_of([values.shape[1]]), matrix))


class TestSample:
    def test_alleles_are_as_frequent_as_counted(self) -> None:
        generator = Independent(pseudocounts=0).fit(phased_cohort())
        drawn = generator.sample(5000, rng=np.random.default_rng(1))

        assert isinstance(drawn, HaplotypeMatrix)
        expected = phased_cohort().haplotypes.alleles().mean(axis=0)  # type: ignore[union-attr]
        np.testing.assert_allclose(drawn.alleles().mean(axis=0), expected, atol=4 * 0.5 / np.sqrt(10_000))

    def test_the_deficit_of_heterozygotes_is_kept(self) -> None:
        homozygous = np.repeat([[0, 2], [2, 0]], 50, axis=0)
        drawn = Independent(pseudocounts=0).fit(unphased_cohort(homozygous)).sample(500, rng=np.random.default_rng(1))

        assert {0, 2} == set(np.unique(dosages(drawn)))  # type: ignore[arg-type]

    def test_missing_genotypes_do_not_count(self) -> None:
        values = np.array([[0, -1], [1, -1], [-1, -1], [1, -1]])
        generator = Independent(pseudocounts=0).fit(unphased_cohort(values))

        np.testing.assert_allclose([[1 / 3, 2 / 3, 0], [1 / 3, 1 / 3, 1 / 3]], generator.probabilities_)

    def test_markers_are_independent(self) -> None:
        same = np.repeat(np.arange(100)[:, None] % 2, 2, axis=1)
        drawn = Independent().fit(Cohort.of_genotypes(phased(same))).sample(2000, rng=np.random.default_rng(1))

        assert abs(np.corrcoef(drawn.alleles().T)[0, 1]) < 4 / np.sqrt(4000)  # type: ignore[union-attr]


class TestLogLikelihood:
    def test_it_sums_to_one_over_all_haplotypes(self) -> None:
        generator = Independent().fit(Cohort.of_genotypes(phased([[0, 1, 1], [0, 0, 1]])))
        everything = phased(list(product([0, 1], repeat=3)))

        assert pytest.approx(1.0) == np.exp(generator.log_likelihood(everything)).sum()

    def test_it_sums_to_one_over_all_genotypes(self) -> None:
        generator = Independent().fit(unphased_cohort(np.array([[0, 1], [2, -1]])))
        everything = unphased_cohort(np.array(list(product([0, 1, 2], repeat=2)))).genotypes

        assert pytest.approx(1.0) == np.exp(generator.log_likelihood(everything)).sum()

    def test_it_is_minus_infinity_for_what_was_never_seen_without_pseudocounts(self) -> None:
        generator = Independent(pseudocounts=0).fit(Cohort.of_genotypes(phased([[0, 1], [0, 0]])))

        np.testing.assert_array_equal([-np.inf, np.log(0.5)], generator.log_likelihood(phased([[1, 1], [0, 1]])))


class TestSettings:
    def test_phase_can_be_left_aside(self) -> None:
        drawn = Independent(phased=False).fit(phased_cohort()).sample(2, rng=np.random.default_rng(1))

        assert not isinstance(drawn, HaplotypeMatrix)

    def test_phase_that_is_asked_for_must_be_there(self) -> None:
        with pytest.raises(AlignmentError, match="expected phased genotypes"):
            Independent(phased=True).fit(without_phase(phased_cohort()))

    @pytest.mark.parametrize("pseudocounts", [-1.0, float("nan")])
    def test_pseudocounts_are_at_least_none(self, pseudocounts: float) -> None:
        with pytest.raises(SettingError, match=r"^pseudocounts: expected a number of at least 0, found"):
            Independent(pseudocounts=pseudocounts).fit(phased_cohort())

    def test_a_cohort_of_nobody_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match="expected at least one animal and one marker, found 0 animals x 60"):
            Independent().fit(phased_cohort().select(slice(0, 0)))
