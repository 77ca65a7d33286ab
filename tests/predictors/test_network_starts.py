"""What networks start from: pretrained bodies, and networks of other animals."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_trait_columns, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, NotFittedError
from genialearn.genotypes import dosages
from genialearn.neural.checkpoints import CheckpointFile
from genialearn.neural.pretraining import Pretraining
from genialearn.predictors.networks import Network
from killed_training import KilledAfter, KilledError
from messages import exactly

torch = pytest.importorskip("torch")

FAST: dict[str, Any] = {"width": 16, "max_epochs": 6, "members": 2, "batch_animals": 32, "threads": 1}
PRETRAINED = {**FAST, "pretraining": Pretraining(max_epochs=3, batch_animals=32)}
TRAINED = slice(0, 600)
FEW, YOUNGEST = slice(600, 700), slice(700, 900)


@cache
def simulated() -> tuple[Cohort, FloatArray]:
    """Return animals with records of two traits, and their genetic values."""
    whole = without_fixed_effects(with_trait_columns(family_cohort(900, 300, seed=3, n_sires=20), [0, 2]))
    rng = np.random.default_rng(5)
    genetic = np.maximum(dosages(whole.genotypes), 0) @ rng.standard_normal((300, 2))
    genetic /= genetic.std(axis=0)
    return with_values(whole, genetic + rng.standard_normal((900, 2))), genetic


@cache
def source() -> Network:
    return Network(**{**FAST, "max_epochs": 25}, learning_rate=3e-3).fit(simulated()[0].select(TRAINED))


def some_recorded(n_recorded: int) -> Cohort:
    """Return 150 animals of which the first have records."""
    cohort = simulated()[0].select(slice(0, 150))
    values = cohort.records.values.copy()
    values[n_recorded:] = np.nan
    return with_values(cohort, values)


class TestPretraining:
    def test_the_same_seed_is_the_same_to_the_byte(self) -> None:
        one, same = (Network(**PRETRAINED).fit(some_recorded(90)) for _ in range(2))

        assert one.predict(simulated()[0]).tobytes() == same.predict(simulated()[0]).tobytes()
        assert 3 == len(one.pretraining_history_)
        assert [] == Network(**FAST).fit(some_recorded(90)).pretraining_history_

    def test_it_sees_animals_without_records(self) -> None:
        with_them = Network(**PRETRAINED).fit(some_recorded(90)).pretraining_history_
        alone = Network(**PRETRAINED).fit(some_recorded(90).select(slice(0, 90))).pretraining_history_

        assert with_them != alone

    def test_it_sees_no_record(self) -> None:
        cohort = some_recorded(90)
        other = with_values(cohort, cohort.records.values[:, ::-1].copy())

        assert [Network(**PRETRAINED).fit(each).pretraining_history_ for each in (cohort, other)] == [
            Network(**PRETRAINED).fit(cohort).pretraining_history_
        ] * 2

    @pytest.mark.parametrize("epochs", [(2,), (4, 3), (1, 8)])
    def test_what_was_killed_goes_on_to_the_same_bytes(self, epochs: tuple[int, ...], tmp_path: Path) -> None:
        cohort = some_recorded(90)
        for number in epochs:
            with pytest.raises(KilledError, match="killed"):
                Network(**PRETRAINED).fit_resumably(cohort, partial(KilledAfter, tmp_path / "kept", number))
        found = Network(**PRETRAINED).fit_resumably(cohort, partial(CheckpointFile, tmp_path / "kept"))

        expected = Network(**PRETRAINED).fit(cohort)
        assert expected.predict(cohort).tobytes() == found.predict(cohort).tobytes()
        assert expected.pretraining_history_ == found.pretraining_history_


class TestFitFrom:
    @pytest.mark.parametrize("heads_only", [False, True])
    def test_what_many_animals_taught_helps_with_few(self, heads_only: bool) -> None:
        cohort, genetic = simulated()
        few = cohort.select(FEW)
        settings = {**FAST, "max_epochs": 15, "learning_rate": 1e-3}
        alone = Network(**settings).fit(few)
        transferred = Network(**settings).fit_from(source(), few, heads_only=heads_only)

        assert accuracy(alone, genetic) + 0.1 < accuracy(transferred, genetic)

    def test_the_same_seed_is_the_same_to_the_byte(self) -> None:
        few = simulated()[0].select(FEW)
        one, same = (Network(**FAST).fit_from(source(), few).predict(few) for _ in range(2))

        assert one.tobytes() == same.tobytes()

    def test_the_source_stays_as_it_is(self) -> None:
        few = simulated()[0].select(FEW)
        before = source().predict(few)
        Network(**FAST).fit_from(source(), few)

        assert before.tobytes() == source().predict(few).tobytes()

    def test_heads_only(self) -> None:
        model = Network(**FAST).fit_from(source(), simulated()[0].select(FEW), heads_only=True)
        for network, old in zip(model.networks_, source().networks_, strict=True):
            weights = old.state_dict()
            same = {name: torch.equal(value, weights[name]) for name, value in network.state_dict().items()}
            assert {"heads", "bias"} == {name for name, is_same in same.items() if not is_same}

    def test_predictions_start_at_the_mean_of_the_new_animals(self) -> None:
        cohort = simulated()[0].select(FEW)
        elsewhere = with_values(cohort, 1_000 + 5 * cohort.records.values)
        settings = {**FAST, "max_epochs": 1, "learning_rate": 1e-9, "refit": False}
        predicted = Network(**settings).fit_from(source(), elsewhere).predict(elsewhere)

        np.testing.assert_allclose(predicted.mean(axis=0), elsewhere.records.values.mean(axis=0), rtol=1e-6)

    def test_more_members_than_there_were(self) -> None:
        model = Network(**{**FAST, "members": 3}).fit_from(source(), simulated()[0].select(FEW))

        assert 3 == len(model.networks_)

    def test_other_traits(self) -> None:
        few = with_trait_columns(simulated()[0].select(FEW), [0])
        message = "network traits: expected those of the source, milk, stature, found milk."
        with pytest.raises(AlignmentError, match=exactly(message)):
            Network(**FAST).fit_from(source(), few)

    def test_another_loss(self) -> None:
        message = "network binary_loss: expected that of the source, squared, found logistic."
        with pytest.raises(AlignmentError, match=exactly(message)):
            Network(**FAST, binary_loss="logistic").fit_from(source(), simulated()[0].select(FEW))

    def test_an_unfitted_source(self) -> None:
        with pytest.raises(NotFittedError, match="fit before predict"):
            Network(**FAST).fit_from(Network(), simulated()[0].select(FEW))


def accuracy(model: Network, genetic: FloatArray) -> float:
    """Return the mean correlation with genetic values of the youngest."""
    predicted = model.predict(simulated()[0].select(YOUNGEST))
    pairs = zip(predicted.T, genetic[YOUNGEST].T, strict=True)
    return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))
