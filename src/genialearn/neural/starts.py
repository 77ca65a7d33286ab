"""What networks start from: random weights, a pretrained body, or networks of other animals with the same traits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genialearn._arrays import IntArray
from genialearn.neural.batches import PackedAnimals
from genialearn.neural.bodies.body import Body
from genialearn.neural.training import predict
from genialearn.neural.trait_network import TraitNetwork


@dataclass(frozen=True, eq=False)
class Fresh:
    """From the number of a member to a network without marker effects.

    Parameters
    ----------
    body
        Makes a body with random weights.
    n_markers, n_traits
        Sizes of input and output.
    weights
        Of a pretrained body, from which all members start; None for other random ones each.
    """

    body: Callable[[], Body]
    n_markers: int
    n_traits: int
    weights: dict[str, Tensor] | None = None

    def __call__(self, member: int) -> TraitNetwork:
        """Return the network that a member starts from."""
        body = self.body()
        if self.weights is not None:
            body.load_state_dict(self.weights)
        return TraitNetwork(body, self.n_markers, self.n_traits)


@dataclass(frozen=True, eq=False)
class Transfer:
    """From the number of a member to the network that it starts from: a copy, turn by turn where there are fewer.

    Parameters
    ----------
    networks
        What members start from.
    """

    networks: Sequence[TraitNetwork]

    @classmethod
    @torch.no_grad()
    def of(
        cls, networks: Sequence[TraitNetwork], inputs: PackedAnimals, rows: IntArray, *, heads_only: bool
    ) -> Transfer:
        """Return networks centred on their new animals, whose records will have mean 0.

        Without that, the distance between two populations would have to be learned first.

        Parameters
        ----------
        networks
            Trained on others.
        inputs, rows
            The new animals, and those of them that are trained on.
        heads_only
            Whether body and linear path stay as they are.
        """
        return cls([_centred(network, inputs, rows, heads_only=heads_only) for network in networks])

    def __call__(self, member: int) -> TraitNetwork:
        """Return the network that a member starts from."""
        return copy.deepcopy(self.networks[member % len(self.networks)])


def _centred(network: TraitNetwork, inputs: PackedAnimals, rows: IntArray, *, heads_only: bool) -> TraitNetwork:
    network = copy.deepcopy(network).to(inputs.device)
    network.bias.sub_(predict(network, inputs, rows).mean(dim=(0, 1)).to(network.bias))
    if heads_only:
        network.body.requires_grad_(False)
        network.linear.requires_grad_(False)
    return network
