from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from population import offspring, phased, unphased

from genialearn._arrays import FloatArray
from genialearn.errors import SettingError
from genialearn.genotypes import HaplotypeMatrix
from genialearn.judging import METRICS, held_out_log_likelihood, judge, worse_by

ALLELES = offspring(90, np.random.default_rng(6))
SETS = ALLELES[:60], ALLELES[60:120], ALLELES[120:]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return judge(*map(phased, SETS), rng=np.random.default_rng(1), repeats=2)


def test_the_table_has_a_row_for_each_part(table: pd.DataFrame) -> None:
    assert ["metric", "part", "value", "real_against_real", "se"] == table.columns.tolist()
    expected = [(name, part) for name, metric in METRICS.items() for part in metric.parts]
    assert expected == list(table[["metric", "part"]].itertuples(index=False, name=None))
    assert np.isfinite(table.loc[table["part"] != "rmse_rare", ["value", "real_against_real", "se"]]).all(axis=None)
    assert (table["se"].dropna() >= 0).all()


def test_one_seed_gives_one_table(table: pd.DataFrame) -> None:
    again = judge(*map(phased, SETS), rng=np.random.default_rng(1), repeats=2)
    another = judge(*map(phased, SETS), rng=np.random.default_rng(2), repeats=2)

    pd.testing.assert_frame_equal(table, again, check_exact=True)
    assert not table["se"].equals(another["se"])


def test_animals_without_phases_are_judged_too() -> None:
    found = judge(*(unphased(part[0::2] + part[1::2]) for part in SETS), rng=np.random.default_rng(1), repeats=2)

    assert np.isfinite(found.loc[found["part"] != "rmse_rare", "value"]).all()


def test_ten_animals_are_enough() -> None:
    found = judge(*(unphased(part[:10]) for part in SETS), rng=np.random.default_rng(1), repeats=2)

    assert np.isfinite(found.loc[found["metric"] == "precision_recall", "value"]).all()


def test_real_training_animals_as_artificial_ones_get_the_value_of_real_animals() -> None:
    found = judge(*map(phased, (SETS[0], SETS[1], SETS[0])), rng=np.random.default_rng(1), repeats=2)
    faithful = found[[METRICS[name].against == "holdout" for name in found["metric"]]]

    np.testing.assert_allclose(faithful["real_against_real"], faithful["value"])


def test_fewer_than_two_repeats_are_refused() -> None:
    with pytest.raises(SettingError, match=r"repeats: expected a whole number of at least 2, found 1"):
        judge(*map(phased, SETS), rng=np.random.default_rng(1), repeats=1)


def test_worse_is_counted_in_standard_errors_in_the_bad_direction() -> None:
    table = pd.DataFrame(
        [
            ("allele_frequency", "r", 0.9, 1.0, 0.1),
            ("allele_frequency", "rmse", 0.1, 0.3, 0.1),
            ("adversarial_accuracy", "mean", 0.3, 0.5, 0.1),
            ("copies", "exact", 0.5, 0.0, 0.0),
            ("copies", "near", 0.0, 0.0, 0.0),
            ("allele_frequency", "rmse_rare", np.nan, np.nan, np.nan),
        ],
        columns=["metric", "part", "value", "real_against_real", "se"],
    )

    expected = [np.sqrt(0.5), -2 * np.sqrt(0.5), 2 * np.sqrt(0.5), np.inf, 0.0, np.nan]

    np.testing.assert_allclose(expected, worse_by(table))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_described(name: str) -> None:
    metric = METRICS[name]

    assert name == metric.name
    assert metric.parts
    assert metric.description == metric.description.strip(". \n")
    assert "\n" not in metric.description
    assert "doi:" in metric.source or "arXiv:" in metric.source


class Likely:
    def log_likelihood(self, animals: HaplotypeMatrix) -> FloatArray:
        return -animals.alleles().sum(axis=1).astype(np.float64)


class Impossible:
    def log_likelihood(self, animals: HaplotypeMatrix) -> FloatArray:
        return np.full(len(animals), -np.inf)


def test_the_likelihood_of_the_hold_out_is_a_mean_over_haplotypes() -> None:
    by_animal = -(SETS[1][0::2].sum(axis=1) + SETS[1][1::2].sum(axis=1)) / 2

    found = held_out_log_likelihood(Likely(), phased(SETS[1]))

    assert pytest.approx(-SETS[1].sum() / 60) == found.value
    assert pytest.approx(by_animal.std(ddof=1) / np.sqrt(30)) == found.se
    assert 60 == found.n


def test_an_impossible_hold_out_has_no_standard_error() -> None:
    found = held_out_log_likelihood(Impossible(), phased(SETS[1]))

    assert -np.inf == found.value
    assert np.isnan(found.se)


def test_a_generator_without_likelihood_is_refused() -> None:
    with pytest.raises(SettingError, match=r"generator: expected one with a log-likelihood, found object\."):
        held_out_log_likelihood(object(), phased(SETS[1]))


def test_a_likelihood_of_one_animal_is_refused() -> None:
    with pytest.raises(SettingError, match=r"hold-out animals: expected at least 2, found 1"):
        held_out_log_likelihood(Likely(), phased(SETS[1][:2]))
