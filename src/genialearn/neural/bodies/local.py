"""Locally connected layers: each stretch of a chromosome has weights of its own."""

from __future__ import annotations

from torch import Tensor, nn

from genialearn._checks import check_at_least
from genialearn.neural.bodies.body import Body
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.windows import LocalLinear, Windows


class Local(Body):
    """Two locally connected layers, in windows of a chromosome and in regions of neighbouring windows.

    LocalLinear, LayerNorm over a window's channels, GELU, LocalLinear; all regions are then pooled to `width` values by
    a linear layer with GELU. Effects of markers of one region can so depend on each other, with few weights a marker.

    Cost: about 2 markers x channels (1 + channels / window (1 + width / (channels neighbours))) flops an animal; 1.8
    million at 50,000 markers and width 64, less than a third of a perceptron's.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of the output, and share of regions' and output's values dropped in training.
    window, neighbours
        Markers a window, and windows a region, at most.
    channels
        Values that describe a window, and a region.

    References
    ----------
    Pook et al. 2020, Front Genet 11:561497, doi:10.3389/fgene.2020.561497; Lee et al. 2023, Genet Sel Evol 55:56,
    doi:10.1186/s12711-023-00825-y (deepGBLUP, whose order of layers this is).
    """

    def __init__(
        self, genome: Genome, *, width: int, dropout: float, window: int = 20, neighbours: int = 4, channels: int = 8
    ) -> None:
        super().__init__(genome.n_markers, width)
        windows = Windows.of(genome.chromosomes, check_at_least("body local: window", window, 1))
        regions = Windows.of(windows.chromosomes, check_at_least("body local: neighbours", neighbours, 1))
        check_at_least("body local: channels", channels, 2)
        self.chromosomes = regions.chromosomes
        self.first = LocalLinear(windows, 1, channels)
        self.between = nn.Sequential(nn.LayerNorm(channels), nn.GELU())
        self.second = LocalLinear(regions, channels, channels)
        self.pool = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(len(regions) * channels, width), nn.GELU(), nn.Dropout(dropout)
        )

    def regions(self, markers: Tensor) -> Tensor:
        """Return what is known of each region, (animals, regions, channels), of all markers (animals, markers)."""
        out: Tensor = self.second(self.between(self.first(markers.unsqueeze(2))))
        return out

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of standardised dosages (animals, seen markers)."""
        out: Tensor = self.pool(self.regions(self.whole(markers, seen)).flatten(1))
        return out
