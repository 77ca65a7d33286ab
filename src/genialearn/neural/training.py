"""The one training loop: seeded, early-stopped on animals that it never trains on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
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
        network = build().to(device)
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        rng = np.random.default_rng(seed)
        held_out = torch.from_numpy(validation).to(device)
        best, best_loss, best_epoch = _state_of(network), float("inf"), 0
        history: list[dict[str, float]] = []
        for epoch in range(settings.max_epochs):
            training_loss = _one_epoch(network, optimiser, inputs, targets, rng.permutation(training), settings)
            validation_loss = _loss(network, inputs, targets, held_out)
            history.append({"epoch": epoch, "training_loss": training_loss, "validation_loss": validation_loss})
            if validation_loss < best_loss:
                best, best_loss, best_epoch = _state_of(network), validation_loss, epoch
            elif epoch - best_epoch >= settings.patience:
                break
        network.load_state_dict(best)
        network.eval()
        return network, history


def _state_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _one_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    inputs: DosageTensor,
    targets: Targets,
    order: IntArray,
    settings: TrainingSettings,
) -> float:
    network.train()
    losses = []
    for start in range(0, len(order), settings.batch_animals):
        rows = torch.from_numpy(order[start : start + settings.batch_animals]).to(inputs.values.device)
        loss = masked_squared_error(network(inputs.standardised(rows)), targets.values[rows], targets.weights[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


@torch.no_grad()
def _loss(network: nn.Module, inputs: DosageTensor, targets: Targets, rows: Tensor) -> float:
    network.eval()
    predicted = network(inputs.standardised(rows))
    return float(masked_squared_error(predicted, targets.values[rows], targets.weights[rows]))


@torch.no_grad()
def predict(network: nn.Module, inputs: DosageTensor, *, batch_animals: int = 1024) -> Tensor:
    """Return the network's output for all animals, computed in float64 so that batches don't matter."""
    network = network.double().eval()
    rows = torch.arange(len(inputs), device=inputs.values.device)
    parts = [network(inputs.standardised(part, torch.float64)) for part in rows.split(batch_animals)]
    return torch.cat(parts).cpu()
