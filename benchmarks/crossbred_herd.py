"""Herds for `crossbred.py`: crossbred cows, the bulls of the other breed, and traits made of the breed of origin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, Int8Array, StrArray
from genialearn.cohorts import Cohort
from genialearn.cohorts.simulate.genome import simulate_genome
from genialearn.cohorts.simulate.genome_design import GenomeDesign
from genialearn.cohorts.simulate.pedigree import HerdDesign, animal_ids, simulate_population
from genialearn.genotypes import HaplotypeMatrix
from genialearn.records import RecordTable, Trait

OWN, OTHER = "holstein", "jersey"
CORRELATIONS = {"same effects": 1.0, "correlation .5": 0.5}
"""Of the effects of an allele in the two breeds."""

DOMINANCE = 0.193, 0.312
"""Mean and standard deviation of d / |a| (Bennewitz and Meuwissen 2010, J Anim Breed Genet 127:171)."""

TEST_YEARS = 2
"""Crossbred cows of so many last birth years are predicted."""


@dataclass(frozen=True, eq=False)
class CrossbredHerd:
    """Cows and the bulls of the other breed, with what is true of them.

    Parameters
    ----------
    haplotypes
        Markers and QTL together.
    origins
        1 where an allele came from the other breed, shape (2 animals, markers and QTL).
    is_bull
        Purebred bulls of the other breed, who have no records, shape (animals,).
    birth_years
        Shape (animals,).
    """

    haplotypes: HaplotypeMatrix
    origins: Int8Array
    is_bull: BoolArray
    birth_years: FloatArray

    @property
    def animals(self) -> StrArray:
        return self.haplotypes.animals

    @property
    def shares(self) -> FloatArray:
        """The true share of each animal's alleles that came from the other breed, shape (animals,)."""
        return self.origins.reshape(len(self.animals), -1).mean(axis=1)

    @property
    def breeds(self) -> dict[str, str]:
        """Breed of each purebred animal, as a pedigree would tell it."""
        own = dict.fromkeys(self.animals[self.shares == 0], OWN)
        return own | dict.fromkeys(self.animals[self.is_bull], OTHER)

    @property
    def is_test(self) -> BoolArray:
        """The youngest crossbred cows."""
        crossed = (self.shares > 0) & ~self.is_bull
        return crossed & (self.birth_years > self.birth_years[~self.is_bull].max() - TEST_YEARS)


@dataclass(frozen=True, eq=False)
class CrossbredTraits:
    """Several traits of each scenario.

    Parameters
    ----------
    cohort
        All animals on the markers that are no QTL, one record of each trait a cow.
    genetic_values
        Shape (animals, traits).
    scenarios
        Of each trait.
    is_marker
        Which columns of the herd are markers, shape (markers and QTL,).
    """

    cohort: Cohort
    genetic_values: FloatArray
    scenarios: list[str]
    is_marker: BoolArray


def crossbred_herd(n_animals: int, n_sites: int, share: float, seed: int, founders: str) -> CrossbredHerd:
    """Return a herd of which a share of the heifers has a purebred sire of the other breed."""
    rng = np.random.default_rng(seed)
    population = simulate_population(n_animals, rng, HerdDesign(crossing=((OTHER, share),)))
    ids, is_bull = animal_ids(len(population), rng), np.zeros(len(population), dtype=bool)
    is_bull[np.flatnonzero(population.breeds == 1)] = True
    genotyped = replace(population, recorded=population.recorded | is_bull)
    rows = np.flatnonzero(genotyped.recorded)
    design = GenomeDesign(n_sites, 29, founders, False, phased=True, other_breeds=(OTHER,))
    genome = simulate_genome(genotyped, ids[rows], design, rng, threads=1, progress=lambda stage, share: None)
    assert genome.haplotypes is not None
    years = population.birth_years[rows].astype(np.float64)
    return CrossbredHerd(genome.haplotypes, genome.origins[0].alleles(), is_bull[rows], years)


def crossbred_traits(herd: CrossbredHerd, *, n_qtl: int, draws: int, heritability: float, seed: int) -> CrossbredTraits:
    """Return traits whose QTL are some of the sites, which are then no markers."""
    rng = np.random.default_rng([seed, 7])
    qtl = np.sort(rng.permutation(herd.haplotypes.shape[1])[:n_qtl])
    alleles, origins = herd.haplotypes.alleles(qtl), herd.origins[:, qtl]
    names, columns = [], []
    for scenario, correlation in CORRELATIONS.items():
        for action in ("additive", "dominance"):
            for _ in range(draws):
                names.append(f"{scenario}, {action}")
                columns.append(_genetic_values(alleles, origins, correlation, action == "dominance", rng))
    cows = ~herd.is_bull
    values = np.column_stack(columns)
    values = (values - values[cows].mean(axis=0)) / values[cows].std(axis=0)
    residuals = np.sqrt(1 / heritability - 1) * rng.standard_normal(values.shape)
    is_marker = ~np.isin(np.arange(herd.haplotypes.shape[1]), qtl)
    records = np.where(cows[:, None], values + residuals, np.nan)
    return CrossbredTraits(_cohort(herd.haplotypes.select(markers=is_marker), records), values, names, is_marker)


def _genetic_values(
    alleles: Int8Array, origins: Int8Array, correlation: float, dominance: bool, rng: np.random.Generator
) -> FloatArray:
    """Return the values of one trait: an allele's effect is that of its breed of origin.

    Alleles count as plus and minus a half, so that it doesn't matter which of the two is counted.
    """
    n_qtl = alleles.shape[1]
    first, other = rng.standard_normal((2, n_qtl))
    effects = np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * other])
    by_haplotype = ((alleles - 0.5) * np.where(origins == 0, effects[0], effects[1])).sum(axis=1)
    values = by_haplotype[0::2] + by_haplotype[1::2]
    if dominance:
        heterozygous = alleles[0::2] != alleles[1::2]
        values = values + heterozygous @ (np.abs(effects).mean(axis=0) * rng.normal(*DOMINANCE, n_qtl))
    return np.asarray(values)


def _cohort(haplotypes: HaplotypeMatrix, records: FloatArray) -> Cohort:
    traits = tuple(Trait(f"trait{number:02d}") for number in range(records.shape[1]))
    table = RecordTable(traits, haplotypes.animals, records, np.ones_like(records))
    return Cohort(haplotypes.genotypes(), table, None, haplotypes)
