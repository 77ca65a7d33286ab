"""The generator of tags by a Boltzmann machine and copies between them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import InputError, SettingError
from genialearn.generators.boltzmann import Boltzmann
from genialearn.genotypes import HaplotypeMatrix, dosages
from genialearn.neural.checkpoints import CheckpointFile, Resumable
from genialearn.records import RecordTable, Trait
from killed_training import KilledAfter, KilledError
from phased_cohorts import map_of, phased, phased_cohort

QUICK: dict[str, Any] = {"hidden": 6, "reach": 6, "steps": 600, "chains": 300, "sweeps": 30, "donors": 100}
EVERY_MARKER = QUICK | {"tag_r2": 1.0, "rarest": 0.0}
TRAITS = ["milk", "fat", "stature"]


@cache
def genetic_values() -> tuple[Cohort, FloatArray]:
    """Return animals whose records are their genetic values, and the effects behind them (markers, traits)."""
    cohort = phased_cohort(n_animals=300).canonical()
    rng = np.random.default_rng(1)
    effects = rng.normal(0, 1, (cohort.genotypes.shape[1], 3))
    effects[:, 1] += effects[:, 0]
    values = dosages(cohort.genotypes) @ effects
    effects /= values.std(axis=0)
    values = values / values.std(axis=0)
    records = RecordTable(
        tuple(Trait(name) for name in TRAITS),
        cohort.animals,
        values,
        np.ones_like(values),
        pd.DataFrame(index=range(len(values))),
    )
    return replace(cohort, records=records), effects


@cache
def fitted() -> Boltzmann:
    return Boltzmann(**EVERY_MARKER).fit(genetic_values()[0])


def values_of(animals: HaplotypeMatrix) -> FloatArray:
    return np.asarray(dosages(animals.genotypes()) @ genetic_values()[1])


def slopes(asked: FloatArray, found: FloatArray) -> FloatArray:
    centred = asked - asked.mean(axis=0)
    return np.asarray((centred * (found - found.mean(axis=0))).sum(axis=0) / (centred**2).sum(axis=0))


class TestConditions:
    def test_three_values_at_once_are_followed(self) -> None:
        records = genetic_values()[0].records.values
        asked = records[np.random.default_rng(2).integers(0, len(records), 1500)]
        animals = fitted().sample(1500, conditions=pd.DataFrame(asked, columns=TRAITS), rng=np.random.default_rng(3))

        np.testing.assert_allclose(slopes(asked, values_of(animals)), 1.0, atol=0.15)

    def test_one_value_moves_the_others_as_far_as_they_are_correlated(self) -> None:
        records = genetic_values()[0].records.values
        asked = np.repeat([-1.0, 1.0], 750)
        animals = fitted().sample(1500, conditions=pd.DataFrame({"milk": asked}), rng=np.random.default_rng(3))
        moved = np.diff([half.mean(axis=0) for half in np.split(values_of(animals), 2)], axis=0)[0] / 2

        np.testing.assert_allclose(moved, np.corrcoef(records.T)[0], atol=0.2)

    def test_guidance_is_the_strength(self) -> None:
        conditions = pd.DataFrame({"fat": np.repeat([-1.0, 1.0], 300)})
        weak, strong = (
            np.diff([half[:, 1].mean() for half in np.split(values_of(self._guided(g, conditions)), 2)])[0]
            for g in (0.5, 1.5)
        )

        assert 1.8 * weak < strong

    @staticmethod
    def _guided(guidance: float, conditions: pd.DataFrame) -> HaplotypeMatrix:
        generator = fitted()
        before = generator.guidance
        try:
            generator.guidance = guidance
            return generator.sample(len(conditions), conditions=conditions, rng=np.random.default_rng(3))
        finally:
            generator.guidance = before

    def test_what_nobody_was_asked_for_is_as_in_the_training(self) -> None:
        everyone = pd.DataFrame({"milk": np.full(400, np.nan)})
        asked = fitted().sample(400, conditions=everyone, rng=np.random.default_rng(3))
        free = fitted().sample(400, rng=np.random.default_rng(3))

        assert np.array_equal(asked.alleles(), free.alleles())

    def test_unknown_traits_are_refused(self) -> None:
        with pytest.raises(SettingError, match="expected traits with records of the training animals, found 'mlk'"):
            fitted().sample(1, conditions=pd.DataFrame({"mlk": [1.0]}), rng=np.random.default_rng(1))


class TestLogLikelihood:
    @pytest.mark.parametrize("settings", [QUICK | {"tag_r2": 0.3}, EVERY_MARKER])
    def test_it_sums_to_one_over_all_haplotypes(self, settings: dict[str, Any]) -> None:
        haplotypes = phased_cohort(n_animals=200).haplotypes
        assert haplotypes is not None
        few = haplotypes.select(markers=[*range(6), *range(30, 34)])
        generator = Boltzmann(**settings).fit(Cohort.of_genotypes(few))
        everything = np.array(list(product([0, 1], repeat=10)), dtype=np.int8)

        nats = generator.log_likelihood(phased(everything, generator.markers_))

        assert 3 <= len(generator.tags_) <= 10
        assert pytest.approx(1.0, abs=5 * generator.log_partition().se + 1e-3) == np.exp(nats).sum()
        assert generator.log_partition().se < 0.05

    def test_a_second_fit_forgets_the_first(self) -> None:
        training = phased_cohort()
        assert training.haplotypes is not None
        once = Boltzmann(**QUICK).fit(training)
        again = Boltzmann(**QUICK).fit(phased_cohort(seed=2))
        again.log_likelihood(training.haplotypes)
        again.fit(training)

        expected, found = (own.log_likelihood(training.haplotypes) for own in (once, again))
        np.testing.assert_array_equal(expected, found)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"), [("hidden", -1), ("reach", 0), ("chains", 1), ("coldest", 0.0), ("weight_decay", -1.0)]
    )
    def test_out_of_range(self, name: str, value: float) -> None:
        with pytest.raises(SettingError, match=name):
            Boltzmann(**{name: value}).fit(phased_cohort())

    def test_no_marker_common_enough(self) -> None:
        alleles = np.zeros((100, 5), dtype=np.int8)
        alleles[0] = 1

        with pytest.raises(SettingError, match="expected a frequency that some marker's rarer allele reaches"):
            Boltzmann(**QUICK).fit(Cohort.of_genotypes(phased(alleles, map_of([5]))))


def test_populations_are_not_mixed_within_animals() -> None:
    rng = np.random.default_rng(1)
    frequencies = rng.uniform(0.1, 0.9, (2, 60))
    alleles = rng.random((800, 60)) < frequencies[np.repeat(np.arange(800) // 2 % 2, 1)]
    cohort = Cohort.of_genotypes(phased(alleles.astype(np.int8), map_of([30, 30])))
    generator = Boltzmann(**EVERY_MARKER).fit(cohort)
    difference = frequencies[1] - frequencies[0]
    scores = [
        (animals.alleles() @ difference).reshape(-1, 2)
        for animals in (cohort.haplotypes, generator.sample(400, rng=np.random.default_rng(2)))
        if animals is not None
    ]
    real, artificial = (np.corrcoef(np.vstack([pair, pair[:, ::-1]]).T)[0, 1] for pair in scores)

    assert real > 0.5
    assert abs(artificial - real) < 0.2


class TestLearningThatWasKilled:
    SHORT: ClassVar = EVERY_MARKER | {"steps": 40, "chains": 50}

    def test_it_goes_on_to_the_same_bytes(self, tmp_path: Path) -> None:
        """Killed before averaging begins, and in the middle of it; the third process finishes."""
        cohort = genetic_values()[0]
        whole = Boltzmann(**self.SHORT).fit(cohort)
        for steps in (20, 15):
            with pytest.raises(KilledError, match="killed"):
                Boltzmann(**self.SHORT).fit_resumably(cohort, partial(KilledAfter, tmp_path / "kept", steps))
        resumed = Boltzmann(**self.SHORT).fit_resumably(cohort, partial(CheckpointFile, tmp_path / "kept"))

        assert isinstance(resumed, Resumable)
        first, second = (model.sample(30, rng=np.random.default_rng(1)).alleles() for model in (whole, resumed))
        assert np.array_equal(first, second)
        assert np.array_equal(whole.energy_.weights, resumed.energy_.weights)

    def test_what_is_kept_has_an_effect(self, tmp_path: Path) -> None:
        cohort, path = genetic_values()[0], tmp_path / "kept"
        with pytest.raises(KilledError, match="killed"):
            Boltzmann(**self.SHORT).fit_resumably(cohort, partial(KilledAfter, path, 30))
        torch = pytest.importorskip("torch")
        content = torch.load(path, weights_only=True)
        content["state"]["rng"] = np.random.default_rng(9).bit_generator.state
        torch.save(content, path)
        resumed = Boltzmann(**self.SHORT).fit_resumably(cohort, partial(CheckpointFile, path))

        assert not np.array_equal(Boltzmann(**self.SHORT).fit(cohort).energy_.weights, resumed.energy_.weights)

    def test_other_settings_do_not_go_on(self, tmp_path: Path) -> None:
        cohort, path = genetic_values()[0], tmp_path / "kept"
        with pytest.raises(KilledError, match="killed"):
            Boltzmann(**self.SHORT).fit_resumably(cohort, partial(KilledAfter, path, 3))

        with pytest.raises(InputError, match=r"expected a checkpoint of seed 2, found one of seed 1\."):
            Boltzmann(**self.SHORT | {"seed": 2}).fit_resumably(cohort, partial(CheckpointFile, path))
