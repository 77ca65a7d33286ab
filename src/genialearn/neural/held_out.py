"""The one training loop of networks that have a loss of their own: stopped on animals that it never trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
from genialearn.errors import ConvergenceError
from genialearn.neural.averaging import MovingAverage
from genialearn.neural.checkpoints import Checkpoint, State, Unkept, random_state, set_random_state

AnyModule = TypeVar("AnyModule", bound=nn.Module)
Entry: TypeAlias = dict[str, float]
Schedule = Literal["cosine", "constant"]
SCHEDULES = ("constant", "cosine")
_HELD_OUT_SEED = 0


@dataclass(frozen=True)
class LoopSettings:
    """How a network is trained.

    Parameters
    ----------
    epochs, patience
        Passes over the data at most, and without improvement on the animals held out.
    warm_up
        Epochs in which the loss's share of `warmth` rises from 0 to 1; only later ones can be the best.
    batch
        Rows a step.
    learning_rate
        Of Adam at its highest.
    average
        Decay of the moving average of the weights; with 0 there is none.
    schedule
        "cosine": the learning rate falls to a hundredth over all epochs; "constant": it doesn't.
    rising_steps
        In how many first steps the learning rate rises from almost 0.
    weight_decay
        None for Adam, else AdamW's (Loshchilov and Hutter 2019, ICLR).
    clip
        Length that the gradient is shortened to where it's longer; None for never.
    cooled_epochs
        Over how many epochs the cosine falls; None for `epochs`.
    shuffled
        Whether every epoch takes the rows in another order; without, they come as they are, to the last one.
    """

    epochs: int
    patience: int
    warm_up: int
    batch: int
    learning_rate: float
    average: float
    schedule: Schedule = "cosine"
    rising_steps: int = 0
    weight_decay: float | None = None
    clip: float | None = None
    cooled_epochs: int | None = None
    shuffled: bool = True

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step, counted from the first epoch's first."""
        rise = min(1.0, (step + 1) / self.rising_steps) if self.rising_steps else 1.0
        if self.schedule == "constant":
            return self.learning_rate * rise
        cosine = 0.5 + 0.5 * np.cos(np.pi * epoch / max(self.cooled_epochs or self.epochs, 1))
        return self.learning_rate * rise * (0.01 + 0.99 * float(cosine))

    def optimiser(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return Adam, or AdamW in one pass over the weights."""
        if self.weight_decay is None:
            return torch.optim.Adam(network.parameters(), lr=self.learning_rate)
        return torch.optim.AdamW(
            network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay, fused=True
        )


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


def check_finite(loss: float, epoch: int, most: float = float("inf")) -> float:
    """Return a loss that is finite and not above the most that is possible before a training has run away."""
    if not np.isfinite(loss) or loss > most:
        raise ConvergenceError(
            f"training, epoch {epoch + 1}",
            expected="a finite loss" if most == float("inf") else f"a loss of at most {most:.3g}",
            found=f"{loss:.3g}",
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
    size
        How much some rows count in the loss of all rows held out; None for how many they are.
    most
        The training loss above which a training has run away.
    report
        Is given every epoch's entry in the history.
    """

    def __init__(
        self,
        network: AnyModule,
        loss: Loss,
        settings: LoopSettings,
        seed: int,
        *,
        size: Callable[[Tensor], float] | None = None,
        most: float = float("inf"),
        report: Callable[[Entry], None] | None = None,
    ) -> None:
        self._network, self._loss, self._settings = network, loss, settings
        self._size, self._most, self._report = size or len, most, report
        self._device = next(network.parameters()).device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._rng = np.random.default_rng(seed)
        self._average = MovingAverage(network, settings.average)
        self._optimiser = settings.optimiser(network)
        self._history: list[Entry] = []
        self._best: dict[str, Tensor] = {}
        self._best_loss, self._best_epoch = float("inf"), 0

    def run(
        self, training: IntArray, held_out: IntArray, checkpoint: Checkpoint | None = None
    ) -> tuple[AnyModule, list[Entry]]:
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
            if self._report:
                self._report(entry)
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
        losses: list[float] = []
        first = epoch * (len(training) // min(self._settings.batch, len(training)))
        warmth = min(1.0, (epoch + 1) / max(self._settings.warm_up, 1))
        for batch in self._batches(training):
            rows = torch.from_numpy(batch).to(self._device)
            loss = self._loss(self._network, rows, warmth=warmth, generator=self._generator)
            self._step(loss, self._settings.rate(epoch, first + len(losses)))
            losses.append(float(loss.detach()))
        return check_finite(float(np.mean(losses)), epoch, self._most)

    def _batches(self, training: IntArray) -> Iterator[IntArray]:
        size = self._settings.batch
        if self._settings.shuffled:
            return batches(training, size, self._rng)
        return (training[start : start + size] for start in range(0, len(training), size))

    def _step(self, loss: Tensor, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        torch.autograd.backward(loss)
        if self._settings.clip is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip)
        self._optimiser.step()
        self._average.update(self._network)

    @torch.no_grad()
    def _loss_of(self, rows: IntArray) -> float:
        """Return the loss of rows with the same random numbers every time."""
        self._average.network.eval()
        generator = torch.Generator(self._device).manual_seed(_HELD_OUT_SEED)
        total = sizes = 0.0
        for start in range(0, len(rows), self._settings.batch):
            some = torch.from_numpy(rows[start : start + self._settings.batch]).to(self._device)
            loss, size = self._loss(self._average.network, some, warmth=1.0, generator=generator), self._size(some)
            total, sizes = total + size * float(loss), sizes + size
        return total / sizes if sizes else 0.0
