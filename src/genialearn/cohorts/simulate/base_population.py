"""Base populations: unrelated animals with a genetic model that is fixed on them, to breed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import Int8Array
from genialearn.cohorts.simulate.genetic_model import GeneticModel, build_genetic_model
from genialearn.cohorts.simulate.genome import Progress
from genialearn.cohorts.simulate.lineage import BaseChromosome, Lineage, base_genome
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
from genialearn.cohorts.simulate.settings import HerdSettings
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign


@dataclass(frozen=True, eq=False)
class BasePopulation:
    """Base animals.

    Parameters
    ----------
    chromosomes
        What they carry.
    model
        From dosages of QTL to genetic values; all of these have variance one here.
    traits
        With heritabilities, units and wanted directions.
    """

    chromosomes: list[BaseChromosome]
    model: GeneticModel
    traits: tuple[TraitDesign, ...]

    @property
    def n_animals(self) -> int:
        """How many animals there are."""
        return self.chromosomes[0].strands.n_animals


def herd_population(
    settings: HerdSettings, rng: np.random.Generator, *, threads: int, progress: Progress
) -> BasePopulation:
    """Return base animals with traits of the dairy catalogue.

    Parameters
    ----------
    settings
        Numbers, architecture and founders; its seed isn't used.
    rng
        Source of randomness.
    threads
        How many chromosomes are simulated at once; the result doesn't depend on it.
    progress
        Called with the name of the stage and the fraction of it that is done.
    """
    genome_rng, effects_rng = rng.spawn(2)
    genome = base_genome(settings.animals, settings.genome_design, genome_rng, threads=threads, progress=progress)
    plan, qtl, major_gene = settings.plan, qtl_of(genome), as_lineage(genome).major_gene
    model = build_genetic_model(qtl, major_gene, plan.traits, plan.architecture, effects_rng, factors=plan.correlations)
    return BasePopulation(genome, model, plan.traits)


def as_lineage(genome: list[BaseChromosome]) -> Lineage:
    """Return base animals as a lineage to which nobody is born."""
    return Lineage(genome, [0] * len(CHROMOSOME_LENGTHS), most=genome[0].strands.n_animals)


def qtl_of(genome: list[BaseChromosome]) -> Int8Array:
    """Return dosages of the QTL of base animals, shape (animals, qtl)."""
    everyone = as_lineage(genome)
    return everyone.qtl_dosages(np.arange(len(everyone)))
