"""Ascertainment: which of the candidate sites become markers of the chip, and which become QTL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.cohorts.simulate.map import MAJOR_GENE_FREQUENCY, MAJOR_GENE_SITE, QTL_SITE, morgans
from genialearn.genotypes import MarkerMap

LEAST_QTL_FREQUENCY = 0.02
ALLELE_PAIRS = ("AC", "AG", "TC", "TG", "CA", "GA", "CT", "GT")
"""Counted and other allele; no pair is its own complement, as on real chips."""


def minor_allele_frequencies(frequencies: FloatArray) -> FloatArray:
    """Return the frequency of the rarer allele of each site, shape (sites,), given that of one of the two."""
    return np.asarray(np.minimum(frequencies, 1 - frequencies))


def chip_sites(
    purposes: IntArray, frequencies: FloatArray, rng: np.random.Generator, wanted: FloatArray | None = None
) -> IntArray:
    """Return one site for each marker interval, so that minor allele frequencies are those wanted.

    Each interval takes the candidate that comes nearest to the frequency that it wants.

    Parameters
    ----------
    purposes
        Number of the marker interval, or negative, shape (sites,).
    frequencies
        Minor allele frequencies among the genotyped animals, shape (sites,).
    rng
        Source of randomness.
    wanted
        By interval, shape (intervals,); None for draws from the uniform distribution on (0, 1/2), the spectrum of the
        Holstein chip.
    """
    if wanted is None:
        wanted = rng.uniform(0, 0.5, purposes.max() + 1)
    sites = np.flatnonzero(purposes >= 0)
    misfit = np.abs(frequencies[sites] - wanted[purposes[sites]]) + (frequencies[sites] == 0)
    best_first = sites[np.lexsort((misfit, purposes[sites]))]
    first_of_interval = np.unique(purposes[best_first], return_index=True)[1]
    return _varying(best_first[first_of_interval], sites, frequencies)


def _varying(chosen: IntArray, sites: IntArray, frequencies: FloatArray) -> IntArray:
    """Return the chosen sites, those that don't vary exchanged for the nearest ones that do, while there are any."""
    kept = chosen[frequencies[chosen] > 0]
    spare = np.setdiff1d(sites[frequencies[sites] > 0], kept)
    for constant in chosen[frequencies[chosen] == 0].tolist():
        nearest = spare[np.argmin(np.abs(spare - constant))] if len(spare) else constant
        kept, spare = np.append(kept, nearest), spare[spare != nearest]
    return np.sort(kept)


def qtl_sites(candidates: IntArray, frequencies: FloatArray, n_qtl: int, rng: np.random.Generator) -> IntArray:
    """Return `n_qtl` of the candidate sites, as far as possible not rarer than `LEAST_QTL_FREQUENCY`."""
    shuffled = rng.permutation(candidates)
    rare = frequencies[shuffled] < LEAST_QTL_FREQUENCY
    return np.concatenate([shuffled[~rare], shuffled[rare]])[:n_qtl]


def major_gene_site(candidates: IntArray, frequencies: FloatArray) -> int:
    """Return the candidate whose frequency comes nearest to the major gene's."""
    return int(candidates[np.argmin(np.abs(frequencies[candidates] - MAJOR_GENE_FREQUENCY))])


@dataclass(frozen=True, eq=False)
class Ascertained:
    """Which sites of one chromosome are markers and QTL, in ascending order, and which QTL is the major gene."""

    markers: IntArray
    qtl: IntArray
    major_gene: int | None


def ascertain(
    purposes: IntArray,
    frequencies: FloatArray,
    n_qtl: int,
    *,
    qtl_on_chip: bool,
    rng: np.random.Generator,
    wanted: FloatArray | None = None,
) -> Ascertained:
    """Return the chip and `n_qtl` QTL of one chromosome.

    Parameters
    ----------
    purposes
        What each site was wanted for, as in `SitePlan`, shape (sites,).
    frequencies
        Minor allele frequencies among the genotyped animals, shape (sites,).
    n_qtl
        Number of QTL, the major gene included.
    qtl_on_chip
        Take the QTL from the markers instead of from sites of their own.
    rng
        Source of randomness.
    wanted
        Frequencies of the rarer allele of the chip's markers, as for `chip_sites`.
    """
    markers = chip_sites(purposes, frequencies, rng, wanted)
    candidates = markers if qtl_on_chip else np.flatnonzero(purposes == QTL_SITE)
    major_candidates = np.flatnonzero(purposes == MAJOR_GENE_SITE)
    if not len(major_candidates):
        return Ascertained(markers, np.sort(qtl_sites(candidates, frequencies, n_qtl, rng)), None)
    if qtl_on_chip:
        major_candidates = markers[: len(major_candidates)]
    major_gene = major_gene_site(major_candidates, frequencies)
    others = qtl_sites(candidates[candidates != major_gene], frequencies, n_qtl - 1, rng)
    return Ascertained(markers, np.sort(np.append(others, major_gene)), major_gene)


def random_alleles(n_sites: int, rng: np.random.Generator) -> tuple[StrArray, StrArray, BoolArray]:
    """Return counted alleles, other alleles, and whether the counted one is the derived one, each (sites,)."""
    pairs = [ALLELE_PAIRS[i] for i in rng.integers(0, len(ALLELE_PAIRS), n_sites)]
    derived_is_counted = rng.random(n_sites) < 0.5
    return as_ids([pair[0] for pair in pairs]), as_ids([pair[1] for pair in pairs]), derived_is_counted


def site_map(chromosome: int, positions: IntArray, counted: StrArray, other: StrArray) -> MarkerMap:
    """Return the map of some sites of one chromosome."""
    names = as_ids([f"BTA{chromosome}_{position}" for position in positions.tolist()])
    return MarkerMap(names, as_ids([chromosome] * len(positions)), morgans(positions) * 100, positions, counted, other)
