"""Gene drop: artificial animals are descendants of training animals, or of artificial ones, by simulated meioses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from genialearn._arrays import ByteArray, IntArray, StrArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap, gene_drop
from genialearn.cohorts.simulate.strands import Strands
from genialearn.contracts import GenotypeGenerator
from genialearn.errors import AlignmentError, SettingError
from genialearn.generators.catalogue import CATALOGUE, make_generator
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.genotypes import HaplotypeMatrix
from genialearn.records import Pedigree
from genialearn.relationships import ancestry_of

STRUCTURES = ("mating", "pedigree")
TRAINING = "training"
GENERATIONS = 2
"""Of mating, where nothing is said."""
SIRES_PER_ROOT_ANIMAL = 1.0
"""Sires of a generation for each square root of an animal: 71 for 5,000."""


class Descent(NamedTuple):
    """A pedigree through which genes are dropped; numbers of animals are positions, founders first.

    Attributes
    ----------
    founders
        The training animal whose haplotypes each founder gets, or the number of an artificial one, shape (founders,).
    couples
        The parents of each other animal.
    wanted
        Which animals are returned.
    """

    founders: IntArray
    couples: Couples
    wanted: IntArray


class GeneDrop(Generator):
    """Descendants of the training animals, or of artificial ones, their genes passed on by meioses.

    A gamete takes one of its parent's haplotypes and changes to the other at crossovers, a Poisson process along the
    genetic map (Haldane 1919, J Genet 8:299-309) at one a Morgan; without a map one centimorgan is a megabase. Linkage
    disequilibrium, relationships and runs of homozygosity are those that Mendel's rules make. Every piece is a
    founder's, the longer the fewer the generations: where founders are training animals, half the genome of a child is
    its parent's, so privacy is low. Founders that another generator draws have never lived; their descendants have
    families as real animals do, which few generators make. Drift adds up over generations, the faster the fewer the
    sires.

    Costs O(animals dropped x markers); a quarter of a byte an animal of the pedigree and marker of the longest
    chromosome, and the drawn haplotypes; beside what the founders' generator costs.

    Parameters
    ----------
    structure
        "mating": generations of random mating, few sires and many dams. The parents of the first generation are
        training animals, each generation but the last has as many animals as there are training animals. "pedigree":
        through the pedigree of the training animals, whose founders get the haplotypes of random training animals, none
        twice as long as there are enough; artificial animals take the places of random training animals, and where more
        are asked for than there are places, the pedigree is passed through again.
    generations
        How many, of "mating" 2 unless given; of a pedigree that many before the training animals, all unless given.
    sires
        How many of each generation, of "mating"; None for the square root of its animals.
    founders, founder_settings
        "training" for training animals, or the generator of haplotypes that draws founders, and its settings.
    seed, threads
        Of the generator of founders.

    Attributes
    ----------
    haplotypes_
        Of the training animals.
    markers_
        The canonical marker map.
    """

    needs_haplotypes = True

    def __init__(
        self,
        *,
        structure: str = "mating",
        generations: int | None = None,
        sires: int | None = None,
        founders: str = TRAINING,
        founder_settings: Mapping[str, Any] | None = None,
        seed: int = 1,
        threads: int = 0,
    ) -> None:
        self.structure = structure
        self.generations = generations
        self.sires = sires
        self.founders = founders
        self.founder_settings = founder_settings
        self.seed = seed
        self.threads = threads

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
        self._places = _places(cohort, self.generations) if self.structure == "pedigree" else None
        self._source = None if self.founders == TRAINING else self._fitted_source(cohort)
        self.haplotypes_ = haplotypes
        self.markers_ = haplotypes.markers
        return self

    def _check_settings(self, n_training: int) -> None:
        check_known("structure", self.structure, STRUCTURES)
        if self.generations is not None:
            check_at_least("generations", self.generations, 1)
        if self.sires is not None:
            check_at_least("sires", self.sires, 1)
        if n_training < 2:
            raise AlignmentError("cohort", expected="at least two animals, a sire and a dam", found=str(n_training))
        if self.sires is not None and self.sires >= n_training:
            raise SettingError("sires", expected=f"fewer than the {n_training:,} animals", found=f"{self.sires:,}")

    def _fitted_source(self, cohort: Cohort) -> GenotypeGenerator:
        """Return the generator of founders, fitted.

        Raises
        ------
        SettingError
            Where it is unknown, draws no haplotypes, or drops genes itself.
        """
        others = [name for name, entry in CATALOGUE.items() if entry.attribute != type(self).__name__]
        check_known("founders", self.founders, [TRAINING, *others])
        source = make_generator(self.founders, self.founder_settings, seed=self.seed, threads=self.threads).fit(cohort)
        if source.needs_haplotypes:
            return source
        raise SettingError(
            "founders",
            expected="a generator that draws haplotypes",
            found=self.founders,
            advice="matched-copying, boltzmann, copying and mosaic do.",
        )

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals, paternal haplotypes first."""
        descents = self.descents(self._asked(n_animals, conditions), rng)
        pools = [self._pool(descent, rng) for descent in descents]
        drawn = np.empty((len(self.markers_), 2 * n_animals), dtype=np.int8)
        for chromosome in chromosomes_of(self.markers_):
            dropped = [_dropped(pool, descent, chromosome, rng) for pool, descent in zip(pools, descents, strict=True)]
            drawn[chromosome.columns] = np.concatenate(dropped).T
        return self._as_phased(drawn.T)

    def _pool(self, descent: Descent, rng: np.random.Generator) -> HaplotypeMatrix:
        """Return the animals among which a descent's founders are."""
        if self._source is None:
            return self.haplotypes_
        drawn = self._source.sample(int(descent.founders.max()) + 1, rng=rng)
        assert isinstance(drawn, HaplotypeMatrix), "its generator needs haplotypes"
        return drawn

    def descents(self, n_animals: int, rng: np.random.Generator) -> list[Descent]:
        """Return how artificial animals descend from training animals, in their order."""
        if self._places is None:
            return [self._mated(n_animals, rng)]
        founders, couples, places = self._places
        out = []
        for start in range(0, n_animals, len(places)):
            wanted = rng.permutation(places)[: n_animals - start]
            n_pool = len(founders) if self._source is not None else len(self.haplotypes_.animals)
            out.append(Descent(_without_repeats(n_pool, len(founders), rng), couples, wanted))
        return out

    def _mated(self, n_animals: int, rng: np.random.Generator) -> Descent:
        """Return generations of random mating, the last of `n_animals`."""
        n_training = len(self.haplotypes_.animals)
        parents, sires, dams = np.arange(n_training), [], []
        n_generations = self.generations or GENERATIONS
        for generation in range(n_generations):
            n_sires = self.sires or min(len(parents) - 1, max(1, round(_root(len(parents)))))
            n_children = n_animals if generation == n_generations - 1 else n_training
            order = rng.permutation(parents)
            sires.append(rng.choice(order[:n_sires], n_children))
            dams.append(rng.choice(order[n_sires:], n_children))
            parents = parents[-1] + 1 + np.arange(n_children)
        return Descent(np.arange(n_training), Couples(np.concatenate(sires), np.concatenate(dams)), parents)


def _root(n_animals: int) -> float:
    return SIRES_PER_ROOT_ANIMAL * math.sqrt(n_animals)


def _dropped(pool: HaplotypeMatrix, descent: Descent, chromosome: Chromosome, rng: np.random.Generator) -> ByteArray:
    """Return the haplotypes of the wanted animals on one chromosome, shape (2 x wanted, markers)."""
    morgans = chromosome.centimorgans / 100
    founders = Strands.of(pool.alleles(chromosome.columns)).select(descent.founders)
    key = int(rng.integers(0, 2**63 - 1))
    everybody = gene_drop(founders, descent.couples, GeneticMap(morgans, float(morgans[-1])), key=key)
    return everybody.select(descent.wanted).alleles()


def _without_repeats(n_things: int, n_draws: int, rng: np.random.Generator) -> IntArray:
    """Return draws in random order, no thing coming once more before all have come as often."""
    rounds = [rng.permutation(n_things) for _ in range(-(-n_draws // n_things))]
    return np.concatenate(rounds)[:n_draws]


def _places(cohort: Cohort, generations: int | None) -> Descent:
    """Return generations of a cohort's pedigree, an unknown founder for each unknown parent of a known one's child.

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
    ancestry = ancestry_of(_cut(cohort.pedigree, cohort.animals, generations), cohort.animals)
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


def _cut(pedigree: Pedigree, animals: StrArray, generations: int | None) -> Pedigree:
    """Return a pedigree where the parents of those so many generations before some animals are unknown."""
    if generations is None:
        return pedigree
    rows, young = pedigree.rows_of(animals), np.zeros(len(pedigree), dtype=bool)
    for _ in range(generations):
        rows = rows[rows >= 0]
        young[rows] = True
        rows = np.unique(np.append(pedigree.sires[rows], pedigree.dams[rows]))
    return replace(pedigree, sires=np.where(young, pedigree.sires, -1), dams=np.where(young, pedigree.dams, -1))
