"""Breeding: a herd whose bulls are chosen by what is thought of their genes, and the genome that follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn.cohorts.simulate.genetic_model import GeneticModel
from genialearn.cohorts.simulate.genome import Chromosome, Genome, Progress, gathered
from genialearn.cohorts.simulate.genome_design import GenomeDesign
from genialearn.cohorts.simulate.lineage import BaseChromosome, Lineage
from genialearn.cohorts.simulate.meiosis import Couples, gene_drop
from genialearn.cohorts.simulate.pedigree import Population
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign
from genialearn.genotypes import HaplotypeMatrix

SIGNS = {"higher": 1.0, "lower": -1.0, "optimum": 0.0}


class IndexBreeder:
    """A breeder who knows an index of all traits with some accuracy, the same for everybody at birth.

    The index is the mean of the genetic values that are wanted higher, less those that are wanted lower, in standard
    deviations of the base. What the breeder sees is the index plus noise, such that its correlation with the index is
    the accuracy among base animals.

    Parameters
    ----------
    lineage
        With the QTL at least; it grows as animals are born.
    model
        Genetic values.
    traits
        What is bred for.
    accuracy
        Above 0, up to 1.
    rng
        Of the noise.
    """

    def __init__(
        self,
        lineage: Lineage,
        model: GeneticModel,
        traits: tuple[TraitDesign, ...],
        *,
        accuracy: float,
        rng: np.random.Generator,
    ) -> None:
        self._lineage, self._model, self._rng = lineage, model, rng
        signs = np.array([SIGNS.get(trait.direction, 0.0) for trait in traits])
        self._weights = signs if signs.any() else np.ones(len(traits))
        base = self._values(np.arange(len(lineage)))
        self._noise = float(base.std()) * np.sqrt(1 / accuracy**2 - 1)
        self._seen = self._with_noise(base)

    def born(self, couples: Couples) -> None:
        """Pass genes on, and look at the children."""
        children = self._lineage.born(couples)
        self._seen = np.append(self._seen, self._with_noise(self._values(children)))

    def index(self, animals: IntArray) -> FloatArray:
        """Return what the breeder sees of animals, shape (animals,)."""
        return self._seen[animals]

    def _values(self, animals: IntArray) -> FloatArray:
        return np.asarray(self._model.values(self._lineage.qtl_dosages(animals)).genetic @ self._weights)

    def _with_noise(self, values: FloatArray) -> FloatArray:
        return np.asarray(values + self._noise * self._rng.standard_normal(len(values)))


def bred_genome(
    base: list[BaseChromosome],
    population: Population,
    animals: StrArray,
    keys: list[int],
    *,
    design: GenomeDesign,
    rng: np.random.Generator,
    threads: int,
    progress: Progress,
    bed: Path | None = None,
) -> Genome:
    """Return the genome of the recorded animals of everybody who was born, as the breeder's lineage has it.

    Parameters
    ----------
    base
        Chromosomes of the founders, who come first in the population.
    population
        Everybody.
    animals
        Identifiers of those recorded.
    keys
        Seed of the gametes of each chromosome.
    rng
        Of the calls.
    design, threads, progress, bed
        As for `simulate_genome`.
    """
    recorded, streams = np.flatnonzero(population.recorded), rng.spawn(len(base))

    def drop(chromosome: int) -> Chromosome:
        part = base[chromosome]
        everybody = gene_drop(part.strands, population.couples, part.genetic_map, key=keys[chromosome])
        bits = everybody.select(recorded).by_site()
        markers, qtl = (
            HaplotypeMatrix(animals, part.sites.select(np.flatnonzero(chosen)), bits[chosen])
            for chosen in (part.is_marker, part.is_qtl)
        )
        return Chromosome.of(markers, qtl, part.is_major_gene[part.is_qtl], design, streams[chromosome])

    return gathered(drop, len(base), animals, threads=threads, progress=progress, bed=bed)
