"""Mosaics whose donors change to those that have matched for longest."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.copying import Copying
from genialearn.generators.matched import MatchedCopying
from genialearn.generators.matched_walk import Panel, Wanted, Worth, walk
from genialearn.generators.prefix_order import prefix_ordered
from genialearn.generators.streams import following, stream, uniform
from genialearn.genotypes import HaplotypeMatrix, dosages
from genialearn.judging.linkage import linkage
from genialearn.judging.samples import Samples
from genialearn.records import RecordTable, Trait
from phased_cohorts import map_of, phased, phased_cohort

TRAITS = ["milk", "fat", "stature"]


def slow_walk(panel: Panel, worth: Worth, wanted: Wanted, key: np.uint64) -> Int8Array:
    """The plain twin: sorts all prefixes anew at every marker, and follows one chain after the other."""
    n_markers, n_haplotypes = panel.alleles.shape
    at_first, places = np.argsort(panel.order), panel.places
    out = np.empty((n_markers, len(wanted.places)), dtype=np.int8)
    for chain, place in enumerate(wanted.places):
        state, donor = np.uint64(stream(key, chain)), -1
        for marker in range(n_markers):
            state = np.uint64(following(state))
            if uniform(state) < panel.changes[marker]:
                among = wanted.first[chain]
                if marker > 0:
                    keys = [(*panel.alleles[:marker, row][::-1], at_first[row]) for row in range(n_haplotypes)]
                    ranked = sorted(range(n_haplotypes), key=keys.__getitem__)
                    near = min(wanted.candidates[chain] + 1, n_haplotypes)
                    first = min(max(ranked.index(donor) - near // 2, 0), n_haplotypes - near)
                    among = np.array([row for row in ranked[first : first + near] if row != donor])
                stretch = slice(marker, worth.ends[marker])
                values = panel.alleles[stretch].T.astype(np.float64) @ worth.effects[stretch]
                logits = -0.5 * ((places[among] - places[place]) ** 2).sum(axis=1)
                logits += values[among] @ wanted.pulls[chain]
                chances = np.where(among // 2 == place // 2, 0.0, np.exp(logits - logits.max()))
                chances = chances if chances.sum() > 0 else np.ones(len(among))
                state = np.uint64(following(state))
                within = np.searchsorted(np.cumsum(chances / chances.sum()), uniform(state), side="right")
                donor = among[min(within, len(among) - 1)]
            allele = panel.alleles[marker, donor]
            if panel.error > 0:
                state = np.uint64(following(state))
                allele = 1 - allele if uniform(state) < panel.error else allele
            out[marker, chain] = allele
    return out


@cache
def genetic_values() -> tuple[Cohort, FloatArray]:
    """Return animals whose records are their genetic values, and the effects behind them (markers, traits)."""
    cohort = phased_cohort(n_animals=300).canonical()
    effects = np.random.default_rng(1).normal(0, 1, (cohort.genotypes.shape[1], 3))
    effects[:, 1] += effects[:, 0]
    values = dosages(cohort.genotypes) @ effects
    effects /= values.std(axis=0)
    values = values / values.std(axis=0)
    traits = tuple(Trait(name) for name in TRAITS)
    records = RecordTable(traits, cohort.animals, values, np.ones_like(values), pd.DataFrame(index=range(len(values))))
    return replace(cohort, records=records), effects


class TestPrefixOrder:
    def test_it_is_that_of_alleles_read_backwards(self) -> None:
        rng = np.random.default_rng(1)
        alleles = rng.integers(0, 2, (9, 50)).astype(np.int8)
        first = rng.permutation(50)
        order = first
        for marker in alleles:
            order = prefix_ordered(order, marker)

        keys = np.vstack([np.argsort(first), alleles])  # the last key of lexsort counts first
        np.testing.assert_array_equal(np.lexsort(keys), order)


class TestWalk:
    @pytest.mark.parametrize("n_traits", [0, 2])
    @pytest.mark.parametrize(("candidates", "error"), [(3, 0.0), (1, 0.2), (100, 0.0)])
    def test_it_is_that_of_its_plain_twin(self, n_traits: int, candidates: int, error: float) -> None:
        rng = np.random.default_rng(3)
        n_markers, n_haplotypes, n_chains = 25, 14, 300
        alleles = (rng.random((n_markers, n_haplotypes)) < rng.uniform(0.2, 0.8, (n_markers, 1))).astype(np.int8)
        changes = np.append(1.0, rng.uniform(0, 1, n_markers - 1))
        places = rng.standard_normal((n_haplotypes, 2)).astype(np.float32)
        panel = Panel(alleles, changes, np.float64(error), places, rng.permutation(n_haplotypes))
        effects = rng.standard_normal((n_markers, n_traits)).astype(np.float32)
        worth = Worth(effects, np.minimum(np.arange(n_markers) + rng.integers(1, 4), n_markers))
        wanted = Wanted(
            rng.integers(0, n_haplotypes, n_chains),
            rng.integers(0, n_haplotypes, (n_chains, 5)),
            rng.standard_normal((n_chains, n_traits)).astype(np.float32),
            rng.integers(1, candidates + 1, n_chains),
        )

        found = np.empty((n_chains, n_markers), dtype=np.int8, order="F")
        walk(panel, worth, wanted, np.uint64(7), found.T)

        np.testing.assert_array_equal(slow_walk(panel, worth, wanted, np.uint64(7)), found.T)


class TestWhatIsCopied:
    def test_without_changes_a_training_haplotype_on_each_chromosome(self) -> None:
        training = phased_cohort().canonical()
        assert training.haplotypes is not None
        generator = MatchedCopying(rate=1e-6, error=0.0, smallest_family=0).fit(training)
        drawn, real = generator.sample(40, rng=np.random.default_rng(1)).alleles(), training.haplotypes.alleles()

        for chromosome in (slice(0, 30), slice(30, 50), slice(50, 60)):
            known = {row.tobytes() for row in real[:, chromosome]}
            assert {row.tobytes() for row in drawn[:, chromosome]} <= known

    def test_linkage_is_kept_where_free_changes_lose_it(self) -> None:
        cohort = phased_cohort(n_animals=600, sizes=(60,))
        training, holdout = cohort.select(np.arange(0, 600, 2)), cohort.select(np.arange(1, 600, 2))
        found = {}
        for generator in (MatchedCopying(rate=0.5, error=0.0), Copying(rate=0.5, error=1e-9)):
            drawn = generator.fit(training).sample(300, rng=np.random.default_rng(1))
            assert training.haplotypes is not None
            assert holdout.haplotypes is not None
            samples = Samples.of(training.haplotypes, holdout.haplotypes, drawn, rng=np.random.default_rng(1))
            found[type(generator)] = linkage(samples, np.random.default_rng(1))["r"]

        assert found[MatchedCopying] > 0.9
        assert found[MatchedCopying] > found[Copying] + 0.02

    def test_more_changes_leave_fewer_copies(self) -> None:
        training = phased_cohort(n_animals=300, sizes=(60,)).canonical()
        assert training.haplotypes is not None
        known = {row.tobytes() for row in training.haplotypes.alleles()}
        copies = []
        for rate in (0.01, 3.0):
            drawn = (
                MatchedCopying(rate=rate, error=0.0, smallest_family=0)
                .fit(training)
                .sample(200, rng=np.random.default_rng(1))
            )
            copies.append(np.mean([row.tobytes() in known for row in drawn.alleles()]))

        assert copies[0] > 0.5
        assert copies[1] < 0.3

    def test_places_keep_populations_together_over_chromosomes(self) -> None:
        rng = np.random.default_rng(1)
        frequencies = rng.uniform(0.1, 0.9, (2, 60))
        population = np.arange(800) // 2 % 2
        alleles = (rng.random((800, 60)) < frequencies[population]).astype(np.int8)
        training = Cohort.of_genotypes(phased(alleles, map_of([20, 20, 20])))
        difference = frequencies[1] - frequencies[0]
        correlation = {}
        for spread in (0.0, 0.4):
            generator = MatchedCopying(spread=spread, error=0.0).fit(training)
            drawn = generator.sample(400, rng=np.random.default_rng(2)).alleles()
            parts = drawn[:, :20] @ difference[:20], drawn[:, 20:40] @ difference[20:40]
            correlation[spread] = np.corrcoef(*parts)[0, 1]
        real = np.corrcoef(alleles[:, :20] @ difference[:20], alleles[:, 20:40] @ difference[20:40])[0, 1]

        assert abs(correlation[0.0]) < 0.1
        assert abs(correlation[0.4] - real) < 0.15

    def test_errors_are_as_frequent_as_asked(self) -> None:
        training = Cohort.of_genotypes(phased(np.zeros((100, 50), dtype=np.int8), map_of([50])))
        drawn = MatchedCopying(error=0.1).fit(training).sample(200, rng=np.random.default_rng(1)).alleles()

        assert pytest.approx(0.1, abs=0.01) == drawn.mean()

    def test_errors_of_the_training_are_found(self) -> None:
        training = phased_cohort(n_animals=300, sizes=(60,))
        assert training.haplotypes is not None
        alleles = training.haplotypes.alleles()
        wrong = np.random.default_rng(1).random(alleles.shape) < 0.05
        noisy = Cohort.of_genotypes(phased(np.where(wrong, 1 - alleles, alleles), training.haplotypes.markers))

        clean, found = (MatchedCopying().fit(cohort).error_ for cohort in (training, noisy))
        assert clean + 0.01 < found < 0.06


class TestFamilies:
    def test_animals_that_are_alike_on_one_chromosome_are_alike_on_others(self) -> None:
        training = phased_cohort(n_animals=300, sizes=(60, 60))
        real = _likeness(training.haplotypes)
        found = []
        for smallest in (5, 0):
            generator = MatchedCopying(smallest_family=smallest, spread=0.0).fit(training)
            drawn = [generator.sample(300, rng=np.random.default_rng(seed)) for seed in range(4)]
            found.append(np.mean([_likeness(haplotypes) for haplotypes in drawn]))

        assert 0.6 * real < found[0] < 1.5 * real
        assert abs(found[1]) < 0.2 * real

    def test_without_a_pedigree_there_are_none(self) -> None:
        training = replace(phased_cohort(), pedigree=None)
        one, other = (MatchedCopying(smallest_family=n).fit(training).sample(9, rng=_seeded()) for n in (5, 0))

        assert np.array_equal(one.alleles(), other.alleles())


def _seeded() -> np.random.Generator:
    return np.random.default_rng(1)


def _likeness(haplotypes: HaplotypeMatrix | None) -> float:
    """Return the covariance, over pairs of animals, of relationships on two chromosomes of 60 markers each."""
    assert haplotypes is not None
    values = dosages(haplotypes.genotypes()).astype(np.float64)
    values -= values.mean(axis=0)
    pairs = np.tri(len(values), k=-1, dtype=bool)
    first, second = ((part @ part.T)[pairs] for part in (values[:, :60], values[:, 60:]))
    return float(np.cov(first, second)[0, 1])


class TestConditions:
    @pytest.mark.parametrize("settings", [{}, pytest.param({"spread": 0.0}, marks=pytest.mark.slow)])
    def test_three_values_at_once_are_followed(self, settings: dict[str, Any]) -> None:
        cohort, effects = genetic_values()
        generator = MatchedCopying(error=0.0, rate=1.0, candidates=40, **settings).fit(cohort)
        asked = cohort.records.values[np.random.default_rng(2).integers(0, len(cohort), 1500)]
        animals = generator.sample(1500, conditions=pd.DataFrame(asked, columns=TRAITS), rng=np.random.default_rng(3))
        found = _values(animals, effects)

        slopes = [np.polyfit(asked[:, trait], found[:, trait], 1)[0] for trait in range(3)]
        np.testing.assert_allclose(slopes, 1.0, atol=0.15)

    def test_what_nobody_was_asked_for_is_as_in_the_training(self) -> None:
        generator = faultless()
        everyone = pd.DataFrame({"milk": np.full(40, np.nan)})
        asked = generator.sample(40, conditions=everyone, rng=np.random.default_rng(3))

        assert np.array_equal(asked.alleles(), generator.sample(40, rng=np.random.default_rng(3)).alleles())

    def test_others_change_nothing_for_an_animal_that_nothing_is_asked_of(self) -> None:
        generator = faultless()
        some = pd.DataFrame({"milk": np.where(np.arange(40) < 20, np.nan, 2.0)})
        asked = generator.sample(40, conditions=some, rng=np.random.default_rng(3)).alleles()
        free = generator.sample(40, rng=np.random.default_rng(3)).alleles()

        assert np.array_equal(asked[:40], free[:40])
        assert not np.array_equal(asked[40:], free[40:])


@cache
def faultless() -> MatchedCopying:
    return MatchedCopying(error=0.0).fit(genetic_values()[0])


def _values(animals: HaplotypeMatrix, effects: FloatArray) -> FloatArray:
    return np.asarray(dosages(animals.genotypes()) @ effects)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("rate", 0.0),
            ("candidates", 0),
            ("spread", -1.0),
            ("error", 0.7),
            ("guidance", -1.0),
            ("smallest_family", -1),
        ],
    )
    def test_out_of_range(self, name: str, value: float) -> None:
        with pytest.raises(SettingError, match=name):
            MatchedCopying(**{name: value}).fit(phased_cohort())

    def test_a_single_animal_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match="at least two animals"):
            MatchedCopying().fit(phased_cohort().select(np.array([0])))

    def test_defaults_follow_from_chromosomes(self) -> None:
        one, several = (MatchedCopying(error=0.0).fit(phased_cohort(sizes=sizes)) for sizes in ((60,), (30, 30)))

        assert (0.0, 4, 4.0) == (one.spread_, one.candidates_, one.rate_)
        assert (0.4, 40, 2.0) == (several.spread_, several.candidates_, several.rate_)

    def test_an_odd_number_of_candidates_is_one_more(self) -> None:
        odd, even = (
            MatchedCopying(error=0.0, candidates=n).fit(phased_cohort()).sample(20, rng=np.random.default_rng(1))
            for n in (3, 4)
        )

        assert np.array_equal(odd.alleles(), even.alleles())
