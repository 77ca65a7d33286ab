"""The network from breeding values of all traits to records of all traits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genialearn._arrays import FloatArray, IntArray
from genialearn.neural.held_out import Entry, HeldOutTraining, LoopSettings
from genialearn.neural.layers import masked_loss
from genialearn.neural.training import Targets, own_randomness

HUBER = 1.0
"""Standard deviations of a record from which errors count linearly."""

_WIDTHS = (400, 256)
_SLOPE = 0.1


class TraitToTrait(nn.Module):
    """Linear(t, 400), LeakyReLU(.1), Linear(400, 256), LeakyReLU(.1), Linear(256, t): Shokor et al. 2025.

    In float64, since few weights see few numbers: what rounding does to breeding values doesn't grow in training.

    Parameters
    ----------
    n_traits
        t.
    scale
        Centre and spread of the inputs, each of shape (traits,). With it the layers see standardised inputs and give
        what is added to an animal's own breeding values, at first nothing. None for the network as it was published,
        which gives the traits themselves.

    References
    ----------
    Shokor et al. 2025, J Dairy Sci 108:6174; github.com/fshokor/DLGBLUP.
    """

    def __init__(self, n_traits: int, scale: tuple[FloatArray, FloatArray] | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_traits, _WIDTHS[0]),
            nn.LeakyReLU(_SLOPE),
            nn.Linear(*_WIDTHS),
            nn.LeakyReLU(_SLOPE),
            last := nn.Linear(_WIDTHS[1], n_traits),
        ).double()
        self._scale = None if scale is None else tuple(torch.from_numpy(values) for values in scale)
        if scale is not None:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, breeding_values: Tensor) -> Tensor:
        """Return (animals, traits) of breeding values (animals, traits), both in standard deviations of records."""
        if self._scale is None:
            return torch.as_tensor(self.layers(breeding_values))
        centre, spread = self._scale
        return breeding_values + torch.as_tensor(self.layers((breeding_values - centre) / spread))


class RecordLoss:
    """Huber's loss on the records of all traits, weight 0 where there is none.

    Parameters
    ----------
    inputs
        Breeding values, shape (animals, traits).
    targets
        Records.
    """

    def __init__(self, inputs: Tensor, targets: Targets) -> None:
        self._inputs, self._targets = inputs, targets

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the weighted mean loss of some rows; `warmth` changes nothing."""
        values, weights = self._targets.values[rows], self._targets.weights[rows]
        return masked_loss(network(self._inputs[rows]), values, weights, huber=HUBER)

    def size(self, rows: Tensor) -> float:
        """Return the sum of weights of some rows."""
        return float(self._targets.weights[rows].sum())


def train_trait_to_trait(
    inputs: FloatArray,
    targets: Targets,
    *,
    training: IntArray,
    held_out: IntArray,
    settings: LoopSettings,
    scale: tuple[FloatArray, FloatArray] | None,
    seed: int,
) -> tuple[TraitToTrait, list[Entry]]:
    """Return the network at its best epoch on the animals held out, and its losses.

    Parameters
    ----------
    inputs
        Breeding values, shape (animals, traits).
    targets
        Records in float64.
    training, held_out
        Rows.
    settings
        Of the loop.
    scale
        As in `TraitToTrait`.
    seed
        Of the first weights and the order of animals.
    """
    loss = RecordLoss(torch.from_numpy(inputs), targets)
    with own_randomness(torch.device("cpu"), seed):
        network = TraitToTrait(inputs.shape[1], scale)
        return HeldOutTraining(network, loss, settings, seed, size=loss.size).run(training, held_out)


@torch.no_grad()
def traits_of(networks: Sequence[TraitToTrait], breeding_values: FloatArray) -> FloatArray:
    """Return the networks' average for breeding values, both of shape (animals, traits)."""
    inputs = torch.from_numpy(breeding_values)
    out: FloatArray = torch.stack([network(inputs) for network in networks]).mean(dim=0).numpy()
    return out
