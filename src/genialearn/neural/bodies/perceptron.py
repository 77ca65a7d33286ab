"""Two hidden layers on all markers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn.neural.bodies.body import Body, hidden_layers
from genialearn.neural.bodies.genome import Genome


class Perceptron(Body):
    """f(W x) with f two hidden layers (GELU, dropout), fully connected.

    Cost: 2 markers x width + 2 width^2 flops an animal; 6.4 million at 50,000 markers and width 64. That is the floor
    of everything that reads each marker `width` times. With part of the markers the first product costs that part:
    weights of the first layer lie marker by marker, so that those of some markers are contiguous rows.

    Parameters
    ----------
    genome
        The markers.
    width
        Of both hidden layers.
    dropout
        Share of hidden units dropped in training.
    """

    def __init__(self, genome: Genome, *, width: int, dropout: float) -> None:
        super().__init__(genome.n_markers, width)
        bound = 1 / math.sqrt(genome.n_markers)
        self.weight = nn.Parameter(torch.empty(genome.n_markers, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.hidden = hidden_layers(width, dropout)

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of standardised dosages (animals, seen markers)."""
        weight = self.weight if seen is None else self.weight[seen]
        out: Tensor = self.hidden(torch.addmm(self.bias, self.upweighted(markers), weight))
        return out
