"""What the hidden part of a multi-trait network is: from standardised dosages to values that all traits share."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from genialearn._arrays import FloatArray
from genialearn.genotypes import GenotypeMatrix


class Body(nn.Module):
    """The hidden part of a network; traits are read from its output by a head.

    First weights are drawn from torch's global generator. Without dropout an animal's output depends on its own
    dosages alone.

    Parameters
    ----------
    n_markers, n_out
        Sizes of input and output.
    """

    sees_part: bool = True
    """Whether it accepts part of the markers of a batch."""

    n_out: int
    """Size of the output."""

    members: int = 1
    """How many networks in one it is; 1 for a plain one."""

    def __init__(self, n_markers: int, n_out: int) -> None:
        super().__init__()
        self.n_markers, self.n_out = n_markers, n_out

    @classmethod
    def learned_settings(cls, genotypes: GenotypeMatrix, frequencies: FloatArray, *, seed: int) -> dict[str, Any]:
        """Return the settings that must come from the training animals, which see no record; most bodies have none.

        Parameters
        ----------
        genotypes
            Of the training animals, in the order of the network's columns.
        frequencies
            Those that standardise dosages, shape (markers,).
        seed
            Of what is drawn.
        """
        return {}

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return the hidden values of animals.

        Parameters
        ----------
        markers
            Standardised dosages, shape (animals, seen markers).
        seen
            Which markers these are, None for all, shape (seen markers,).

        Returns
        -------
        Tensor
            Shape (animals, n_out), or (animals, members, n_out) of a body with several members.
        """
        raise NotImplementedError

    def whole(self, markers: Tensor, seen: Tensor | None) -> Tensor:
        """Return all markers: those seen times n_markers / n_seen, 0 for the others, shape (animals, markers)."""
        if seen is None:
            return markers
        out = markers.new_zeros(len(markers), self.n_markers)
        return out.index_copy(1, seen, self.upweighted(markers))

    def upweighted(self, seen_markers: Tensor) -> Tensor:
        """Return seen markers times n_markers / n_seen, so that sums over markers keep their expectation."""
        return seen_markers * (self.n_markers / max(seen_markers.shape[1], 1))


def hidden_layers(width: int, dropout: float) -> nn.Sequential:
    """Return what follows a first linear layer in two hidden layers: GELU and dropout of both."""
    return nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout))
