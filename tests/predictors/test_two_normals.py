from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn import GBLUP, Cohort
from genialearn._arrays import FloatArray
from genialearn.errors import SettingError
from genialearn.predictors.two_normals import BSLMM, MIXTURES

N_TRAINED = 600


def herd(seed: int) -> tuple[Cohort, FloatArray]:
    """Return 900 animals with a trait of three loci and one of 400, and their genetic values of variance 1."""
    rng = np.random.default_rng(seed)
    values = rng.binomial(2, 0.5, (900, 1000)).astype(np.int8)
    effects = np.zeros((1000, 2))
    effects[[10, 500, 900], 0] = 1.0
    effects[rng.permutation(1000)[:400], 1] = rng.standard_normal(400)
    genetic = values @ effects
    genetic = (genetic - genetic.mean(axis=0)) / genetic.std(axis=0)
    return Cohort.from_arrays(values, genetic + rng.standard_normal(genetic.shape)), genetic


def accuracies(model: GBLUP | BSLMM, seed: int) -> list[float]:
    """Return r with true genetic values of animals that weren't trained on, by trait."""
    cohort, genetic = herd(seed)
    predicted = model.fit(cohort.select(slice(0, N_TRAINED))).predict(cohort.select(slice(N_TRAINED, None)))
    return [float(np.corrcoef(p, g)[0, 1]) for p, g in zip(predicted.T, genetic[N_TRAINED:].T, strict=True)]


def test_few_loci_are_found_and_many_predicted_as_by_gblup() -> None:
    ours, gblup = (np.array([accuracies(model, seed) for seed in (1, 2)]) for model in (BSLMM(), GBLUP()))

    assert np.all(ours[:, 0] > gblup[:, 0] + 0.2)
    assert np.all(ours[:, 1] > gblup[:, 1] - 0.03)


def test_what_it_tells_of_a_trait() -> None:
    cohort, _ = herd(1)
    model = BSLMM().fit(cohort)

    assert set(map(tuple, model.mixture_)) <= set(MIXTURES)
    assert model.mixture_[0, 1] <= 0.01
    assert np.all(model.inclusion_[[10, 500, 900], 0] > 0.9)
    assert np.all((model.inclusion_ >= 0) & (model.inclusion_ <= 1))
    assert model.notes_ == []


def test_only_ratios_of_weights_matter() -> None:
    cohort, _ = herd(1)
    weights = np.where(np.arange(900)[:, None] < 450, 1.0, 2.0) * np.ones((1, 2))
    one, thousand = (
        BSLMM().fit(replace(cohort, records=replace(cohort.records, weights=factor * weights))).predict(cohort)
        for factor in (1.0, 1000.0)
    )

    np.testing.assert_allclose(one, thousand, atol=2e-3)


def test_given_heritabilities_are_kept() -> None:
    model = BSLMM(heritability=[0.3, 0.6]).fit(herd(1)[0])

    np.testing.assert_allclose(model.heritability_, [0.3, 0.6])


def test_that_values_have_not_settled_is_said() -> None:
    model = BSLMM(most_sweeps=1).fit(herd(1)[0])

    assert any("not settled after 1 sweeps" in note for note in model.notes_)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 1}, "bslmm folds: expected a whole number of at least 2"),
        ({"most_sweeps": 0}, "bslmm most_sweeps: expected a whole number of at least 1"),
        ({"tolerance": 0.5}, "bslmm tolerance: expected"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        BSLMM(**settings).fit(herd(1)[0])  # type: ignore[arg-type]
