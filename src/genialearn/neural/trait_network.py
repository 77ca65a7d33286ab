"""The network from markers to traits: a linear path, and heads on hidden layers beside it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from genialearn._arrays import FloatArray
from genialearn.neural.bodies.body import Body


class TraitNetwork(nn.Module):
    """Traits = a + A x / sqrt(markers) + B f(x), with f a body that all traits share.

    A and B start at 0, so that training begins with the linear path, which is what GBLUP can learn; or A starts at
    marker effects, and training at their predictions. Where a batch sees part of the markers only, the body
    and the linear path each raise them by all markers over those seen. A body with several members has heads for each,
    and the linear path is common.

    Parameters
    ----------
    body
        The hidden layers.
    n_markers, n_traits
        Sizes of input and output.
    marker_effects
        Of standardised dosages on standardised traits, shape (markers, traits); None for 0.
    """

    def __init__(self, body: Body, n_markers: int, n_traits: int, *, marker_effects: FloatArray | None = None) -> None:
        super().__init__()
        self.body = body
        self.linear = nn.Parameter(torch.zeros(n_markers, n_traits))
        self.heads = nn.Parameter(torch.zeros(body.members, body.n_out, n_traits))
        self.bias = nn.Parameter(torch.zeros(n_traits))
        if marker_effects is not None:
            with torch.no_grad():
                self.linear.copy_(torch.from_numpy(marker_effects * math.sqrt(n_markers)))

    @property
    def n_traits(self) -> int:
        """How many traits it predicts."""
        return self.linear.shape[1]

    @property
    def sees_part(self) -> bool:
        """Whether it accepts part of the markers."""
        return self.body.sees_part

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return standardised traits of standardised dosages.

        Parameters
        ----------
        markers
            Shape (animals, seen markers).
        seen
            Which markers; None for all.

        Returns
        -------
        Tensor
            Shape (animals, members, traits).
        """
        features = self.body(markers, seen)
        features = features[:, None] if features.ndim == 2 else features
        deep = torch.einsum("amf,mft->amt", features, self.heads)
        return deep + (self.bias + self._linear(markers, seen))[:, None]

    def _linear(self, markers: Tensor, seen: Tensor | None) -> Tensor:
        n_markers = len(self.linear)
        if seen is None:
            return markers @ self.linear / math.sqrt(n_markers)
        return markers @ self.linear[seen] * (math.sqrt(n_markers) / max(len(seen), 1))
