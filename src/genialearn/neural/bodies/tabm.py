"""Many perceptrons for little more than the price of one: shared weights, scaled by each member."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn._checks import check_at_least
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome


class MemberLinear(nn.Module):
    """y_k = s_k * W (r_k * x_k) + b_k: one matrix W, and scales r, s and a bias b of each member k.

    Parameters
    ----------
    n_in, n_out
        Sizes of input and output.
    members
        How many.

    References
    ----------
    Wen et al. 2020, ICLR, arXiv:2002.06715 (BatchEnsemble).
    """

    def __init__(self, n_in: int, n_out: int, members: int) -> None:
        super().__init__()
        self.shared = nn.Linear(n_in, n_out, bias=False)
        self.scale_in = nn.Parameter(torch.ones(members, n_in))
        self.scale_out = nn.Parameter(torch.ones(members, n_out))
        self.bias = nn.Parameter(_uniform(members, n_out, n_in))

    def forward(self, values: Tensor) -> Tensor:
        """Return (animals, members, n_out) of values (animals, members, n_in)."""
        out: Tensor = self.shared(values * self.scale_in) * self.scale_out + self.bias
        return out


class TabM(Body):
    """A parameter-efficient ensemble of perceptrons with two hidden layers (GELU, dropout).

    The product with the markers is made once; each member scales it by a random sign at first and a bias, which makes
    members different, and goes on by a `MemberLinear`. Each member should have a loss of its own, and predictions are
    averaged. TabM scales the input by members, which would cost `members` products with the markers.

    Cost: 2 markers x width + 2 members x width^2 flops an animal; 6.5 million at 50,000 markers, width 64 and 16
    members, 2 % more than a perceptron's.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of both hidden layers, and share of hidden units dropped in training, by each member others.
    members
        How many.

    References
    ----------
    Gorishniy, Kotelnikov and Babenko 2025, ICLR, arXiv:2410.24210.
    """

    def __init__(self, genome: Genome, *, width: int, dropout: float, members: int = 16) -> None:
        super().__init__(genome.n_markers, width)
        self.members = check_at_least("body tabm: members", members, 1)
        self.markers = nn.Linear(genome.n_markers, width, bias=False)
        self.first_scale = nn.Parameter(torch.randint(0, 2, (members, width)) * 2.0 - 1)
        self.first_bias = nn.Parameter(_uniform(members, width, genome.n_markers))
        self.hidden = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), MemberLinear(width, width, members), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, members, width) of standardised dosages (animals, seen markers)."""
        weight = self.markers.weight if seen is None else self.markers.weight[:, seen]
        shared = nn.functional.linear(self.upweighted(markers), weight).unsqueeze(1)
        out: Tensor = self.hidden(shared * self.first_scale + self.first_bias)
        return out


def _uniform(members: int, n_out: int, n_in: int) -> Tensor:
    return torch.empty(members, n_out).uniform_(-1, 1) / math.sqrt(n_in)
