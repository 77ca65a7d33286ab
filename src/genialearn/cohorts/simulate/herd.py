"""A simulated herd in memory: genotypes, pedigree, records and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn.cohorts.simulate.effects import centred_values
from genialearn.cohorts.simulate.genetic_model import build_genetic_model
from genialearn.cohorts.simulate.genome import Progress, simulate_genome
from genialearn.cohorts.simulate.pedigree import animal_ids, pedigree_table, simulate_population
from genialearn.cohorts.simulate.phenotypes import simulate_phenotypes
from genialearn.cohorts.simulate.plan import TraitPlan
from genialearn.cohorts.simulate.reaction_norms import slope_effects
from genialearn.cohorts.simulate.record_tables import RecordTables, record_tables
from genialearn.cohorts.simulate.settings import HerdSettings, threads_or_all
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign
from genialearn.cohorts.simulate.truth import Truth, parameters, slope_table, truth_tables
from genialearn.genotypes import HaplotypeMatrix, PackedGenotypes


@dataclass(frozen=True, eq=False)
class SimulatedHerd:
    """What a simulation gives; the tables' rows are the genotyped animals in the order of the genotypes.

    Parameters
    ----------
    genotypes
        Of the recorded females, shape (animals, markers); memory-mapped where a file was given.
    pedigree
        `id sire dam birth_year sex` of these females and all their ancestors, parents first.
    tables
        The records, and what explains them.
    definitions
        What the traits are, in the order of the columns.
    truth
        True values, QTL and parameters.
    haplotypes
        The genotypes phased, where that was asked for: an animal's first haplotype came from its sire.
    """

    genotypes: PackedGenotypes
    pedigree: pd.DataFrame
    tables: RecordTables
    definitions: tuple[TraitDesign, ...]
    truth: Truth
    haplotypes: HaplotypeMatrix | None = None

    @property
    def traits(self) -> pd.DataFrame:
        """`id` and one column a trait, NaN where there is no record; of repeated records the first of each animal."""
        return self.tables.traits

    @property
    def covariates(self) -> pd.DataFrame:
        """`id herd_year`, and `environment` where there are several; of repeated records those of the first."""
        return self.tables.covariates


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
    plan = settings.plan
    population = simulate_population(settings.animals, population_rng, plan.herds)
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
    model = build_genetic_model(
        genome.qtl.dosages, genome.major_gene, plan.traits, plan.architecture, effects_rng, factors=plan.correlations
    )
    values = model.values(genome.qtl.dosages)
    herds = population.herds[population.recorded]
    norms = _reaction_norms(plan, values.genetic, genome.qtl.dosages, model.effects, herds=herds, rng=effects_rng)
    phenotypes = simulate_phenotypes(
        plan.traits,
        norms.genetic,
        population,
        records_rng,
        shares=plan.recorded_shares,
        correlations=plan.residual_correlations,
    )
    return SimulatedHerd(
        genotypes=genome.genotypes,
        pedigree=pedigree_table(population, ids),
        tables=record_tables(plan, animals, phenotypes, norms.environments),
        definitions=plan.traits,
        truth=Truth(
            *truth_tables(plan, animals, genome, model, values),
            parameters(settings, plan, genome, model, values, in_environment=norms.genetic, phenotypes=phenotypes),
            slope_table(plan, animals, norms.slopes),
        ),
        haplotypes=genome.haplotypes,
    )


@dataclass(frozen=True, eq=False)
class _ReactionNorms:
    """Genetic values in the animals' own environments and slopes, shape (animals, traits), and their environments."""

    genetic: FloatArray
    slopes: FloatArray
    environments: IntArray


def _reaction_norms(
    plan: TraitPlan,
    genetic: FloatArray,
    qtl: Int8Array,
    effects: FloatArray,
    *,
    herds: IntArray,
    rng: np.random.Generator,
) -> _ReactionNorms:
    if plan.environments is None:
        return _ReactionNorms(genetic, np.zeros_like(genetic), np.zeros(len(genetic), dtype=np.int64))
    effects_rng, herds_rng = rng.spawn(2)
    slopes = centred_values(qtl, slope_effects(qtl, effects, effects_rng))
    environments = plan.environments.of_herds(int(herds.max()) + 1, herds_rng)[herds]
    return _ReactionNorms(plan.environments.values(genetic, slopes, environments), slopes, environments)


def _silent(stage: str, fraction: float) -> None:
    """Report progress to nobody."""
