"""About how much memory the process needs that fits a model and predicts with it: models tell, from sizes alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from genialearn.contracts import Predictor
from genialearn.genotypes.marker_blocks import block_width, padded_columns
from genialearn.mixed_models.memory import PROCESS, Sizes, needed_bytes

LIBRARIES = int(0.4 * 2**30)
"""torch, or a library of trees."""

_PER_DOSAGE = 6
"""Bytes of models that see all dosages at once: float32, int8, and binned."""


@runtime_checkable
class TellsMemory(Protocol):
    """A model that knows what it will need."""

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes the process needs that fits it.

        Parameters
        ----------
        sizes
            Of the cohort that it is fitted on.
        solver
            That single-trait models of this cohort take, "exact" or "iterative".
        """


def memory_bytes(model: Predictor, sizes: Sizes, solver: str) -> int:
    """Return about how many bytes a model needs; one that doesn't tell sees all dosages at once."""
    return model.memory_bytes(sizes, solver) if isinstance(model, TellsMemory) else dosage_bytes(sizes)


def dosage_bytes(sizes: Sizes) -> int:
    """Return the bytes of a model that sees all dosages at once."""
    return PROCESS + LIBRARIES + _PER_DOSAGE * sizes.n_animals * sizes.n_markers + sizes.file_bytes


def joint_bytes(sizes: Sizes, solver: str, *, out_of_fold: bool) -> int:
    """Return the bytes of a model that solves all traits together."""
    return needed_bytes(sizes, solver, out_of_fold=out_of_fold, covariances=True, joint=True)


def packed_bytes(sizes: Sizes) -> int:
    """Return the bytes of torch, and of the genotypes once more, animal by animal at two bits each."""
    return sizes.n_animals * sizes.n_markers // 4 + LIBRARIES


def marker_system_bytes(sizes: Sizes, per_effect: int) -> int:
    """Return the bytes of all markers in blocks, their products by pattern of records, and what an effect takes."""
    n, p, t = sizes.n_animals, sizes.n_markers, sizes.n_traits
    products = 4 * block_width(n, t) * p * len(sizes.patterns)
    animals = 6 * 8 * n * padded_columns(t)
    return PROCESS + sizes.file_bytes + n * p // 4 + products + animals + p * t * per_effect
