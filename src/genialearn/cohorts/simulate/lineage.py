"""A lineage: base animals with their whole genome, and everybody who is born to them, generation by generation.

Where mates are chosen by their genes, the pedigree isn't known before these are dropped. So the sites are chosen among
base animals, and a lineage grows as its breeder says. The random stream of a gamete is that of its chromosome and of
the number of the animal: a lineage of fewer sites with the same keys passes on the same pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import BoolArray, Int8Array, IntArray, StrArray
from genialearn.cohorts.simulate.founders import FounderSites, founder_haplotypes
from genialearn.cohorts.simulate.genome import (
    Ascertained,
    Progress,
    chromosome_streams,
    founder_sites,
    joined_maps,
    site_plans,
)
from genialearn.cohorts.simulate.genome_design import GenomeDesign
from genialearn.cohorts.simulate.history import pass_through, random_couples
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS, MORGANS_PER_BASE, SitePlan, morgans
from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap, born
from genialearn.cohorts.simulate.strands import Strands
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, PackedGenotypes


@dataclass(frozen=True, eq=False)
class BaseChromosome:
    """What base animals carry on one chromosome.

    Parameters
    ----------
    sites
        Markers and QTL in map order.
    is_marker, is_qtl, is_major_gene
        Which sites they are, shape (sites,).
    genetic_map
        Of the sites.
    strands
        1 for the counted allele.
    """

    sites: MarkerMap
    is_marker: BoolArray
    is_qtl: BoolArray
    is_major_gene: BoolArray
    genetic_map: GeneticMap
    strands: Strands

    def only(self, chosen: BoolArray) -> BaseChromosome:
        """Return some of the sites."""
        return BaseChromosome(
            self.sites.select(np.flatnonzero(chosen)),
            self.is_marker[chosen],
            self.is_qtl[chosen],
            self.is_major_gene[chosen],
            GeneticMap(self.genetic_map.positions[chosen], self.genetic_map.length),
            Strands.of_sites(self.strands.by_site()[chosen], self.strands.n_animals),
        )

    def with_qtl(self, is_qtl: BoolArray) -> BaseChromosome:
        """Return the same animals with other sites as QTL, shape (sites,), no major gene among them."""
        return replace(self, is_qtl=is_qtl, is_major_gene=np.zeros(len(is_qtl), dtype=bool))


def base_genome(
    n_animals: int, design: GenomeDesign, rng: np.random.Generator, *, threads: int, progress: Progress
) -> list[BaseChromosome]:
    """Return the chromosomes of unrelated animals of the breed, sites chosen by the frequencies among them.

    Parameters
    ----------
    n_animals
        How many.
    design
        Numbers of sites and the kind of founders.
    rng
        Source of randomness.
    threads
        How many segments or chromosomes are simulated at once; the result doesn't depend on it.
    progress
        Called with the name of the stage and the fraction of it that is done.
    """
    planning, founding, mating, *chromosomal = chromosome_streams(rng)
    plans = site_plans(design, planning)
    progress("founders", 0.0)
    found = founder_sites(plans, design, founding, threads, progress)
    generations = random_couples([*design.sizes, n_animals], mating)

    def simulate(chromosome: int) -> BaseChromosome:
        return _base_chromosome(
            plans[chromosome], found[chromosome], generations=generations, design=design, rng=chromosomal[chromosome]
        )

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(simulate, range(len(plans))))


def _base_chromosome(
    plan: SitePlan, sites: FounderSites, *, generations: list[Couples], design: GenomeDesign, rng: np.random.Generator
) -> BaseChromosome:
    genetic_map = GeneticMap(morgans(sites.positions), plan.length * MORGANS_PER_BASE)
    oldest = Strands.of(founder_haplotypes(sites, design.sizes[0], rng))
    base = pass_through(oldest, generations, genetic_map, rng)
    found = Ascertained.of(plan, sites, base.by_site(), 2 * base.n_animals, design=design, rng=rng)
    chosen = found.chosen
    columns = np.union1d(chosen.markers, chosen.qtl)
    sites_map, bits = found.taken(columns)
    return BaseChromosome(
        sites_map,
        np.isin(columns, chosen.markers),
        np.isin(columns, chosen.qtl),
        columns == (-1 if chosen.major_gene is None else chosen.major_gene),
        GeneticMap(genetic_map.positions[columns], genetic_map.length),
        Strands.of_sites(bits, base.n_animals),
    )


class Lineage:
    """All animals of a population on all its chromosomes, base animals first; numbers of animals are their order.

    Parameters
    ----------
    base
        Chromosomes of base animals.
    keys
        Seed of the gametes of each chromosome.
    most
        How many animals there will be at most.
    threads
        How many chromosomes are passed on at once; the result doesn't depend on it.
    """

    def __init__(self, base: Sequence[BaseChromosome], keys: Sequence[int], *, most: int, threads: int = 1) -> None:
        self._base, self._keys, self._threads = list(base), list(keys), threads
        self._strands = [Strands.empty(most, part.strands.n_sites) for part in base]
        self._n_animals = base[0].strands.n_animals
        for part, strands in zip(base, self._strands, strict=True):
            strands.words[: len(part.strands.words)] = part.strands.words

    def __len__(self) -> int:
        return self._n_animals

    @property
    def qtl(self) -> MarkerMap:
        """The QTL, in map order."""
        return joined_maps([part.sites.select(np.flatnonzero(part.is_qtl)) for part in self._base])

    @property
    def markers(self) -> MarkerMap:
        """The markers, in map order."""
        return joined_maps([part.sites.select(np.flatnonzero(part.is_marker)) for part in self._base])

    @property
    def major_gene(self) -> int:
        """Which of the QTL stands for DGAT1."""
        return int(np.flatnonzero(np.concatenate([part.is_major_gene[part.is_qtl] for part in self._base]))[0])

    def born(self, couples: Couples) -> IntArray:
        """Add one child of each couple, and return the children's numbers."""
        first, end = self._n_animals, self._n_animals + len(couples.sires)

        def pass_on(chromosome: int) -> None:
            genetic_map, key = self._base[chromosome].genetic_map, self._keys[chromosome]
            born(self._strands[chromosome], couples, genetic_map, first=first, key=key)

        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(pass_on, range(len(self._base))))
        self._n_animals = end
        return np.arange(first, end)

    def qtl_dosages(self, animals: IntArray) -> Int8Array:
        """Return copies of the counted alleles of the QTL, shape (animals, qtl)."""
        parts = []
        for part, strands in zip(self._base, self._strands, strict=True):
            bits = strands.select(animals).by_site()[part.is_qtl]
            alleles = np.unpackbits(bits, axis=1, count=2 * len(animals), bitorder="little").view(np.int8)
            parts.append((alleles[:, 0::2] + alleles[:, 1::2]).T)
        return np.concatenate(parts, axis=1)

    def haplotypes(self, animals: IntArray, ids: StrArray) -> HaplotypeMatrix:
        """Return the phased markers of animals, who get identifiers; first haplotypes came from sires."""
        packed = [
            strands.select(animals).by_site()[part.is_marker]
            for part, strands in zip(self._base, self._strands, strict=True)
        ]
        return HaplotypeMatrix(ids, self.markers, np.concatenate(packed))

    def genotypes(self, animals: IntArray, ids: StrArray) -> PackedGenotypes:
        """Return the markers of animals, who get identifiers."""
        return self.haplotypes(animals, ids).genotypes()


def chromosome_keys(rng: np.random.Generator) -> list[int]:
    """Return a seed of gametes for each chromosome."""
    return [int(key) for key in rng.integers(0, 2**63 - 1, len(CHROMOSOME_LENGTHS))]
