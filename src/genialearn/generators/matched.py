"""Mosaics whose donors change only to haplotypes that have been alike for long."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, Float32Array, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.generators import li_stephens
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.generator import haplotypes_of
from genialearn.generators.matched_walk import Panel, Wanted, Worth, walk
from genialearn.generators.principal_axes import PrincipalAxes, nearest_rows
from genialearn.generators.sires import Sires
from genialearn.generators.streams import new_key
from genialearn.generators.tilted import TiltedGenerator
from genialearn.genotypes import HaplotypeMatrix

_SPREAD = 0.4
_RATE, _CANDIDATES = {False: 4.0, True: 2.0}, {False: 4, True: 40}
"""Where they aren't given: the latter two without places and with them."""

_PULLED = 16
"""So many times as many candidates where some value is asked for: among few there is little to choose."""


class _Chains(NamedTuple):
    """Of each mosaic: whose place it has (chains,), by what it is pulled (chains, traits), and whether (chains,)."""

    places: IntArray
    pulls: Float32Array
    pulled: BoolArray


class _Donors(NamedTuple):
    """Haplotypes that are copied, (some,), and which of them are near to each place, (places, near) or no column."""

    haplotypes: IntArray
    near: IntArray

    def order(self, rng: np.random.Generator) -> IntArray:
        """Return them in random order."""
        return self.haplotypes[rng.permutation(len(self.haplotypes))]

    def first(self, places: IntArray, n_first: int, rng: np.random.Generator) -> IntArray:
        """Return what the chains of some places (chains,) may begin with, shape (chains, candidates)."""
        if self.near.shape[1]:
            return np.ascontiguousarray(self.near[places])
        return self.haplotypes[rng.integers(0, len(self.haplotypes), (len(places), n_first))]


class MatchedCopying(TiltedGenerator):
    """Each haplotype a mosaic, in which a donor is followed by one that has matched it for longest.

    In the copying model of Li and Stephens any haplotype may follow any other: every change of the donor is a break in
    linkage, so that changes must be few and pieces of real animals long. Here a donor is followed by one of the
    `candidates` whose alleles are the same as its own over the longest stretch that ends where it changes. They are its
    neighbours in the order of reversed prefixes, which one pass along the chromosome keeps up to date in O(haplotypes)
    a marker (Durbin 2014, Bioinformatics 30:1266-1272, doi:10.1093/bioinformatics/btu014). What is nearer than the
    stretch keeps its linkage, so donors may change often: few pieces are longer than what many real haplotypes share.

    What reaches over chromosomes is held by places: an artificial animal takes those of a random training animal's
    haplotypes on the leading principal axes, chromosomes begin with haplotypes near to them, and candidates are
    preferred with exp(-d^2 / 2 spread^2) of their distance to it. The animal itself gives nothing. Asked for values of
    traits, candidates, sixteen times as many, are preferred by what the stretch that follows adds to them (see `tilt`).

    Families are those of the pedigree, where there is one: haplotypes that the random animal has from a sire with some
    offspring, its own or its dam's or her dam's, aren't mosaics but new gametes of that sire, whose haplotypes his
    offspring tell (see `sires`). The rest are mosaics, and so are animals that values of traits are asked of.

    Fitting costs the principal axes and, where `error` isn't given, about 35 values of a likelihood; sampling
    O(haplotypes) a marker, and O(candidates x axes) a change of the donor. Memory: the panel at one bit an allele, the
    haplotypes of sires at a byte, and those of one chromosome.

    Parameters
    ----------
    rate
        Changes of the donor a centimorgan. More give less away, and lose linkage beyond the stretches that match. None
        for 4 without places, and 2 with them.
    candidates
        How many haplotypes one may be followed by, half of them before and half after it in the order, an odd number
        being one more; so many may share what is copied. None for 4 without places, and 40 with them, of which those
        near to the place are taken rather.
    spread
        How far donors may be from an animal's place, in standard deviations of the first principal axis; less keeps
        more of populations and families and gives more away. 0 for no places: donors are from anywhere. None for .4,
        and 0 where there is a single chromosome.
    error
        Probability that an allele is copied wrongly; None for what the copying model finds among training animals.
    smallest_family
        Offspring among the training animals by which a sire is known, at least two. 0 for no families.
    guidance
        By what the strength of conditions is multiplied.
    seed
        Of everything random in fitting.

    Attributes
    ----------
    rate_, candidates_, spread_, error_
        The values used.
    markers_
        The canonical marker map.
    """

    needs_haplotypes = True
    calibrations = 6  # among candidates that there are the response isn't linear

    def __init__(
        self,
        *,
        rate: float | None = None,
        candidates: int | None = None,
        spread: float | None = None,
        error: float | None = None,
        smallest_family: int = 5,
        guidance: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.rate = rate
        self.candidates = candidates
        self.spread = spread
        self.error = error
        self.smallest_family = smallest_family
        self.guidance = guidance
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Keep the haplotypes as donors, find their places, and estimate the error where it isn't given.

        Raises
        ------
        AlignmentError
            Where the cohort isn't phased, or has a single animal.
        SettingError
            Where a setting is out of range.
        """
        self._check_settings()
        cohort = cohort.canonical()
        panel = haplotypes_of(cohort)
        self._chromosomes = chromosomes_of(panel.markers)
        self.spread_ = (_SPREAD if len(self._chromosomes) > 1 else 0.0) if self.spread is None else self.spread
        placed = self.spread_ > 0
        self.rate_ = _RATE[placed] if self.rate is None else self.rate
        candidates = _CANDIDATES[placed] if self.candidates is None else self.candidates
        self.candidates_ = candidates + candidates % 2
        self.error_ = _error(panel, self._chromosomes) if self.error is None else self.error
        rng = np.random.default_rng([self.seed, 9])
        self._sires = Sires.of(cohort, panel, self._chromosomes, self.smallest_family)
        self._panel = self._sires.panel
        self._places = self._placed(rng)
        self._everybody = self._donors(np.arange(len(panel)))
        self._population = self._donors(self._sires.population) if self._sires.known else self._everybody
        self._recorded, self._tilt = replace(cohort, haplotypes=None), None
        self.markers_ = panel.markers
        return self

    def _check_settings(self) -> None:
        check_between("guidance", self.guidance, 0.0, 100.0)
        if self.rate is not None:
            check_between("rate", self.rate, 1e-6, 1e6)
        if self.candidates is not None:
            check_at_least("candidates", self.candidates, 1)
        if self.spread is not None:
            check_between("spread", self.spread, 0.0, 100.0)
        if self.error is not None:
            check_between("error", self.error, 0.0, 0.5)
        check_at_least("smallest_family", self.smallest_family, 0)

    def _placed(self, rng: np.random.Generator) -> FloatArray:
        """Return places in units of the spread (haplotypes, axes), without columns where there are none."""
        if self.spread_ == 0:
            return np.zeros((len(self._panel), 0))
        scores = PrincipalAxes.of(self._panel, rng).scores(self._panel)
        return scores / (self.spread_ * max(float(scores[:, 0].std()), 1e-12))

    def _donors(self, haplotypes: IntArray) -> _Donors:
        if self.spread_ == 0:
            return _Donors(haplotypes, np.zeros((len(self._panel), 0), dtype=np.int64))
        return _Donors(haplotypes, nearest_rows(self._places, self.candidates_ + 2, haplotypes))

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals.

        Parameters
        ----------
        n_animals
            How many.
        conditions
            Values asked for in the units of the records, one row an animal; NaN and traits left out aren't asked for.
        rng
            Source of all randomness.
        """
        n_animals = self._asked(n_animals, conditions)
        strengths = self._strengths(n_animals, conditions)
        if strengths is None:
            return self._as_phased(self._drawn_pairs(np.zeros((len(self.markers_), 0)), np.zeros((n_animals, 0)), rng))
        return self._as_phased(self._drawn_pairs(self.tilt().effects, strengths, rng))

    def _drawn_pairs(self, effects: FloatArray, strengths: FloatArray, rng: np.random.Generator) -> Int8Array:
        out = np.empty((2 * len(strengths), len(self.markers_)), dtype=np.int8, order="F")
        animals, is_pulled = self._some_animals(len(strengths), rng), (strengths != 0).any(axis=1)
        lines = self._sires.lines_of(animals, alone=is_pulled)
        pulls = strengths[lines.animals].astype(np.float32)
        chains = _Chains(2 * animals[lines.animals] + lines.sides, pulls, is_pulled[lines.animals])
        streams = rng, rng.spawn(1)[0]  # of the free and of those that are pulled, who change nothing for the free
        for chromosome in self._chromosomes:
            drawn = out[:, chromosome.columns].T
            own = effects[chromosome.columns].astype(np.float32)
            if self._sires.known:
                mosaics = np.empty((len(drawn), len(pulls)), dtype=np.int8)
                self._copy(chromosome, own, chains, streams, mosaics)
                self._sires.recombine(chromosome, lines, mosaics, rng, drawn)
            else:
                self._copy(chromosome, own, chains, streams, drawn)
        return out

    def _copy(
        self,
        chromosome: Chromosome,
        effects: Float32Array,
        chains: _Chains,
        streams: tuple[np.random.Generator, np.random.Generator],
        out: Int8Array,
    ) -> None:
        """Write the mosaics of chains on one chromosome, `out` (markers, chains)."""
        alleles = np.ascontiguousarray(self._panel.alleles(chromosome.columns).T)
        places, worth = self._places.astype(np.float32), Worth(effects, self._stretches(chromosome))
        for is_pulled in np.unique(chains.pulled):
            donors, rng = (self._everybody, streams[1]) if is_pulled else (self._population, streams[0])
            rows = np.flatnonzero(chains.pulled == is_pulled)
            panel = Panel(alleles, self._changes(chromosome), np.float64(self.error_), places, donors.order(rng))
            candidates = self.candidates_ * (_PULLED if is_pulled else 1)
            first = donors.first(chains.places[rows], self.candidates_ + 2, rng)
            wanted = Wanted(chains.places[rows], first, chains.pulls[rows], np.full(len(rows), candidates))
            some = np.empty((len(out), len(rows)), dtype=np.int8)
            walk(panel, worth, wanted, new_key(rng), some)
            out[:, rows] = some

    def _some_animals(self, n_animals: int, rng: np.random.Generator) -> IntArray:
        """Return training animals, each as often as any other or once more, in random order."""
        n_all = len(self._panel.animals)
        return np.concatenate([rng.permutation(n_all) for _ in range(-(-n_animals // n_all))])[:n_animals]

    def _changes(self, chromosome: Chromosome) -> FloatArray:
        """Return the probability that the donor changes before each marker, shape (markers,)."""
        return np.asarray(-np.expm1(-self.rate_ * chromosome.gaps))

    def _stretches(self, chromosome: Chromosome) -> IntArray:
        """Return the end of the stretch that is copied from each marker on, on average, shape (markers,)."""
        ends = chromosome.centimorgans + 1.0 / self.rate_
        return np.searchsorted(chromosome.centimorgans, ends, side="right").astype(np.int64)


def _error(panel: HaplotypeMatrix, chromosomes: list[Chromosome]) -> float:
    """Return the error of the copying model, of the chromosome with most markers."""
    longest = max(chromosomes, key=len)
    part = panel.select(markers=longest.columns)
    return li_stephens.estimated(part, chromosomes_of(part.markers)).error
