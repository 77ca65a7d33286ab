"""Sets of artificial animals that cheat, each caught by the figures that are there for it; an honest set isn't."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from population import (
    chromosomes_shuffled,
    collapsed,
    crossed_over,
    flipped,
    independent,
    offspring,
    phased,
    unphased,
)

from genialearn._arrays import Int8Array
from genialearn.judging import judge, worse_by

N = 240
"""Haplotypes of each set."""

CAUGHT = 3.0
"""Standard errors of a difference; the honest set stays below 2 nearly everywhere."""


@cache
def judged(name: str) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    population = offspring(3 * N // 2, rng)
    training, holdout, honest = population[:N], population[N : 2 * N], population[2 * N :]
    artificial: dict[str, Int8Array] = {
        "honest": honest,
        "copies": training,
        "copies with 1 % noise": flipped(training, 0.01, rng),
        "copies with 5 % noise": flipped(training, 0.05, rng),
        "one crossover": crossed_over(training, rng),
        "chromosomes shuffled": chromosomes_shuffled(training, rng),
        "independent markers": independent(training, rng),
        "few animals repeated": collapsed(honest, 8, 0, rng),
        "few animals with noise": collapsed(honest, 8, 0.005, rng),
    }
    sets = (phased(training), phased(holdout), phased(artificial[name]))
    table = judge(*sets, rng=np.random.default_rng(12), repeats=5)
    return table.assign(worse_by=worse_by(table)).set_index(["metric", "part"])


CASES = {
    "copies": [
        ("copies", "exact"),
        ("adversarial_accuracy_training", "mean"),
        ("privacy_loss", "all"),
        ("nearest_distance", "median_ratio"),
        ("nearest_ratio", "median"),
        ("membership", "auc"),
        ("copied_segments", "chromosome"),
        ("nearest_relationship", "mean"),
    ],
    "copies with 1 % noise": [
        ("nearest_distance", "median_ratio"),
        ("nearest_distance", "close"),
        ("adversarial_accuracy_training", "mean"),
        ("privacy_loss", "all"),
        ("membership", "auc"),
        ("nearest_relationship", "mean"),
    ],
    "copies with 5 % noise": [
        ("nearest_distance", "median_ratio"),
        ("adversarial_accuracy_training", "mean"),
        ("privacy_loss", "all"),
        ("membership", "auc"),
        ("nearest_relationship", "mean"),
    ],
    "one crossover": [
        ("adversarial_accuracy_training", "mean"),
        ("privacy_loss", "all"),
        ("membership", "auc"),
        ("copied_segments", "window"),
        ("nearest_relationship", "mean"),
    ],
    "chromosomes shuffled": [("copied_segments", "chromosome"), ("copied_segments", "window")],
    "independent markers": [
        ("linkage", "r"),
        ("linkage", "decay_mae"),
        ("three_point", "r"),
        ("adversarial_accuracy", "real"),
        ("precision_recall", "precision"),
        ("classifier", "trees"),
        ("relationships", "off_diagonal"),
    ],
    "few animals repeated": [
        ("duplicates", "exact"),
        ("adversarial_accuracy", "artificial"),
        ("precision_recall", "recall"),
        ("allele_frequency", "rmse"),
        ("relationships", "off_diagonal"),
    ],
    "few animals with noise": [
        ("duplicates", "near"),
        ("adversarial_accuracy", "artificial"),
        ("precision_recall", "recall"),
        ("relationships", "off_diagonal"),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_cheaters_are_caught(name: str) -> None:
    table = judged(name)

    missed = [part for part in CASES[name] if not table.loc[part, "worse_by"] > CAUGHT]
    assert [] == missed


def test_an_honest_set_passes() -> None:
    table = judged("honest")

    caught = table.index[table["worse_by"] > CAUGHT].tolist()
    assert [] == caught
    assert np.mean(table["worse_by"] > 2) < 0.1


def test_right_frequencies_alone_pass_only_what_looks_at_frequencies() -> None:
    table = judged("independent markers")

    assert table.loc[("allele_frequency", "r"), "value"] > 0.95
    assert table.loc[("copies", "near"), "value"] == 0


def test_copied_animals_are_caught_without_phases() -> None:
    rng = np.random.default_rng(11)
    population = offspring(120, rng)
    animals = population[0::2] + population[1::2]
    training, holdout = animals[:60], animals[60:]

    table = judge(*map(unphased, (training, holdout, training)), rng=np.random.default_rng(12), repeats=5)
    worse = table.assign(worse_by=worse_by(table)).set_index(["metric", "part"])["worse_by"]

    for part in (("copies", "exact"), ("membership", "auc"), ("nearest_relationship", "mean")):
        assert worse[part] > CAUGHT, part
    assert not worse["allele_frequency", "r"] > CAUGHT


def test_a_copied_animal_is_found_though_it_was_not_chosen_from_the_training() -> None:
    population = offspring(220, np.random.default_rng(11))
    training, holdout, artificial = population[:360], population[360:400], population[320:360]

    table = judge(*map(phased, (training, holdout, artificial)), rng=np.random.default_rng(12), repeats=2)

    assert table.set_index(["metric", "part"]).loc[("copies", "exact"), "value"] == 1
