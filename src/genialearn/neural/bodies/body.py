"""What a body is: hidden layers from markers to features that all traits share."""

from __future__ import annotations

from torch import Tensor, nn


class Body(nn.Module):
    """Hidden layers of a network.

    Attributes
    ----------
    n_out
        Features that it returns.
    sees_part
        Whether it accepts part of the markers.
    members
        How many networks in one it is; 1 for a plain one.
    """

    n_out: int
    sees_part: bool = True
    members: int = 1

    def forward(self, markers: Tensor, seen: Tensor | None) -> Tensor:
        """Return features (animals, n_out), with several members (animals, members, n_out).

        Parameters
        ----------
        markers
            Standardised dosages, raised where only part is seen, shape (animals, seen markers).
        seen
            Which markers; None for all.
        """
        raise NotImplementedError
