"""Bodies of a small genome, made as users make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from genialearn.neural.bodies import BODIES, Genome, make_body
from genialearn.neural.bodies.body import Body

SIZES = (30, 7, 1, 18)
"""Markers on each chromosome."""

N_MARKERS = sum(SIZES)
WIDTH = 12

SMALL: dict[str, dict[str, Any]] = {
    "local": {"window": 4, "neighbours": 2, "channels": 3},
    "convolution": {"patch": 2, "channels": 3, "levels": 2},
    "attention": {"tokens": 10, "window": 3, "channels": 8, "heads": 2, "layers": 2},
    "tabm": {"members": 5},
}

NAMES = [*BODIES, "projection in windows"]


def genome(sizes: tuple[int, ...] = SIZES) -> Genome:
    """Return markers on chromosomes of these sizes, 1,000 base pairs apart."""
    return Genome(np.repeat(np.arange(len(sizes)), sizes), 1e3 * np.concatenate([np.arange(size) for size in sizes]))


def body(name: str, *, dropout: float = 0.5, seed: int = 1) -> Body:
    """Return a small body in training mode."""
    rng = np.random.default_rng(1)
    kind, _, windows = name.partition(" in ")
    own = dict(SMALL.get(kind, {}))
    if kind == "projection":
        own |= {"weights": rng.standard_normal((N_MARKERS, 3)), "window": 5 if windows else 0}
    if kind == "relationship":
        own |= {"anchors": rng.standard_normal((6, N_MARKERS))}
    torch.manual_seed(seed)
    return make_body(kind, genome(), width=WIDTH, dropout=dropout, **own)


def animals(n: int = 9, seed: int = 2) -> torch.Tensor:
    """Return standardised dosages, float32, shape (animals, markers)."""
    return torch.randn(n, N_MARKERS, generator=torch.Generator().manual_seed(seed))
