from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.inner_parts import recorded_traits, stopping_folds
from genialearn.predictors.sparse import ElasticNet, Lasso

FEW, MANY, NOISE = range(3)
TRAIN, TEST = slice(0, 400), slice(400, 600)
LOCI = (50, 150, 250, 350)


@cache
def simulated() -> tuple[Cohort, FloatArray]:
    """Return unrelated animals and true values: of four loci, of many small ones, and of none."""
    rng = np.random.default_rng(5)
    frequencies = rng.uniform(0.1, 0.5, 400)
    counts = rng.binomial(2, frequencies, (600, 400))
    z = (counts - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
    effects = np.zeros((400, 3))
    effects[LOCI, FEW] = np.sqrt(0.5 / 4)
    effects[:, MANY] = rng.standard_normal(400) * np.sqrt(0.5 / 400)
    values = z @ effects
    records = values + rng.standard_normal(values.shape) * np.sqrt([0.5, 0.5, 1.0])
    return Cohort.from_arrays(counts, records, trait_names=["few", "many", "noise"]), values


@cache
def fitted(kind: type[ElasticNet]) -> ElasticNet:
    return kind(steps=20).fit(simulated()[0].select(TRAIN))


def r(predicted: FloatArray, trait: int) -> float:
    return float(np.corrcoef(predicted[:, trait], simulated()[1][TEST, trait])[0, 1])


@pytest.mark.parametrize("kind", [ElasticNet, Lasso])
def test_it_finds_few_loci_and_is_better_than_gblup_there(kind: type[ElasticNet]) -> None:
    cohort = simulated()[0]
    plain = GBLUP().fit(cohort.select(TRAIN)).predict(cohort.select(TEST))
    model = fitted(kind)
    found = model.predict(cohort.select(TEST))

    assert r(found, FEW) > r(plain, FEW) + 0.05
    assert set(LOCI) == set(np.argsort(-np.abs(model.marker_effects_[:, FEW]))[:4])
    assert np.all(model.n_effects_ == np.count_nonzero(model.marker_effects_, axis=0))


def test_lasso_has_fewer_effects_than_the_elastic_net() -> None:
    assert fitted(Lasso).n_effects_[MANY] < fitted(ElasticNet).n_effects_[MANY]
    assert r(fitted(ElasticNet).predict(simulated()[0].select(TEST)), MANY) > 0.4


def test_each_trait_takes_its_own_ratio() -> None:
    cohort = simulated()[0]
    both, alone = (ElasticNet(l1_ratio=ratio, steps=20).fit(cohort.select(TRAIN)) for ratio in ((0.01, 0.5), 0.5))

    assert both.l1_ratio_[[FEW, MANY]].tolist() == [0.5, 0.01]
    assert alone.l1_ratio_.tolist() == [0.5] * 3
    np.testing.assert_array_equal(both.marker_effects_[:, FEW], alone.marker_effects_[:, FEW])


def test_noise_is_nearly_the_mean() -> None:
    predicted = fitted(ElasticNet).predict(simulated()[0].select(TEST))

    assert predicted[:, NOISE].std() < 0.3


def test_a_seed_is_of_the_folds() -> None:
    cohort = simulated()[0].select(TRAIN)
    one, same, other = (Lasso(steps=12, seed=seed).fit(cohort).penalty_ for seed in (1, 1, 2))

    np.testing.assert_array_equal(one, same)
    assert one.shape == other.shape == (3,)


def test_a_trait_that_nobody_held_out_has_is_penalised_as_the_others_are() -> None:
    cohort = simulated()[0].select(TRAIN).canonical()
    held = stopping_folds(cohort, recorded_traits(cohort), 5, seed=1) == 0
    values = np.where(held[:, None] & (np.arange(3) == FEW), np.nan, cohort.records.values)
    model = Lasso(steps=12, counted=1).fit(with_values(cohort, values))

    assert model.penalty_[FEW] in model.penalty_[[MANY, NOISE]]
    assert model.n_effects_[FEW] > 0


def test_fewer_folds_may_be_held_out() -> None:
    cohort = simulated()[0].select(TRAIN)
    model = Lasso(steps=12, counted=1).fit(cohort)

    assert r(model.predict(simulated()[0].select(TEST)), FEW) > 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l1_ratio": 0.0}, r"^elastic-net l1_ratio: expected a number from 0\.001 to 1, found 0\.0\.$"),
        ({"l1_ratio": ()}, r"^elastic-net l1_ratio: expected one share or several, found none\."),
        ({"l1_ratio": (0.1, 2.0)}, r"^elastic-net l1_ratio: expected a number from 0\.001 to 1, found 2\.0\.$"),
        ({"steps": 1}, r"^elastic-net steps: expected a whole number of at least 2, found 1\.$"),
        ({"lowest": 0.9}, r"^elastic-net lowest: expected a number from 1e-06 to 0\.5, found 0\.9\.$"),
        ({"folds": 1}, r"^elastic-net folds: expected a whole number of at least 2, found 1\.$"),
        ({"counted": -1}, r"^elastic-net counted: expected a whole number of at least 0, found -1\.$"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ElasticNet(**settings).fit(family_cohort())


def test_predict_before_fit_is_refused() -> None:
    with pytest.raises(NotFittedError, match="lasso"):
        Lasso().predict(family_cohort())
