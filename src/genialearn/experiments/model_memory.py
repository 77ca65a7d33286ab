"""About how much memory the process needs that fits a model of the catalogue and predicts with it."""

from __future__ import annotations

from genialearn.genotypes.marker_blocks import PAD_COLUMNS, WIDTH
from genialearn.mixed_models.memory import PROCESS, Sizes, needed_bytes

_GBLUPS = ("gblup", "pedigree", "parent-average")
_HYBRIDS = ("hybrid", "dlgblup", "network-residual", "deepgblup")
"""What solves all traits together, without the records of each fold as well."""

_NETWORKS = ("network", "network-residual", "deepgblup")
"""What holds the genotypes once more, animal by animal at two bits each."""

_SAMPLED = ("bayesr", "bayesc")
_DRAWS = 50
"""Draws of all effects that are stored."""

_PER_DOSAGE = 6
"""Bytes of models that see all dosages at once: float32, int8, and binned."""

_LIBRARIES = int(0.4 * 2**30)

_PER_TERM, _TERMS = 6 * 8, 12
"""Arrays in float64 of an animal's terms of curves, and terms of each trait."""


def model_bytes(sizes: Sizes, solver: str, model: str) -> int:
    """Return about how many bytes a model needs.

    Parameters
    ----------
    sizes
        Of the cohort that it is fitted on.
    solver
        Of its GBLUP, "exact" or "iterative".
    model
        Its name in the catalogue; what isn't known sees all dosages at once.
    """
    if model == "super-learner":
        return max(model_bytes(sizes, solver, member) for member in ("gblup-multi", "lightgbm", "network"))
    if model in _SAMPLED:
        return PROCESS + sizes.file_bytes + _sampler_bytes(sizes)
    packed = sizes.n_animals * sizes.n_markers // 4 + _LIBRARIES if model in _NETWORKS else 0
    if model in _GBLUPS:
        return needed_bytes(sizes, solver)
    if model in (*_HYBRIDS, "gblup-multi"):
        folds = model in _HYBRIDS
        gblup = needed_bytes(sizes, solver, out_of_fold=folds, covariances=True, joint=True)
        return gblup + packed + (_PER_TERM * _TERMS * sizes.n_animals * sizes.n_traits if model == "hybrid" else 0)
    if model == "network":
        return PROCESS + sizes.file_bytes + packed
    return PROCESS + _LIBRARIES + _PER_DOSAGE * sizes.n_animals * sizes.n_markers + sizes.file_bytes


def _sampler_bytes(sizes: Sizes) -> int:
    """Return the bytes of genotypes, of products of columns by pattern of records, and of effects as they are drawn."""
    n, p, t = sizes.n_animals, sizes.n_markers, sizes.n_traits
    products = 4 * WIDTH * p * len(sizes.patterns)
    effects = p * t * (2 * 4 * _DRAWS + 12 * 8)
    animals = 6 * 8 * n * max(t, PAD_COLUMNS)
    return n * p // 4 + products + effects + animals + _LIBRARIES
