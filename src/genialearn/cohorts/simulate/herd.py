"""A simulated herd in memory: genotypes, pedigree, records and the truth behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, Int8Array, IntArray, StrArray
from genialearn.cohorts.simulate.breeding import IndexBreeder, bred_genome
from genialearn.cohorts.simulate.effects import centred_values
from genialearn.cohorts.simulate.genetic_model import GeneticModel, build_genetic_model
from genialearn.cohorts.simulate.genome import Genome, Progress, simulate_genome
from genialearn.cohorts.simulate.lineage import Lineage, base_genome, chromosome_keys
from genialearn.cohorts.simulate.pedigree import (
    Population,
    animal_ids,
    pedigree_table,
    run_population,
    simulate_population,
)
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
    origins
        By other breed, where there is crossing: 1 at each marker of a haplotype that came from it.
    """

    genotypes: PackedGenotypes
    pedigree: pd.DataFrame
    tables: RecordTables
    definitions: tuple[TraitDesign, ...]
    truth: Truth
    haplotypes: HaplotypeMatrix | None = None
    origins: Mapping[str, HaplotypeMatrix] = field(default_factory=dict)

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
    settings, report, n_threads = settings or HerdSettings(), progress or _silent, threads_or_all(threads)
    *streams, records_rng = np.random.default_rng(settings.seed).spawn(4)
    plan, make = settings.plan, _bred if settings.selection > 0 else _unselected
    population, ids, genome, model = make(settings, plan, streams, threads=n_threads, progress=report, bed=bed)
    report("traits", 0.0)
    animals, herds = ids[population.recorded], population.herds[population.recorded]
    values = model.values(genome.qtl.dosages)
    norms = _reaction_norms(plan, values.genetic, genome.qtl.dosages, model.effects, herds=herds, rng=streams[2])
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
            *truth_tables(plan.traits, animals, genome.qtl, model, values, level=plan.level),
            parameters(settings, plan, genome, model, values, in_environment=norms.genetic, phenotypes=phenotypes),
            slope_table(plan, animals, norms.slopes),
        ),
        haplotypes=genome.haplotypes,
        origins=dict(zip(settings.genome_design.other_breeds, genome.origins, strict=True)),
    )


class _Made(NamedTuple):
    """A population, its identifiers, the genome of those recorded, and the genetic model."""

    population: Population
    ids: StrArray
    genome: Genome
    model: GeneticModel


def _unselected(
    settings: HerdSettings,
    plan: TraitPlan,
    streams: list[np.random.Generator],
    *,
    threads: int,
    progress: Progress,
    bed: Path | None,
) -> _Made:
    """Return a herd whose pedigree is known before its genes; the model is fixed on the recorded animals."""
    population_rng, genome_rng, effects_rng = streams
    progress("pedigree", 0.0)
    population = simulate_population(settings.animals, population_rng, replace(plan.herds, crossing=settings.crossing))
    ids = animal_ids(len(population), population_rng)
    animals, design = ids[population.recorded], settings.genome_design
    genome = simulate_genome(population, animals, design, genome_rng, threads=threads, progress=progress, bed=bed)
    model = _model(genome.qtl.dosages, genome.major_gene, plan, effects_rng)
    return _Made(population, ids, genome, model)


def _bred(
    settings: HerdSettings,
    plan: TraitPlan,
    streams: list[np.random.Generator],
    *,
    threads: int,
    progress: Progress,
    bed: Path | None,
) -> _Made:
    """Return a herd whose bulls are chosen by their genes; the model is fixed on the founders."""
    population_rng, genome_rng, effects_rng = streams
    breeder_rng, herd = population_rng.spawn(1)[0], plan.herds
    design, n_founders = settings.genome_design, herd.n_founders(settings.animals)
    base = base_genome(n_founders, design, genome_rng, threads=threads, progress=progress)
    keys, most = chromosome_keys(genome_rng), herd.most_animals(settings.animals)
    lineage = Lineage([part.only(part.is_qtl) for part in base], keys, most=most, threads=threads)
    model = _model(lineage.qtl_dosages(np.arange(n_founders)), lineage.major_gene, plan, effects_rng)
    progress("pedigree", 0.0)
    breeder = IndexBreeder(lineage, model, plan.traits, accuracy=settings.selection, rng=breeder_rng)
    everybody = run_population(settings.animals, population_rng, herd, breeder)
    ids = animal_ids(len(everybody), population_rng)
    animals = ids[everybody.recorded]
    genome = bred_genome(
        base, everybody, animals, keys, design=design, rng=genome_rng, threads=threads, progress=progress, bed=bed
    )
    wanted = np.flatnonzero(everybody.with_ancestors)
    return _Made(everybody.select(wanted), ids[wanted], genome, model)


def _model(qtl: Int8Array, major_gene: int, plan: TraitPlan, rng: np.random.Generator) -> GeneticModel:
    return build_genetic_model(qtl, major_gene, plan.traits, plan.architecture, rng, factors=plan.correlations)


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
