"""Markov chains along chromosomes: the alleles before decide the next one."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.generators.chromosomes import Chromosome, chromosomes_of
from genialearn.generators.generator import Generator, check_anybody, haplotypes_of
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix

HIGHEST_ORDER = {2: 10, 3: 5}
"""The highest order that is tried, by the number of states."""

HELD_OUT = 5
"""Every fifth animal is held out where the order is chosen."""


class MarkovChain(Generator):
    """A chain of order k over the alleles of a haplotype, or over the genotypes where these aren't phased.

    With c_j the j alleles before a marker on its chromosome, and n counts among the training haplotypes,

        P_j(a | c_j) = (n(c_j, a) + s P_{j-1}(a | c_{j-1})) / (n(c_j) + s),    P_0(a) = (n(a) + s / states) / (n + s),

    a Dirichlet prior of weight s around the shorter context, so that contexts that were never seen are known as well.
    Alleles are drawn from (1 - e) P_k + e P_0, from shorter contexts at the first k markers of a chromosome, where
    e = s / (n + s) keeps an allele that is new in its context from becoming impossible by k priors upon each other.
    Chromosomes are independent. Linkage disequilibrium beyond some k markers, families and populations are lost.
    Genotypes that aren't phased make a chain over 0, 1 and 2, where what stands before a missing one doesn't count.

    Costs O(animals x markers x order), and 8 x 2^(order + 1) bytes a marker: 330 MB for 20,000 markers at order 10;
    6 x 3^(order + 1) bytes at genotypes, 90 MB at order 5.

    Parameters
    ----------
    order
        k; None takes the one with the highest likelihood of every fifth animal given the others, at most 10 for
        haplotypes and 5 for genotypes.
    pseudocounts
        s, above 0.
    phased
        Whether to learn from haplotypes; None for where the cohort has them.

    Attributes
    ----------
    order_
        k.
    held_out_
        Mean log-likelihood of the held-out animals at orders 0, 1, ..., in nats; empty where `order` was given.
    markers_
        The canonical marker map.
    needs_haplotypes
        Once fitted, whether it has learned from haplotypes.

    References
    ----------
    The back-off is the hierarchical Dirichlet language model of MacKay & Peto 1995, Nat Lang Eng 1:289-308.
    """

    def __init__(self, *, order: int | None = None, pseudocounts: float = 1.0, phased: bool | None = None) -> None:
        self.order = order
        self.pseudocounts = pseudocounts
        self.phased = phased
        self.needs_haplotypes = phased is True

    def fit(self, cohort: Cohort) -> Self:
        """Count contexts, after choosing the order where none is given.

        Raises
        ------
        AlignmentError
            Where haplotypes are asked for and the cohort has none, or where it is empty.
        SettingError
            Where the order is too high for tables of all contexts, or pseudocounts aren't above 0.
        """
        cohort = cohort.canonical()
        check_anybody(cohort)
        self.needs_haplotypes = cohort.haplotypes is not None if self.phased is None else self.phased
        training = haplotypes_of(cohort) if self.needs_haplotypes else cohort.genotypes
        highest = self._checked_order()
        self._chromosomes = chromosomes_of(training.markers)
        self.held_out_ = self._held_out(training, highest) if self.order is None else np.empty(0)
        self.order_ = int(np.argmax(self.held_out_)) if self.order is None else highest
        self._tables = self._counted(training, self.order_)
        self.markers_ = training.markers
        return self

    @property
    def _states(self) -> int:
        return 2 if self.needs_haplotypes else 3

    def _checked_order(self) -> int:
        """Return the order, or the highest to be tried."""
        if not 0 < self.pseudocounts < np.inf:
            raise SettingError("pseudocounts", expected="a number above 0", found=str(self.pseudocounts))
        if self.order is None:
            return HIGHEST_ORDER[self._states]
        most = 2 * HIGHEST_ORDER[self._states] if self._states == 2 else HIGHEST_ORDER[3] + 3
        if self.order > most:
            advice = "Tables of all contexts grow with it; use a copying generator for long haplotypes."
            raise SettingError("order", expected=f"at most {most}", found=str(self.order), advice=advice)
        return check_at_least("order", self.order, 0)

    def _held_out(self, training: GenotypeMatrix | HaplotypeMatrix, highest: int) -> FloatArray:
        """Return the mean log-likelihood of every fifth animal at each order up to the highest, shape (orders,)."""
        numbers = np.arange(len(training.animals))
        held = numbers % HELD_OUT == HELD_OUT - 1
        if not held.any():
            return np.zeros(1)  # order 0: too few animals to choose
        tables = self._counted(training.select(animals=~held), highest)
        test = training.select(animals=held)
        return np.array([self._log_likelihood(test, tables, order).mean() for order in range(highest + 1)])

    def _counted(self, training: GenotypeMatrix | HaplotypeMatrix, order: int) -> list[Float32Array]:
        """Return for each chromosome the probabilities of `_tabulate`."""
        out = []
        for chromosome in self._chromosomes:
            states = _states_of(training, chromosome)
            table = np.empty((len(states), first_context(order + 1, self._states), self._states), dtype=np.float32)
            _tabulate(states, order, self._states, float(self.pseudocounts), table)
            out.append(table)
        return out

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> GenotypeMatrix | HaplotypeMatrix:
        """Return artificial animals, phased where the training was."""
        rows = self._asked(n_animals, conditions) * (2 if self.needs_haplotypes else 1)
        drawn = np.empty((len(self.markers_), rows), dtype=np.int8)
        for chromosome, table in zip(self._chromosomes, self._tables, strict=True):
            uniforms = rng.random((len(chromosome), rows), dtype=np.float32)
            _draw(table, self.order_, self._states, uniforms, drawn[chromosome.columns])
        return self._as_animals(drawn.T)

    def log_likelihood(self, animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
        """Return nats of each haplotype in order, or of each animal where it learned from genotypes.

        Exact where no genotype is missing. A missing one adds nothing, and contexts end before it.
        """
        self._check_fitted()
        return self._log_likelihood(self._as_trained(animals), self._tables, self.order_)

    def _log_likelihood(
        self, animals: GenotypeMatrix | HaplotypeMatrix, tables: list[Float32Array], order: int
    ) -> FloatArray:
        total = np.zeros(len(animals.animals) * (2 if self.needs_haplotypes else 1))
        for chromosome, table in zip(self._chromosomes, tables, strict=True):
            _add_log_likelihoods(_states_of(animals, chromosome), table, order, self._states, total)
        return total


def _states_of(animals: GenotypeMatrix | HaplotypeMatrix, chromosome: Chromosome) -> Int8Array:
    """Return alleles or dosages of one chromosome, markers as rows, shape (markers, haplotypes or animals)."""
    blocks = [block.T for _, block in animals.select(markers=chromosome.columns).blocks()]
    return np.ascontiguousarray(np.concatenate(blocks))


@njit(cache=True)  # type: ignore[untyped-decorator]
def first_context(length: int, n_states: int) -> int:
    """Return where contexts of a length begin in a table: after all shorter ones."""
    start: int = (n_states**length - 1) // (n_states - 1)
    return start


@njit(cache=True)  # type: ignore[untyped-decorator]
def _context_at(states: Int8Array, marker: int, row: int, order: int, n_states: int) -> tuple[int, int]:
    """Return the number of states known before a marker, at most `order`, and their code, the nearest being lowest."""
    length, code, weight = 0, 0, 1
    while length < min(order, marker) and states[marker - 1 - length, row] >= 0:
        code += weight * states[marker - 1 - length, row]
        weight *= n_states
        length += 1
    return length, code


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _tabulate(states: Int8Array, order: int, n_states: int, prior: float, table: Float32Array) -> None:
    """Write the probability of each state in each context of up to `order` states before a marker.

    Shape of states (markers, rows), of the table (markers, contexts, states); contexts that begin before the
    chromosome are left as those without them.
    """
    n_markers, n_rows = states.shape
    for marker in prange(n_markers):
        counts = np.zeros((first_context(order + 1, n_states), n_states), dtype=np.int64)
        for row in range(n_rows):
            if states[marker, row] >= 0:
                length, code = _context_at(states, marker, row, order, n_states)
                counts[first_context(length, n_states) + code, states[marker, row]] += 1
        _sum_over_farthest(counts, order, n_states)
        _smooth(counts, order, n_states, prior, table[marker])


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sum_over_farthest(counts: IntArray, order: int, n_states: int) -> None:
    """Add the counts of each context to those of the context that lacks its farthest state."""
    for length in range(order, 0, -1):
        shorter, longer = first_context(length - 1, n_states), first_context(length, n_states)
        for code in range(n_states**length):
            counts[shorter + code % n_states ** (length - 1)] += counts[longer + code]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _smooth(counts: IntArray, order: int, n_states: int, prior: float, table: Float32Array) -> None:
    smoothed = np.empty(counts.shape)
    everybody = counts[0].sum() + prior
    smoothed[0] = (counts[0] + prior / n_states) / everybody
    for length in range(1, order + 1):
        shorter, longer = first_context(length - 1, n_states), first_context(length, n_states)
        for code in range(n_states**length):
            backed = smoothed[shorter + code % n_states ** (length - 1)]
            found = counts[longer + code]
            smoothed[longer + code] = (found + prior * backed) / (found.sum() + prior)
    share = prior / everybody
    for context in range(len(counts)):
        table[context] = (1 - share) * smoothed[context] + share * smoothed[0]


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _draw(table: Float32Array, order: int, n_states: int, uniforms: Float32Array, drawn: Int8Array) -> None:
    """Write a path of each row, from one uniform number a marker, shape (markers, rows)."""
    for row in prange(drawn.shape[1]):
        code, length = 0, 0
        for marker in range(len(drawn)):
            probabilities = table[marker, first_context(length, n_states) + code]
            left, state = uniforms[marker, row], 0
            while state < n_states - 1 and left >= probabilities[state]:
                left -= probabilities[state]
                state += 1
            drawn[marker, row] = state
            length = min(length + 1, order)
            code = (code * n_states + state) % n_states**order


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _add_log_likelihoods(states: Int8Array, table: Float32Array, order: int, n_states: int, total: FloatArray) -> None:
    for row in prange(states.shape[1]):
        for marker in range(len(states)):
            state = states[marker, row]
            if state < 0:
                continue
            length, code = _context_at(states, marker, row, order, n_states)
            total[row] += np.log(table[marker, first_context(length, n_states) + code, state])
