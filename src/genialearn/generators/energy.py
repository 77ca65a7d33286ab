"""A semi-restricted Boltzmann machine over alleles: neighbours are coupled, hidden units tie the genome together.

    p(v, h) ~ exp(a'v + v'J v / 2 + sum_i K_i v_i v_i+1 v_i+2 + v'W h + b'h),    v alleles, h hidden units, all 0 or 1.

J couples markers of one chromosome that are at most `reach` places apart, K three in a row: linkage. The hidden units
see every marker: populations, families. Given the hidden units chromosomes are independent; given the alleles hidden
units are. Osindero & Hinton 2008, NeurIPS 20 (semi-restricted Boltzmann machines); for artificial genomes without J
Yelmen et al. 2021, PLoS Genet 17:e1009303. Three in a row: Sejnowski 1986, AIP Conf Proc 151:398-403.

Chains are columns: `alleles` has shape (reach + markers + reach, chains), its first and last rows 0, so that every
marker has as many neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.generators.exponential import exp32
from genialearn.generators.streams import following, new_key, stream, uniform

LANES = 32
"""Chains that one loop advances side by side."""

_REORDERED = {"reassoc", "contract", "nsz", "arcp"}


@dataclass(frozen=True, eq=False)
class Energy:
    """The parameters of the machine.

    Parameters
    ----------
    biases
        a, shape (markers,).
    couplings
        Of each marker with the ones 1, 2, ... places further on, 0 beyond the chromosome, shape (markers, reach).
    weights
        W, shape (markers, hidden units).
    hidden_biases
        b, shape (hidden units,).
    triples
        K, of each marker with the next two, 0 beyond the chromosome, and where `reach` is 1, shape (markers,).
    """

    biases: Float32Array
    couplings: Float32Array
    weights: Float32Array
    hidden_biases: Float32Array
    triples: Float32Array

    @property
    def reach(self) -> int:
        """How many places further on a marker may be coupled."""
        return int(self.couplings.shape[1])

    def scaled(self, factor: float) -> Energy:
        """Return the machine with every parameter times a factor: its temperature is one over it."""
        parts = (self.biases, self.couplings, self.weights, self.hidden_biases, self.triples)
        return Energy(*(np.float32(factor) * part for part in parts))

    def band(self) -> Float32Array:
        """Return the couplings to both sides, from the marker furthest before, shape (markers, 2 reach)."""
        reach = self.reach
        out = np.zeros((len(self.biases), 2 * reach), dtype=np.float32)
        out[:, reach:] = self.couplings
        for places in range(1, min(reach, len(out) - 1) + 1):
            out[places:, reach - places] = self.couplings[:-places, places - 1]
        return out

    def hidden_inputs(self, alleles: Float32Array) -> Float32Array:
        """Return b + W'v of chains, shape (hidden units, chains)."""
        return np.asarray(self.weights.T @ self.inside(alleles) + self.hidden_biases[:, None])

    def fields(self, hidden: Float32Array) -> Float32Array:
        """Return a + W h, what each allele sees of the hidden units (hidden units, chains), shape (markers, chains)."""
        return np.asarray(self.weights @ hidden + self.biases[:, None])

    def inside(self, alleles: Float32Array) -> Float32Array:
        """Return chains without the rows of 0 around them, shape (markers, chains)."""
        return alleles[self.reach : len(alleles) - self.reach]

    def of_alleles(self, alleles: Float32Array) -> FloatArray:
        """Return a'v + v'J v / 2 + sum_i K_i v_i v_i+1 v_i+2 of chains, shape (chains,)."""
        inside = self.inside(alleles).astype(np.float64)
        out = self.biases.astype(np.float64) @ inside
        for places in range(1, min(self.reach, len(inside) - 1) + 1):
            weights = self.couplings[:-places, places - 1].astype(np.float64)
            out += np.einsum("m,mc,mc->c", weights, inside[:-places], inside[places:])
        rows = inside[:-2] * inside[1:-1] * inside[2:]
        return np.asarray(out + self.triples[: len(rows)].astype(np.float64) @ rows)

    def log_weights(self, alleles: Float32Array) -> FloatArray:
        """Return log of the sum of exp(...) over h: the log-likelihood but for log Z, shape (chains,)."""
        inputs = self.hidden_inputs(alleles).astype(np.float64)
        return np.asarray(self.of_alleles(alleles) + np.logaddexp(0.0, inputs).sum(axis=0))


class Chains:
    """States that a machine's Markov chains are in; they stay its draws where the machine is a little changed.

    A step draws the hidden units; exchanges the ends of chromosomes between chains at random places (a crossover, which
    leaves the product of two chains' probabilities as it is); draws each allele in turn given its neighbours; and flips
    pairs of linked alleles together, which one at a time would hardly ever flip.

    Parameters
    ----------
    alleles
        Shape (markers, chains).
    reach
        Of the couplings.
    starts
        The first marker of each chromosome, and the number of markers, shape (chromosomes + 1,).
    pairs
        Markers that are flipped together, shape (pairs, 2); at most `reach` places apart.
    """

    def __init__(self, alleles: Float32Array, reach: int, starts: IntArray, pairs: IntArray) -> None:
        n_markers, n_chains = alleles.shape
        self.alleles = np.zeros((n_markers + 2 * reach, n_chains), dtype=np.float32)
        self.alleles[reach : reach + n_markers] = alleles
        self.starts, self.pairs = starts, pairs

    def step(
        self, energy: Energy, rng: np.random.Generator, *, tilt: Float32Array | None = None, crossing: bool = True
    ) -> None:
        """Advance all chains once.

        Parameters
        ----------
        energy
            The machine.
        rng
            Source of randomness.
        tilt
            Added to the biases of each chain, shape (markers, chains).
        crossing
            Whether chains exchange ends of chromosomes; without it they are independent.
        """
        inputs = energy.hidden_inputs(self.alleles)
        hidden = np.empty_like(inputs)
        _draw(inputs, hidden, new_key(rng))
        fields = energy.fields(hidden)
        if tilt is not None:
            fields += tilt
        around = _Surroundings(fields, energy.band(), np.append(np.zeros(2, dtype=np.float32), energy.triples))
        if crossing:
            order = rng.permutation(self.alleles.shape[1])
            _cross(self.alleles, around, self.starts, order, new_key(rng))
        _sweep(self.alleles, around, new_key(rng))
        if len(self.pairs):
            _flip_pairs(self.alleles, around, self.pairs, new_key(rng))


class _Surroundings(NamedTuple):
    """What alleles see: fields (markers, chains), couplings to both sides (markers, 2 reach), and those of triples.

    `triples` (2 + markers,) has at marker + 2 that of a marker with the next two, before it those that end with it.
    """

    fields: Float32Array
    band: Float32Array
    triples: Float32Array


class _Neighbours(NamedTuple):
    """Couplings of one marker, and the row of `alleles` at which they begin."""

    couplings: Float32Array
    first_row: int


@njit(inline="always")  # type: ignore[untyped-decorator]
def _is_one(field: np.float32, state: np.uint64) -> bool:
    """Return whether a unit of this input is on: with probability 1 / (1 + exp(-field))."""
    return bool(np.float32(uniform(state)) * (np.float32(1.0) + exp32(-field)) < np.float32(1.0))


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _draw(inputs: Float32Array, out: Float32Array, key: np.uint64) -> None:
    """Draw independent units, shape (units, chains)."""
    n_units, n_chains = inputs.shape
    for unit in prange(n_units):
        state = stream(key, unit)
        for chain in range(n_chains):
            state = following(state)
            out[unit, chain] = np.float32(1.0) if _is_one(inputs[unit, chain], state) else np.float32(0.0)


@njit(fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _gather(alleles: Float32Array, neighbours: _Neighbours, inputs: Float32Array, first: int) -> None:
    """Add what a marker's neighbours say to the inputs of some chains, shape (lanes,)."""
    couplings, row = neighbours
    reach = len(couplings) // 2
    for place in range(2 * reach):
        coupling = couplings[place]
        if coupling != 0:
            values = alleles[row + place + (1 if place >= reach else 0), first : first + len(inputs)]
            for lane in range(len(inputs)):
                inputs[lane] += coupling * values[lane]


@njit(fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _gather_triples(
    alleles: Float32Array, triples: Float32Array, place: _Neighbours, inputs: Float32Array, first: int
) -> None:
    """Add what pairs of a marker's neighbours say: those before it, around it and after it, shape (lanes,).

    `triples` are the three couplings, those that begin two before it, one before it and with it.
    """
    row = place.first_row + len(place.couplings) // 2
    for begins in range(3):
        coupling = triples[begins]
        if coupling != 0:
            one = alleles[row - 2 if begins == 0 else row - 1 if begins == 1 else row + 1, first : first + len(inputs)]
            two = alleles[row - 1 if begins == 0 else row + 1 if begins == 1 else row + 2, first : first + len(inputs)]
            for lane in range(len(inputs)):
                inputs[lane] += coupling * one[lane] * two[lane]


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _sweep(alleles: Float32Array, around: _Surroundings, key: np.uint64) -> None:
    """Draw each allele given all others, markers in turn."""
    fields, band, triples = around
    n_markers, n_chains = fields.shape
    reach = band.shape[1] // 2
    for block in prange((n_chains + LANES - 1) // LANES):
        first = block * LANES
        width = min(LANES, n_chains - first)
        inputs = np.empty(width, dtype=np.float32)
        states = np.empty(width, dtype=np.uint64)
        for lane in range(width):
            states[lane] = stream(key, first + lane)
        for marker in range(n_markers):
            inputs[:] = fields[marker, first : first + width]
            here = _Neighbours(band[marker], marker)
            _gather(alleles, here, inputs, first)
            _gather_triples(alleles, triples[marker : marker + 3], here, inputs, first)
            values = alleles[marker + reach, first : first + width]
            for lane in range(width):
                states[lane] = following(states[lane])
                values[lane] = np.float32(1.0) if _is_one(inputs[lane], states[lane]) else np.float32(0.0)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _flip_pairs(alleles: Float32Array, around: _Surroundings, pairs: IntArray, key: np.uint64) -> None:
    """Flip both alleles of each pair or none, with their probabilities given all others."""
    fields, band, triples = around
    n_chains, reach = fields.shape[1], band.shape[1] // 2
    one = np.float32(1.0)
    for block in prange((n_chains + LANES - 1) // LANES):
        start = block * LANES
        width = min(LANES, n_chains - start)
        inputs, couplings = np.empty((2, width), dtype=np.float32), np.empty(width, dtype=np.float32)
        states = np.empty(width, dtype=np.uint64)
        for lane in range(width):
            states[lane] = stream(key, start + lane)
        for number in range(len(pairs)):
            i, j = pairs[number, 0], pairs[number, 1]
            inputs[0] = fields[i, start : start + width]
            inputs[1] = fields[j, start : start + width]
            for which, marker in enumerate((i, j)):
                here = _Neighbours(band[marker], marker)
                _gather(alleles, here, inputs[which], start)
                _gather_triples(alleles, triples[marker : marker + 3], here, inputs[which], start)
            couplings[:] = band[i, reach + j - i - 1]
            if j - i == 1 and triples[i + 1] != 0:
                couplings += triples[i + 1] * alleles[i - 1 + reach, start : start + width]
            if j - i <= 2 and triples[i + 2] != 0:
                couplings += triples[i + 2] * alleles[(i + 2 if j - i == 1 else i + 1) + reach, start : start + width]
            for lane in range(width):
                coupling = couplings[lane]
                first, second = alleles[i + reach, start + lane], alleles[j + reach, start + lane]
                gain = (one - 2 * first) * (inputs[0, lane] - coupling * second)
                gain += (one - 2 * second) * (inputs[1, lane] - coupling * first)
                gain += coupling * (one - first - second)
                states[lane] = following(states[lane])
                if _is_one(gain, states[lane]):
                    alleles[i + reach, start + lane] = one - first
                    alleles[j + reach, start + lane] = one - second


class _Place(NamedTuple):
    """A marker, and in how many rows before the first one nothing stands."""

    marker: int
    reach: int


@njit  # type: ignore[untyped-decorator]
def _gain_of_triples(alleles: Float32Array, triples: Float32Array, place: _Place, one: int, two: int) -> np.float32:
    """Return what exchanging all from a place on adds to the triples that lie across it."""
    gain, row = np.float32(0.0), place.marker + place.reach
    if triples[place.marker] != 0:
        before = alleles[row - 2, one] * alleles[row - 1, one] - alleles[row - 2, two] * alleles[row - 1, two]
        gain -= triples[place.marker] * before * (alleles[row, one] - alleles[row, two])
    if triples[place.marker + 1] != 0:
        after = alleles[row, one] * alleles[row + 1, one] - alleles[row, two] * alleles[row + 1, two]
        gain -= triples[place.marker + 1] * (alleles[row - 1, one] - alleles[row - 1, two]) * after
    return gain


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _cross(alleles: Float32Array, around: _Surroundings, starts: IntArray, order: IntArray, key: np.uint64) -> None:
    """Exchange each chromosome's end between the two chains of a pair, from a random marker on, or leave it.

    All that changes is what the hidden units say about the alleles exchanged, and the couplings across the place.
    """
    fields, band, triples = around
    reach = band.shape[1] // 2
    for pair in prange(len(order) // 2):
        one, two = order[2 * pair], order[2 * pair + 1]
        state = stream(key, pair)
        for chromosome in range(len(starts) - 1):
            first, end = starts[chromosome], starts[chromosome + 1]
            state = following(state)
            place = first + int(uniform(state) * (end - first))
            gain = _gain_of_triples(alleles, triples, _Place(place, reach), one, two)
            for marker in range(place, end):
                difference = alleles[marker + reach, two] - alleles[marker + reach, one]
                if difference != 0:
                    gain += difference * (fields[marker, one] - fields[marker, two])
                    for behind in range(marker - place + 1, min(reach, marker - first) + 1):
                        other = marker - behind + reach
                        gain -= band[marker, reach - behind] * difference * (alleles[other, two] - alleles[other, one])
            state = following(state)
            if _is_one(gain, state):
                for row in range(place + reach, end + reach):
                    alleles[row, one], alleles[row, two] = alleles[row, two], alleles[row, one]
