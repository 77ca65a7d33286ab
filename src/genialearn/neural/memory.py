"""The memory that training takes, from networks that have shapes but no numbers: those on torch's device "meta"."""

from __future__ import annotations

from torch import nn

LIBRARY = 260 * 2**20
"""torch, once it has taken a step."""

BEST = 2
"""Copies of the best weights so far: the last ones stay until better ones are copied."""

_FLOAT = 4
_KEPT = 4
"""Copies of weights: themselves, their gradients, and two moments of Adam."""

_STEP = 2
"""Copies of the largest weights while Adam takes its step."""


def trained_bytes(*networks: nn.Module, further: int = 0) -> int:
    """Return the bytes of networks in training, and of so many further copies of the first one's weights."""
    sizes = [[weights.numel() for weights in network.parameters()] for network in networks]
    largest = max(max(each, default=0) for each in sizes)
    return _FLOAT * (_KEPT * sum(map(sum, sizes)) + further * sum(sizes[0]) + _STEP * largest)


def row_bytes(n_rows: int, size: int, *, arrays: int) -> int:
    """Return the bytes of so many arrays (rows, size) in float32."""
    return _FLOAT * arrays * n_rows * size
