from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from genialearn._arrays import Int8Array
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.generators.independent import Independent
from genialearn.generators.markov import MarkovChain
from genialearn.genotypes import DenseGenotypes, HaplotypeMatrix, dosages
from phased_cohorts import map_of, phased, phased_cohort, without_phase


def alleles_of(cohort: Cohort) -> Int8Array:
    haplotypes = cohort.canonical().haplotypes
    assert haplotypes is not None
    return haplotypes.alleles()


def all_haplotypes(sizes: list[int]) -> HaplotypeMatrix:
    return phased(list(product([0, 1], repeat=sum(sizes))), map_of(sizes))


def all_genotypes(sizes: list[int]) -> DenseGenotypes:
    rows = np.array(list(product([0, 1, 2], repeat=sum(sizes))), dtype=np.int8)
    names = np.array([f"cow{i}" for i in range(len(rows))], dtype=object)
    return DenseGenotypes(names, map_of(sizes), np.asfortranarray(rows))


def plain_probability(training: Int8Array, before: list[int], state: int, *, n_states: int, prior: float) -> float:
    """Return P_k by its definition, from training rows over the same markers; before and state end them."""
    marker = len(before)
    seen = training[training[:, marker] >= 0]
    counts = np.array([np.sum(seen[:, marker] == s) for s in range(n_states)])
    root = backed = (counts + prior / n_states) / (counts.sum() + prior)
    for length in range(1, marker + 1):
        same = np.all(seen[:, marker - length : marker] == before[marker - length :], axis=1)
        found = np.array([np.sum(seen[same, marker] == s) for s in range(n_states)])
        backed = (found + prior * backed) / (found.sum() + prior)
    share = prior / (counts.sum() + prior)
    return float((1 - share) * backed[state] + share * root[state])


class TestLogLikelihood:
    @pytest.mark.parametrize("order", [0, 1, 3])
    def test_it_sums_to_one_over_all_haplotypes(self, order: int) -> None:
        training = phased(phased_cohort().haplotypes.alleles()[:, :6], map_of([4, 2]))  # type: ignore[union-attr]
        chain = MarkovChain(order=order).fit(Cohort.of_genotypes(training))

        total = np.exp(chain.log_likelihood(all_haplotypes([4, 2]))).sum()
        assert pytest.approx(1.0, rel=1e-5) == total

    @pytest.mark.parametrize("order", [0, 2])
    def test_it_sums_to_one_over_all_genotypes(self, order: int) -> None:
        cohort = without_phase(phased_cohort(), missing=0.1)
        chain = MarkovChain(order=order).fit(Cohort.of_genotypes(cohort.genotypes.select(markers=np.arange(28, 33))))
        everything = all_genotypes([5])
        asked = DenseGenotypes(everything.animals, chain.markers_, everything.values)

        assert pytest.approx(1.0, rel=1e-5) == np.exp(chain.log_likelihood(asked)).sum()

    @pytest.mark.parametrize("phase", [True, False])
    def test_it_is_that_of_the_plain_definition(self, phase: bool) -> None:
        cohort = phased_cohort() if phase else without_phase(phased_cohort())
        cohort = cohort.canonical()
        training = alleles_of(phased_cohort())[:, :4] if phase else dosages(cohort.genotypes)[:, :4]
        haplotypes = None if cohort.haplotypes is None else cohort.haplotypes.select(markers=slice(0, 4))
        chain = MarkovChain(order=3, pseudocounts=2.0).fit(
            Cohort.of_genotypes(haplotypes or cohort.genotypes.select(markers=slice(0, 4)))
        )
        states = 2 if phase else 3
        expected = [
            sum(
                np.log(plain_probability(training[:, : m + 1], list(row[:m]), row[m], n_states=states, prior=2.0))
                for m in range(4)
            )
            for row in training[:6]
        ]

        actual = chain.log_likelihood(haplotypes or cohort.genotypes.select(markers=slice(0, 4)))
        np.testing.assert_allclose(actual[:6], expected, rtol=1e-5)

    def test_order_zero_is_that_of_independent_markers(self) -> None:
        cohort = phased_cohort()
        assert cohort.haplotypes is not None

        expected = Independent().fit(cohort).log_likelihood(cohort.haplotypes)
        np.testing.assert_allclose(
            MarkovChain(order=0).fit(cohort).log_likelihood(cohort.haplotypes), expected, rtol=1e-5
        )

    def test_a_missing_genotype_adds_nothing(self) -> None:
        chain = MarkovChain(order=2).fit(without_phase(phased_cohort()))
        nobody = np.full((1, 60), -1, dtype=np.int8, order="F")

        np.testing.assert_array_equal(
            [0.0], chain.log_likelihood(DenseGenotypes(phased_cohort().animals[:1], chain.markers_, nobody))
        )

    def test_an_allele_that_was_never_seen_is_possible(self) -> None:
        training = phased(np.zeros((400, 12), dtype=np.int8))
        chain = MarkovChain(order=10).fit(Cohort.of_genotypes(training))

        nats = chain.log_likelihood(phased(np.eye(12, dtype=np.int8)))
        assert np.all(nats > -18)


class TestSample:
    def test_runs_of_markers_are_as_frequent_as_in_the_training(self) -> None:
        chain = MarkovChain(order=2, pseudocounts=1e-6).fit(phased_cohort())
        training, drawn = alleles_of(phased_cohort()), chain.sample(20_000, rng=np.random.default_rng(1))

        for start in (0, 13, 30, 50):
            codes = [rows[:, start : start + 3] @ np.array([4, 2, 1]) for rows in (training, drawn.alleles())]  # type: ignore[union-attr]
            expected, actual = (np.bincount(code, minlength=8) / len(code) for code in codes)
            np.testing.assert_allclose(actual, expected, atol=0.012)

    def test_chromosomes_are_independent(self) -> None:
        twice = np.repeat(np.arange(100)[:, None] % 2, 4, axis=1)
        chain = MarkovChain(order=2).fit(Cohort.of_genotypes(phased(twice, map_of([2, 2]))))

        drawn = chain.sample(4000, rng=np.random.default_rng(1)).alleles()  # type: ignore[union-attr]

        assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] > 0.9
        assert abs(np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1]) < 4 / np.sqrt(8000)


class TestOrder:
    def test_it_is_as_long_as_the_dependence(self) -> None:
        """Every allele is the exclusive or of the two before it, with some errors."""
        rng = np.random.default_rng(1)
        rows = rng.integers(0, 2, (800, 20))
        for marker in range(2, 20):
            rows[:, marker] = rows[:, marker - 1] ^ rows[:, marker - 2] ^ (rng.random(800) < 0.05)

        chain = MarkovChain().fit(Cohort.of_genotypes(phased(rows)))

        assert 2 == chain.order_ == np.argmax(chain.held_out_)
        assert (11,) == chain.held_out_.shape

    @pytest.mark.parametrize(("phase", "order", "most"), [(True, 21, 20), (False, 9, 8)])
    def test_tables_that_do_not_fit_are_refused(self, phase: bool, order: int, most: int) -> None:
        cohort = phased_cohort() if phase else without_phase(phased_cohort())
        with pytest.raises(SettingError, match=f"^order: expected at most {most}, found {order}"):
            MarkovChain(order=order).fit(cohort)

    def test_pseudocounts_must_be_positive(self) -> None:
        with pytest.raises(SettingError, match=r"^pseudocounts: expected a number above 0, found 0"):
            MarkovChain(pseudocounts=0).fit(phased_cohort())
