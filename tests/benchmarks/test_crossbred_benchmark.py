"""Traits of crossbred herds by their definition, and the table of the study."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from crossbred import REFERENCE, CrossbredCase, beside, scenario_table
from crossbred_herd import CrossbredHerd, CrossbredTraits, crossbred_herd, crossbred_traits


@cache
def herd() -> CrossbredHerd:
    return crossbred_herd(120, 200, 0.4, 1, "independent")


@cache
def traits() -> CrossbredTraits:
    return crossbred_traits(herd(), n_qtl=40, draws=1, heritability=0.3, seed=1)


def test_bulls_of_the_other_breed_are_pure_and_have_no_records() -> None:
    recorded = np.isfinite(traits().cohort.records.values).all(axis=1)

    np.testing.assert_array_equal(~herd().is_bull, recorded)
    np.testing.assert_array_equal(1.0, herd().shares[herd().is_bull])
    assert {"holstein", "jersey"} == set(herd().breeds.values())
    assert np.all(herd().shares[herd().is_test] > 0)


def test_qtl_are_no_markers() -> None:
    assert (len(herd().animals), 160) == traits().cohort.genotypes.shape
    assert 160 == traits().is_marker.sum()


def test_additive_traits_of_the_same_effects_are_linear_in_dosages() -> None:
    alleles = herd().haplotypes.alleles(~traits().is_marker)
    dosages = np.column_stack([np.ones(len(herd().animals)), alleles[0::2] + alleles[1::2]])

    def unexplained(trait: int) -> float:
        values = traits().genetic_values[:, trait]
        return float(np.abs(values - dosages @ np.linalg.lstsq(dosages, values, rcond=None)[0]).max())

    names = [name.split(", ") for name in traits().scenarios]
    linear = [unexplained(trait) < 1e-6 for trait in range(len(names))]
    assert [name == ["same effects", "additive"] for name in names] == linear


def test_a_herd_is_scored_by_every_model() -> None:
    case = CrossbredCase(herd(), traits())
    rows = [
        {"model": name, "seed": seed, **row}
        for name, predict in case.models(networks=False)
        for seed in (1, 2)
        for row in case.scores(*predict())
    ]
    table = scenario_table(pd.DataFrame(rows))

    assert {"r", "r within", "b1", "c"} < set(table.columns)
    assert "" == table.loc[REFERENCE, "difference in r"]
    assert all(" (0.000)" in text for text in table["difference in r"].drop(REFERENCE))
    assert [0.5 < row["r"] <= 1 for row in case.origins_found()] == [True] * 3


def test_values_beside_shares_are_free_of_them() -> None:
    shares = np.random.default_rng(1).random(50)

    np.testing.assert_allclose(0, beside(3 * shares + 2, shares), atol=1e-9)
