"""Losses of records with holes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LIKE_SQUARES = 2.0
"""Huber's loss and cross-entropy are half a square in the middle."""


def masked_loss(
    predicted: Tensor, target: Tensor, weight: Tensor, *, log_odds: Tensor | None = None, huber: float | None = None
) -> Tensor:
    """Return the weighted mean loss; where there is no record the weight is 0 and the target ignored.

    Squared errors of standardised records. With `huber` they grow linearly beyond so many standard deviations. Traits
    with log odds have cross-entropy instead: the probability is sigmoid(log odds + prediction), and the target, a
    record less its fixed effects, may lie outside 0 and 1. It is doubled, so that it curves as squares of standardised
    records do.

    Parameters
    ----------
    predicted, target, weight
        Shape (..., traits), broadcast to each other.
    log_odds
        Where a trait starts, NaN where its error is squared, shape (traits,); None for squared errors only.
    huber
        Where they end; None for nowhere.
    """
    known = weight > 0
    target = torch.where(known, target, torch.zeros_like(target))
    losses = _errors(predicted, target, huber)
    if log_odds is not None:
        entropy = _cross_entropy(predicted + torch.nan_to_num(log_odds), target)
        losses = torch.where(torch.isfinite(log_odds), entropy, losses)
    weights = torch.where(known, weight, torch.zeros_like(weight)).expand_as(losses)
    return (weights * losses).sum() / weights.sum().clamp_min(1e-12)


def _errors(predicted: Tensor, target: Tensor, huber: float | None) -> Tensor:
    if huber is None:
        return (predicted - target) ** 2
    return _LIKE_SQUARES * nn.functional.huber_loss(
        predicted, target.expand_as(predicted), reduction="none", delta=huber
    )


def _cross_entropy(log_odds: Tensor, target: Tensor) -> Tensor:
    return _LIKE_SQUARES * (nn.functional.softplus(log_odds) - target * log_odds)
