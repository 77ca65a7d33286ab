"""The training loop of generators that have a loss of their own: stopped on animals that it never trains on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
from genialearn.errors import ConvergenceError
from genialearn.neural.averaging import MovingAverage
from genialearn.neural.checkpoints import Checkpoint, State, Unkept, random_state, set_random_state

AnyModule = TypeVar("AnyModule", bound=nn.Module)
_HELD_OUT_SEED = 0


@dataclass(frozen=True)
class LoopSettings:
    """How a generator is trained.

    Parameters
    ----------
    epochs, patience
        Passes over the data at most, and without improvement on the animals held out.
    warm_up
        Epochs in which the loss's share of `warmth` rises from 0 to 1; only later ones can be the best.
    batch
        Rows a step.
    learning_rate
        Of Adam, falling by a cosine to a hundredth.
    average
        Decay of the moving average of the weights.
    """

    epochs: int
    patience: int
    warm_up: int
    batch: int
    learning_rate: float
    average: float


class Loss(Protocol):
    """What is made small."""

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the mean loss of some rows of the data."""


def batches(rows: IntArray, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield the rows in random order, `size` at a time; a smaller rest waits for another epoch."""
    size = min(size, len(rows))
    order = rng.permutation(rows)
    for start in range(0, len(order) - size + 1, size):
        yield order[start : start + size]


def check_finite(loss: float, epoch: int) -> float:
    """Return a loss that is finite."""
    if not np.isfinite(loss):
        raise ConvergenceError(
            f"training, epoch {epoch + 1}",
            expected="a finite loss",
            found=str(loss),
            advice="Use a smaller learning rate.",
        )
    return loss


class HeldOutTraining(Generic[AnyModule]):
    """A network, its optimiser, and the average of its weights.

    Parameters
    ----------
    network
        On its device already.
    loss
        What is made small.
    settings
        How.
    seed
        Of the order of rows and of everything random in the loss.
    """

    def __init__(self, network: AnyModule, loss: Loss, settings: LoopSettings, seed: int) -> None:
        self._network, self._loss, self._settings = network, loss, settings
        self._device = next(network.parameters()).device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._rng = np.random.default_rng(seed)
        self._average = MovingAverage(network, settings.average)
        self._optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        self._history: list[dict[str, float]] = []
        self._best: dict[str, Tensor] = {}
        self._best_loss, self._best_epoch = float("inf"), 0

    def run(
        self, training: IntArray, held_out: IntArray, checkpoint: Checkpoint | None = None
    ) -> tuple[AnyModule, list[dict[str, float]]]:
        """Return the averaged network at its best epoch on the rows held out (else the last) and the history.

        Goes on from the state that the checkpoint holds, and keeps its own there after every epoch.
        """
        checkpoint = checkpoint or Unkept()
        self._restore(checkpoint.load())
        while not self._is_over():
            epoch = len(self._history)
            entry = {"epoch": float(epoch), "training_loss": self._one_epoch(epoch, training)}
            if len(held_out):
                entry["validation_loss"] = check_finite(self._loss_of(held_out), epoch)
                self._compare(entry["validation_loss"], epoch)
            self._history.append(entry)
            checkpoint.save(self._state)
        if self._best:
            self._average.network.load_state_dict(self._best)
        return self._average.network.eval(), self._history

    def _is_over(self) -> bool:
        """Return whether all epochs are done, or nothing has become better for too long."""
        n_epochs = len(self._history)
        waited = n_epochs - 1 - self._best_epoch if self._best else 0
        return n_epochs >= self._settings.epochs or waited >= self._settings.patience

    def _compare(self, loss: float, epoch: int) -> None:
        """Keep the weights where none were better since training is warm."""
        is_warm = epoch >= min(self._settings.warm_up, self._settings.epochs - 1)
        if is_warm and loss < self._best_loss:
            weights = self._average.network.state_dict()
            self._best = {name: value.detach().clone() for name, value in weights.items()}
            self._best_loss, self._best_epoch = loss, epoch

    def _state(self) -> State:
        """Return all that the next epoch depends on."""
        return {
            "network": self._network.state_dict(),
            "average": self._average.state(),
            "optimiser": self._optimiser.state_dict(),
            "random": random_state(self._generator, self._rng),
            "history": self._history,
            "best": self._best,
            "best_loss": self._best_loss,
            "best_epoch": self._best_epoch,
        }

    def _restore(self, state: State | None) -> None:
        if state is None:
            return
        self._network.load_state_dict(state["network"])
        self._average.restore(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        set_random_state(state["random"], self._generator, self._rng)
        self._history, self._best = state["history"], state["best"]
        self._best_loss, self._best_epoch = state["best_loss"], state["best_epoch"]

    def _one_epoch(self, epoch: int, training: IntArray) -> float:
        self._network.train()
        self._cool(epoch)
        losses = []
        warmth = min(1.0, (epoch + 1) / max(self._settings.warm_up, 1))
        for batch in batches(training, self._settings.batch, self._rng):
            rows = torch.from_numpy(batch).to(self._device)
            loss = self._loss(self._network, rows, warmth=warmth, generator=self._generator)
            self._optimiser.zero_grad()
            torch.autograd.backward(loss)
            self._optimiser.step()
            self._average.update(self._network)
            losses.append(float(loss.detach()))
        return check_finite(float(np.mean(losses)), epoch)

    def _cool(self, epoch: int) -> None:
        cosine = 0.5 + 0.5 * np.cos(np.pi * epoch / max(self._settings.epochs, 1))
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.learning_rate * (0.01 + 0.99 * float(cosine))

    @torch.no_grad()
    def _loss_of(self, rows: IntArray) -> float:
        """Return the loss of rows with the same random numbers every time."""
        self._average.network.eval()
        generator = torch.Generator(self._device).manual_seed(_HELD_OUT_SEED)
        total = 0.0
        for start in range(0, len(rows), self._settings.batch):
            some = torch.from_numpy(rows[start : start + self._settings.batch]).to(self._device)
            total += len(some) * float(self._loss(self._average.network, some, warmth=1.0, generator=generator))
        return total / len(rows)
