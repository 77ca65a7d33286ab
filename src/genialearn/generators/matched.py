"""Mosaics whose donors change only to haplotypes that have been alike for long."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numba import njit, prange
from numpy.typing import NDArray

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.generators import li_stephens
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.exponential import exp32
from genialearn.generators.generator import haplotypes_of
from genialearn.generators.prefix_order import prefix_ordered
from genialearn.generators.principal_axes import PrincipalAxes, nearest_rows
from genialearn.generators.streams import following, new_key, stream, uniform
from genialearn.generators.tilted import TiltedGenerator
from genialearn.genotypes import HaplotypeMatrix

_SPREAD = 0.4
_RATE, _CANDIDATES = {False: 4.0, True: 2.0}, {False: 4, True: 40}
"""Where they aren't given: the latter two without places and with them."""

_PULLED = 16
"""So many times as many candidates where some value is asked for: among few there is little to choose."""

_REORDERED = {"reassoc", "contract", "nsz"}

_TOGETHER = 256
"""Chains that a thread advances at a time."""


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

    Fitting costs the principal axes and, where `error` isn't given, about 35 values of a likelihood; sampling
    O(haplotypes) a marker, and O(candidates x axes) a change of the donor. Memory: the panel at one bit an allele, and
    one chromosome at a byte.

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
        guidance: float = 1.0,
        seed: int = 1,
    ) -> None:
        self.rate = rate
        self.candidates = candidates
        self.spread = spread
        self.error = error
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
        self._places, self._near = self._placed(panel, rng)
        self._panel = panel
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

    def _placed(self, panel: HaplotypeMatrix, rng: np.random.Generator) -> tuple[Float32Array, IntArray]:
        """Return places in units of the spread (haplotypes, axes), and who is nearest to each, (haplotypes, near).

        Without places both have no columns.
        """
        if self.spread_ == 0:
            return np.zeros((len(panel), 0), dtype=np.float32), np.zeros((len(panel), 0), dtype=np.int64)
        scores = PrincipalAxes.of(panel, rng).scores(panel)
        unit = self.spread_ * max(float(scores[:, 0].std()), 1e-12)
        return (scores / unit).astype(np.float32), nearest_rows(scores, self.candidates_ + 2)

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
        places = (2 * self._some_animals(len(strengths), rng)[:, None] + np.arange(2)).ravel()
        pulls = np.repeat(strengths, 2, axis=0).astype(np.float32)
        candidates = np.where(pulls.any(axis=1), _PULLED, 1) * self.candidates_
        for chromosome in self._chromosomes:
            alleles = np.ascontiguousarray(self._panel.alleles(chromosome.columns).T)
            order = rng.permutation(len(self._panel))
            panel = _Panel(alleles, self._changes(chromosome), np.float64(self.error_), self._places, order)
            worth = _Worth(effects[chromosome.columns].astype(np.float32), self._stretches(chromosome))
            wanted = _Wanted(places, self._first(places, rng), pulls, candidates)
            _walk(panel, worth, wanted, new_key(rng), out[:, chromosome.columns].T)
        return out

    def _some_animals(self, n_animals: int, rng: np.random.Generator) -> IntArray:
        """Return training animals, each as often as any other or once more, in random order."""
        n_all = len(self._panel.animals)
        return np.concatenate([rng.permutation(n_all) for _ in range(-(-n_animals // n_all))])[:n_animals]

    def _first(self, places: IntArray, rng: np.random.Generator) -> IntArray:
        """Return what each chain may begin with, shape (chains, candidates)."""
        if self._near.shape[1]:
            return np.ascontiguousarray(self._near[places])
        return rng.integers(0, len(self._panel), (len(places), self.candidates_ + 2))

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


class _Panel(NamedTuple):
    """One chromosome of the training haplotypes.

    Alleles (markers, haplotypes), probabilities that the donor changes before each marker (markers,), that of an error,
    places (haplotypes, axes), and the order of haplotypes before the first marker (haplotypes,).
    """

    alleles: Int8Array
    changes: FloatArray
    error: np.float64
    places: Float32Array
    order: IntArray


class _Worth(NamedTuple):
    """Effects of alleles (markers, traits), and where the stretch ends that begins at a marker (markers,)."""

    effects: Float32Array
    ends: IntArray


class _Wanted(NamedTuple):
    """Of each chain: whose place it has (chains,), what it may begin with (chains, some), pulls (chains, traits).

    And how many haplotypes its donor may be followed by (chains,).
    """

    places: IntArray
    first: IntArray
    pulls: Float32Array
    candidates: IntArray


class _Donors(NamedTuple):
    """Haplotypes at a marker: places (haplotypes, axes), values of the stretch (haplotypes, traits), order, ranks."""

    places: Float32Array
    values: Float32Array
    order: IntArray
    ranks: IntArray


class _Chains(NamedTuple):
    """Who each chain copies, and its stream of random numbers (chains,)."""

    donors: IntArray
    states: NDArray[np.uint64]


class _Among(NamedTuple):
    """Haplotypes that one is chosen from, and room for their weights."""

    haplotypes: IntArray
    weights: Float32Array


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _walk(panel: _Panel, worth: _Worth, wanted: _Wanted, key: np.uint64, out: Int8Array) -> None:
    """Draw one chromosome of all chains, `out` (markers, chains).

    Arrays that are changed are changed by functions that are called: parallel code may lose what is written to members
    of tuples here.
    """
    n_markers, n_haplotypes = panel.alleles.shape
    n_chains = len(wanted.places)
    order = panel.order
    ranks = np.empty(n_haplotypes, dtype=np.int64)
    values = np.zeros((n_haplotypes, worth.effects.shape[1]), dtype=np.float32)
    chains = _Chains(np.empty(n_chains, dtype=np.int64), _streams(key, n_chains))
    for marker in range(n_markers):
        _value_stretch(panel.alleles, worth, marker, values)
        _rank(order, ranks)
        everybody = _Donors(panel.places, values, order, ranks)
        for block in prange((n_chains + _TOGETHER - 1) // _TOGETHER):
            some = block * _TOGETHER, min((block + 1) * _TOGETHER, n_chains)
            _change(everybody, wanted, chains, some, (marker == 0, panel.changes[marker]))
            _copy(panel, chains, some, marker, out)
        order = prefix_ordered(order, panel.alleles[marker])


@njit  # type: ignore[untyped-decorator]
def _change(
    everybody: _Donors, wanted: _Wanted, chains: _Chains, some: tuple[int, int], when: tuple[bool, float]
) -> None:
    """Let donors of some chains be followed by others; `when`: whether the marker is the first, and the probability."""
    n_all = len(everybody.order)
    most = max(min(wanted.candidates[some[0] : some[1]].max() + 1, n_all), wanted.first.shape[1])
    among = _Among(np.empty(most, dtype=np.int64), np.empty(most, dtype=np.float32))
    is_first, probability = when
    for chain in range(some[0], some[1]):
        state = following(chains.states[chain])
        if uniform(state) < probability:
            if is_first:
                n_among = wanted.first.shape[1]
                among.haplotypes[:n_among] = wanted.first[chain]
            else:
                n_near = min(wanted.candidates[chain] + 1, n_all)
                n_among = _matching(everybody, chains.donors[chain], n_near, among.haplotypes)
            _weigh(everybody, wanted, chain, among, n_among)
            state = following(state)
            chains.donors[chain] = among.haplotypes[_drawn(among.weights[:n_among], uniform(state))]
        chains.states[chain] = state


@njit  # type: ignore[untyped-decorator]
def _copy(panel: _Panel, chains: _Chains, some: tuple[int, int], marker: int, out: Int8Array) -> None:
    """Copy the alleles of some chains' donors, with errors."""
    for chain in range(some[0], some[1]):
        allele = panel.alleles[marker, chains.donors[chain]]
        if panel.error > 0:
            chains.states[chain] = following(chains.states[chain])
            if uniform(chains.states[chain]) < panel.error:
                allele = 1 - allele
        out[marker, chain] = allele


@njit  # type: ignore[untyped-decorator]
def _streams(key: np.uint64, n_chains: int) -> NDArray[np.uint64]:
    out = np.empty(n_chains, dtype=np.uint64)
    for chain in range(n_chains):
        out[chain] = stream(key, chain)
    return out


@njit  # type: ignore[untyped-decorator]
def _rank(order: IntArray, ranks: IntArray) -> None:
    """Put the place of each haplotype in an order into `ranks`."""
    for rank in range(len(order)):
        ranks[order[rank]] = rank


@njit  # type: ignore[untyped-decorator]
def _value_stretch(alleles: Int8Array, worth: _Worth, marker: int, values: Float32Array) -> None:
    """Bring values (haplotypes, traits) from the stretch that began a marker earlier to the one that begins here."""
    n_traits = worth.effects.shape[1]
    if n_traits == 0:
        return
    for trait in range(n_traits):
        if marker > 0:
            _add_effect(alleles[marker - 1], -worth.effects[marker - 1, trait], values, trait)
        for entered in range(worth.ends[marker - 1] if marker > 0 else 0, worth.ends[marker]):
            _add_effect(alleles[entered], worth.effects[entered, trait], values, trait)


@njit  # type: ignore[untyped-decorator]
def _add_effect(alleles: Int8Array, effect: np.float32, values: Float32Array, trait: int) -> None:
    for haplotype in range(len(alleles)):
        values[haplotype, trait] += effect * alleles[haplotype]


@njit  # type: ignore[untyped-decorator]
def _matching(everybody: _Donors, donor: int, n_near: int, among: IntArray) -> int:
    """Put the haplotypes of nearest rank to a donor's into `among`, itself left out, and return how many they are."""
    own = everybody.ranks[donor]
    first = min(max(own - n_near // 2, 0), len(everybody.order) - n_near)
    found = 0
    for rank in range(first, first + n_near):
        if rank != own:
            among[found] = everybody.order[rank]
            found += 1
    return found


@njit(fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _weigh(everybody: _Donors, wanted: _Wanted, chain: int, among: _Among, n_among: int) -> None:
    """Put into weights how much rather each haplotype is taken: near to the chain's place, and of high values.

    The animal whose place it is has none where there is any other.
    """
    weights, place = among.weights[:n_among], wanted.places[chain]
    highest, is_other = np.float32(-np.inf), False
    for i in range(n_among):
        haplotype, logit = among.haplotypes[i], np.float32(0.0)
        for axis in range(everybody.places.shape[1]):
            distance = everybody.places[haplotype, axis] - everybody.places[place, axis]
            logit -= np.float32(0.5) * distance * distance
        for trait in range(wanted.pulls.shape[1]):
            logit += wanted.pulls[chain, trait] * everybody.values[haplotype, trait]
        weights[i] = logit
        if haplotype // 2 != place // 2:
            highest, is_other = max(highest, logit), True
    if not is_other:
        weights[:] = np.float32(1.0)
        return
    for i in range(n_among):
        weights[i] = exp32(min(weights[i] - highest, np.float32(0.0)))
    for i in range(n_among):
        if among.haplotypes[i] // 2 == place // 2:
            weights[i] = np.float32(0.0)


@njit  # type: ignore[untyped-decorator]
def _drawn(weights: Float32Array, number: float) -> int:
    """Return which one is chosen with these weights by a number from 0 to below 1."""
    left = np.float32(number) * weights.sum()
    for i in range(len(weights) - 1):
        if left < weights[i]:
            return i
        left -= weights[i]
    return len(weights) - 1
