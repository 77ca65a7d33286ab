"""The memory that a selection experiment needs, known from its design."""

from __future__ import annotations

from collections.abc import Sequence

from genialearn.cohorts.simulate.map import CANDIDATES_PER_MARKER, share_out
from genialearn.experiments.memory import Memory
from genialearn.experiments.selection_cell import CONTROLS
from genialearn.experiments.selection_design import SelectionDesign
from genialearn.mixed_models.memory import PROCESS, PatternSize, Sizes
from genialearn.mixed_models.solvers import quicker_solver
from genialearn.predictors import make_predictor
from genialearn.predictors.memory import memory_bytes

_UNPACKED = 3
"""Arrays of alleles, in bytes, of all base animals at the candidate sites of a chromosome, while sites are chosen."""

_COPIES = 3
"""Of the genotypes that are learned from: as haplotypes, as they are, and in canonical order."""


def selection_memory(design: SelectionDesign, models: Sequence[str], n_at_once: int) -> Memory:
    """Return what so many cells at once need, each as much as the largest."""
    largest = max(_cell_bytes(design, model) for model in models)
    cells = "cell" if n_at_once == 1 else "cells at once"
    return Memory(largest * n_at_once, f"for {n_at_once} {cells}", "Use fewer animals, markers or --jobs")


def _cell_bytes(design: SelectionDesign, model: str) -> int:
    alleles = 2 * design.n_animals * design.markers // 8
    candidates = CANDIDATES_PER_MARKER * int(share_out(design.markers).max())
    making = _UNPACKED * 2 * design.n_base * candidates + 2 * design.n_base * design.markers // 8
    if model in CONTROLS:
        return PROCESS + alleles + max(making, design.n_animals * design.markers // 4)
    return alleles + max(PROCESS + making, *(_learning_bytes(design, model, n) for n in _training_sizes(design)))


def _training_sizes(design: SelectionDesign) -> list[int]:
    """Return the numbers of training animals that come, small ones among them: solvers depend on them."""
    most = min(design.training_generations, design.generations)
    return [design.animals * generations for generations in range(1, most + 1)]


def _learning_bytes(design: SelectionDesign, model: str, n_training: int) -> int:
    """Return what learning from so many animals and valuing as many as are born takes, the process included."""
    n_traits = len(design.traits)
    sizes = Sizes(
        n_animals=n_training,
        n_markers=design.markers,
        n_genotyped=n_training + max(design.animals, design.n_base),
        file_bytes=_COPIES * (n_training + design.animals) * design.markers // 4,
        patterns=(PatternSize(n_training, 1, n_traits),),
    )
    solver = quicker_solver([n_training], n_traits, (n_training, design.markers))
    return memory_bytes(make_predictor(model), sizes, solver)
