"""Draws of states through which gradients flow: the Gumbel-softmax.

g_k = -log(-log u_k), u_k uniform; y = softmax((a + g) / temperature). The largest entry of a + g is a draw from
softmax(a) whatever the temperature; y comes the nearer to it the colder it is (Jang, Gu and Poole 2017, ICLR,
arXiv:1611.01144; Maddison, Mnih and Teh 2017, ICLR, arXiv:1611.00712).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genialearn.neural.one_hot import one_hot


def gumbel_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return standard Gumbel variates of the shape of a tensor."""
    uniform = torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    tiny = torch.finfo(like.dtype).tiny
    return -torch.log((-torch.log(uniform.clamp_min(tiny))).clamp_min(tiny))


def gumbel_softmax(logits: Tensor, temperature: float, generator: torch.Generator | None = None) -> Tensor:
    """Return soft draws of states, positive and of sum 1, shape (rows, markers, states) like the logits."""
    return torch.softmax((logits + gumbel_noise(logits, generator)) / temperature, dim=-1)


def straight_through(soft: Tensor) -> Tensor:
    """Return the one-hot of the largest entry of each soft draw, with the gradient of the soft draw itself.

    The estimator of Bengio, Leonard and Courville (2013, arXiv:1308.3432).
    """
    hard = one_hot(soft.argmax(dim=-1), soft.shape[-1])
    return hard - soft.detach() + soft


def draw_states(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return states drawn from softmax(logits), int8, shape of the logits without their last axis."""
    return (logits + gumbel_noise(logits, generator)).argmax(dim=-1).to(torch.int8)


def linear_schedule(share: float, first: float, last: float) -> float:
    """Return the value on a straight line from `first` at share 0 to `last` at share 1."""
    return first + (last - first) * min(max(share, 0.0), 1.0)
