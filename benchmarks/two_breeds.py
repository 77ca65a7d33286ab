"""Two purebred breeds with one genetic model: a large one with records, a small one where few animals have any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn.cohorts import Cohort
from genialearn.cohorts.simulate.architecture import ARCHITECTURES
from genialearn.cohorts.simulate.correlations import fit_factor_model
from genialearn.cohorts.simulate.genetic_model import build_genetic_model
from genialearn.cohorts.simulate.genome import Genome, simulate_genome
from genialearn.cohorts.simulate.genome_design import GenomeDesign
from genialearn.cohorts.simulate.pedigree import UNKNOWN, Population, animal_ids, simulate_population
from genialearn.cohorts.simulate.trait_catalogue import CATALOGUE, TraitDesign
from genialearn.genotypes import dosages
from genialearn.records import Pedigree

LARGE, SMALL = "holstein", "jersey"

ADDITIVE = ("milk_yield", "protein_percent", "milking_speed", "height")
NONLINEAR = ("udder_depth", "cow_conception", "somatic_cell_score", "functional_longevity")
"""60 % of their genetic variance is a curved function of the breeding value of the additive trait above."""

HERITABILITY = {**dict.fromkeys(ADDITIVE, 0.35), **dict.fromkeys(NONLINEAR, 0.25)}
"""Of all genetic variance, within breeds."""

TRAITS = tuple(trait for trait in CATALOGUE if trait.name in HERITABILITY)


@dataclass(frozen=True)
class Sizes:
    """How many animals and sites there are.

    `large` animals of the large breed have records. Of the `small` genotyped ones of the small breed the youngest tenth
    is predicted; of the others, `recorded` have records. Where QTL are on the chip, markers act alike in both breeds.
    """

    large: int = 5_000
    small: int = 5_000
    recorded: int = 1_500
    markers: int = 2_000
    qtl: int = 300
    qtl_on_chip: bool = False


@dataclass(frozen=True, eq=False)
class TwoBreeds:
    """Animals of both breeds.

    Parameters
    ----------
    cohort
        Records of all animals but those predicted and those without any.
    genetic
        True genetic values, shape (animals, traits).
    is_small, is_young
        Of the small breed; of these, to be predicted; shape (animals,).
    linear
        Share of each trait's genetic variance in the small breed that is linear in its QTL, shape (traits,).
    """

    cohort: Cohort
    genetic: FloatArray
    is_small: BoolArray
    is_young: BoolArray
    linear: FloatArray

    @property
    def is_recorded(self) -> BoolArray:
        """Which animals have records, shape (animals,)."""
        return np.isfinite(self.cohort.records.values).any(axis=1)


def two_breeds(sizes: Sizes, *, founders: str, seed: int, threads: int) -> TwoBreeds:
    """Return both breeds: they share ancient history and QTL effects, and have drifted apart since."""
    population_rng, genome_rng, effects_rng, records_rng = np.random.default_rng(seed).spawn(4)
    population = joined(
        simulate_population(sizes.large, population_rng), simulate_population(sizes.small, population_rng)
    )
    design = GenomeDesign(sizes.markers, sizes.qtl, founders, sizes.qtl_on_chip, other_breeds=(SMALL,))
    ids = animal_ids(len(population), population_rng)
    genome = simulate_genome(
        population, ids[population.recorded], design, genome_rng, threads=threads, progress=lambda *_: None
    )
    is_small = breed_of(population)[population.recorded] == 1
    genetic = genetic_values(genome, effects_rng)
    years = population.birth_years[population.recorded]
    is_young = is_small & (years == years.max())
    has_records = ~is_small
    older = np.flatnonzero(is_small & ~is_young)
    has_records[records_rng.permutation(older)[: sizes.recorded]] = True
    records = np.where(has_records[:, None], phenotypes(genetic, is_small, records_rng), np.nan)
    cohort = Cohort.from_arrays(
        dosages(genome.genotypes),
        records,
        animals=list(genome.genotypes.animals),
        trait_names=[trait.name for trait in TRAITS],
        markers=genome.genotypes.markers,
        covariates=pd.DataFrame({"breed": np.where(is_small, SMALL, LARGE)}),
        fixed="breed",
        pedigree=pedigree_of(population, ids),
    )
    linear = linear_share(genome.qtl.dosages[is_small], genetic[is_small])
    return TwoBreeds(cohort, genetic, is_small, is_young, linear)


def linear_share(qtl: Int8Array, genetic: FloatArray) -> FloatArray:
    """Return the adjusted R2 of genetic values (animals, traits) on dosages (animals, qtl), shape (traits,)."""
    centred, values = qtl - qtl.mean(axis=0), genetic - genetic.mean(axis=0)
    effects, _, rank, _ = np.linalg.lstsq(centred, values, rcond=None)
    left = ((values - centred @ effects) ** 2).sum(axis=0) / (len(qtl) - rank - 1)
    return 1 - left / values.var(axis=0, ddof=1)


def joined(large: Population, small: Population) -> Population:
    """Return two populations as one, founders of both first."""
    n_large, founders = len(large), (large.n_founders, small.n_founders)
    order = np.concatenate(
        [
            np.arange(founders[0]),
            n_large + np.arange(founders[1]),
            np.arange(founders[0], n_large),
            n_large + np.arange(founders[1], len(small)),
        ]
    )
    number = np.empty(len(order) + 1, dtype=np.int64)
    number[order], number[-1] = np.arange(len(order)), UNKNOWN

    def parents(ours: IntArray, theirs: IntArray) -> IntArray:
        return number[np.concatenate([ours, np.where(theirs == UNKNOWN, UNKNOWN, n_large + theirs)])[order]]

    def both(name: str) -> IntArray:
        return np.concatenate([getattr(large, name), getattr(small, name)])[order]

    return Population(
        parents(large.sires, small.sires),
        parents(large.dams, small.dams),
        both("birth_years"),
        both("females"),
        both("herds"),
        both("recorded"),
        np.repeat([0, 1], founders),
    )


def breed_of(population: Population) -> IntArray:
    """Return the breed of every animal, that of its sire, shape (animals,)."""
    breeds = np.zeros(len(population), dtype=np.int64)
    breeds[: population.n_founders] = population.breeds
    for animal in range(population.n_founders, len(population)):
        breeds[animal] = breeds[population.sires[animal]]
    return breeds


def genetic_values(genome: Genome, rng: np.random.Generator) -> FloatArray:
    """Return genetic values of all animals, shape (animals, traits)."""
    factors, architecture = fit_factor_model().select(names_of(TRAITS)), ARCHITECTURES["nonlinear"]
    links = {link.target: link for link in architecture.links}
    assert set(NONLINEAR) <= set(links), "every trait of them has its link"
    model = build_genetic_model(genome.qtl.dosages, genome.major_gene, TRAITS, architecture, rng, factors=factors)
    return model.values(genome.qtl.dosages).genetic


def names_of(traits: tuple[TraitDesign, ...]) -> list[str]:
    return [trait.name for trait in traits]


def phenotypes(genetic: FloatArray, is_small: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Return records with the wanted heritabilities within each breed, shape (animals, traits)."""
    heritabilities = np.array([HERITABILITY[name] for name in names_of(TRAITS)])
    out = np.empty_like(genetic)
    for rows in (np.flatnonzero(is_small), np.flatnonzero(~is_small)):
        deviations = genetic[rows].std(axis=0) * np.sqrt(1 / heritabilities - 1)
        out[rows] = genetic[rows] + deviations * rng.standard_normal((len(rows), len(TRAITS)))
    return out


def pedigree_of(population: Population, ids: np.ndarray) -> Pedigree:
    sexes = np.where(population.females, "female", "male").astype(object)
    return Pedigree(ids, population.sires, population.dams, population.birth_years.astype(np.float64), sexes)
