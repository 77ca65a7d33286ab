"""Windows side by side within chromosomes, and layers with weights of their own in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import IntArray


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of places in a row, markers or windows of these; none goes over the end of a chromosome.

    Parameters
    ----------
    columns
        Places of each window, the number of places where it is shorter than others, shape (windows, size).
    chromosomes
        Of each window, shape (windows,).
    lengths
        How many places a window has, shape (windows,).
    """

    columns: IntArray
    chromosomes: IntArray
    lengths: IntArray

    @classmethod
    def of(cls, chromosomes: IntArray, size: int) -> Self:
        """Cut each chromosome into the fewest windows of at most `size` places, whose lengths differ by 1 at most.

        Parameters
        ----------
        chromosomes
            Of each place, those of a chromosome side by side, shape (places,).
        size
            Places a window at most.
        """
        stretches = stretches_of(chromosomes)
        pieces = [piece for places in stretches for piece in np.array_split(places, -(-len(places) // size))]
        columns = np.full((len(pieces), max(map(len, pieces))), len(chromosomes), dtype=np.int64)
        for row, piece in zip(columns, pieces, strict=True):
            row[: len(piece)] = piece
        lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
        return cls(columns, chromosomes[columns[:, 0]], lengths)

    def __len__(self) -> int:
        return len(self.columns)


def stretches_of(chromosomes: IntArray) -> list[IntArray]:
    """Return the places of each chromosome, of chromosomes (places,) side by side."""
    return np.split(np.arange(len(chromosomes)), np.flatnonzero(np.diff(chromosomes)) + 1)


class InWindows(nn.Module):
    """Puts the values of each window side by side, 0 where it is shorter than others.

    Parameters
    ----------
    windows
        Of the places.
    """

    def __init__(self, windows: Windows) -> None:
        super().__init__()
        self._shape = windows.columns.shape
        self._columns: Tensor
        self.register_buffer("_columns", torch.from_numpy(windows.columns.ravel()), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return (windows, animals, size * channels) of values (animals, places, channels)."""
        padded = nn.functional.pad(values, (0, 0, 0, 1))
        chosen = padded.index_select(1, self._columns)
        n_windows, size = self._shape
        return chosen.reshape(len(values), n_windows, size * values.shape[2]).transpose(0, 1)


class LocalLinear(nn.Module):
    """A linear layer with weights of its own in each window: all windows in one batched product.

    A window of s places and c channels costs 2 s c n_out flops an animal.

    Parameters
    ----------
    windows
        Of the places.
    n_in, n_out
        Channels of a place, and of a window.
    bias
        Whether each window has its own.
    """

    def __init__(self, windows: Windows, n_in: int, n_out: int, *, bias: bool = True) -> None:
        super().__init__()
        n_windows, size = windows.columns.shape
        bounds = torch.from_numpy(1 / np.sqrt(windows.lengths * n_in)).float()[:, None, None]
        self.in_windows = InWindows(windows)
        self.weight = nn.Parameter(bounds * torch.empty(n_windows, size * n_in, n_out).uniform_(-1, 1))
        self.bias = nn.Parameter(bounds * torch.empty(n_windows, 1, n_out).uniform_(-1, 1)) if bias else None

    def forward(self, values: Tensor) -> Tensor:
        """Return (animals, windows, n_out) of values (animals, places, n_in)."""
        seen = self.in_windows(values)
        out = torch.bmm(seen, self.weight) if self.bias is None else torch.baddbmm(self.bias, seen, self.weight)
        return out.transpose(0, 1)
