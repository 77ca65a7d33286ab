"""The genome of a herd, chromosome by chromosome: founders, recent history, pedigree, chip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genialearn._arrays import BoolArray, ByteArray, Int8Array, IntArray, StrArray
from genialearn.cohorts.simulate import chip
from genialearn.cohorts.simulate.founders import (
    FounderSites,
    coalescent_sites,
    founder_haplotypes,
    independent_sites,
)
from genialearn.cohorts.simulate.genome_design import GenomeDesign
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
from genialearn.cohorts.simulate.strands import Strands, ones
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, PackedGenotypes, map_bed, writing_bed

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of the genome with the dosages of their counted alleles, shape (animals, sites)."""

    map: MarkerMap
    dosages: Int8Array


@dataclass(frozen=True, eq=False)
class Genome:
    """What the genotyped animals carry.

    Parameters
    ----------
    genotypes
        At the sites of the chip.
    qtl
        The sites that act on traits; all on the chip if so asked.
    major_gene
        Which of the QTL stands for DGAT1.
    haplotypes
        The genotypes phased, where that was asked for: an animal's first haplotype came from its sire.
    origins
        Of each other breed: 1 at each marker of a haplotype that came from it.
    """

    genotypes: PackedGenotypes
    qtl: Sites
    major_gene: int
    haplotypes: HaplotypeMatrix | None
    origins: tuple[HaplotypeMatrix, ...] = ()


@dataclass(frozen=True, eq=False)
class Chromosome:
    """What the genotyped animals carry on one chromosome."""

    markers: MarkerMap
    genotypes: PackedGenotypes | None
    haplotypes: HaplotypeMatrix | None
    qtl: Sites
    is_major_gene: BoolArray
    origins: tuple[HaplotypeMatrix, ...] = ()

    @classmethod
    def of(
        cls,
        markers: HaplotypeMatrix,
        qtl: HaplotypeMatrix,
        is_major_gene: BoolArray,
        design: GenomeDesign,
        rng: np.random.Generator,
    ) -> Chromosome:
        """Return the chromosome of phased markers and QTL, with genotypes as they are called."""
        alleles = qtl.alleles()
        return cls(
            markers.markers,
            design.calling.called(markers.genotypes(), rng),
            markers if design.phased else None,
            Sites(qtl.markers, alleles[0::2] + alleles[1::2]),
            is_major_gene,
        )


def simulate_genome(
    population: Population,
    animals: StrArray,
    design: GenomeDesign,
    rng: np.random.Generator,
    *,
    threads: int,
    progress: Progress,
    bed: Path | None = None,
) -> Genome:
    """Return the genome of the recorded animals of a population.

    One chromosome at a time, so that memory is that of as many chromosomes as there are threads, and of the packed
    genotypes unless they are written.

    Parameters
    ----------
    population
        The pedigree.
    animals
        Identifiers of those recorded, shape (recorded,).
    design
        Numbers of sites and the kind of founders.
    rng
        Source of randomness.
    threads
        How many segments or chromosomes are simulated at once; the result doesn't depend on it.
    progress
        Called with the name of the stage and the fraction of it that is done.
    bed
        File to which genotypes are written as chromosomes come, and from which they are then read; None for memory.
    """
    planning, founding, mating, *chromosomal = chromosome_streams(rng)
    plans = site_plans(design, planning)
    progress("founders", 0.0)
    found = founder_sites(plans, design, founding, threads, progress)
    breeds = _breeds(population, design, mating)

    def simulate(chromosome: int) -> Chromosome:
        return _simulate_chromosome(
            plans[chromosome],
            found[chromosome],
            breeds=breeds,
            population=population,
            animals=animals,
            design=design,
            rng=chromosomal[chromosome],
        )

    return gathered(simulate, len(plans), animals, threads=threads, progress=progress, bed=bed)


def gathered(
    simulate: Callable[[int], Chromosome],
    n_chromosomes: int,
    animals: StrArray,
    *,
    threads: int,
    progress: Progress,
    bed: Path | None,
) -> Genome:
    """Return the chromosomes that a function makes as one genome; parameters are those of `simulate_genome`."""
    parts = []
    with ThreadPoolExecutor(threads) as pool, _writing(bed) as write:
        for part in pool.map(simulate, range(n_chromosomes)):
            parts.append(write(part))
            progress("gene drop", len(parts) / n_chromosomes)
    return _whole(parts, animals, bed)


@contextmanager
def _writing(bed: Path | None) -> Iterator[Callable[[Chromosome], Chromosome]]:
    """Open what takes the genotypes of one chromosome after the other, and returns what is left to be kept."""
    if bed is None:
        yield lambda part: part
        return
    with writing_bed(bed) as write:

        def written(part: Chromosome) -> Chromosome:
            assert part.genotypes is not None, "each chromosome is written once"
            write(part.genotypes.packed)
            return replace(part, genotypes=None)

        yield written


class _Breed(NamedTuple):
    """The recent history of a breed: the couples of its generations, and which founders of the population it gives."""

    n_oldest: int
    generations: list[Couples]
    founders: IntArray


def _breeds(population: Population, design: GenomeDesign, rng: np.random.Generator) -> list[_Breed]:
    """Return the breeds of a population's founders; all descend from the same ancient animals."""
    streams = [rng, *rng.spawn(len(design.other_breeds))]
    found = []
    for number, (breed, stream) in enumerate(zip(("holstein", *design.other_breeds), streams, strict=True)):
        sizes, founders = design.sizes_of(breed), np.flatnonzero(population.breeds == number)
        found.append(_Breed(sizes[0], random_couples([*sizes, len(founders)], stream), founders))
    return found


def _founders(sites: FounderSites, breeds: list[_Breed], genetic_map: GeneticMap, rng: np.random.Generator) -> Strands:
    """Return the founders of a population on one chromosome."""
    n_founders = sum(len(breed.founders) for breed in breeds)
    out = Strands.empty(n_founders, len(sites.positions))
    by_animal = out.words.reshape(n_founders, -1)
    for breed in breeds:
        oldest = Strands.of(founder_haplotypes(sites, breed.n_oldest, rng))
        last = pass_through(oldest, breed.generations, genetic_map, rng)
        by_animal[breed.founders] = last.words.reshape(len(breed.founders), -1)
    return out


def chromosome_streams(rng: np.random.Generator) -> list[np.random.Generator]:
    """Return sources of randomness for plans, founders, mating, and each chromosome."""
    return rng.spawn(3 + len(CHROMOSOME_LENGTHS))


def site_plans(design: GenomeDesign, rng: np.random.Generator) -> list[SitePlan]:
    """Return which sites are wanted on each chromosome."""
    shares, qtl = share_out(design.n_markers).tolist(), share_out(design.n_qtl).tolist()
    plans = []
    for number, (n_markers, n_qtl, child) in enumerate(zip(shares, qtl, rng.spawn(len(qtl)), strict=True), start=1):
        if design.chip is None:
            plans.append(plan_sites(number, n_markers, n_qtl, child))
        else:
            markers = design.chip.on(number)
            plans.append(plan_sites(number, len(markers), n_qtl, child, (markers.positions, markers.frequencies)))
    return plans


def founder_sites(
    plans: list[SitePlan], design: GenomeDesign, rng: np.random.Generator, threads: int, progress: Progress
) -> list[FounderSites]:
    """Return the sites of all chromosomes among the oldest ancestors; parameters are those of `simulate_genome`."""
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
    breeds: list[_Breed],
    population: Population,
    animals: StrArray,
    design: GenomeDesign,
    rng: np.random.Generator,
) -> Chromosome:
    genetic_map = GeneticMap(morgans(sites.positions), plan.length * MORGANS_PER_BASE)
    founders, recorded = _founders(sites, breeds, genetic_map, rng), np.flatnonzero(population.recorded)
    key = int(rng.integers(0, 2**63 - 1))

    def dropped(strands: Strands) -> ByteArray:
        return gene_drop(strands, population.couples, genetic_map, key=key).select(recorded).by_site()

    found = Ascertained.of(plan, sites, dropped(founders), 2 * len(animals), design=design, rng=rng)
    chosen = found.chosen
    markers, qtl = (HaplotypeMatrix(animals, *found.taken(columns)) for columns in (chosen.markers, chosen.qtl))
    chromosome = Chromosome.of(markers, qtl, chosen.qtl == chosen.major_gene, design, rng)
    origins = (dropped(_labelled(founders, breed.founders))[chosen.markers] for breed in breeds[1:])
    return replace(
        chromosome, origins=tuple(HaplotypeMatrix(animals, chromosome.markers, origin) for origin in origins)
    )


def _labelled(founders: Strands, some: IntArray) -> Strands:
    """Return strands that are 1 everywhere in some founders and 0 in the others."""
    words = np.zeros_like(founders.words)
    words.reshape(founders.n_animals, -1)[some] = ~np.uint64(0)
    return Strands(words, founders.n_sites)


@dataclass(frozen=True, eq=False)
class Ascertained:
    """The candidate sites of one chromosome, and which of them are markers and QTL.

    Parameters
    ----------
    chromosome
        Its number, from 1.
    positions
        Shape (sites,).
    derived
        Bits for derived alleles with sites as rows, shape (sites, bytes).
    chosen
        The columns of the chip and of the QTL.
    counted, other
        Alleles, shape (sites,).
    derived_is_counted
        Shape (sites,).
    """

    chromosome: int
    positions: IntArray
    derived: ByteArray
    chosen: chip.Ascertained
    counted: StrArray
    other: StrArray
    derived_is_counted: BoolArray

    @classmethod
    def of(
        cls,
        plan: SitePlan,
        sites: FounderSites,
        derived: ByteArray,
        n_haplotypes: int,
        *,
        design: GenomeDesign,
        rng: np.random.Generator,
    ) -> Ascertained:
        """Return which sites are chosen by the frequencies of derived alleles among so many haplotypes."""
        chosen = chip.ascertain(
            sites.purposes,
            chip.minor_allele_frequencies(ones(derived) / n_haplotypes),
            int(share_out(design.n_qtl)[plan.chromosome - 1]),
            qtl_on_chip=design.qtl_on_chip,
            rng=rng,
            wanted=plan.chip,
        )
        alleles = chip.random_alleles(len(sites.positions), rng)
        return cls(plan.chromosome, sites.positions, derived, chosen, *alleles)

    def taken(self, columns: IntArray) -> tuple[MarkerMap, ByteArray]:
        """Return some sites and bits for their counted alleles, shape (sites, bytes)."""
        swaps = np.where(self.derived_is_counted[columns], 0, 255).astype(np.uint8)
        named = (self.positions[columns], self.counted[columns], self.other[columns])
        return chip.site_map(self.chromosome, *named), self.derived[columns] ^ swaps[:, None]


def _whole(chromosomes: list[Chromosome], animals: StrArray, bed: Path | None) -> Genome:
    """Return chromosomes as one genome, genotypes from the file to which they were written if there is one."""
    markers = joined_maps([chromosome.markers for chromosome in chromosomes])
    qtl_map = joined_maps([chromosome.qtl.map for chromosome in chromosomes])
    is_major_gene = np.concatenate([chromosome.is_major_gene for chromosome in chromosomes])
    packed = (
        np.concatenate([part.genotypes.packed for part in chromosomes if part.genotypes is not None])
        if bed is None
        else map_bed(bed, len(animals), len(markers))
    )
    phased = [part.haplotypes.packed for part in chromosomes if part.haplotypes is not None]
    return Genome(
        PackedGenotypes.whole(animals, markers, packed),
        Sites(qtl_map, np.concatenate([chromosome.qtl.dosages for chromosome in chromosomes], axis=1)),
        int(np.flatnonzero(is_major_gene)[0]),
        HaplotypeMatrix(animals, markers, np.concatenate(phased)) if phased else None,
        tuple(
            HaplotypeMatrix(animals, markers, np.concatenate([part.packed for part in parts]))
            for parts in zip(*(chromosome.origins for chromosome in chromosomes), strict=True)
        ),
    )


def joined_maps(maps: list[MarkerMap]) -> MarkerMap:
    """Return the maps of chromosomes as one."""
    columns = (np.concatenate([getattr(each, field.name) for each in maps]) for field in fields(MarkerMap))
    return MarkerMap(*columns)
