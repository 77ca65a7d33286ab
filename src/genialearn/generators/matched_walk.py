"""One chromosome of mosaics whose donors change only to haplotypes that have been alike for long."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn.generators.exponential import exp32
from genialearn.generators.prefix_order import prefix_ordered
from genialearn.generators.streams import following, stream, uniform

_REORDERED = {"reassoc", "contract", "nsz"}

_TOGETHER = 256
"""Chains that a thread advances at a time."""


class Panel(NamedTuple):
    """One chromosome of the training haplotypes.

    Alleles (markers, haplotypes), probabilities that the donor changes before each marker (markers,), that of an error,
    places (haplotypes, axes), and the order of haplotypes before the first marker (haplotypes,).
    """

    alleles: Int8Array
    changes: FloatArray
    error: np.float64
    places: Float32Array
    order: IntArray


class Worth(NamedTuple):
    """Effects of alleles (markers, traits), and where the stretch ends that begins at a marker (markers,)."""

    effects: Float32Array
    ends: IntArray


class Wanted(NamedTuple):
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
def walk(panel: Panel, worth: Worth, wanted: Wanted, key: np.uint64, out: Int8Array) -> None:
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
    everybody: _Donors, wanted: Wanted, chains: _Chains, some: tuple[int, int], when: tuple[bool, float]
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
def _copy(panel: Panel, chains: _Chains, some: tuple[int, int], marker: int, out: Int8Array) -> None:
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
def _value_stretch(alleles: Int8Array, worth: Worth, marker: int, values: Float32Array) -> None:
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
def _weigh(everybody: _Donors, wanted: Wanted, chain: int, among: _Among, n_among: int) -> None:
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
