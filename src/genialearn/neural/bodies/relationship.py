"""How near an animal is to some others, and a perceptron on that: what kernel methods see."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genialearn._arrays import FloatArray
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.neural.bodies.body import Body, hidden_layers
from genialearn.neural.bodies.genome import Genome
from genialearn.neural.bodies.training_animals import anchor_dosages

LEAST_ANCHORS = 3


class GaussianKernels(nn.Module):
    """exp(-d^2 / (2 h^2 m)), standardised: d the distance to an anchor, m the median of d^2 among anchors.

    Squared distances come from products, |x|^2 + |a|^2 - 2 x'a. Each kernel is centred and scaled by what anchors have
    among themselves, where it would otherwise hardly differ between animals.

    Parameters
    ----------
    anchors
        Standardised dosages, shape (anchors, markers).
    bandwidths
        h, at least one.
    """

    anchors: Tensor
    norms: Tensor
    rates: Tensor
    means: Tensor
    deviations: Tensor

    def __init__(self, anchors: FloatArray, bandwidths: tuple[float, ...]) -> None:
        super().__init__()
        there = torch.from_numpy(anchors)
        norms = there.square().sum(dim=1)
        distances = _squared_distances(there, there.T, norms)
        others = ~torch.eye(len(there), dtype=torch.bool)
        rates = 0.5 / (torch.tensor(bandwidths).double().square() * distances[others].median().clamp_min(1e-12))
        among = torch.exp(-rates * distances[others].unsqueeze(1))
        self._keep(anchors=there.T, norms=norms, rates=rates[:, None], means=among.mean(dim=0)[:, None])
        self._keep(deviations=among.std(dim=0).clamp_min(1e-6)[:, None])

    def _keep(self, **constants: Tensor) -> None:
        for name, constant in constants.items():
            self.register_buffer(name, constant.float().contiguous(), persistent=False)

    def forward(self, markers: Tensor) -> Tensor:
        """Return (animals, bandwidths * anchors) of markers (animals, markers)."""
        distances = _squared_distances(markers, self.anchors, self.norms)
        kernels = torch.exp(-self.rates * distances.unsqueeze(1))
        return ((kernels - self.means) / self.deviations).flatten(1)


def _squared_distances(markers: Tensor, anchors: Tensor, norms: Tensor) -> Tensor:
    """Return |x|^2 + |a|^2 - 2 x'a of markers (animals, markers) and anchors (markers, anchors)."""
    return (markers.square().sum(dim=1, keepdim=True) + norms - 2 * markers @ anchors).clamp_min(0)


class Relationship(Body):
    """f(A k(x)) with k Gaussian kernels of the genomic distances to anchor animals, f two hidden layers.

    A network that sees relationships and no markers: what reproducing kernel Hilbert spaces regression sees, with
    hidden layers that all traits share. Distances from part of the markers would be others, so that all are needed.

    Cost: 2 markers (anchors + 1) + 2 bandwidths anchors width + 2 width^2 flops an animal; 26 million at 50,000 markers
    and 256 anchors, four times a perceptron's. Most of it has no gradient, so that training costs little more.

    Parameters
    ----------
    genome
        The markers.
    width, dropout
        Size of both hidden layers, and share of hidden units dropped in training.
    anchors
        Standardised dosages of animals, as `anchor_dosages` gives them, shape (anchors, markers).
    bandwidths
        Of the kernels, in units of the root of the median squared distance.

    References
    ----------
    de los Campos et al. 2010, Genet Res 92:295-308, doi:10.1017/S0016672310000285 (several kernels at once).
    """

    sees_part = False

    def __init__(
        self,
        genome: Genome,
        *,
        width: int,
        dropout: float,
        anchors: FloatArray,
        bandwidths: tuple[float, ...] = (0.5, 1.0),
    ) -> None:
        super().__init__(genome.n_markers, width)
        _check(anchors, bandwidths, genome.n_markers)
        self.kernels = GaussianKernels(anchors, bandwidths)
        self.first = nn.Linear(len(bandwidths) * len(anchors), width)
        self.hidden = hidden_layers(width, dropout)

    @classmethod
    def learned_settings(cls, genotypes: GenotypeMatrix, frequencies: FloatArray, *, seed: int) -> dict[str, Any]:
        """Return 256 random animals at most as anchors, as `Body.learned_settings` says."""
        return {"anchors": anchor_dosages(genotypes, frequencies, seed=seed)}

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return hidden values (animals, width) of all standardised dosages (animals, markers)."""
        if seen is not None:
            raise SettingError("body relationship", expected="all markers", found="part of them")
        out: Tensor = self.hidden(self.first(self.kernels(markers)))
        return out


def _check(anchors: FloatArray, bandwidths: tuple[float, ...], n_markers: int) -> None:
    if anchors.ndim != 2 or anchors.shape[1] != n_markers or len(anchors) < LEAST_ANCHORS:
        raise SettingError(
            "body relationship: anchors",
            expected=f"at least {LEAST_ANCHORS} animals with {n_markers:,} markers",
            found=f"shape {anchors.shape}",
        )
    if not bandwidths or min(bandwidths) <= 0:
        raise SettingError("body relationship: bandwidths", expected="at least one, all above 0", found=str(bandwidths))
