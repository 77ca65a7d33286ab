"""The genome of a herd, chromosome by chromosome: founders, recent history, pedigree, chip."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from genialearn._arrays import BoolArray, ByteArray, Int8Array, IntArray
from genialearn.cohorts.simulate import chip
from genialearn.cohorts.simulate.demography import ANCIENT, recent_sizes
from genialearn.cohorts.simulate.founders import (
    FounderSites,
    coalescent_sites,
    founder_haplotypes,
    independent_sites,
)
from genialearn.cohorts.simulate.history import pass_through, random_couples
from genialearn.cohorts.simulate.map import (
    CHROMOSOME_LENGTHS,
    MORGANS_PER_BASE,
    SitePlan,
    morgans,
    plan_sites,
    share_out,
)
from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap, gene_drop
from genialearn.cohorts.simulate.pedigree import Population
from genialearn.genotypes import MarkerMap

FOUNDERS = ("coalescent", "independent")
YOUNG_FOUNDERS = 24
"""Where the history of founders in linkage equilibrium begins, in generations ago."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of the genome with the dosages of their counted alleles, shape (animals, sites).

    `alleles`, where they are kept, are those of the gametes of sires and dams in turn, shape (2 animals, sites).
    """

    map: MarkerMap
    dosages: Int8Array
    alleles: ByteArray | None = None


@dataclass(frozen=True, eq=False)
class Genome:
    """What the genotyped animals carry.

    Parameters
    ----------
    markers
        The sites of the chip.
    qtl
        The sites that act on traits; all on the chip if so asked.
    major_gene
        Which of the QTL stands for DGAT1.
    """

    markers: Sites
    qtl: Sites
    major_gene: int


@dataclass(frozen=True, eq=False)
class _Chromosome:
    markers: Sites
    qtl: Sites
    is_major_gene: BoolArray


@dataclass(frozen=True)
class GenomeDesign:
    """How many sites there are and where the founders come from; see `simulate_herd`."""

    n_markers: int
    n_qtl: int
    founders: str
    qtl_on_chip: bool
    phased: bool = False

    @property
    def n_segments(self) -> int:
        """How many segments of ancient history are simulated: some 60 ms each, and enough sites for every tile."""
        return max(20, min(self.n_markers // 25, 200), self.n_markers // 100)

    @property
    def sizes(self) -> list[int]:
        """Sizes of the generations between the founders and the pedigree, the oldest first."""
        return recent_sizes(ANCIENT if self.founders == "coalescent" else YOUNG_FOUNDERS)


def simulate_genome(
    population: Population, design: GenomeDesign, rng: np.random.Generator, *, threads: int, progress: Progress
) -> Genome:
    """Return the genome of the recorded animals of a population.

    One chromosome at a time, so that memory is that of as many chromosomes as there are threads.

    Parameters
    ----------
    population
        The pedigree.
    design
        Numbers of sites and the kind of founders.
    rng
        Source of randomness.
    threads
        How many segments or chromosomes are simulated at once; the result doesn't depend on it.
    progress
        Called with the name of the stage and the fraction of it that is done.
    """
    planning, founding, mating, *chromosomal = rng.spawn(3 + len(CHROMOSOME_LENGTHS))
    plans = _plans(design, planning)
    progress("founders", 0.0)
    found = _founder_sites(plans, design, founding, threads, progress)
    generations = random_couples([*design.sizes, population.n_founders], mating)

    def simulate(chromosome: int) -> _Chromosome:
        return _simulate_chromosome(
            plans[chromosome],
            found[chromosome],
            generations=generations,
            population=population,
            design=design,
            rng=chromosomal[chromosome],
        )

    parts = []
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(simulate, range(len(plans))):
            parts.append(part)
            progress("gene drop", len(parts) / len(plans))
    return _whole(parts)


def _plans(design: GenomeDesign, rng: np.random.Generator) -> list[SitePlan]:
    markers, qtl = share_out(design.n_markers), share_out(design.n_qtl)
    return [
        plan_sites(number, n_markers, n_qtl, child)
        for number, (n_markers, n_qtl, child) in enumerate(
            zip(markers.tolist(), qtl.tolist(), rng.spawn(len(markers)), strict=True), start=1
        )
    ]


def _founder_sites(
    plans: list[SitePlan], design: GenomeDesign, rng: np.random.Generator, threads: int, progress: Progress
) -> list[FounderSites]:
    if design.founders == "independent":
        return [independent_sites(plan, child) for plan, child in zip(plans, rng.spawn(len(plans)), strict=True)]
    return coalescent_sites(
        plans,
        rng,
        n_segments=design.n_segments,
        threads=threads,
        progress=lambda fraction: progress("founders", fraction),
    )


def _simulate_chromosome(
    plan: SitePlan,
    sites: FounderSites,
    *,
    generations: list[Couples],
    population: Population,
    design: GenomeDesign,
    rng: np.random.Generator,
) -> _Chromosome:
    genetic_map = GeneticMap(morgans(sites.positions), plan.length * MORGANS_PER_BASE)
    oldest = founder_haplotypes(sites, design.sizes[0], rng)
    founders = pass_through(oldest, generations, genetic_map, rng)
    haplotypes = gene_drop(founders, population.couples, genetic_map, key=int(rng.integers(0, 2**63 - 1)))
    recorded = np.flatnonzero(population.recorded)
    return _ascertained(plan.chromosome, sites, haplotypes.reshape(-1, 2, haplotypes.shape[1])[recorded], design, rng)


def _ascertained(
    chromosome: int, sites: FounderSites, haplotypes: ByteArray, design: GenomeDesign, rng: np.random.Generator
) -> _Chromosome:
    """Return the chip, phased or not, and the QTL, given derived alleles, shape (animals, 2, sites)."""
    derived = haplotypes[:, 0] + haplotypes[:, 1]
    n_qtl = int(share_out(design.n_qtl)[chromosome - 1])
    frequencies = chip.minor_allele_frequencies(derived)
    chosen = chip.ascertain(sites.purposes, frequencies, n_qtl, qtl_on_chip=design.qtl_on_chip, rng=rng)
    counted, other, derived_is_counted = chip.random_alleles(len(sites.positions), rng)

    def taken(columns: IntArray, *, phased: bool = False) -> Sites:
        swapped = ~derived_is_counted[columns]
        copies = np.where(swapped, 2 - derived[:, columns], derived[:, columns]).astype(np.int8)
        sites_map = chip.site_map(chromosome, sites.positions[columns], counted[columns], other[columns])
        alleles = haplotypes[:, :, columns].reshape(-1, len(columns)) ^ swapped.astype(np.uint8) if phased else None
        return Sites(sites_map, copies, alleles)

    markers = taken(chosen.markers, phased=design.phased)
    return _Chromosome(markers, taken(chosen.qtl), chosen.qtl == chosen.major_gene)


def _whole(chromosomes: list[_Chromosome]) -> Genome:
    is_major_gene = np.concatenate([chromosome.is_major_gene for chromosome in chromosomes])
    return Genome(
        _joined([chromosome.markers for chromosome in chromosomes]),
        _joined([chromosome.qtl for chromosome in chromosomes]),
        int(np.flatnonzero(is_major_gene)[0]),
    )


def _joined(parts: list[Sites]) -> Sites:
    maps = [part.map for part in parts]
    columns = (np.concatenate([getattr(each, field.name) for each in maps]) for field in fields(MarkerMap))
    phased = [part.alleles for part in parts if part.alleles is not None]
    alleles = np.concatenate(phased, axis=1) if phased else None
    dosages = np.asfortranarray(np.concatenate([part.dosages for part in parts], axis=1))
    return Sites(MarkerMap(*columns), dosages, alleles)
