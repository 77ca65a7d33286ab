"""Attention over windows of chromosomes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn._checks import check_at_least
from genialearn.errors import SettingError
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.windows import LocalLinear, Windows


class AttentionLayer(nn.Module):
    """x + A N(x), then x + M N(x): A attention of several heads, M a perceptron, N layer normalisation.

    Parameters
    ----------
    channels, heads
        Of a token; channels are divided among heads.
    dropout
        Share of the perceptron's hidden values dropped in training.

    References
    ----------
    Vaswani et al. 2017, NeurIPS, arXiv:1706.03762; normalised first: Xiong et al. 2020, ICML, arXiv:2002.04745.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads = heads
        self.before_attention = nn.LayerNorm(channels)
        self.asked_offered_told = nn.Linear(channels, 3 * channels)
        self.joined = nn.Linear(channels, channels)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels),
            nn.Linear(channels, 2 * channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * channels, channels),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (animals, tokens, channels) of tokens (animals, tokens, channels)."""
        tokens = tokens + self._attended(self.before_attention(tokens))
        out: Tensor = tokens + self.perceptron(tokens)
        return out

    def _attended(self, tokens: Tensor) -> Tensor:
        by_head = (
            self.asked_offered_told(tokens)
            .unflatten(2, (3, self._heads, tokens.shape[2] // self._heads))
            .permute(2, 0, 3, 1, 4)
        )
        told = nn.functional.scaled_dot_product_attention(*by_head.unbind())
        out: Tensor = self.joined(told.transpose(1, 2).flatten(2))
        return out


class Attention(Body):
    """Windows of chromosomes as tokens, attention among them, and their sum over the root of their number.

    A window becomes a token by weights of its own, and has a place that is learned. Windows of different chromosomes
    attend to each other.

    Cost: 2 channels (markers + layers tokens (8 channels + 2 tokens)) flops an animal; 30 million at 50,000 markers,
    five times a perceptron's, most of it among tokens, whose number is bounded whatever that of markers.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of the output, and share of hidden values dropped in training.
    tokens
        How many windows at most, up to one more a chromosome.
    window
        Markers a window, unless the number of tokens asks for more: few markers don't become many tokens.
    channels, heads, layers
        Of attention; channels are divided among heads.
    """

    def __init__(
        self,
        genome: Genome,
        *,
        width: int,
        dropout: float,
        tokens: int = 256,
        window: int = 16,
        channels: int = 32,
        heads: int = 2,
        layers: int = 2,
    ) -> None:
        super().__init__(genome.n_markers, width)
        _check(channels, heads, layers)
        check_at_least("body attention: tokens", tokens, 1)
        check_at_least("body attention: window", window, 1)
        windows = Windows.of(genome.chromosomes, max(window, math.ceil(genome.n_markers / tokens)))
        self.chromosomes = windows.chromosomes
        self.embedding = LocalLinear(windows, 1, channels, bias=False)
        self.places = nn.Parameter(torch.empty(len(windows), channels).normal_(0, 0.5))
        self.layers = nn.Sequential(*(AttentionLayer(channels, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(channels)
        self.pool = nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Dropout(dropout))

    def tokens(self, markers: Tensor) -> Tensor:
        """Return tokens before attention, (animals, tokens, channels), of all markers (animals, markers)."""
        out: Tensor = self.embedding(markers.unsqueeze(2)) + self.places
        return out

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of standardised dosages (animals, seen markers)."""
        attended = self.norm(self.layers(self.tokens(self.whole(markers, seen))))
        out: Tensor = self.pool(attended.sum(dim=1) / math.sqrt(attended.shape[1]))
        return out


def _check(channels: int, heads: int, layers: int) -> None:
    check_at_least("body attention: heads", heads, 1)
    check_at_least("body attention: layers", layers, 0)
    if check_at_least("body attention: channels", channels, 1) % heads:
        raise SettingError(
            "body attention: channels",
            expected=f"a multiple of {heads} heads",
            found=str(channels),
            advice="Use other channels or heads.",
        )
