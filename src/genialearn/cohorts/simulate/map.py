"""The genome: 29 autosomes, a genetic map, and where candidate markers and QTL are wanted on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray

CHROMOSOME_LENGTHS = (
    158_534_110, 136_231_102, 121_005_158, 120_000_601, 120_089_316, 117_806_340, 110_682_743, 113_319_770,
    105_454_467, 103_308_737, 106_982_474, 87_216_183, 83_472_345, 82_403_003, 85_007_780, 81_013_979, 73_167_244,
    65_820_629, 63_449_741, 71_974_595, 69_862_954, 60_773_035, 52_498_615, 62_317_253, 42_350_435, 51_992_305,
    45_612_108, 45_940_150, 51_098_607,
)  # fmt: skip
"""Base pairs of the bovine autosomes, assembly ARS-UCD1.2."""

MORGANS_PER_BASE = 1e-8
"""One centimorgan a megabase."""

MAJOR_GENE_CHROMOSOME, MAJOR_GENE_POSITION = 14, 611_019
"""DGAT1 K232A on ARS-UCD1.2 (Grisart et al. 2002, Genome Res 12:222-231)."""

CANDIDATES_PER_MARKER = 4
CANDIDATES_PER_QTL = 2
CANDIDATES_FOR_MAJOR_GENE = 8
MAJOR_GENE_REGION = 400_000
AROUND_MARKER = 10_000
"""Base pairs around the position of a chip's marker, where there is a map."""
MAJOR_GENE_FREQUENCY = 0.4

QTL_SITE, MAJOR_GENE_SITE = -1, -2
"""Purposes of a site; 0, 1, ... are the numbers of the marker intervals of its chromosome."""


@dataclass(frozen=True, eq=False)
class SitePlan:
    """Which sites of one chromosome are wanted.

    Parameters
    ----------
    chromosome
        Its number, from 1.
    positions
        Wanted positions in base pairs, ascending, shape (sites,).
    frequencies
        Wanted frequencies of the derived allele among the oldest ancestors, shape (sites,).
    purposes
        Marker interval, `QTL_SITE` or `MAJOR_GENE_SITE`, shape (sites,).
    chip
        Frequencies of the rarer allele that are wanted of the chip's markers, shape (intervals,); None for any from 0
        to one half.
    """

    chromosome: int
    positions: FloatArray
    frequencies: FloatArray
    purposes: IntArray
    chip: FloatArray | None = None

    @property
    def length(self) -> int:
        """Length of the chromosome in base pairs."""
        return CHROMOSOME_LENGTHS[self.chromosome - 1]


def morgans(positions: FloatArray | IntArray) -> FloatArray:
    """Return genetic positions in Morgans of physical positions in base pairs."""
    return np.asarray(positions, dtype=np.float64) * MORGANS_PER_BASE


def share_out(total: int, *, least: int = 1) -> IntArray:
    """Return how many of `total` things each chromosome gets, in proportion to length and at least `least` each."""
    weights = np.array(CHROMOSOME_LENGTHS) / sum(CHROMOSOME_LENGTHS)
    shares = weights * (total - least * len(weights))
    counts = np.floor(shares).astype(np.int64)
    largest_remainders = np.argsort(counts - shares, kind="stable")[: total - least * len(weights) - counts.sum()]
    counts[largest_remainders] += 1
    return counts + least


def plan_sites(
    chromosome: int,
    n_markers: int,
    n_qtl: int,
    rng: np.random.Generator,
    chip: tuple[IntArray, FloatArray] | None = None,
) -> SitePlan:
    """Return the wanted sites of one chromosome.

    Each marker has an interval of its own with `CANDIDATES_PER_MARKER` candidates, of which the chip will take one;
    QTL lie anywhere. Frequencies are wanted uniform, the shape that drift leaves as it is.

    Parameters
    ----------
    chromosome
        Its number, from 1.
    n_markers, n_qtl
        How many.
    rng
        Source of randomness.
    chip
        Positions and frequencies of the rarer allele of the markers, shape (markers,) each; candidates then lie around
        these positions. None for intervals of one length.
    """
    length = CHROMOSOME_LENGTHS[chromosome - 1]
    intervals = np.repeat(np.arange(n_markers), CANDIDATES_PER_MARKER)
    n_candidates = CANDIDATES_PER_QTL * n_qtl
    positions = [(intervals + rng.random(len(intervals))) * (length / n_markers), rng.random(n_candidates) * length]
    frequencies = [rng.uniform(0.03, 0.97, len(intervals)), rng.uniform(0.05, 0.95, n_candidates)]
    if chip is not None:
        around = chip[0][intervals] + rng.uniform(-1, 1, len(intervals)) * AROUND_MARKER
        positions[0] = np.clip(around, 0, length - 1)
    purposes = [intervals, np.full(n_candidates, QTL_SITE)]
    if chromosome == MAJOR_GENE_CHROMOSOME:
        region = rng.uniform(-1, 1, CANDIDATES_FOR_MAJOR_GENE) * MAJOR_GENE_REGION
        positions.append(MAJOR_GENE_POSITION + region)
        frequencies.append(np.full(CANDIDATES_FOR_MAJOR_GENE, MAJOR_GENE_FREQUENCY))
        purposes.append(np.full(CANDIDATES_FOR_MAJOR_GENE, MAJOR_GENE_SITE))
    return SitePlan(
        chromosome,
        *_in_order(*(np.concatenate(parts) for parts in (positions, frequencies, purposes))),
        None if chip is None else chip[1],
    )


def _in_order(
    positions: FloatArray, frequencies: FloatArray, purposes: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    order = np.argsort(positions, kind="stable")
    return positions[order], frequencies[order], purposes[order]
