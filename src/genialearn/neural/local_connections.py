"""The locally connected network of deepGBLUP, as it was published, and how it was trained."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.held_out import Entry, HeldOutTraining, LoopSettings
from genialearn.neural.training import Targets, own_randomness

_FIRST, _SECOND = 5, 3
"""Markers that a place of the two layers sees."""

_WEIGHT_DECAY = 0.01


class Neighbours(nn.Module):
    """Each place is a weighted sum of the places from its own to the (size - 1)th after it, with weights of its own.

    Parameters
    ----------
    n_places, size
        Of the row, and of what a place sees; behind the end of the row everything is 0.
    """

    def __init__(self, n_places: int, size: int) -> None:
        super().__init__()
        self._size = size
        bound = math.sqrt(6 / (n_places + size))
        self.weight = nn.Parameter(torch.empty(n_places, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_places))

    def forward(self, values: Tensor) -> Tensor:
        """Return (animals, places) of values (animals, places)."""
        seen = nn.functional.pad(values, (0, self._size - 1)).unfold(1, self._size, 1)
        return (seen * self.weight).sum(dim=2) + self.bias


class LocalConnections(nn.Module):
    """Traits of dosages: x + L3(GELU(LayerNorm(L5(x)))), with L locally connected, then a linear layer.

    Parameters
    ----------
    n_markers, n_traits
        Sizes of input and output; it was published for one trait.

    References
    ----------
    Lee et al. 2023, Genet Sel Evol 55:56, doi:10.1186/s12711-023-00825-y; github.com/gywns6287/deepGBLUP.
    """

    def __init__(self, n_markers: int, n_traits: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            Neighbours(n_markers, _FIRST), nn.LayerNorm(n_markers), nn.GELU(), Neighbours(n_markers, _SECOND)
        )
        self.head = nn.Linear(n_markers, n_traits)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, markers: Tensor, seen: None = None) -> Tensor:
        """Return (animals, 1, traits) of all standardised dosages (animals, markers)."""
        out: Tensor = self.head(markers + self.encoder(markers))
        return out[:, None]


class AbsoluteLoss:
    """The mean absolute error of records, weight 0 where there is none.

    Parameters
    ----------
    inputs, targets
        Of the same animals.
    """

    def __init__(self, inputs: PackedAnimals, targets: Targets) -> None:
        self._inputs, self._targets = inputs, targets

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the weighted mean loss of some rows; `warmth` changes nothing."""
        predicted = network(self._inputs.standardised(rows.cpu().numpy()))[:, 0]
        values, weights = self._targets.values[rows], self._targets.weights[rows]
        total: Tensor = (weights * (predicted - values).abs()).sum()
        return total / weights.sum().clamp_min(1e-12)


def train_local_connections(
    inputs: PackedAnimals,
    targets: Targets,
    rows: IntArray,
    *,
    learning_rate: float,
    batch_animals: int,
    epochs: int,
    seed: int,
) -> tuple[LocalConnections, list[Entry]]:
    """Return the network after all epochs of AdamW on the absolute errors, as nothing is held out, and its losses.

    Parameters
    ----------
    inputs, targets
        Of the same animals.
    rows
        Animals with records.
    learning_rate, batch_animals, epochs
        Of the loop.
    seed
        Of the first weights and the order of animals.
    """
    settings = LoopSettings(
        epochs=epochs,
        patience=epochs,
        warm_up=0,
        batch=batch_animals,
        learning_rate=learning_rate,
        average=0.0,
        schedule="constant",
        weight_decay=_WEIGHT_DECAY,
    )
    with own_randomness(inputs.device, seed):
        network = LocalConnections(inputs.n_markers, targets.values.shape[1]).to(inputs.device)
        return HeldOutTraining(network, AbsoluteLoss(inputs, targets), settings, seed).run(rows, rows[:0])
