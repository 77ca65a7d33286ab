"""The memory that learning from a cohort and drawing from it take, known from sizes before anything is computed.

Counted are the arrays that are alive together at the highest point, beside the process itself; how many there are of
the large ones was measured on herds of 500 to 3,000 animals. The tests hold the numbers to what processes take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from genialearn.cohorts import Cohort
from genialearn.contracts import GenotypeGenerator
from genialearn.generators.catalogue import make_generator

PROCESS = 278 * 2**20
"""Python, its libraries, and compiled code."""

_PER_MARKER, _PER_ANIMAL, _PER_RECORD = 600, 300, 128
"""Bytes of a line of the map, of an animal's names, and of a record as it is read."""

_HELD, _TURNED = 0.6, 5.0
"""Bytes an animal and marker of alleles in bits, all copies of them, and of alleles in bytes while they are recoded."""

_TURNED_DOSAGES = 2.5
"""The latter of genotypes without phase."""

_COMPILED_WALKS = 24 * 2**20
"""What the compiled loops of matched copying take beside those that all processes have."""

_OFFSPRING = 20
"""Of a sire in the training, on average."""

_SQUARES = 6
"""Matrices (markers, markers) of a block while a copula is fitted."""

_MACHINE = 8
"""Arrays (tags, chains) while a Boltzmann machine takes a step."""


@dataclass(frozen=True)
class Sizes:
    """What memory depends on.

    Parameters
    ----------
    n_cohort, n_training, n_drawn
        Animals that are read, learned from, and drawn.
    n_traits
        Traits with records.
    phased
        Whether the cohort has haplotypes.
    chromosomes
        Markers of each.
    """

    n_cohort: int
    n_training: int
    n_drawn: int
    n_traits: int
    phased: bool
    chromosomes: tuple[int, ...]

    @classmethod
    def of(cls, cohort: Cohort, n_training: int, n_drawn: int) -> Self:
        """Return the sizes of a cohort of which some animals are learned from."""
        _, counts = np.unique(cohort.genotypes.markers.chromosomes.astype(str), return_counts=True)
        phased = cohort.haplotypes is not None
        return cls(len(cohort), n_training, n_drawn, len(cohort.traits), phased, tuple(counts.tolist()))

    @property
    def n_markers(self) -> int:
        """Markers of all chromosomes."""
        return sum(self.chromosomes)

    @property
    def longest(self) -> int:
        """Markers of the longest chromosome."""
        return max(self.chromosomes, default=0)


@runtime_checkable
class StatesMemory(Protocol):
    """A generator that knows what it takes."""

    def needed_bytes(self, sizes: Sizes) -> int:
        """Return about the bytes of all that it holds at once while it learns or draws."""


def needed_bytes(generator: GenotypeGenerator, sizes: Sizes) -> int:
    """Return about how much memory a process takes that reads a cohort, fits a generator, draws from it and writes."""
    return PROCESS + held_bytes(sizes) + max(turned_bytes(sizes), own_bytes(generator, sizes))


def held_bytes(sizes: Sizes) -> int:
    """Return the bytes of what is read, as it is kept."""
    animals = max(sizes.n_cohort, sizes.n_training)
    tables = _PER_MARKER * sizes.n_markers + animals * (_PER_ANIMAL + _PER_RECORD * sizes.n_traits)
    return round(tables + _HELD * (animals + sizes.n_drawn) * sizes.n_markers)


def turned_bytes(sizes: Sizes) -> int:
    """Return the bytes of alleles or dosages while they are brought to canonical form, or drawn and packed."""
    animals = max(sizes.n_cohort, sizes.n_training, sizes.n_drawn)
    return round((_TURNED if sizes.phased else _TURNED_DOSAGES) * animals * sizes.n_markers)


def own_bytes(generator: GenotypeGenerator, sizes: Sizes) -> int:
    """Return about the bytes of all that a generator holds at once while it learns or draws."""
    if isinstance(generator, StatesMemory):
        return generator.needed_bytes(sizes)
    return OWN[type(generator).__name__](generator, sizes)


def _independent(generator: Any, sizes: Sizes) -> int:
    return 2 * sizes.n_drawn * sizes.n_markers + 8 * 3 * sizes.n_markers


def _markov(generator: Any, sizes: Sizes) -> int:
    """Count tables of all contexts in float32, beside the alleles of a chromosome and what is drawn."""
    from genialearn.generators.markov import HIGHEST_ORDER, first_context

    n_states = 2 if sizes.phased and generator.phased is not False else 3
    order = HIGHEST_ORDER[n_states] if generator.order is None else generator.order
    tables = 4 * n_states * int(first_context(order + 1, n_states)) * sizes.n_markers
    return tables + 4 * sizes.n_training * sizes.longest + turned_bytes(sizes)


def _copying(generator: Any, sizes: Sizes) -> int:
    """Count a second panel in bits, a chromosome in bytes, and what is drawn."""
    panel = sizes.n_training * sizes.n_markers // 4
    return panel + 4 * sizes.n_training * sizes.longest + turned_bytes(sizes)


def _matched_copying(generator: Any, sizes: Sizes) -> int:
    """Count haplotypes of sires beside, of offspring as in a dairy herd, and mosaics that they are recombined with."""
    copying = _COMPILED_WALKS + _copying(generator, sizes)
    if not generator.smallest_family:
        return copying
    sires = 2 * sizes.n_training * sizes.n_markers // _OFFSPRING
    return copying + sires + 2 * sizes.n_drawn * sizes.longest


def _copula(generator: Any, sizes: Sizes) -> int:
    """Count loadings of all blocks, and the matrices and standardised genotypes of one."""
    block: int = min(generator.block, sizes.longest)
    loadings = 4 * sizes.n_markers * min(block, sizes.n_training)
    return loadings + 8 * block * (_SQUARES * block + 3 * sizes.n_training) + 2 * sizes.n_drawn * sizes.n_markers


def _gene_drop(generator: Any, sizes: Sizes) -> int:
    """Count two haplotypes on one chromosome of every animal dropped, and what it takes to draw founders."""
    from genialearn.generators.gene_drop import GENERATIONS, TRAINING

    n_generations = 1 + (generator.generations or GENERATIONS)
    own = 2 * (sizes.n_training + sizes.n_drawn) * n_generations * sizes.longest + turned_bytes(sizes)
    if generator.founders == TRAINING:
        return own
    return own + own_bytes(make_generator(generator.founders, generator.founder_settings), sizes)


def _boltzmann(generator: Any, sizes: Sizes) -> int:
    """Count chains and parameters of tags, as if all markers were some, and what is drawn between them."""
    tags = sizes.n_markers
    parameters: int = 8 * 6 * tags * (2 * generator.reach + generator.hidden)
    chains: int = 4 * _MACHINE * tags * max(generator.chains, 512)
    return parameters + chains + 3 * 2 * sizes.n_training * tags + turned_bytes(sizes)


OWN: Mapping[str, Callable[[Any, Sizes], int]] = {
    "Independent": _independent,
    "MarkovChain": _markov,
    "Copying": _copying,
    "Mosaic": _copying,
    "MatchedCopying": _matched_copying,
    "GaussianCopula": _copula,
    "GeneDrop": _gene_drop,
    "Boltzmann": _boltzmann,
}
"""Of generators that don't state it themselves, by their class."""
