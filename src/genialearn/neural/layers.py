"""Networks from standardised dosages to traits."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SkipPerceptron(nn.Module):
    """A perceptron over all traits with a linear path beside it.

    traits = A x + B f(x), with f two hidden layers (GELU, dropout). B starts at 0, so training starts from the linear
    path, which is what GBLUP can learn.

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
        self.marker_dropout = nn.Dropout(marker_dropout)
        self.linear = nn.Linear(n_markers, n_traits)
        self.hidden = nn.Sequential(
            nn.Linear(n_markers, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(width, n_traits)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self._input_scale = 1 / math.sqrt(n_markers)

    def forward(self, markers: Tensor) -> Tensor:
        """Return standardised traits (animals, traits) of standardised dosages (animals, markers)."""
        seen = self.marker_dropout(markers) * self._input_scale
        linear: Tensor = self.linear(seen)
        hidden: Tensor = self.hidden(seen * math.sqrt(seen.shape[1]))
        out: Tensor = linear + self.head(hidden)
        return out


def masked_squared_error(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean squared error; where there is no record the weight is 0 and the target ignored."""
    known = weight > 0
    squares = torch.where(known, predicted - target, torch.zeros_like(predicted)) ** 2
    return (weight * squares).sum() / weight.sum().clamp_min(1e-12)
