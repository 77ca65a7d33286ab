from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.errors import MissingExtraError  # noqa: E402
from genialearn.genotypes import allele_frequencies  # noqa: E402
from genialearn.neural.batches import PackedAnimals  # noqa: E402
from genialearn.neural.bodies import Genome  # noqa: E402
from genialearn.neural.bodies.perceptron import Perceptron  # noqa: E402
from genialearn.neural.ensemble import InnerPart, Members, best_epochs, predict_members, train_members  # noqa: E402
from genialearn.neural.training import Targets, TrainingSettings, predict, train  # noqa: E402
from genialearn.neural.trait_network import TraitNetwork  # noqa: E402

PARTS = [InnerPart(np.arange(30, 150), np.arange(30)), InnerPart(np.arange(120), np.arange(120, 150))]
SETTINGS = TrainingSettings(1e-2, 0.01, 32, max_epochs=8, patience=3, marker_share=0.5)
CPU = torch.device("cpu")


def build() -> TraitNetwork:
    return TraitNetwork(Perceptron(Genome.of(family_cohort().genotypes.markers), width=8, dropout=0.3), 300, 2)


def inputs() -> PackedAnimals:
    genotypes = family_cohort().genotypes
    return PackedAnimals.of(genotypes, allele_frequencies(genotypes), CPU)


def targets() -> Targets:
    values = family_cohort().records.values[:, [0, 2]]
    return Targets.of((values - np.nanmean(values, 0)) / np.nanstd(values, 0), 1.0 * np.isfinite(values), CPU)


def trained(**further: Any) -> Members:
    settings = {"parts": PARTS, "settings": SETTINGS, "seed": 3} | further
    return train_members(lambda _: build(), inputs(), targets(), **settings)


def same(one: TraitNetwork, other: TraitNetwork) -> bool:
    weights = other.state_dict()
    return all(torch.equal(value, weights[name]) for name, value in one.state_dict().items())


class TestTrainMembers:
    def test_each_is_a_training_with_a_seed_and_a_part_of_its_own(self) -> None:
        members = trained()
        for member, part in enumerate(PARTS):
            alone, history = train(
                build,
                inputs(),
                targets(),
                training=part.training,
                validation=part.held_out,
                settings=SETTINGS,
                seed=3 + member,
            )
            assert same(alone, members.networks[member])
            assert history == members.histories[member]

    def test_held_out_animals_are_predicted_by_who_never_saw_them(self) -> None:
        members = trained()
        for network, part, held_out in zip(members.networks, PARTS, members.held_out, strict=True):
            expected = predict(network, inputs(), part.held_out).mean(dim=1).numpy()

            np.testing.assert_array_equal(part.held_out, held_out.rows)
            np.testing.assert_allclose(expected, held_out.predicted, rtol=0, atol=1e-12)

    def test_trained_again_on_all_for_the_best_number_of_epochs(self) -> None:
        first, members = trained(), trained(refit=True)
        everybody = InnerPart(np.arange(150), np.arange(0))
        for member in range(2):
            n_epochs = best_epochs(members.histories[member])
            alone, _ = train(
                build,
                inputs(),
                targets(),
                training=everybody.training,
                validation=everybody.held_out,
                settings=replace(SETTINGS, max_epochs=n_epochs),
                seed=1_000_003 + member,
            )
            assert same(alone, members.networks[member])
            assert first.histories[member] == members.histories[member]
            np.testing.assert_array_equal(first.held_out[member].predicted, members.held_out[member].predicted)

    def test_predictions_are_of_every_member(self) -> None:
        networks = trained().networks
        expected = [predict(network, inputs())[:, 0].numpy() for network in networks]

        np.testing.assert_array_equal(expected, predict_members(networks, inputs()))

    def test_best_epochs(self) -> None:
        assert 2 == best_epochs([{"validation_loss": loss} for loss in (3.0, 1.0, 1.0, 2.0)])


class TestLogFolder:
    def test_without_the_library(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

        with pytest.raises(
            MissingExtraError,
            match=r"^log folder: expected the library tensorboard, found none\. "
            r"Install it with: pip install 'genialearn\[track\]'\.$",
        ):
            trained(log_folder=tmp_path)

    def test_every_epoch_is_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        written: dict[str, list[tuple[str, float, int]]] = {}
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in(written))
        members = trained(log_folder=tmp_path, refit=True)

        assert {str(tmp_path / "member1"), str(tmp_path / "member2")} == set(written)
        found = [value for name, value, _ in written[str(tmp_path / "member1")] if name == "validation_loss"]
        assert [entry["validation_loss"] for entry in members.histories[0]] == found

    def test_event_files(self, tmp_path: Path) -> None:
        pytest.importorskip("tensorboard")
        trained(log_folder=tmp_path)

        assert list((tmp_path / "member1").glob("events.*"))


def stand_in(written: dict[str, list[tuple[str, float, int]]]) -> ModuleType:
    """Return what torch.utils.tensorboard has, keeping what is written."""

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.add_scalar: Callable[..., None] = lambda *entry: written.setdefault(folder, []).append(entry)

        def close(self) -> None: ...

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    return module
