from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import MissingExtraError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors.deepgblup import DeepGBLUP
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti
from genialearn.predictors.residual_network import ResidualNetwork

torch = pytest.importorskip("torch")

FAST: dict[str, Any] = {"width": 16, "max_epochs": 3, "folds": 3, "refit": False, "batch_animals": 32, "threads": 1}
THOROUGH: dict[str, Any] = {
    "width": 32,
    "marker_dropout": 0.0,
    "learning_rate": 3e-3,
    "batch_animals": 64,
    "max_epochs": 60,
    "patience": 8,
    "weight_decay": 1.0,
    "threads": 1,
    "body_settings": {"window": 5, "neighbours": 1, "channels": 4},
}
BOTH = pytest.mark.parametrize("model", [ResidualNetwork, DeepGBLUP])


@pytest.fixture
def cohort() -> Cohort:
    return family_cohort()


@cache
def parts_with_dominance() -> tuple[Cohort, Cohort]:
    """Return animals whose first trait is better in heterozygotes of nine loci; the second one is additive."""
    whole = family_cohort(1000, 60, seed=3, n_sires=20)
    markers, rng = np.maximum(dosages(whole.genotypes), 0).astype(float), np.random.default_rng(4)
    dominance = standardised((markers[:, ::7] == 1).sum(axis=1))
    additive = standardised(markers[:, 3::7] @ rng.standard_normal(9))
    noise = rng.standard_normal((2, 1000))
    values = np.column_stack([dominance + 0.7 * additive + 0.7 * noise[0], additive + noise[1]])
    cohort = with_values(with_trait_columns(without_fixed_effects(whole), [0, 2]), values)
    return cohort.select(slice(0, 700)), cohort.select(slice(700, None))


def standardised(values: FloatArray) -> FloatArray:
    return np.asarray((values - values.mean()) / values.std())


def correlations(predicted: FloatArray, cohort: Cohort) -> list[float]:
    observed = cohort.records.values
    return [float(np.corrcoef(predicted[:, t], observed[:, t])[0, 1]) for t in range(2)]


@cache
def with_dominance_found() -> DeepGBLUP:
    return DeepGBLUP(**THOROUGH).fit(parts_with_dominance()[0])


class TestDominance:
    def test_its_gate_opens_and_only_that(self) -> None:
        gate = with_dominance_found().gate_

        assert gate[0] > 0.5
        assert gate[1] == 0

    def test_it_is_predicted_better_than_by_gblup(self) -> None:
        train, test = parts_with_dominance()
        plain = correlations(GBLUP().fit(train).predict(test), test)

        assert correlations(with_dominance_found().predict(test), test)[0] > plain[0] + 0.05

    def test_a_shut_gate_leaves_gblup(self) -> None:
        train, test = parts_with_dominance()
        expected = GBLUPMulti().fit(train).predict(test)

        np.testing.assert_allclose(with_dominance_found().predict(test)[:, 1], expected[:, 1], rtol=1e-12)

    def test_notes_tell_which_gates_are_open(self) -> None:
        model = with_dominance_found()

        assert f"1 of 2 gates are open: milk ({model.gate_[0]:.2f})" in model.notes_

    def test_as_published_breeding_values_are_counted_twice(self) -> None:
        train, test = parts_with_dominance()
        model = DeepGBLUP(corrected=False, threads=1).fit(train)
        predicted, observed = model.predict(test), test.records.values

        slopes = [np.polyfit(predicted[:, t], observed[:, t], 1)[0] for t in range(2)]
        assert max(slopes) < 0.7
        np.testing.assert_array_equal([1.0, 1.0], model.gate_)


@BOTH
class TestResidualNetwork:
    def test_each_fold_has_its_own_network(self, model: type[ResidualNetwork], cohort: Cohort) -> None:
        fitted = model(**FAST).fit(cohort)
        rows = np.flatnonzero(np.random.default_rng(fitted.seed).permutation(150) % 3 == 1)
        expected = fitted.out_of_fold_corrections_[rows]
        fitted.networks_ = [fitted.networks_[1]]

        np.testing.assert_allclose(expected, fitted.corrections(cohort.canonical().select(rows)), rtol=1e-9)

    def test_without_signal_gates_stay_shut(self, model: type[ResidualNetwork]) -> None:
        """However well networks learn the animals that they see by heart."""
        whole = without_fixed_effects(family_cohort(150, 100, seed=5, n_sires=20))
        settings = {**FAST, "dropout": 0.0, "marker_dropout": 0.0, "learning_rate": 0.02, "max_epochs": 10}
        opened = []
        for seed in range(4):
            noise = np.random.default_rng(seed).standard_normal(whole.records.values.shape)
            values = np.where(np.isfinite(whole.records.values), noise, np.nan)
            fitted = model(**settings, patience=10, gate_level=0.01).fit(with_values(whole, values))
            opened.append(fitted.gate_.any())

        assert not any(opened)

    def test_the_same_seed_is_the_same_to_the_byte(self, model: type[ResidualNetwork], cohort: Cohort) -> None:
        one, same, other = (model(**FAST, seed=seed).fit(cohort).corrections(cohort) for seed in (1, 1, 2))

        assert one.tobytes() == same.tobytes()
        assert one.tobytes() != other.tobytes()

    def test_the_linear_path_is_left_to_gblup(self, model: type[ResidualNetwork], cohort: Cohort) -> None:
        networks: list[Any] = model(**FAST).fit(cohort).networks_

        assert [0.0] * 3 == [float(network.linear.abs().max()) for network in networks]

    def test_animals_without_any_record(self, model: type[ResidualNetwork], cohort: Cohort) -> None:
        values = cohort.records.values.copy()
        values[::5] = np.nan
        fitted = model(**FAST, gate_level=0.5).fit(with_values(cohort, values))

        assert np.isfinite(fitted.predict(cohort)).all()
        assert np.isfinite(fitted.out_of_fold_corrections_).all()

    def test_company_does_not_matter_where_gates_are_open(self, model: type[ResidualNetwork], cohort: Cohort) -> None:
        fitted = model(**FAST).fit(cohort)
        fitted.gate_ = np.ones(5)

        np.testing.assert_allclose(fitted.predict(cohort)[[7]], fitted.predict(cohort.select([7])), rtol=1e-9)


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"folds": 2}, r"^deepgblup folds: expected a whole number of at least 3, found 2\.$"),
            ({"published_batch": 0}, r"^deepgblup published_batch: expected a whole number of at least 1, found 0\.$"),
            ({"gate_level": 0.6}, r"^deepgblup gate_level: expected a number from 0 to 0\.5, found 0\.6\.$"),
            ({"device": "tpu"}, r"^deepgblup device: expected a known name, found 'tpu'\."),
            ({"base": "gblop"}, r"^deepgblup base: expected a known name, found 'gblop'\. Did you mean gblup\?"),
        ],
    )
    def test_settings(self, cohort: Cohort, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            DeepGBLUP(**settings).fit(cohort)

    def test_an_unknown_body(self, cohort: Cohort) -> None:
        with pytest.raises(SettingError, match=r"^network body: expected a known name, found 'perceptro'\."):
            ResidualNetwork(**FAST, body="perceptro").fit(cohort)

    @BOTH
    def test_the_library_is_missing(
        self, model: type[ResidualNetwork], cohort: Cohort, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)

        with pytest.raises(MissingExtraError, match=r"^model \S+: expected the library torch, found none\."):
            model().fit(cohort)
