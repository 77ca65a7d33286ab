"""The moving average of a network's weights over its training."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

from genialearn.neural.checkpoints import State

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class MovingAverage(Generic[AnyModule]):
    """An exponential moving average of weights: a <- d a + (1 - d) w.

    At step t the decay is min(d, (1 + t) / (10 + t)), so that the first weights are soon forgotten; with d = 0 it is
    the network itself. Buffers, such as the statistics of batch normalisation, are copied. Polyak and Juditsky 1992,
    SIAM J Control Optim 30:838-855; for generators Yazici et al. 2019, ICLR, arXiv:1806.04498.

    Parameters
    ----------
    network
        What is averaged.
    decay
        d, from 0 to below 1.
    """

    def __init__(self, network: AnyModule, decay: float) -> None:
        self.network: AnyModule = copy.deepcopy(network).eval() if decay else network
        self._decay, self._steps = decay, 0

    @torch.no_grad()
    def update(self, network: AnyModule) -> None:
        """Take in the weights after a step."""
        if not self._decay:
            return
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        for mean, now in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
        for kept, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)

    def state(self) -> State:
        """Return what `restore` needs to go on; of a network that is its own average, nothing."""
        return {"steps": self._steps, "network": self.network.state_dict()} if self._decay else {}

    def restore(self, state: State) -> None:
        """Go on from a state."""
        if state:
            self._steps = state["steps"]
            self.network.load_state_dict(state["network"])
