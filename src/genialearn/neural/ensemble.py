"""Several networks that learn the same from different first weights and inner parts: one prediction, and its spread.

Nothing here knows of cohorts or records, so that a model may teach networks whatever targets it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from genialearn._arrays import FloatArray, IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.checkpoints import Checkpoint, Stages, State, Unkept
from genialearn.neural.held_out import Entry
from genialearn.neural.tracking import event_log
from genialearn.neural.training import Targets, TrainingSettings, predict, train
from genialearn.neural.trait_network import TraitNetwork

_REFITTED = 1_000_000
"""Between the seeds of a training that looks for an epoch and of that on all animals."""


Build: TypeAlias = Callable[[int], TraitNetwork]
"""From the number of a member to the network that it starts from."""


class InnerPart(NamedTuple):
    """Animals that a member trains on and those by which it stops, ascending rows."""

    training: IntArray
    held_out: IntArray


class HeldOut(NamedTuple):
    """What a member predicts for the animals that it never trained on.

    `rows` (held out,), `predicted` (held out, traits), and `training`, all other animals it could train on.
    """

    rows: IntArray
    predicted: FloatArray


@dataclass(frozen=True, eq=False)
class Members:
    """Trained networks.

    Parameters
    ----------
    networks
        One a member, in float32.
    histories
        Of each one's training: one entry an epoch.
    held_out
        Of each one, before it was trained again on all animals.
    """

    networks: list[TraitNetwork]
    histories: list[list[Entry]]
    held_out: list[HeldOut]


def train_members(
    build: Build,
    inputs: PackedAnimals,
    targets: Targets,
    *,
    parts: Sequence[InnerPart],
    settings: TrainingSettings,
    seed: int,
    refit: bool = False,
    checkpoint: Checkpoint | None = None,
    log_folder: Path | str | None = None,
) -> Members:
    """Train one network for each inner part.

    Parameters
    ----------
    build
        Makes the network that a member starts from, given its number; with new random weights, usually.
    inputs, targets
        Of the same animals.
    parts
        What each member trains on and what it stops by.
    settings
        Of the training loop.
    seed
        Of the first member; the next ones are counted from it.
    refit
        Whether each is trained again, on all animals of its part, for as many epochs as were best.
    checkpoint
        Where the state of everything is kept; what it holds is gone on from, to the same bytes.
    log_folder
        Where event files for TensorBoard go, a folder for each member.
    """
    pupil = _Pupil(build, inputs, targets, Stages(checkpoint or Unkept()))
    trained = []
    for member, part in enumerate(parts):
        folder = None if log_folder is None else Path(log_folder) / f"member{member + 1}"
        trained.append(pupil.member(member, part, settings, seed=seed, refit=refit, log_folder=folder))
    return Members([each[0] for each in trained], [each[1] for each in trained], [each[2] for each in trained])


def best_epochs(history: Sequence[Entry]) -> int:
    """Return after how many epochs the loss on animals held out was lowest."""
    return int(np.argmin([entry["validation_loss"] for entry in history])) + 1


@dataclass(frozen=True, eq=False)
class _Pupil:
    """What is the same for all members."""

    build: Build
    inputs: PackedAnimals
    targets: Targets
    stages: Stages

    def member(
        self,
        member: int,
        part: InnerPart,
        settings: TrainingSettings,
        *,
        seed: int,
        refit: bool,
        log_folder: Path | None,
    ) -> tuple[TraitNetwork, list[Entry], HeldOut]:
        """Return a member, its history, and what it predicts for the animals held out."""
        with event_log(log_folder) as report:
            found = self.stages.run(partial(self._trained, member, part, settings, seed=seed, report=report))
        history: list[Entry] = found["history"]
        held_out = HeldOut(part.held_out, np.asarray(found["held_out"]))
        if refit and len(part.held_out):
            whole = InnerPart(np.union1d(part.training, part.held_out), part.held_out[:0])
            again = replace(settings, max_epochs=best_epochs(history), cooled_epochs=settings.max_epochs)
            found = self.stages.run(partial(self._trained, member, whole, again, seed=seed + _REFITTED))
        return self._with_weights(member, found["network"]), history, held_out

    def _trained(
        self,
        member: int,
        part: InnerPart,
        settings: TrainingSettings,
        checkpoint: Checkpoint,
        *,
        seed: int,
        report: Callable[[Entry], None] | None = None,
    ) -> State:
        """Return a trained network's weights, its history, and its predictions (held out, traits)."""
        network, history = train(
            partial(self.build, member),
            self.inputs,
            self.targets,
            training=part.training,
            validation=part.held_out,
            settings=settings,
            seed=seed + member,
            checkpoint=checkpoint,
            report=report,
        )
        held_out = self._predicted(network, part.held_out)
        return {"network": network.state_dict(), "history": history, "held_out": held_out}

    def _predicted(self, network: TraitNetwork, rows: IntArray) -> Tensor:
        if not len(rows):
            return torch.zeros(0, self.targets.values.shape[1], dtype=torch.float64)
        return predict(network, self.inputs, rows).mean(dim=1)

    def _with_weights(self, member: int, weights: dict[str, Tensor]) -> TraitNetwork:
        with torch.random.fork_rng(devices=[]):
            network = self.build(member).to(self.inputs.device)
        network.load_state_dict(weights)
        return network.eval()


def predict_members(networks: Sequence[TraitNetwork], inputs: PackedAnimals) -> FloatArray:
    """Return what every member of every network predicts, shape (members, animals, traits)."""
    parts = [predict(network, inputs).numpy().transpose(1, 0, 2) for network in networks]
    return np.asarray(np.concatenate(parts))
