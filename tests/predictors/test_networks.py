from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import TRAIT_NAMES, family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import InputError, MissingExtraError, SettingError
from genialearn.genotypes import dosages
from genialearn.neural.bodies import BODIES
from genialearn.neural.checkpoints import CheckpointFile, Resumable
from genialearn.predictors.inner_parts import inner_parts
from genialearn.predictors.networks import Network
from genialearn.validation.splits import birth_years
from killed_training import KilledAfter, KilledError
from messages import exactly

torch = pytest.importorskip("torch")

FAST: dict[str, Any] = {"width": 16, "max_epochs": 6, "members": 2, "batch_animals": 32, "threads": 1}
MILK, FAT, MASTITIS = 0, 1, 4
EVERYBODY = np.ones(150, dtype=bool)


@pytest.fixture
def cohort() -> Cohort:
    return family_cohort()


class TestHistory:
    def test_one_entry_an_epoch(self, cohort: Cohort) -> None:
        history = Network(**FAST).fit(cohort).history_

        assert list(range(len(history))) == [entry["epoch"] for entry in history]
        assert len(history) <= 6
        assert all(np.isfinite(list(entry.values())).all() for entry in history)

    def test_the_training_loss_falls(self, cohort: Cohort) -> None:
        settings = {**FAST, "max_epochs": 20, "patience": 20, "learning_rate": 0.003, "dropout": 0.0}
        history = Network(**settings, marker_dropout=0.0).fit(cohort).history_

        assert history[-1]["training_loss"] < 0.7 * history[0]["training_loss"]

    def test_training_stops_when_nothing_gets_better(self, cohort: Cohort) -> None:
        settings = {**FAST, "max_epochs": 300, "patience": 3, "learning_rate": 0.01, "members": 1}
        losses = [entry["validation_loss"] for entry in Network(**settings).fit(cohort).history_]

        assert len(losses) < 300
        assert len(losses) - 1 - int(np.argmin(losses)) == 3


class TestRecords:
    def test_a_trait_without_a_connection_predicts_its_mean(self) -> None:
        """Standardised values are put back into the unit of each trait."""
        rng = np.random.default_rng(2)
        noise = np.array([1e4, 1e-3, 50.0, 0.0, 7.0]) + rng.standard_normal((150, 5)) * [100, 1e-5, 1, 1, 1]
        cohort = with_values(without_fixed_effects(family_cohort()), noise)
        predicted = Network(**FAST).fit(cohort).predict(cohort)[:, :4]

        deviations = (predicted - noise.mean(axis=0)[:4]) / noise.std(axis=0)[:4]
        assert np.abs(deviations).max() < 2

    def test_traits_learn_from_one_another(self, cohort: Cohort) -> None:
        alone = Network(**FAST).fit(with_trait_columns(cohort, [FAT])).predict(cohort)[:, 0]
        together = Network(**FAST).fit(with_trait_columns(cohort, [FAT, MILK])).predict(cohort)[:, 0]

        assert np.abs(alone - together).max() > 0.05 * np.std(alone)


class TestMembers:
    def test_predictions_are_their_average(self, cohort: Cohort) -> None:
        model = Network(**FAST).fit(without_fixed_effects(cohort))
        together = model.predict(cohort)
        networks = model.networks_
        singles: list[FloatArray] = []
        for network in networks:
            model.networks_ = [network]
            singles.append(model.predict(cohort))

        quantitative = np.arange(len(TRAIT_NAMES)) != 4
        np.testing.assert_allclose(together[:, quantitative], np.mean(singles, axis=0)[:, quantitative], rtol=1e-12)
        assert not np.allclose(singles[0], singles[1], rtol=1e-6)

    def test_more_members_than_five(self, cohort: Cohort) -> None:
        model = Network(**{**FAST, "members": 6, "max_epochs": 1}).fit(cohort)

        assert len(model.networks_) == 6

    def test_another_seed_is_another_model(self, cohort: Cohort) -> None:
        one, other = (Network(**FAST, seed=seed).fit(cohort).predict(cohort) for seed in (1, 2))

        assert not np.array_equal(one, other)


class TestBodies:
    """Every body in the place of the default one; with half of the markers dropped where it accepts that."""

    @pytest.mark.parametrize("body", BODIES)
    def test_the_same_seed_is_the_same_to_the_byte(self, body: str, cohort: Cohort) -> None:
        one, same = (with_body(body).fit(cohort).predict(cohort) for _ in range(2))

        assert np.isfinite(one).all()
        assert np.ptp(one, axis=0).min() > 0
        assert one.tobytes() == same.tobytes()

    @pytest.mark.parametrize("body", BODIES)
    def test_company_does_not_matter(self, body: str, cohort: Cohort) -> None:
        model = with_body(body).fit(cohort)

        np.testing.assert_allclose(model.predict(cohort)[[7]], model.predict(cohort.select([7])), rtol=1e-9)

    def test_settings_of_its_own(self, cohort: Cohort) -> None:
        model = with_body("tabm", body_settings={"members": 3}).fit(cohort)

        assert (3, 16, len(TRAIT_NAMES)) == model.networks_[0].heads.shape

    def test_unknown_settings(self, cohort: Cohort) -> None:
        message = "setting of body tabm: expected a known name, found 'member'. Did you mean members?"
        with pytest.raises(SettingError, match=exactly(message)):
            with_body("tabm", body_settings={"member": 3}).fit(cohort)


def with_body(body: str, **settings: Any) -> Network:
    return Network(**{**FAST, "max_epochs": 3}, marker_dropout=0.5, body=body, **settings)


class TestLearning:
    def test_it_learns_a_product_of_two_markers(self) -> None:
        """No line can."""
        whole = family_cohort(600, 100, seed=3, n_sires=20)
        markers = dosages(whole.genotypes).astype(float)
        values = (markers[:, 11] - 1) * (markers[:, 71] - 1) + 0.1 * np.random.default_rng(4).standard_normal(600)
        cohort = with_values(with_trait_columns(without_fixed_effects(whole), [MILK]), values[:, None])
        settings = {"width": 64, "dropout": 0.0, "marker_dropout": 0.0, "max_epochs": 60, "patience": 60, "members": 1}
        model = Network(**settings, learning_rate=3e-3, threads=1).fit(cohort)

        assert np.corrcoef(model.predict(cohort)[:, 0], values)[0, 1] > 0.8

    def test_torch_state_is_left_alone(self, cohort: Cohort) -> None:
        before = torch.random.get_rng_state().clone()
        Network(**FAST).fit(cohort).predict(cohort)

        assert torch.equal(before, torch.random.get_rng_state())


class TestInnerParts:
    def test_the_youngest_are_held_out_by_everybody(self, cohort: Cohort) -> None:
        years, parts = birth_years(cohort), inner_parts(cohort, EVERYBODY, 3, seed=1)

        assert 3 == len(parts)
        for part in parts:
            assert years[part.training].max() < years[part.held_out].min()
            np.testing.assert_array_equal(np.arange(150), np.union1d(*part))

    def test_without_birth_years_everybody_holds_out_another_part(self, cohort: Cohort) -> None:
        parts = inner_parts(replace(cohort, pedigree=None), EVERYBODY, 6, seed=1)

        np.testing.assert_array_equal(np.arange(150), np.sort(np.concatenate([part.held_out for part in parts])))
        for part in parts:
            np.testing.assert_array_equal(np.arange(150), np.sort(np.concatenate(part)))

    def test_animals_without_records_are_in_no_part(self, cohort: Cohort) -> None:
        recorded = birth_years(cohort) < birth_years(cohort).max()
        for each in (cohort, replace(cohort, pedigree=None)):
            for part in inner_parts(each, recorded, 2, seed=1):
                assert len(part.held_out) > 10
                np.testing.assert_array_equal(np.flatnonzero(recorded), np.sort(np.concatenate(part)))

    def test_the_youngest_may_have_no_record(self, cohort: Cohort) -> None:
        values = cohort.records.values.copy()
        values[birth_years(cohort) == birth_years(cohort).max()] = np.nan

        assert np.isfinite(Network(**FAST).fit(with_values(cohort, values)).predict(cohort)).all()


class TestTrainingThatWasKilled:
    """Two members of 6 epochs at most, each trained again: what is killed may be any of four trainings."""

    @pytest.mark.parametrize("epochs", [(1,), (3, 2, 5), (9, 1)])
    def test_it_goes_on_to_the_same_bytes(self, cohort: Cohort, epochs: tuple[int, ...], tmp_path: Path) -> None:
        expected, model = Network(**FAST).fit(cohort), Network(**FAST)
        assert isinstance(model, Resumable)
        for number in epochs:
            with pytest.raises(KilledError, match="killed"):
                Network(**FAST).fit_resumably(cohort, partial(KilledAfter, tmp_path / "kept", number))
        model.fit_resumably(cohort, partial(CheckpointFile, tmp_path / "kept"))

        assert expected.predict(cohort).tobytes() == model.predict(cohort).tobytes()
        assert expected.history_ == model.history_
        assert expected.uncertainty_.error_variances.tobytes() == model.uncertainty_.error_variances.tobytes()

    def test_another_training_does_not_go_on(self, cohort: Cohort, tmp_path: Path) -> None:
        with pytest.raises(KilledError, match="killed"):
            Network(**FAST).fit_resumably(cohort, partial(KilledAfter, tmp_path / "kept", 2))

        with pytest.raises(InputError, match=r"expected a checkpoint of seed 2, found one of seed 1\."):
            Network(**FAST, seed=2).fit_resumably(cohort, partial(CheckpointFile, tmp_path / "kept"))


class TestBinaryLoss:
    def test_probabilities_by_themselves(self, cohort: Cohort) -> None:
        settings = {**FAST, "max_epochs": 20, "learning_rate": 3e-3}
        squared, logistic = (Network(**settings, binary_loss=loss).fit(cohort) for loss in ("squared", "logistic"))
        found, other = logistic.predict(cohort), squared.predict(cohort)

        assert np.isfinite(logistic.log_odds_).tolist() == [False] * 4 + [True]
        assert 0 < found[:, MASTITIS].min() < found[:, MASTITIS].max() < 1
        assert pytest.approx(logistic.mean_[MASTITIS], abs=0.1) == found[:, MASTITIS].mean()
        assert 0.8 < np.corrcoef(found[:, MASTITIS], other[:, MASTITIS])[0, 1]

    def test_a_trait_that_does_not_vary(self, cohort: Cohort) -> None:
        values = cohort.records.values.copy()
        values[:, MASTITIS] = 0.0
        model = Network(**FAST, binary_loss="logistic").fit(with_values(cohort, values))

        assert 2e-3 > model.predict(cohort)[:, MASTITIS].max()


@cache
def simulated() -> tuple[Cohort, FloatArray]:
    """Return animals with records of two traits of heritability .6 and .35, and their genetic values."""
    whole = without_fixed_effects(with_trait_columns(family_cohort(900, 300, seed=3, n_sires=20), [0, 2]))
    rng = np.random.default_rng(5)
    genetic = np.maximum(dosages(whole.genotypes), 0) @ rng.standard_normal((300, 2))
    genetic /= genetic.std(axis=0)
    noise = rng.standard_normal((900, 2)) * np.sqrt([0.4 / 0.6, 0.65 / 0.35])
    return with_values(whole, genetic + noise), genetic


@cache
def fitted_on_most() -> Network:
    settings = {**FAST, "max_epochs": 25, "learning_rate": 3e-3}
    return Network(**settings).fit(simulated()[0].select(slice(0, 700)))


class TestInterval:
    @pytest.mark.parametrize("level", [0.5, 0.9])
    def test_genetic_values_are_inside_as_often_as_is_said(self, level: float) -> None:
        cohort, genetic = simulated()
        model = fitted_on_most()
        low, high = model.interval(cohort.select(slice(700, 900)), level)

        inside = ((low < genetic[700:]) & (genetic[700:] < high)).mean(axis=0)
        np.testing.assert_allclose(inside, level, atol=0.12)

    def test_they_are_around_predictions(self, cohort: Cohort) -> None:
        model = Network(**FAST).fit(cohort)
        predicted, (low, high) = model.predict(cohort), model.interval(cohort)

        assert (low < high).all()
        np.testing.assert_allclose(((low + high) / 2)[:, :MASTITIS], predicted[:, :MASTITIS])
        assert 0 <= low[:, MASTITIS].min() <= high[:, MASTITIS].max() <= 1

    def test_company_does_not_matter(self, cohort: Cohort) -> None:
        model = Network(**FAST).fit(cohort)
        together, alone = model.interval(cohort), model.interval(cohort.select([7]))

        np.testing.assert_allclose(together.low[7], alone.low[0], rtol=1e-9)


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"members": 0}, r"^network members: expected a whole number of at least 1, found 0\.$"),
            ({"width": 0}, r"^network width: expected a whole number of at least 1, found 0\.$"),
            ({"dropout": 1.0}, r"^network dropout: expected a number from 0 to 0\.95, found 1\.0\.$"),
            (
                {"body": "perceptro"},
                r"^network body: expected a known name, found 'perceptro'\. Did you mean perceptron\?$",
            ),
            ({"binary_loss": "log"}, r"^network binary_loss: expected a known name, found 'log'\."),
            ({"schedule": "linear"}, r"^network schedule: expected a known name, found 'linear'\."),
            ({"huber": 0.0}, r"^network huber: expected a number from 0\.1 to 100, found 0\.0\.$"),
            ({"marker_dropout": -0.1}, r"^network marker_dropout: expected a number from 0 to 0\.95, found -0\.1\.$"),
        ],
    )
    def test_settings(self, cohort: Cohort, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            Network(**settings).fit(cohort)

    def test_the_library_is_missing(self, cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)

        with pytest.raises(
            MissingExtraError,
            match=r"^model network: expected the library torch, found none\. "
            r"Install it with: pip install 'genialearn\[deep\]'\.$",
        ):
            Network().fit(cohort)
