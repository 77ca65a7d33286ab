"""Marker windows within chromosomes: a critic for each, and the moments of neighbouring markers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray, StrArray
from genialearn.neural.one_hot import StateTensor, expected_dosages
from genialearn.neural.perceptrons import SLOPE

LAGS = (1, 2, 3, 5, 8, 13, 21)
_BLOCK = 1024


def window_columns(chromosomes: StrArray, width: int) -> IntArray:
    """Return the columns of windows that overlap by half and never leave a chromosome, shape (windows, width).

    The last window of a chromosome ends where it ends. A chromosome shorter than the width stands repeated in its
    window, so that every window has one shape.

    Parameters
    ----------
    chromosomes
        Of each marker, those of a chromosome side by side, shape (markers,).
    width
        Markers a window.
    """
    windows = []
    for start, end in _stretches(chromosomes):
        if end - start <= width:
            windows.append(start + np.arange(width) % (end - start))
            continue
        firsts = [*range(start, end - width, max(width // 2, 1)), end - width]
        windows.extend(first + np.arange(width) for first in firsts)
    return np.array(windows, dtype=np.int64)


def neighbour_pairs(chromosomes: StrArray) -> IntArray:
    """Return the columns of pairs of markers of one chromosome at the distances `LAGS` in order, shape (2, pairs)."""
    lefts, rights = [], []
    for lag in LAGS:
        left = np.flatnonzero(chromosomes[:-lag] == chromosomes[lag:]) if lag < len(chromosomes) else np.empty(0, int)
        lefts.append(left)
        rights.append(left + lag)
    return np.stack([np.concatenate(lefts), np.concatenate(rights)]).astype(np.int64)


def _stretches(chromosomes: StrArray) -> list[tuple[int, int]]:
    changes = np.flatnonzero(chromosomes[1:] != chromosomes[:-1]) + 1
    edges = [0, *changes.tolist(), len(chromosomes)]
    return list(pairwise(edges))


class WindowCritics(nn.Module):
    """A small perceptron for each marker window, with its own weights; the sum of scores over the root of their number.

    What one large critic averages away, such as linkage disequilibrium between neighbours, is all that these see.

    Parameters
    ----------
    columns
        Of each window, shape (windows, width).
    n_states
        States of a marker.
    n_conditions
        How many numbers describe the conditions.
    hidden
        Width of the two hidden layers.
    """

    def __init__(self, columns: IntArray, n_states: int, n_conditions: int, hidden: int) -> None:
        super().__init__()
        self._columns: Tensor
        self.register_buffer("_columns", torch.from_numpy(columns))
        self.n_seen = columns.size * n_states
        sizes = [columns.shape[1] * n_states + n_conditions, hidden, hidden, 1]
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(_uniform((len(columns), n_in, n_out), n_in) for n_in, n_out in pairs)
        self.biases = nn.ParameterList(_uniform((len(columns), 1, n_out), n_in) for n_in, n_out in pairs)

    def forward(self, states: Tensor, conditions: Tensor) -> Tensor:
        """Return scores (rows, 1) of soft or one-hot states (rows, markers, states)."""
        seen = states[:, self._columns].flatten(2).transpose(0, 1)
        asked = conditions.expand(len(seen), *conditions.shape)
        values = torch.cat([seen, asked], dim=2)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values, weight)
            if layer < len(self.weights) - 1:
                values = nn.functional.leaky_relu(values, SLOPE)
        return values.sum(dim=0) / math.sqrt(len(self._columns))


def _uniform(shape: tuple[int, ...], n_in: int) -> nn.Parameter:
    bound = 1 / math.sqrt(n_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


@dataclass(frozen=True, eq=False)
class MomentTargets:
    """Means, variances and correlations of neighbours that artificial batches are compared with.

    Parameters
    ----------
    means, deviations
        Of each marker's dosage in the training data, shape (markers,); a marker that doesn't vary has deviation 1.
    pairs
        Columns of neighbours, shape (2, pairs).
    correlations
        Of each pair in the training data, shape (pairs,).
    """

    means: Tensor
    deviations: Tensor
    pairs: Tensor
    correlations: Tensor

    @classmethod
    def of(cls, data: StateTensor, chromosomes: StrArray) -> MomentTargets:
        """Return the moments of the training data."""
        values = data.values
        means = torch.zeros(data.n_markers, device=values.device)
        squares = torch.zeros_like(means)
        pairs = torch.from_numpy(neighbour_pairs(chromosomes)).to(values.device)
        products = torch.zeros(pairs.shape[1], device=values.device)
        for start in range(0, len(data), _BLOCK):
            block = values[start : start + _BLOCK].float()
            means += block.sum(dim=0) / len(data)
            squares += (block**2).sum(dim=0) / len(data)
        deviations = (squares - means**2).clamp_min(0).sqrt()
        deviations = torch.where(deviations > 1e-3, deviations, torch.ones_like(deviations))
        for start in range(0, len(data), _BLOCK):
            block = (values[start : start + _BLOCK] - means) / deviations
            products += (block[:, pairs[0]] * block[:, pairs[1]]).sum(dim=0) / len(data)
        return cls(means, deviations, pairs, products)

    def distances(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean squared distances of a batch's frequencies and neighbours' correlations from the targets.

        Parameters
        ----------
        states
            One-hot, with gradients where these are wanted, shape (rows, markers, states).
        """
        standardised = (expected_dosages(states) - self.means) / self.deviations
        found = (standardised[:, self.pairs[0]] * standardised[:, self.pairs[1]]).mean(dim=0)
        linkage = ((found - self.correlations) ** 2).sum() / max(len(found), 1)
        return (standardised.mean(dim=0) ** 2).mean(), linkage
