"""The one training loop: seeded, early-stopped on animals that it never trains on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
from genialearn.errors import ConvergenceError
from genialearn.neural.batches import DosageTensor
from genialearn.neural.layers import masked_squared_error


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
    """

    learning_rate: float
    weight_decay: float
    batch_animals: int
    max_epochs: int
    patience: int


@dataclass(frozen=True, eq=False)
class Targets:
    """What a network learns.

    Parameters
    ----------
    values
        Standardised records, anything where there is none, shape (animals, traits).
    weights
        0 where there is no record, shape (animals, traits).
    """

    values: Tensor
    weights: Tensor


def train(
    build: Callable[[], nn.Module],
    inputs: DosageTensor,
    targets: Targets,
    *,
    training: IntArray,
    validation: IntArray,
    settings: TrainingSettings,
    seed: int,
) -> tuple[nn.Module, list[dict[str, float]]]:
    """Return the network at its best epoch on the validation animals, and the history of its losses.

    The generator of random numbers outside is left as it was.
    """
    device = inputs.values.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        trainer = _Trainer(build().to(device), inputs, targets, settings)
        history = _until_no_better(trainer, training, torch.from_numpy(validation).to(device), seed)
    return trainer.network.eval(), history


def _until_no_better(trainer: _Trainer, training: IntArray, held_out: Tensor, seed: int) -> list[dict[str, float]]:
    """Train until the loss on held-out animals stops falling, go back to its best, and return the history."""
    rng = np.random.default_rng(seed)
    best, best_loss, best_epoch = trainer.state(), float("inf"), 0
    history: list[dict[str, float]] = []
    for epoch in range(trainer.settings.max_epochs):
        training_loss = trainer.one_epoch(rng.permutation(training))
        loss = trainer.loss(held_out)
        if not np.isfinite(loss):
            raise ConvergenceError(
                f"training, epoch {epoch + 1}",
                expected="a finite loss",
                found=str(loss),
                advice="Use a smaller learning rate.",
            )
        history.append({"epoch": epoch, "training_loss": training_loss, "validation_loss": loss})
        if loss < best_loss:
            best, best_loss, best_epoch = trainer.state(), loss, epoch
        elif epoch - best_epoch >= trainer.settings.patience:
            break
    trainer.network.load_state_dict(best)
    return history


class _Trainer:
    """A network, what it learns from, and its optimiser."""

    def __init__(self, network: nn.Module, inputs: DosageTensor, targets: Targets, settings: TrainingSettings) -> None:
        self.network, self.settings = network, settings
        self._inputs, self._targets = inputs, targets
        self._optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the network's parameters."""
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def one_epoch(self, order: IntArray) -> float:
        """Take one step for each batch of animals, in the order given, and return the mean loss."""
        self.network.train()
        losses = []
        for start in range(0, len(order), self.settings.batch_animals):
            batch = order[start : start + self.settings.batch_animals]
            loss = self._loss(torch.from_numpy(batch).to(self._inputs.values.device))
            self._optimiser.zero_grad()
            torch.autograd.backward(loss)
            self._optimiser.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    @torch.no_grad()
    def loss(self, rows: Tensor) -> float:
        """Return the loss on some animals, without dropout."""
        self.network.eval()
        return float(self._loss(rows))

    def _loss(self, rows: Tensor) -> Tensor:
        predicted = self.network(self._inputs.standardised(rows))
        return masked_squared_error(predicted, self._targets.values[rows], self._targets.weights[rows])


@torch.no_grad()
def predict(network: nn.Module, inputs: DosageTensor, *, batch_animals: int = 1024) -> Tensor:
    """Return the network's output for all animals, computed in float64 so that batches don't matter."""
    network = network.double().eval()
    parts = [
        network(inputs.standardised(torch.arange(start, min(start + batch_animals, len(inputs))), torch.float64))
        for start in range(0, len(inputs), batch_animals)
    ]
    return torch.cat(parts).cpu()
