"""Two hidden layers over all markers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome


class Perceptron(Body):
    """Two hidden layers with GELU and dropout.

    Weights of the first layer lie marker by marker, so that those of some markers are contiguous rows.

    Parameters
    ----------
    genome
        The markers.
    width
        Of the hidden layers.
    dropout
        Share of hidden units dropped in training.
    """

    def __init__(self, genome: Genome, *, width: int, dropout: float) -> None:
        super().__init__()
        self.n_out = width
        bound = 1 / math.sqrt(genome.n_markers)
        self.weight = nn.Parameter(torch.empty(genome.n_markers, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.hidden = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout)
        )

    def forward(self, markers: Tensor, seen: Tensor | None) -> Tensor:
        """Return features (animals, width) of standardised dosages (animals, seen markers)."""
        weight = self.weight if seen is None else self.weight[seen]
        features: Tensor = self.hidden(torch.addmm(self.bias, markers, weight))
        return features
