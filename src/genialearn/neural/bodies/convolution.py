"""Residual convolutions along chromosomes: the same weights everywhere."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import BoolArray, IntArray
from genialearn._checks import check_at_least
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.windows import stretches_of

STRIDE = 4
"""Of every level."""


def spread_columns(chromosomes: IntArray, multiple: int) -> IntArray:
    """Return markers in a row, each chromosome filled up to a multiple of places and followed by as many empty ones.

    Parameters
    ----------
    chromosomes
        Of each marker, those of a chromosome side by side, shape (markers,).
    multiple
        Places that become one at the last level, where chromosomes are then one place apart.

    Returns
    -------
    IntArray
        The marker of each place, the number of markers at empty ones, shape (places,).
    """
    stretches = stretches_of(chromosomes)
    filled = [(-(-len(stretch) // multiple) + 1) * multiple for stretch in stretches]
    columns = np.full(sum(filled), len(chromosomes), dtype=np.int64)
    for start, stretch in zip(np.cumsum([0, *filled[:-1]]), stretches, strict=True):
        columns[start : start + len(stretch)] = stretch
    return columns


class OnChromosomes(nn.Module):
    """Sets places without markers to 0, so that nothing passes from one chromosome to the next.

    Parameters
    ----------
    there
        Which places have a marker, shape (places,).
    """

    def __init__(self, there: BoolArray) -> None:
        super().__init__()
        self._there: Tensor
        self.register_buffer("_there", torch.from_numpy(there[:, None]).float(), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return values (animals, places, channels)."""
        return values * self._there


class Patches(nn.Module):
    """Neighbouring places become one by the same linear layer everywhere: a convolution that strides its own size.

    Parameters
    ----------
    size
        Places that become one.
    n_in, n_out
        Channels of a place before and after.
    """

    def __init__(self, size: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self._size = size
        self.linear = nn.Linear(size * n_in, n_out)

    def forward(self, values: Tensor) -> Tensor:
        """Return (animals, places / size, n_out) of values (animals, places, n_in)."""
        n_animals, n_places, channels = values.shape
        out: Tensor = self.linear(values.reshape(n_animals, n_places // self._size, self._size * channels))
        return out


class ResidualLevel(nn.Module):
    """Four places become one: y = P x + C4 f(x), then y + C3 f(y), f GELU, C convolutions and P a scaled average.

    Parameters
    ----------
    channels
        Of places before and after.
    there
        Which places after the level have a marker, shape (places / 4,).
    """

    def __init__(self, channels: int, there: BoolArray) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.GELU(), Patches(STRIDE, channels, channels))
        self.same = nn.Conv1d(channels, channels, 3, padding=1)
        self.on_chromosomes = OnChromosomes(there)

    def forward(self, values: Tensor) -> Tensor:
        """Return (animals, places / 4, channels) of values (animals, places, channels)."""
        n_animals, n_places, channels = values.shape
        sums = values.reshape(n_animals, n_places // STRIDE, STRIDE, channels).sum(dim=2)
        between = self.on_chromosomes(sums / math.sqrt(STRIDE) + self.down(values))
        beside = self.same(nn.functional.gelu(between).transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.on_chromosomes(between + beside)
        return out


class Convolution(Body):
    """Residual one-dimensional convolutions, four places to one a level; chromosomes never meet.

    All places of the last level are pooled to `width` values by a linear layer with GELU, so that the output knows
    where something was, while the convolutions look for the same patterns everywhere.

    Cost: 2 places x channels (1 + 7 channels / (4 patch) (1 + 1/4) + width / (16 patch)) flops an animal with two
    levels, for slightly more places than markers; 10 million at 50,000 markers and width
    64, half more than a perceptron's.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of the output, and share of places' and output's values dropped in training.
    patch
        Markers that become one place at first.
    channels
        Values at a place.
    levels
        Each makes one place of four.

    References
    ----------
    He et al. 2016, ECCV, arXiv:1603.05027 (activations before weights); patches as in Liu et al. 2022, CVPR,
    arXiv:2201.03545.
    """

    def __init__(
        self, genome: Genome, *, width: int, dropout: float, patch: int = 8, channels: int = 16, levels: int = 2
    ) -> None:
        super().__init__(genome.n_markers, width)
        for setting, value in {"patch": patch, "channels": channels, "levels": levels}.items():
            check_at_least(f"body convolution: {setting}", value, 1)
        columns = spread_columns(genome.chromosomes, patch * STRIDE**levels)
        there = [_any_marker(columns, genome.n_markers, patch * STRIDE**level) for level in range(levels + 1)]
        self._columns: Tensor
        self.register_buffer("_columns", torch.from_numpy(columns), persistent=False)
        firsts = columns.reshape(len(there[-1]), -1)[:, 0]
        self.chromosomes = np.append(genome.chromosomes, -1)[firsts]
        self.levels = nn.Sequential(
            Patches(patch, 1, channels),
            OnChromosomes(there[0]),
            *(ResidualLevel(channels, places) for places in there[1:]),
        )
        self.pool = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(len(there[-1]) * channels, width), nn.GELU(), nn.Dropout(dropout)
        )

    def places(self, markers: Tensor) -> Tensor:
        """Return the last level, (animals, places, channels), of all markers (animals, markers)."""
        spread = nn.functional.pad(markers, (0, 1)).index_select(1, self._columns)
        out: Tensor = self.levels(spread.unsqueeze(2))
        return out

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of standardised dosages (animals, seen markers)."""
        out: Tensor = self.pool(self.places(self.whole(markers, seen)).flatten(1))
        return out


def _any_marker(columns: IntArray, n_markers: int, size: int) -> BoolArray:
    """Return which of the places that `size` columns become have a marker, shape (columns / size,)."""
    found: BoolArray = np.any((columns < n_markers).reshape(-1, size), axis=1)
    return found
