"""Values of traits as an input of generators: those that aren't known or not asked for are masked."""

from __future__ import annotations

import torch
from torch import Tensor

_DROP_HALF = 0.5


def encoded(values: Tensor, known: Tensor) -> Tensor:
    """Return values where known and 0 elsewhere, and what is known, side by side.

    Parameters
    ----------
    values
        Standardised values of traits, anything where unknown, shape (rows, traits).
    known
        Whether a value is known, bool, shape (rows, traits).

    Returns
    -------
    Tensor
        float32, shape (rows, 2 traits).
    """
    return torch.cat([torch.where(known, values, torch.zeros_like(values)), known.to(values.dtype)], dim=1)


def with_dropout(conditions: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return encoded conditions of which some are masked, shape (rows, 2 traits).

    A share of the rows loses all of them, so that a network learns to do without (Ho and Salimans 2022,
    arXiv:2207.12598); of another such share each trait is lost with probability 1/2, so that it learns to do with some.
    """
    n_rows, n_traits = conditions.shape[0], conditions.shape[1] // 2
    if not n_traits or share <= 0:
        return conditions
    draw = torch.rand((n_rows, 1), generator=generator, device=conditions.device)
    lost = torch.rand((n_rows, n_traits), generator=generator, device=conditions.device) < _DROP_HALF
    kept = ~((draw < share) | ((draw < 2 * share) & lost))
    return conditions * torch.cat([kept, kept], dim=1)
