"""A simulated herd in memory: genotypes, pedigree, records and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn.cohorts.simulate.architecture import ARCHITECTURES
from genialearn.cohorts.simulate.correlations import fit_factor_model
from genialearn.cohorts.simulate.genetic_model import build_genetic_model
from genialearn.cohorts.simulate.genome import Progress, simulate_genome
from genialearn.cohorts.simulate.pedigree import animal_ids, pedigree_table, simulate_population
from genialearn.cohorts.simulate.phenotypes import simulate_phenotypes
from genialearn.cohorts.simulate.settings import HerdSettings, threads_or_all
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign, chosen_traits, names_of
from genialearn.cohorts.simulate.truth import Truth, by_animal, parameters, truth_tables
from genialearn.genotypes import HaplotypeMatrix, PackedGenotypes

FIXED_EFFECTS = "C(herd_year)"


@dataclass(frozen=True, eq=False)
class SimulatedHerd:
    """What a simulation gives; the tables' rows are the genotyped animals in the order of the genotypes.

    Parameters
    ----------
    genotypes
        Of the recorded females, shape (animals, markers); memory-mapped where a file was given.
    pedigree
        `id sire dam birth_year sex` of these females and all their ancestors, parents first.
    traits
        `id` and one column a trait, NaN where there is no record.
    covariates
        `id herd_year`.
    definitions
        What the traits are, in the order of the columns.
    truth
        True values, QTL and parameters.
    haplotypes
        The genotypes phased, where that was asked for: an animal's first haplotype came from its sire.
    """

    genotypes: PackedGenotypes
    pedigree: pd.DataFrame
    traits: pd.DataFrame
    covariates: pd.DataFrame
    definitions: tuple[TraitDesign, ...]
    truth: Truth
    haplotypes: HaplotypeMatrix | None = None


def simulate_herd(
    settings: HerdSettings | None = None,
    *,
    progress: Progress | None = None,
    threads: int | None = None,
    bed: Path | None = None,
) -> SimulatedHerd:
    """Return a simulated herd.

    Parameters
    ----------
    settings
        What is simulated; None for the defaults, which take some ten seconds. 300 animals, 500 markers, 6 traits and
        independent founders take less than one.
    progress
        Called with the name of the stage and the fraction of it that is done.
    threads
        How many chromosomes are simulated at once, None for all processors; the result doesn't depend on it.
    bed
        A .bed file to which genotypes go as chromosomes come; None to keep them in memory.

    Raises
    ------
    MissingExtraError
        Where coalescent founders are asked for and msprime isn't installed.
    """
    settings, report = settings or HerdSettings(), progress or _silent
    population_rng, genome_rng, effects_rng, records_rng = np.random.default_rng(settings.seed).spawn(4)
    report("pedigree", 0.0)
    population = simulate_population(settings.animals, population_rng)
    ids = animal_ids(len(population), population_rng)
    animals = ids[population.recorded]
    genome = simulate_genome(
        population,
        animals,
        settings.genome_design,
        genome_rng,
        threads=threads_or_all(threads),
        progress=report,
        bed=bed,
    )
    report("traits", 0.0)
    traits = chosen_traits(settings.n_traits)
    architecture = ARCHITECTURES[settings.architecture]
    factors = fit_factor_model().select(names_of(traits))
    model = build_genetic_model(
        genome.qtl.dosages, genome.major_gene, traits, architecture, effects_rng, factors=factors
    )
    values = model.values(genome.qtl.dosages)
    phenotypes = simulate_phenotypes(traits, values.genetic, population, records_rng)
    return SimulatedHerd(
        genotypes=genome.genotypes,
        pedigree=pedigree_table(population, ids),
        traits=by_animal(animals, phenotypes.records, names_of(traits)),
        covariates=pd.DataFrame({"id": animals, "herd_year": phenotypes.herd_years}),
        definitions=traits,
        truth=Truth(
            *truth_tables(traits, animals, genome.qtl, model, values),
            parameters(settings, traits, genome, model, values.genetic, residuals=phenotypes.residuals),
        ),
        haplotypes=genome.haplotypes,
    )


def _silent(stage: str, fraction: float) -> None:
    """Report progress to nobody."""
