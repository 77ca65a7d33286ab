from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.predictors.bayesian import BayesC, BayesR
from genialearn.predictors.gblup import GBLUP

N_TRAINED, N_MARKERS, LARGE, SMALL = 700, 500, 0, 1
TRAIN, TEST = slice(0, N_TRAINED), slice(N_TRAINED, 1000)


@cache
def simulated(seed: int = 1) -> tuple[Cohort, FloatArray]:
    """Return unrelated animals, three traits of heritability .5, and true values.

    A trait with three loci of 10 % each and many small ones, one with small ones alone, and one that is noise.
    """
    rng = np.random.default_rng(seed)
    frequencies = rng.uniform(0.1, 0.5, N_MARKERS)
    dosages = rng.binomial(2, frequencies, (1000, N_MARKERS))
    z = (dosages - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
    effects = np.zeros((N_MARKERS, 3))
    effects[:, [LARGE, SMALL]] = rng.normal(size=(N_MARKERS, 2)) * np.sqrt([0.2, 0.5]) / np.sqrt(N_MARKERS)
    effects[[100, 250, 400], LARGE] += np.sqrt(0.1)
    values = z @ effects
    records = values + rng.normal(size=values.shape) * np.sqrt([0.5, 0.5, 1.0])
    records[::6, SMALL] = np.nan
    return Cohort.from_arrays(dosages, records, trait_names=["large", "small", "noise"]), values


@cache
def bayes_r(seed: int = 1) -> BayesR:
    return BayesR(sweeps=600, burn_in=200, seed=1).fit(simulated(seed)[0].select(TRAIN))


def r(predicted: FloatArray, trait: int) -> float:
    return float(np.corrcoef(predicted[:, trait], simulated()[1][TEST, trait])[0, 1])


@pytest.mark.parametrize("model", [BayesR, BayesC])
def test_it_is_better_than_gblup_where_effects_are_large_and_no_worse_elsewhere(model: type[BayesR]) -> None:
    cohort = simulated()[0]
    plain = GBLUP().fit(cohort.select(TRAIN)).predict(cohort.select(TEST))
    fitted = bayes_r() if model is BayesR else model(sweeps=600, burn_in=200).fit(cohort.select(TRAIN))
    found = fitted.predict(cohort.select(TEST))

    assert r(found, LARGE) > r(plain, LARGE) + 0.05
    assert r(found, SMALL) > r(plain, SMALL) - 0.03


def test_large_effects_are_found_and_heritabilities_are_right() -> None:
    model = bayes_r()

    assert model.inclusion_[[100, 250, 400], LARGE].min() > 0.95
    assert np.median(model.inclusion_[:, LARGE]) < 0.8
    assert np.abs((model.heritability_ - [0.5, 0.5, 0.0]) / model.heritability_se_)[:2].max() < 3
    assert model.heritability_[2] < 0.2


def test_intervals_hold_as_many_true_values_as_they_say() -> None:
    cohort, values = simulated()
    test = cohort.select(TEST)
    low, high = bayes_r().interval(test, 0.9)
    inside = (values[TEST] >= low) & (values[TEST] <= high)

    assert 0.83 < inside[:, [LARGE, SMALL]].mean() < 0.97
    np.testing.assert_allclose((low + high) / 2, bayes_r().predict(test))


def test_diagnostics_tell_of_every_trait() -> None:
    diagnostics = bayes_r().diagnostics_.set_index(["trait", "figure"])

    assert len(diagnostics) == 12
    assert diagnostics.loc[("large", "heritability"), "r_hat"] < 1.25
    assert diagnostics.loc[("large", "heritability"), "effective_draws"] > 20
    assert diagnostics.loc[("large", "residual_variance"), "mean"] == pytest.approx(0.5, abs=0.1)


def test_short_chains_say_that_they_have_not_settled() -> None:
    model = BayesR(sweeps=24, burn_in=0).fit(simulated()[0].select(TRAIN))

    assert "heritabilities haven't settled" in model.notes_[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweeps": 100, "burn_in": 90}, "^bayesr sweeps: expected at least 20 more than burn_in, 90, found 100"),
        ({"chains": 0}, "^bayesr chains: expected a whole number of at least 1, found 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        BayesR(**settings).fit(simulated()[0])


def test_what_is_not_fitted_does_not_predict() -> None:
    with pytest.raises(NotFittedError, match="BayesR: expected fit before predict"):
        BayesR().predict(simulated()[0])
