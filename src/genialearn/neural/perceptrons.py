"""Residual perceptrons whose every block sees the conditions: what generators and critics are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

SLOPE = 0.05
"""Of the leaky rectifiers below 0."""

Normalisation = Callable[[int], nn.Module]
"""From a width to a layer that normalises so many values: nn.BatchNorm1d, nn.LayerNorm or `no_normalisation`."""


def no_normalisation(width: int) -> nn.Module:
    """Return a layer that leaves `width` values as they are; what critics with a gradient penalty need."""
    return nn.Identity()


class ResidualBlock(nn.Module):
    """f(x + N(W2 f(N(W1 x)))), f a leaky rectifier and N a normalisation."""

    def __init__(self, width: int, normalisation: Normalisation) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Linear(width, width),
            normalisation(width),
            nn.LeakyReLU(SLOPE),
            nn.Linear(width, width),
            normalisation(width),
        )
        self.outer = nn.LeakyReLU(SLOPE)

    def forward(self, values: Tensor) -> Tensor:
        """Return values (rows, width) of values (rows, width)."""
        out: Tensor = self.outer(values + self.inner(values))
        return out


class ConditionedPerceptron(nn.Module):
    """A perceptron in which the conditions are put beside the input of every block.

    Each hidden width has a transition (linear, normalisation, leaky rectifier), and a residual block if `residual`.

    Parameters
    ----------
    n_in, n_out
        Sizes of input and output.
    hidden
        Widths of the hidden layers.
    n_conditions
        How many numbers describe what is asked for; 0 for none.
    normalisation
        Which follows every linear layer but the last.
    residual
        Whether every width has a residual block.
    """

    def __init__(
        self,
        n_in: int,
        hidden: Sequence[int],
        n_out: int,
        *,
        n_conditions: int,
        normalisation: Normalisation,
        residual: bool,
    ) -> None:
        super().__init__()
        widths = [n_in, *hidden]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(before + n_conditions, width),
                normalisation(width),
                nn.LeakyReLU(SLOPE),
                *([ResidualBlock(width, normalisation)] if residual else []),
            )
            for before, width in pairwise(widths)
        )
        self.last = nn.Linear(widths[-1] + n_conditions, n_out)

    def forward(self, values: Tensor, conditions: Tensor) -> Tensor:
        """Return (rows, n_out) of values (rows, n_in) and conditions (rows, n_conditions)."""
        for block in self.blocks:
            values = block(torch.cat([values, conditions], dim=1))
        out: Tensor = self.last(torch.cat([values, conditions], dim=1))
        return out
