"""Founders: the haplotypes of the oldest ancestors, at the sites that are wanted and nowhere else.

The coalescent with recombination costs about the square of the length, so a chromosome is tiled with segments of one
megabase whose histories are independent and joined at random; linkage disequilibrium over longer distances is younger
than the founders and comes from the generations that follow. A limited number of segments is simulated, and each is
used for several tiles, every time at other sites and with its haplotypes shuffled anew: no two tiles share a site.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from genialearn._arrays import BoolArray, ByteArray, FloatArray, IntArray
from genialearn.cohorts.simulate.demography import MUTATION_RATE, ancient_demography, import_msprime
from genialearn.cohorts.simulate.map import MORGANS_PER_BASE, SitePlan

SEGMENT_LENGTH = 1_000_000
N_ANCESTORS = 200
"""Diploid animals sampled from the ancient population; its haplotypes are shared out among all founders."""

FREQUENCY_TOLERANCE = 0.05
POSITION_TOLERANCE = 20_000.0
"""A site off by one tolerance in frequency is as bad as one off by one tolerance in position."""


@dataclass(frozen=True, eq=False)
class FounderSites:
    """The sites found for one chromosome.

    Parameters
    ----------
    positions
        Base pairs, ascending and distinct, shape (sites,).
    purposes
        As in `SitePlan`, shape (sites,).
    tiles
        Which tile each site lies on; haplotypes hang together within a tile only, shape (sites,).
    haplotypes
        1 for the derived allele, shape (2 x ancestors, sites).
    """

    positions: IntArray
    purposes: IntArray
    tiles: IntArray
    haplotypes: ByteArray


@dataclass(frozen=True, eq=False)
class _Tile:
    """The wanted sites `wanted` of one plan that lie on one tile, which begins at `start`."""

    plan: SitePlan
    wanted: slice
    start: int


def independent_sites(plan: SitePlan, rng: np.random.Generator) -> FounderSites:
    """Return sites in linkage equilibrium, at the wanted frequencies: needs no coalescent and no optional library."""
    positions = np.floor(plan.positions).astype(np.int64)
    first = np.unique(positions, return_index=True)[1]
    draws = rng.random((2 * N_ANCESTORS, len(first)), dtype=np.float32)
    haplotypes = (draws < plan.frequencies[first]).astype(np.uint8)
    return FounderSites(positions[first], plan.purposes[first], np.arange(len(first)), haplotypes)


def coalescent_sites(
    plans: list[SitePlan],
    rng: np.random.Generator,
    *,
    n_segments: int,
    threads: int,
    progress: Callable[[float], None] = lambda _: None,
) -> list[FounderSites]:
    """Return the sites of all chromosomes from `n_segments` coalescent simulations of Holstein history.

    Raises
    ------
    MissingExtraError
        Where msprime isn't installed.
    """
    import_msprime()
    tiles = [tile for plan in plans for tile in _tiles(plan)]
    segment_of = rng.permutation(len(tiles)) % n_segments
    generators = rng.spawn(n_segments)

    def simulate(segment: int) -> list[tuple[int, IntArray, ByteArray]]:
        members = np.flatnonzero(segment_of == segment).tolist()
        return _serve(members, tiles, generators[segment]) if members else []

    found: dict[int, tuple[IntArray, ByteArray]] = {}
    with ThreadPoolExecutor(threads) as pool:
        for done, served in enumerate(pool.map(simulate, range(n_segments)), start=1):
            found.update({tile: (positions, haplotypes) for tile, positions, haplotypes in served})
            progress(done / n_segments)
    return [_joined(plan, tiles, found) for plan in plans]


def _tiles(plan: SitePlan) -> list[_Tile]:
    starts = np.arange(0, plan.length, SEGMENT_LENGTH)
    edges = np.append(np.searchsorted(plan.positions, starts), len(plan.positions)).tolist()
    return [
        _Tile(plan, slice(low, high), start)
        for (low, high), start in zip(pairwise(edges), starts.tolist(), strict=True)
        if high > low
    ]


def _serve(members: list[int], tiles: list[_Tile], rng: np.random.Generator) -> list[tuple[int, IntArray, ByteArray]]:
    """Return, for each tile that shares one simulated segment, its sites' positions and shuffled haplotypes."""
    positions, haplotypes = _simulate_segment(rng)
    frequencies = haplotypes.mean(axis=1)
    free = (frequencies > 0) & (frequencies < 1)
    served = []
    for member in members:
        tile = tiles[member]
        rows = _nearest_sites(tile, positions, frequencies, free)
        shuffled = haplotypes[rows][:, rng.permutation(haplotypes.shape[1])].T
        served.append((member, tile.start + positions[rows].astype(np.int64), shuffled))
    return served


def _simulate_segment(rng: np.random.Generator) -> tuple[FloatArray, ByteArray]:
    """Return positions (sites,) and haplotypes (sites, 2 x ancestors) of one segment of ancient history."""
    msprime = import_msprime()
    seeds = rng.integers(1, 2**31 - 1, size=2).tolist()
    ancestry = msprime.sim_ancestry(
        N_ANCESTORS,
        demography=ancient_demography(),
        sequence_length=SEGMENT_LENGTH,
        recombination_rate=MORGANS_PER_BASE,
        random_seed=seeds[0],
    )
    sequences = msprime.sim_mutations(
        ancestry, rate=MUTATION_RATE, random_seed=seeds[1], model=msprime.BinaryMutationModel()
    )
    return sequences.tables.sites.position, sequences.genotype_matrix().astype(np.uint8)


def _nearest_sites(tile: _Tile, positions: FloatArray, frequencies: FloatArray, free: BoolArray) -> IntArray:
    """Return the rows of the free sites nearest to the wanted positions and frequencies, and mark them as taken."""
    wanted = tile.plan.positions[tile.wanted] - tile.start
    room = positions < tile.plan.length - tile.start
    rows = []
    for position, frequency in zip(wanted, tile.plan.frequencies[tile.wanted], strict=True):
        misfit = np.abs(positions - position) / POSITION_TOLERANCE
        misfit += np.abs(frequencies - frequency) / FREQUENCY_TOLERANCE
        misfit[~(free & room)] = np.inf
        rows.append(int(np.argmin(misfit)))
        free[rows[-1]] = False
    return np.array(rows, dtype=np.int64)


def _joined(plan: SitePlan, tiles: list[_Tile], found: dict[int, tuple[IntArray, ByteArray]]) -> FounderSites:
    members = [member for member, tile in enumerate(tiles) if tile.plan is plan]
    positions = np.concatenate([found[member][0] for member in members])
    haplotypes = np.concatenate([found[member][1] for member in members], axis=1)
    numbers = np.repeat(members, [len(found[member][0]) for member in members])
    order = np.argsort(positions, kind="stable")
    return FounderSites(positions[order], plan.purposes[order], numbers[order], haplotypes[:, order])


def founder_haplotypes(sites: FounderSites, n_founders: int, rng: np.random.Generator) -> ByteArray:
    """Return haplotypes of `n_founders` animals, shape (2 x founders, sites), each tile shared out anew.

    Every ancestral haplotype is used equally often, as far as the numbers allow, so that sharing adds no drift.
    """
    out = np.empty((2 * n_founders, len(sites.positions)), dtype=np.uint8)
    edges = np.flatnonzero(np.diff(sites.tiles, prepend=-1, append=-1))
    for low, high in pairwise(edges.tolist()):
        rows = rng.permutation(np.arange(2 * n_founders) % len(sites.haplotypes))
        out[:, low:high] = sites.haplotypes[rows, low:high]
    return out
