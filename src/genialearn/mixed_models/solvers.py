"""Which solver fits single-trait models: a rule of sizes alone, so that a repetition takes the same one."""

from __future__ import annotations

import numpy as np

from genialearn.cohorts import Cohort
from genialearn.mixed_models.stochastic import number_of_probes

SOLVERS = ("auto", "exact", "iterative")

_ALWAYS_EXACT = 3_000
"""Records of a trait up to which the exact solver is taken without further thought."""

_NEVER_EXACT = 12_000
"""Records of a trait from which on it isn't: matrices of more than 1.2 GB, several of them."""

_MOST_FORMED = 16_000
"""Animals above which the exact solver isn't taken, however few records a trait has: their relationships are 2 GB."""

_PER_CUBE, _PER_GENOTYPE = 1.7e-10, 1.2e-11
"""Seconds of an eigendecomposition by records cubed, and of a product by genotype and column, on two cores."""

_PRODUCTS = 40
"""What a Lanczos run takes."""


def choose_solver(cohort: Cohort) -> str:
    """Return "exact" or "iterative": whichever is quicker, by patterns of records and sizes.

    Random effects beside breeding values are known to the iterative solver alone.
    """
    if any(trait.random for trait in cohort.traits):
        return "iterative"
    return quicker_solver(pattern_sizes(cohort), len(cohort.traits), cohort.genotypes.shape)


def quicker_solver(sizes: list[int], n_traits: int, shape: tuple[int, int]) -> str:
    """Return the quicker solver for so many records of each pattern and genotypes of shape (animals, markers)."""
    largest = max(sizes, default=0)
    if largest > _NEVER_EXACT or shape[0] > _MOST_FORMED:
        return "iterative"
    if largest <= _ALWAYS_EXACT:
        return "exact"
    return "exact" if _exact_seconds(sizes) <= _iterative_seconds(sizes, n_traits, shape) else "iterative"


def pattern_sizes(cohort: Cohort) -> list[int]:
    """Return the number of records of each pattern: of each set of records that traits share with fixed effects."""
    records = cohort.records
    keys = {
        (np.isfinite(records.values[:, t]).tobytes(), records.weights[:, t].tobytes(), trait.fixed): t
        for t, trait in enumerate(cohort.traits)
    }
    return [int(np.isfinite(records.values[:, t]).sum()) for t in keys.values()]


def _exact_seconds(sizes: list[int]) -> float:
    return _PER_CUBE * float(np.sum(np.array(sizes, dtype=np.float64) ** 3))


def _iterative_seconds(sizes: list[int], n_traits: int, shape: tuple[int, int]) -> float:
    columns = n_traits + sum(number_of_probes(size) for size in sizes)
    return _PER_GENOTYPE * _PRODUCTS * columns * shape[0] * shape[1]
