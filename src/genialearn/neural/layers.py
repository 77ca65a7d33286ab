"""Networks from standardised dosages to traits."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SkipPerceptron(nn.Module):
    """A perceptron over all traits with a linear path beside it.

    traits = A x + B f(W x), with f two hidden layers (GELU, dropout). A and B start at 0, so that training begins with
    the linear path, which is what GBLUP can learn.

    In training each batch sees a random part of the markers only, the same for all its animals: this costs a fraction
    of dropping them one by one, and keeps the network from leaning on single markers.

    Parameters
    ----------
    n_markers, n_traits
        Sizes of input and output.
    width
        Of the hidden layers.
    dropout
        Share of hidden units dropped in training.
    marker_dropout
        Share of markers dropped in training.
    """

    def __init__(self, n_markers: int, n_traits: int, *, width: int, dropout: float, marker_dropout: float) -> None:
        super().__init__()
        self._n_kept = max(1, round(n_markers * (1 - marker_dropout)))
        self.markers = nn.Linear(n_markers, n_traits + width)
        self.hidden = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(width, n_traits)
        self._n_traits = n_traits
        nn.init.zeros_(self.markers.weight[:n_traits])
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, markers: Tensor) -> Tensor:
        """Return standardised traits (animals, traits) of standardised dosages (animals, markers)."""
        first = self._first_layer(markers)
        linear, hidden = first[:, : self._n_traits], first[:, self._n_traits :]
        out: Tensor = linear / math.sqrt(markers.shape[1]) + self.head(self.hidden(hidden))
        return out

    def _first_layer(self, markers: Tensor) -> Tensor:
        n_markers = markers.shape[1]
        if not self.training or self._n_kept == n_markers:
            return nn.functional.linear(markers, self.markers.weight, self.markers.bias)
        kept = torch.randperm(n_markers, device=markers.device)[: self._n_kept]
        seen = markers[:, kept] * (n_markers / self._n_kept)
        return nn.functional.linear(seen, self.markers.weight[:, kept], self.markers.bias)


def masked_squared_error(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean squared error; where there is no record the weight is 0 and the target ignored."""
    known = weight > 0
    squares = torch.where(known, predicted - target, torch.zeros_like(predicted)) ** 2
    return (weight * squares).sum() / weight.sum().clamp_min(1e-12)
