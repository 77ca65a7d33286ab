"""How a network learns traits: its loss on batches of animals, and the loop that makes it small."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import FloatArray, IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.checkpoints import Checkpoint
from genialearn.neural.held_out import Entry, HeldOutTraining, LoopSettings, Schedule
from genialearn.neural.layers import masked_loss
from genialearn.neural.trait_network import TraitNetwork

_RUN_AWAY = 20.0
"""How many times the loss of predicting means a training's loss may be: what is worse doesn't come back."""

_PREDICTED_TOGETHER = 256
"""Animals: 50,000 markers of them are 100 MB in float64."""

_CLIP = 10.0
"""Length of the gradient at most; that of a first step is below 2, even with 33 traits."""


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Parameters
    ----------
    learning_rate, weight_decay
        Of AdamW (Loshchilov and Hutter 2019, ICLR).
    batch_animals
        Animals a step.
    max_epochs, patience
        Passes over the data at most, and without improvement.
    marker_share
        Share of the markers that a batch sees in training, where the network accepts that.
    schedule
        Of the learning rate: "constant", or "cosine", which rises in the first epoch and then falls.
    huber
        Standard deviations from which an error counts linearly; None for squared errors.
    average
        Decay of the moving average of the weights, 0 for none.
    cooled_epochs
        Over how many epochs a cosine falls; None for `max_epochs`.
    """

    learning_rate: float
    weight_decay: float
    batch_animals: int
    max_epochs: int
    patience: int
    marker_share: float = 1.0
    schedule: Schedule = "constant"
    huber: float | None = None
    average: float = 0.0
    cooled_epochs: int | None = None

    def loop(self, n_animals: int) -> LoopSettings:
        """Return the settings of the loop over so many animals."""
        steps = max(1, n_animals // self.batch_animals)
        return LoopSettings(
            epochs=self.max_epochs,
            patience=self.patience,
            warm_up=0,
            batch=self.batch_animals,
            learning_rate=self.learning_rate,
            average=self.average,
            schedule=self.schedule,
            rising_steps=steps if self.schedule == "cosine" else 0,
            weight_decay=self.weight_decay,
            clip=_CLIP,
            cooled_epochs=self.cooled_epochs,
        )


@dataclass(frozen=True, eq=False)
class Targets:
    """What a network learns.

    Parameters
    ----------
    values
        Standardised records, anything where there is none; of a trait with log odds, records. Shape (animals, traits).
    weights
        0 where there is no record, shape (animals, traits).
    log_odds
        Of traits whose loss is cross-entropy, those that training starts from, NaN for others, shape (traits,).
        None where every error is squared.
    """

    values: Tensor
    weights: Tensor
    log_odds: Tensor | None = None

    @classmethod
    def of(
        cls, values: FloatArray, weights: FloatArray, device: torch.device, *, log_odds: FloatArray | None = None
    ) -> Targets:
        """Return arrays as float32 on a device; values may be NaN where the weight is 0."""
        y, w = (torch.from_numpy(array).float().to(device) for array in (np.nan_to_num(values), weights))
        if log_odds is None or np.isnan(log_odds).all():
            return cls(y, w)
        return cls(y, w, torch.from_numpy(log_odds).float().to(device))


class TraitLoss:
    """The loss of a network on some animals: in training with part of the markers, the same for all of them.

    On a GPU networks are computed in bfloat16 where that is safe.
    """

    def __init__(self, inputs: PackedAnimals, targets: Targets, settings: TrainingSettings) -> None:
        self._inputs, self._targets, self._huber = inputs, targets, settings.huber
        self._n_seen = max(1, round(inputs.n_markers * settings.marker_share))

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the weighted mean loss of some rows; `warmth` changes nothing."""
        seen = self._seen(network, generator)
        markers = self._inputs.standardised(_on_host(rows), None if seen is None else _on_host(seen))
        with torch.autocast(markers.device.type, dtype=torch.bfloat16, enabled=markers.device.type == "cuda"):
            predicted = network(markers, seen)
        return self._of(predicted.float(), rows)

    def size(self, rows: Tensor) -> float:
        """Return the sum of weights of some rows."""
        return float(self._targets.weights[rows].sum())

    def of_means(self, rows: Tensor) -> float:
        """Return the loss of predicting every trait's mean, but not quite 0 where nothing varies."""
        means = torch.zeros_like(self._targets.values[rows])[:, None]
        return max(float(self._of(means, rows)), 1e-6)

    def _of(self, predicted: Tensor, rows: Tensor) -> Tensor:
        """Return the loss of predictions (animals, members, traits)."""
        targets = self._targets
        values, weights = targets.values[rows][:, None], targets.weights[rows][:, None]
        return masked_loss(predicted, values, weights, log_odds=targets.log_odds, huber=self._huber)

    def _seen(self, network: nn.Module, generator: torch.Generator) -> Tensor | None:
        n_markers = self._inputs.n_markers
        if not network.training or self._n_seen == n_markers or not getattr(network, "sees_part", True):
            return None
        drawn = torch.randperm(n_markers, generator=generator, device=generator.device)[: self._n_seen]
        return drawn.sort().values


def train(
    build: Callable[[], TraitNetwork],
    inputs: PackedAnimals,
    targets: Targets,
    *,
    training: IntArray,
    validation: IntArray,
    settings: TrainingSettings,
    seed: int,
    checkpoint: Checkpoint | None = None,
    report: Callable[[Entry], None] | None = None,
) -> tuple[TraitNetwork, list[Entry]]:
    """Return the network at its best epoch on the validation animals (the last where none are), and its losses.

    The generator of random numbers outside is left as it was.
    """
    with own_randomness(inputs.device, seed):
        loss, rows = TraitLoss(inputs, targets, settings), torch.from_numpy(training).to(inputs.device)
        loop = HeldOutTraining(
            build().to(inputs.device),
            loss,
            settings.loop(len(training)),
            seed,
            size=loss.size,
            most=_RUN_AWAY * loss.of_means(rows),
            report=report,
        )
        return loop.run(training, validation, checkpoint)


@contextmanager
def own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's own generators, and leave them as they were before the block."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def predict(
    network: nn.Module,
    inputs: PackedAnimals,
    rows: IntArray | None = None,
    *,
    batch_animals: int = _PREDICTED_TOGETHER,
) -> Tensor:
    """Return the network's output for some animals or all, in float64 so that batches don't matter.

    Returns
    -------
    Tensor
        Shape (animals, members, traits), on the host.
    """
    network = copy.deepcopy(network).double().eval()
    rows = np.arange(len(inputs)) if rows is None else rows
    parts = [
        network(inputs.standardised(rows[start : start + batch_animals], dtype=torch.float64), None)
        for start in range(0, len(rows), batch_animals)
    ]
    return torch.cat(parts).cpu()


def _on_host(indices: Tensor) -> IntArray:
    found: IntArray = indices.cpu().numpy()
    return found
