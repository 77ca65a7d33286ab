"""The haplotypes of sires, as their offspring tell them, and what animals descend from them.

A sire with some offspring in the training is known by them: at every marker about half of their gametes are copies of
one of his haplotypes and half of the other, and which is which changes at few crossovers. His new gametes are
recombined from the two; none is an offspring's. A gamete of any other parent, of a dam above all, recombines one of her
father, who may be such a sire, and one of her mother, which recombines in turn. So a haplotype has a line: of its
parent, or of her father, her mother's father, and so on, to an end that is of the population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numba import njit, prange

from genialearn._arrays import BoolArray, ByteArray, FloatArray, Int8Array, IntArray
from genialearn.cohorts import Cohort
from genialearn.generators.chromosomes import Chromosome
from genialearn.generators.haplotype_distances import bits_of, hamming
from genialearn.generators.streams import following, new_key, stream, uniform
from genialearn.genotypes import HaplotypeMatrix

POPULATION = -1
"""In the place of a sire: a haplotype that may be anybody's."""

NOTHING = -2
"""Beyond the end of a line."""

LONGEST = 6
"""Haplotypes that one is recombined from, at most."""

_OF_POPULATION = np.append(POPULATION, np.full(LONGEST - 1, NOTHING))

_COMPARED = 40
"""Half sibs that tell which of an animal's haplotypes is its sire's."""

_BEYOND = np.iinfo(np.int64).min

_SURE = 4
"""Heterozygous markers in a row that say that a gamete has the other haplotype of the sire."""


class Lines(NamedTuple):
    """What haplotypes are recombined from, two of each animal, its sire's first.

    Sires, `POPULATION` or `NOTHING`, shape (haplotypes, LONGEST); and of each `POPULATION`, row after row, whose it is,
    shape (of the population,), and on which side, 0 the sire's, 1 the dam's, (of the population,).
    """

    sires: IntArray
    animals: IntArray
    sides: IntArray


@dataclass(frozen=True, eq=False)
class Sires:
    """Sires that are known by their offspring, and the lines of the training animals.

    Parameters
    ----------
    haplotypes
        Two of each sire, shape (markers, 2 sires).
    lines
        Of the sire's and the dam's haplotype of each training animal: a sire, or `POPULATION`; `NOTHING` beyond the
        end; shape (animals, 2, LONGEST). The first is half of the haplotype, the second a quarter, ..., the last as
        much as the one before.
    panel
        The haplotypes of the training animals, that of a known sire first.
    """

    haplotypes: Int8Array
    lines: IntArray
    panel: HaplotypeMatrix

    @classmethod
    def of(cls, cohort: Cohort, panel: HaplotypeMatrix, chromosomes: list[Chromosome], smallest: int) -> Self:
        """Learn from a cohort's animals; without a pedigree all are of the population.

        Parameters
        ----------
        cohort
            The training animals.
        panel
            Their haplotypes.
        chromosomes
            Of the panel's markers.
        smallest
            How many offspring a sire needs to be known; 0 for no sires.
        """
        families, lines = _families(cohort, smallest)
        haplotypes = np.empty((len(panel.markers), 2 * len(families)), dtype=np.int8)
        if families:
            panel = _sires_first(panel, families, chromosomes)
        for chromosome in chromosomes if families else []:
            alleles = panel.alleles(chromosome.columns)
            for sire, animals in enumerate(families):
                gametes = np.ascontiguousarray(alleles[2 * animals].T)
                _reconstruct(gametes, haplotypes[chromosome.columns, 2 * sire : 2 * sire + 2])
        return cls(haplotypes, lines, panel)

    @property
    def population(self) -> IntArray:
        """Which haplotypes of the panel aren't gametes of a known sire, rising."""
        return np.flatnonzero((self.lines[:, :, 0] < 0) | (self.lines[:, :, 1] != NOTHING))

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return bool(self.haplotypes.shape[1])

    def lines_of(self, animals: IntArray, alone: BoolArray) -> Lines:
        """Return the lines of artificial animals that descend as training animals do, shape (animals,).

        Those that are alone, (animals,), have two haplotypes of the population.
        """
        sires = self.lines[animals]
        sires[alone] = _OF_POPULATION
        row, side, _ = np.nonzero(sires == POPULATION)
        return Lines(sires.reshape(-1, LONGEST), row, side)

    def recombine(
        self, chromosome: Chromosome, lines: Lines, population: Int8Array, rng: np.random.Generator, out: Int8Array
    ) -> None:
        """Write the haplotypes of lines on one chromosome, `out` (markers, haplotypes).

        Those of the population are given (markers, some), in the order of the lines.
        """
        steps = lines.sires.copy()
        steps[lines.sires == POPULATION] = -1 - np.arange(len(lines.animals))
        steps[lines.sires == NOTHING] = _BEYOND
        sources = _Sources(self.haplotypes[chromosome.columns], population)
        _recombine(sources, steps, chromosome.gaps, new_key(rng), out)


class _Sources(NamedTuple):
    """Haplotypes on a chromosome, of sires (markers, 2 sires) and of the population (markers, some)."""

    sires: Int8Array
    population: Int8Array


def paternal(bits: ByteArray, animals: IntArray) -> IntArray:
    """Return which haplotype of each of a sire's offspring, 0 or 1, is his, shape (animals,).

    The one that is nearer to what its half sibs have, on average, the nearer of each half sib's two being counted.

    Parameters
    ----------
    bits
        The haplotypes of everybody on a chromosome, shape (haplotypes, bytes).
    animals
        The offspring, at least two.
    """
    own = bits[(2 * animals[:, None] + np.arange(2)).ravel()]
    compared = np.unique(np.linspace(0, len(animals) - 1, min(_COMPARED, len(animals))).astype(np.int64))
    distances = hamming(own, (2 * compared[:, None] + np.arange(2)).ravel())
    nearest = distances.reshape(len(compared), 2, len(animals), 2).min(axis=1)
    nearest[np.arange(len(compared)), compared] = 0
    return np.asarray(nearest.sum(axis=0).argmin(axis=1), dtype=np.int64)


def _sires_first(panel: HaplotypeMatrix, families: list[IntArray], chromosomes: list[Chromosome]) -> HaplotypeMatrix:
    """Return a panel in which the first haplotype of each member of a family is its sire's."""
    sides = np.zeros((len(chromosomes), len(panel.animals)), dtype=np.int64)
    for side, chromosome in zip(sides, chromosomes, strict=True):
        bits = bits_of(panel.select(markers=chromosome.columns))
        for animals in families:
            side[animals] = paternal(bits, animals)
    if not sides.any():
        return panel
    alleles = panel.alleles()
    for side, chromosome in zip(sides, chromosomes, strict=True):
        rows = (2 * np.arange(len(side))[:, None] + np.column_stack([side, 1 - side])).ravel()
        alleles[:, chromosome.columns] = alleles[rows, chromosome.columns]
    return HaplotypeMatrix.of(panel.animals, panel.markers, alleles)


def _families(cohort: Cohort, smallest: int) -> tuple[list[IntArray], IntArray]:
    """Return the offspring of each sire that has enough, and the lines of all animals (animals, 2, LONGEST)."""
    if cohort.pedigree is None or smallest == 0:
        return [], np.tile(_OF_POPULATION, (len(cohort), 2, 1))
    sires, dams = (np.append(parents, -1) for parents in (cohort.pedigree.sires, cohort.pedigree.dams))
    rows = cohort.pedigree.rows_of(cohort.animals)
    counts = np.bincount(sires[rows] + 1, minlength=len(sires))[1:]
    heads = np.flatnonzero(counts >= max(smallest, 2))
    number = np.full(len(sires), POPULATION)
    number[heads] = np.arange(len(heads))
    of_animals = number[sires[rows]]
    starts = np.searchsorted(np.sort(of_animals), np.arange(len(heads)))
    families = np.split(np.argsort(of_animals, kind="stable"), starts)[1:]
    return families, np.stack([_lines(parents[rows], number, sires, dams) for parents in (sires, dams)], axis=1)


def _lines(parents: IntArray, number: IntArray, sires: IntArray, dams: IntArray) -> IntArray:
    """Return the lines of one parent of each animal, shape (animals, LONGEST)."""
    out = np.full((len(parents), LONGEST), NOTHING)
    here, goes_on = parents, np.ones(len(parents), dtype=bool)
    for step in range(LONGEST):
        ends = (number[here] >= 0) | ((sires[here] < 0) & (dams[here] < 0)) | (step == LONGEST - 1)
        out[goes_on, step] = np.where(ends, number[here], number[sires[here]])[goes_on]
        goes_on, here = goes_on & ~ends, dams[here]
    for step in range(LONGEST - 1, 0, -1):  # two of the population in a row are as good as one
        last = (out[:, step] == POPULATION) & (out[:, step - 1] == POPULATION)
        last &= (out[:, step + 1] == NOTHING) if step + 1 < LONGEST else True
        out[last, step] = NOTHING
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _reconstruct(gametes: Int8Array, out: Int8Array) -> None:
    """Write the two haplotypes that gametes (markers, gametes) are recombined from, `out` (markers, 2).

    Marker by marker each gamete has a score, how surely it is of the first haplotype; the alleles of a haplotype are
    those of most gametes, weighted by these.
    """
    scores = np.zeros(gametes.shape[1], dtype=np.int64)
    for marker in range(len(gametes)):
        n_first = gametes[marker].sum()
        common = 1 if 2 * n_first >= gametes.shape[1] else 0
        first = second = agreement = 0
        for gamete in range(gametes.shape[1]):
            sign = 1 if gametes[marker, gamete] else -1
            agreement += sign * scores[gamete]
            if scores[gamete] > 0:
                first += sign * scores[gamete]
            elif scores[gamete] < 0:
                second -= sign * scores[gamete]
        out[marker, 0] = common if first == 0 else (1 if first > 0 else 0)
        out[marker, 1] = common if second == 0 else (1 if second > 0 else 0)
        n_rare = min(n_first, gametes.shape[1] - n_first)
        if n_rare < 2:
            continue
        direction = 1 if agreement >= 0 else -1
        if first == 0 and second == 0:
            out[marker, 0], out[marker, 1] = 1, 0
        for gamete in range(gametes.shape[1]):
            sign = direction if gametes[marker, gamete] else -direction
            scores[gamete] = min(max(scores[gamete] + sign, -_SURE), _SURE)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _recombine(sources: _Sources, steps: IntArray, gaps: FloatArray, key: np.uint64, out: Int8Array) -> None:
    """Write haplotypes on one chromosome, `out` (markers, haplotypes).

    `steps` are sires, -1 - haplotypes of the population, or `_BEYOND` (haplotypes, LONGEST). Between the first step and
    all others are the crossovers of one meiosis, between the second and those after it those of the meiosis before, and
    so on; a sire has a meiosis of his own. `gaps` are centimorgans from the marker before, infinite at the first,
    (markers,); crossovers have no interference (Haldane 1919).
    """
    changes = 0.5 * (1.0 - np.exp(-0.02 * gaps))
    for haplotype in prange(len(steps)):
        n_steps = 1
        while n_steps < steps.shape[1] and steps[haplotype, n_steps] != _BEYOND:
            n_steps += 1
        goes_on, is_second = np.zeros(n_steps, dtype=np.bool_), np.zeros(n_steps, dtype=np.bool_)
        state = stream(key, haplotype)
        for marker in range(len(gaps)):
            taken = n_steps - 1
            for step in range(n_steps - 1, -1, -1):
                state = following(state)
                is_second[step] ^= uniform(state) < changes[marker]
                state = following(state)
                goes_on[step] ^= uniform(state) < changes[marker]
                if not goes_on[step]:
                    taken = step
            source = steps[haplotype, taken]
            if source >= 0:
                out[marker, haplotype] = sources.sires[marker, 2 * source + is_second[taken]]
            else:
                out[marker, haplotype] = sources.population[marker, -1 - source]
