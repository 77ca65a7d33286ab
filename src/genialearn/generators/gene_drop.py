"""Gene drop: artificial animals are descendants of the training animals by simulated meioses."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from genialearn._arrays import ByteArray, IntArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap, gene_drop
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.genotypes import HaplotypeMatrix
from genialearn.relationships import ancestry_of

STRUCTURES = ("mating", "pedigree")
SIRES_PER_ROOT_ANIMAL = 1.0
"""Sires of a generation for each square root of an animal: 71 for 5,000."""


class Descent(NamedTuple):
    """A pedigree through which genes are dropped; numbers of animals are positions, founders first.

    Attributes
    ----------
    founders
        The training animal whose haplotypes each founder gets, shape (founders,).
    couples
        The parents of each other animal.
    wanted
        Which animals are returned.
    """

    founders: IntArray
    couples: Couples
    wanted: IntArray


class GeneDrop(Generator):
    """Descendants of the training animals, their genes passed on by meioses.

    A gamete takes one of its parent's haplotypes and changes to the other at crossovers, a Poisson process along the
    genetic map (Haldane 1919, J Genet 8:299-309) at one a Morgan; without a map one centimorgan is a megabase. Linkage
    disequilibrium, relationships and runs of homozygosity are those that Mendel's rules make. Every piece is a real
    animal's, the longer the fewer the generations: half the genome of a child is its parent's, so privacy is low. Drift
    adds up over generations, the faster the fewer the sires.

    Costs O(animals dropped x markers); 2 bytes an animal of the pedigree and marker of the longest chromosome, and the
    drawn haplotypes.

    Parameters
    ----------
    structure
        "mating": generations of random mating, few sires and many dams. The parents of the first generation are
        training animals, each generation but the last has as many animals as there are training animals. "pedigree":
        through the pedigree of the training animals, whose founders get the haplotypes of random training animals, none
        twice as long as there are enough; artificial animals take the places of random training animals, and where more
        are asked for than there are places, the pedigree is passed through again.
    generations
        How many, of "mating".
    sires
        How many of each generation, of "mating"; None for the square root of its animals.

    Attributes
    ----------
    haplotypes_
        Of the training animals.
    markers_
        The canonical marker map.
    """

    needs_haplotypes = True

    def __init__(self, *, structure: str = "mating", generations: int = 2, sires: int | None = None) -> None:
        self.structure = structure
        self.generations = generations
        self.sires = sires

    def fit(self, cohort: Cohort) -> Self:
        """Keep the haplotypes, and of the pedigree who descends from whom.

        Raises
        ------
        AlignmentError
            Where the cohort isn't phased, has a single animal, or its pedigree is asked for and isn't there.
        SettingError
            Where a setting is out of range.
        """
        cohort = cohort.canonical()
        haplotypes = haplotypes_of(cohort)
        self._check_settings(len(cohort))
        self._places = _places(cohort) if self.structure == "pedigree" else None
        self.haplotypes_ = haplotypes
        self.markers_ = haplotypes.markers
        return self

    def _check_settings(self, n_training: int) -> None:
        check_known("structure", self.structure, STRUCTURES)
        check_at_least("generations", self.generations, 1)
        if self.sires is not None:
            check_at_least("sires", self.sires, 1)
        if n_training < 2:
            raise AlignmentError("cohort", expected="at least two animals, a sire and a dam", found=str(n_training))
        if self.sires is not None and self.sires >= n_training:
            raise SettingError("sires", expected=f"fewer than the {n_training:,} animals", found=f"{self.sires:,}")

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals, paternal haplotypes first."""
        descents = self.descents(self._asked(n_animals, conditions), rng)
        drawn = np.empty((len(self.markers_), 2 * n_animals), dtype=np.int8)
        for chromosome in chromosomes_of(self.markers_):
            training = np.ascontiguousarray(self.haplotypes_.alleles(chromosome.columns)).view(np.uint8)
            dropped = [_dropped(training, descent, chromosome, rng) for descent in descents]
            drawn[chromosome.columns] = np.concatenate(dropped).T
        return self._as_phased(drawn.T)

    def descents(self, n_animals: int, rng: np.random.Generator) -> list[Descent]:
        """Return how artificial animals descend from training animals, in their order."""
        if self._places is None:
            return [self._mated(n_animals, rng)]
        founders, couples, places = self._places
        out = []
        for start in range(0, n_animals, len(places)):
            wanted = rng.permutation(places)[: n_animals - start]
            out.append(Descent(_without_repeats(len(self.haplotypes_.animals), len(founders), rng), couples, wanted))
        return out

    def _mated(self, n_animals: int, rng: np.random.Generator) -> Descent:
        """Return generations of random mating, the last of `n_animals`."""
        n_training = len(self.haplotypes_.animals)
        parents, sires, dams = np.arange(n_training), [], []
        for generation in range(self.generations):
            n_sires = self.sires or min(len(parents) - 1, max(1, round(_root(len(parents)))))
            n_children = n_animals if generation == self.generations - 1 else n_training
            order = rng.permutation(parents)
            sires.append(rng.choice(order[:n_sires], n_children))
            dams.append(rng.choice(order[n_sires:], n_children))
            parents = parents[-1] + 1 + np.arange(n_children)
        return Descent(np.arange(n_training), Couples(np.concatenate(sires), np.concatenate(dams)), parents)


def _root(n_animals: int) -> float:
    return SIRES_PER_ROOT_ANIMAL * math.sqrt(n_animals)


def _dropped(training: ByteArray, descent: Descent, chromosome: Chromosome, rng: np.random.Generator) -> ByteArray:
    """Return the haplotypes of the wanted animals on one chromosome, shape (2 x wanted, markers)."""
    morgans = chromosome.centimorgans / 100
    founders = training[_both(descent.founders)]
    key = int(rng.integers(0, 2**63 - 1))
    everybody = gene_drop(founders, descent.couples, GeneticMap(morgans, float(morgans[-1])), key=key)
    return everybody[_both(descent.wanted)]


def _both(animals: IntArray) -> IntArray:
    """Return the numbers of the two haplotypes of each animal, in order."""
    return np.column_stack([2 * animals, 2 * animals + 1]).ravel()


def _without_repeats(n_things: int, n_draws: int, rng: np.random.Generator) -> IntArray:
    """Return draws in random order, no thing coming once more before all have come as often."""
    rounds = [rng.permutation(n_things) for _ in range(-(-n_draws // n_things))]
    return np.concatenate(rounds)[:n_draws]


def _places(cohort: Cohort) -> Descent:
    """Return the pedigree of a cohort with an unknown founder for each unknown parent of a known one's child.

    Raises
    ------
    AlignmentError
        Where there is no pedigree, or no training animal has a parent in it.
    """
    if cohort.pedigree is None:
        raise AlignmentError(
            "pedigree",
            expected="the parents of the training animals",
            found="no pedigree",
            advice="Give one with --pedigree, or use the structure mating.",
        )
    ancestry = ancestry_of(cohort.pedigree, cohort.animals)
    sires, dams = ancestry.sires, ancestry.dams
    founding = (sires < 0) & (dams < 0)
    if founding.all():
        raise AlignmentError("pedigree", expected="parents of training animals", found="none")
    half_known = int(np.sum((sires < 0) != (dams < 0)))
    n_founders = int(founding.sum())
    order = np.concatenate([np.flatnonzero(founding), np.flatnonzero(~founding)])  # parents stay before children
    numbers = np.full(len(ancestry) + 1, -1)  # the last stands for an unknown parent
    numbers[order] = np.arange(len(order)) + np.where(np.arange(len(order)) < n_founders, 0, half_known)
    couples = np.column_stack([numbers[sires], numbers[dams]])[~founding]
    couples[couples < 0] = n_founders + np.arange(half_known)
    everyone = numbers[ancestry.rows_of(cohort.animals)]
    return Descent(
        np.arange(n_founders + half_known),
        Couples(np.ascontiguousarray(couples[:, 0]), np.ascontiguousarray(couples[:, 1])),
        everyone,
    )
