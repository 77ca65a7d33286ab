"""Repeated records: their variances, what is written, what their means are worth, and environments."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.cohorts.simulate import (
    CATALOGUE,
    HerdSettings,
    SimulatedHerd,
    design_of,
    simulate_cohort,
    simulate_herd,
)
from genialearn.cohorts.simulate.correlations import fit_factor_model
from genialearn.cohorts.simulate.effects import centred_values, polygenic_effects
from genialearn.cohorts.simulate.reaction_norms import Environments, slope_effects, spaced_covariates
from genialearn.cohorts.simulate.residuals import RecordSequence, permanent_shares, record_sequence
from genialearn.cohorts.simulate.scales import Scales
from genialearn.cohorts.simulate.summaries import record_weights

REPEATED = """
[traits]
only = ["milk_yield", "height", "cow_conception"]
[traits.milk_yield]
repeatability = 0.55
records = 2.5
[traits.cow_conception]
repeatability = 0.04
records = 2.5
"""

SUMMARISED = """
summarise = true
[traits]
only = ["milk_yield", "height", "ketosis"]
[traits.milk_yield]
repeatability = 0.55
records = 3
[traits.ketosis]
repeatability = 0.3
records = 1.5
"""

MILK = replace(CATALOGUE[0], repeatability=0.5, records=3.0)


def herd_of(text: str, **settings: object) -> SimulatedHerd:
    small = {"animals": 300, "markers": 60, "n_qtl": 60, "founders": "independent", "seed": 3, **settings}
    design = design_of(tomllib.loads(text), "design.toml")
    return simulate_herd(HerdSettings(design=design, **small))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def repeated() -> SimulatedHerd:
    return herd_of(REPEATED)


def records_of(herd: SimulatedHerd) -> pd.DataFrame:
    assert herd.tables.records is not None
    return herd.tables.records


def test_cows_have_the_number_of_records_asked(repeated: SimulatedHerd) -> None:
    counts = records_of(repeated).groupby("id").count()

    assert counts["milk_yield"].mean() == pytest.approx(2.5, abs=0.3)
    assert {1} <= set(counts["milk_yield"]) <= set(range(1, 12))
    assert 1 == counts["height"].max()
    recorded = counts["cow_conception"] > 0
    assert counts["cow_conception"][recorded].equals(counts["milk_yield"][recorded])
    assert repeated.truth.parameters["records_realised"]["milk_yield"] == counts["milk_yield"].mean()


def test_records_of_a_cow_come_year_by_year_in_one_herd(repeated: SimulatedHerd) -> None:
    records = records_of(repeated)
    parts = records["herd_year"].str.split("_", expand=True)
    years = parts[1].astype(int)

    assert ["id", "environment", "herd_year", "milk_yield", "height", "cow_conception"] == records.columns.tolist()
    assert {"E1"} == set(records["environment"])
    assert 1 == parts[0].groupby(records["id"]).nunique().max()
    assert {1.0} == set(years.groupby(records["id"]).diff().dropna())


def test_a_table_of_first_records_is_in_the_order_of_the_genotypes(repeated: SimulatedHerd) -> None:
    first = records_of(repeated).groupby("id", sort=False).first().reset_index()

    assert repeated.genotypes.animals.tolist() == repeated.traits["id"].tolist() == first["id"].tolist()
    assert np.array_equal(first["milk_yield"], repeated.traits["milk_yield"])
    assert np.array_equal(first["herd_year"], repeated.covariates["herd_year"])


def test_records_have_the_repeatability_and_variance_asked() -> None:
    """With 4,000 cows of three records each: variance within herd-years, and covariance of two records of a cow."""
    rng, n = np.random.default_rng(4), 4000
    sequence = RecordSequence(np.repeat(np.arange(n), 3), np.tile(np.arange(3), n), np.ones((3 * n, 2), dtype=bool))
    traits = (MILK, replace(CATALOGUE[6], repeatability=0.1, records=3.0))
    scales = Scales.of(traits)

    residuals = sequence.residuals(traits, None, rng, rng) * scales.residual
    genetic = rng.standard_normal((n, 2)) * scales.genetic
    values = (genetic[sequence.animals] + residuals).reshape(n, 3, 2) / np.array([MILK.deviation, 1.0])

    assert values.var(axis=(0, 1)) == pytest.approx([1, 1], rel=0.05)
    covariances = [np.cov(values[:, 0, i], values[:, 1, i])[0, 1] for i in range(2)]
    of_liability = 0.1 * scales.genetic[1] ** 2 / traits[1].heritability
    assert covariances == pytest.approx([0.5, of_liability], abs=0.04)


def test_the_permanent_environment_is_what_repeatability_leaves_to_heritability() -> None:
    assert [0.2 / 0.7] == pytest.approx(permanent_shares((MILK,)))
    assert [0.0] == pytest.approx(permanent_shares((replace(MILK, repeatability=0.3),)))
    assert [0.0] == pytest.approx(permanent_shares((replace(MILK, repeatability=1.0, heritability=1.0),)))


def test_traits_recorded_once_take_the_others_mean_share_so_that_residuals_stay_correlated() -> None:
    fat = CATALOGUE[1]

    assert [0.2 / 0.7, 0.2 / 0.7] == pytest.approx(permanent_shares((MILK, fat)))


def test_realised_repeatabilities_are_near_those_asked(repeated: SimulatedHerd) -> None:
    found = repeated.truth.parameters

    assert {"milk_yield": 0.55, "cow_conception": 0.04} == found["repeatability_asked"]
    assert found["repeatability_realised"]["milk_yield"] == pytest.approx(0.55, abs=0.08)
    assert found["h2_realised"]["milk_yield"] == pytest.approx(0.3, abs=0.05)


def test_without_repeated_traits_no_random_number_is_used() -> None:
    rng = np.random.default_rng(1)

    sequence = record_sequence(CATALOGUE, 7, rng)

    assert [0, 1, 2, 3, 4, 5, 6] == sequence.animals.tolist()
    assert sequence.exists.all()
    assert np.random.default_rng(1).random() == rng.random()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repeated")
    for name, text in (("repeated", REPEATED), ("summarised", SUMMARISED)):
        (folder / f"{name}.toml").write_text(text)
        simulate_cohort(folder / name, animals=60, markers=60, design=folder / f"{name}.toml", seed=2, threads=1)
    return folder


def test_repeated_records_are_read_back(written: Path) -> None:
    folder = written / "repeated"
    cohort, _ = read_cohort(CohortFiles.in_folder(folder))
    table = pd.read_csv(folder / "records.tsv", sep="\t")

    assert not (folder / "traits.tsv").exists()
    assert not (folder / "covariates.tsv").exists()
    assert ["milk_yield", "height", "cow_conception"] == cohort.records.trait_names
    assert ["animal", "", "animal"] == [trait.random for trait in cohort.records.traits]
    assert {"C(herd_year)"} == {trait.fixed for trait in cohort.records.traits}
    assert ["environment", "herd_year"] == cohort.records.effects.columns.tolist()
    assert table["milk_yield"].count() == cohort.records.n_records[0] > 60


def test_summarised_records_are_read_back_with_their_weights(written: Path) -> None:
    cohort, _ = read_cohort(CohortFiles.in_folder(written / "summarised"))
    records = cohort.records

    assert ["milk_yield", "height", "ketosis"] == records.trait_names
    assert ["", "C(herd_year)", ""] == [trait.fixed for trait in records.traits]
    assert {""} == {trait.random for trait in records.traits}
    assert 60 == len(records.animals)
    assert {1.0} == set(records.weights[:, 1])
    assert records.weights[:, 0].max() > 1
    assert np.isclose(records.weights[:, 0].min(), 1)


def test_the_mean_of_n_records_has_the_weight_of_the_formula() -> None:
    """Of h2 .3 and t .5: 1 record 1, 2 records .7 / (.75 - .3), very many .7 / .2."""
    counts = np.array([[0.0], [1], [2], [1e9]])

    assert [1, 1, 0.7 / 0.45, 3.5] == pytest.approx(record_weights(counts, (MILK,))[:, 0])
    assert record_weights(np.array([[1.0, 7]]), (MILK, replace(MILK, repeatability=0.3)))[0] == pytest.approx([1, 7])
    assert [1] == record_weights(np.array([[5.0]]), (replace(MILK, heritability=1.0, repeatability=1.0),))[0]


def test_means_vary_about_genetic_values_as_their_weights_say() -> None:
    herd = herd_of(SUMMARISED, animals=2000)
    assert herd.tables.weights is not None
    weights = herd.tables.weights["milk_yield"]
    errors = herd.traits["milk_yield"] - herd.truth.genetic_values["milk_yield"]

    one_record = 0.7 * CATALOGUE[0].deviation ** 2
    assert (errors**2 * weights).mean() == pytest.approx(one_record, rel=0.1)
    assert (errors**2)[weights > 1.5].mean() < (errors**2)[weights == 1].mean()


ENVIRONMENTS = """
[traits]
only = ["milk_yield", "height"]
[environments]
n = {n}
{strength}
traits = ["milk_yield"]
"""


@pytest.mark.parametrize("n", [2, 3, 7])
def test_covariates_have_mean_zero_and_mean_square_one(n: int) -> None:
    covariates = spaced_covariates(n)

    assert [0, 1] == pytest.approx([covariates.mean(), (covariates**2).mean()])
    assert np.allclose(np.diff(covariates), np.diff(covariates)[0])


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("r", [-0.5, 0.0, 0.6, 1.0])
def test_extreme_environments_have_the_correlation_asked(n: int, r: float) -> None:
    environments = Environments.of_correlation(n, r, np.array([True]))

    assert environments.correlations(environments.shares[0])[0, -1] == pytest.approx(r)


def test_slopes_have_variance_one_and_no_correlation_with_breeding_values() -> None:
    rng = np.random.default_rng(5)
    qtl = rng.binomial(2, rng.uniform(0.05, 0.95, 200), size=(500, 200)).astype(np.int8)
    effects = polygenic_effects(qtl, fit_factor_model().select(["milk_yield", "height", "ketosis"]), rng)

    slopes = centred_values(qtl, slope_effects(qtl, effects, rng))

    assert np.allclose(1, slopes.std(axis=0))
    assert np.allclose(0, slopes.T @ centred_values(qtl, effects) / 500, atol=1e-8)


@pytest.mark.parametrize("strength", ["slope_variance = 0.3", "correlation = 0.4"])
def test_genetic_values_differ_between_environments_as_asked(strength: str) -> None:
    herd = herd_of(ENVIRONMENTS.format(n=2, strength=strength), animals=1000)
    found, slopes = herd.truth.parameters, herd.truth.slopes
    assert slopes is not None
    values = herd.truth.genetic_values["milk_yield"]

    low, high = (values + place["covariate"] * slopes["milk_yield"] for place in found["environments"])

    assert np.corrcoef(low, high)[0, 1] == pytest.approx(0.4, abs=0.1)
    assert found["environment_correlations"]["milk_yield"][0][1] == pytest.approx(0.4)
    assert {"milk_yield": 0.3, "height": 0.0} == pytest.approx(found["slope_variance_asked"])
    assert {0.0} == set(slopes["height"])
    assert (low.var() + high.var()) / 2 == pytest.approx(found["genetic_variance"]["milk_yield"], rel=0.02)


def test_herds_belong_to_one_environment_each_and_records_follow_it() -> None:
    herd = herd_of(ENVIRONMENTS.format(n=2, strength="slope_variance = 0.9"), animals=1000)
    assert herd.truth.slopes is not None
    environments = herd.covariates["environment"]
    covariate = environments.map({"E1": -1.0, "E2": 1.0})
    own = herd.truth.genetic_values["milk_yield"] + covariate * herd.truth.slopes["milk_yield"]

    assert ["id", "herd_year", "environment"] == herd.covariates.columns.tolist()
    herds = herd.covariates["herd_year"].str.split("_").str[0]
    assert 1 == environments.groupby(herds).nunique().max()
    assert {"E1", "E2"} == set(environments)
    records = herd.traits["milk_yield"]
    assert records.cov(own) / own.var() == pytest.approx(1, abs=0.15)


def test_repeated_records_name_their_environment() -> None:
    records = records_of(herd_of(REPEATED + "[environments]\nn = 2\nslope_variance = 0.2"))

    assert {"E1", "E2"} == set(records["environment"])
    assert 1 == records.groupby("id")["environment"].nunique().max()


def test_the_same_seed_without_environments_has_the_same_genes() -> None:
    plain = herd_of("[traits]\nonly = ['milk_yield', 'height']")
    varied = herd_of(ENVIRONMENTS.format(n=2, strength="slope_variance = 0.3"))

    assert plain.truth.genetic_values["height"].equals(varied.truth.genetic_values["height"])
    assert 1 == pytest.approx(plain.truth.genetic_values["milk_yield"].corr(varied.truth.genetic_values["milk_yield"]))
