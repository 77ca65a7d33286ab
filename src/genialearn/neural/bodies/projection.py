"""Fixed linear scores of the markers, and a perceptron on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.neural.bodies.body import Body, hidden_layers
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.training_animals import principal_weights
from genialearn.neural.bodies.windows import InWindows, Windows


class WholeScores(nn.Module):
    """Scores X W over all markers.

    Parameters
    ----------
    weights
        W, shape (markers, scores).
    """

    def __init__(self, weights: FloatArray) -> None:
        super().__init__()
        self.n_scores = weights.shape[1]
        self._weights: Tensor
        self.register_buffer("_weights", torch.from_numpy(weights).float(), persistent=False)

    def forward(self, markers: Tensor) -> Tensor:
        """Return (animals, scores) of markers (animals, markers)."""
        return markers @ self._weights


class WindowScores(nn.Module):
    """Scores X W within each window of a chromosome: never a matrix of markers by windows.

    Parameters
    ----------
    weights
        W, shape (markers, scores).
    windows
        Of the markers.
    """

    def __init__(self, weights: FloatArray, windows: Windows) -> None:
        super().__init__()
        self.n_scores = len(windows) * weights.shape[1]
        self.in_windows = InWindows(windows)
        self._weights: Tensor
        padded = np.concatenate([weights, np.zeros((1, weights.shape[1]))])[windows.columns]
        self.register_buffer("_weights", torch.from_numpy(padded).float(), persistent=False)

    def forward(self, markers: Tensor) -> Tensor:
        """Return (animals, windows * scores) of markers (animals, markers)."""
        by_window = torch.bmm(self.in_windows(markers.unsqueeze(2)), self._weights)
        return by_window.transpose(0, 1).flatten(1)


class Projection(Body):
    """f(A (X W)) with fixed W and f two hidden layers (GELU, dropout): few weights to learn, whatever the markers.

    W can be principal axes of the training animals (`principal_weights`) or, with windows, marker effects
    (`local_weights`): then a score is the local breeding value of a window and trait.

    Cost: 2 markers x columns of W + 2 scores x width + 2 width^2 flops an animal; 6.4 million at 50,000 markers with
    64 principal axes, 4.5 million with windows of 200 markers and 33 traits, where W as one matrix would take 870
    million.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of both hidden layers, and share of hidden units dropped in training.
    weights
        W, on standardised dosages, shape (markers, columns).
    window
        Markers a window at most, each of which has a score for each column; 0 for scores over all markers.
    """

    def __init__(self, genome: Genome, *, width: int, dropout: float, weights: FloatArray, window: int = 0) -> None:
        super().__init__(genome.n_markers, width)
        check_at_least("body projection: window", window, 0)
        _check_weights(weights, genome.n_markers)
        windows = Windows.of(genome.chromosomes, window) if window else None
        self.scores = WholeScores(weights) if windows is None else WindowScores(weights, windows)
        self.first = nn.Linear(self.scores.n_scores, width)
        self.hidden = hidden_layers(width, dropout)

    @classmethod
    def learned_settings(cls, genotypes: GenotypeMatrix, frequencies: FloatArray, *, seed: int) -> dict[str, Any]:
        """Return the weights of 64 principal axes at most, as `Body.learned_settings` says."""
        return {"weights": principal_weights(genotypes, frequencies, seed=seed)}

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of standardised dosages (animals, seen markers)."""
        out: Tensor = self.hidden(self.first(self.scores(self.whole(markers, seen))))
        return out


def _check_weights(weights: FloatArray, n_markers: int) -> None:
    if weights.ndim != 2 or weights.shape[0] != n_markers:
        raise SettingError(
            "body projection: weights",
            expected=f"one row for each of {n_markers:,} markers",
            found=f"shape {weights.shape}",
        )
