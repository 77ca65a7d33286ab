"""Meiosis: gametes, the children of couples, and gene drops through a pedigree.

Crossovers follow Haldane's model: a Poisson process along the genetic map, one crossover a Morgan on average, drawn by
its exponential gaps. Every gamete has a random stream of its own, counted from a key and the number of the gamete, so
the result doesn't depend on the order or the number of threads in which gametes are made.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts.simulate.strands import Strands, WordArray, copy_piece


class GeneticMap(NamedTuple):
    """Genetic positions of the sites of a chromosome, ascending, shape (sites,), and its length, in Morgans."""

    positions: FloatArray
    length: float


class Couples(NamedTuple):
    """For each child the numbers of its parents, shape (children,)."""

    sires: IntArray
    dams: IntArray


_WEYL = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


@numba.njit(inline="always", nogil=True)
def _mixed(state: np.uint64) -> np.uint64:
    """Return the output of SplitMix64 at a state (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195)."""
    state = (state ^ (state >> _S30)) * _FIRST
    state = (state ^ (state >> _S27)) * _SECOND
    return state ^ (state >> _S31)


@numba.njit(inline="always", nogil=True)
def _exponential(bits: np.uint64) -> float:
    return -math.log(1.0 - np.float64(bits >> _S11) * _TO_UNIT)


@numba.njit(nogil=True, cache=True)
def _transmit(parents: WordArray, parent: int, gamete: WordArray, genetic_map: GeneticMap, key: np.uint64) -> None:
    """Write into `gamete` one recombined gamete of the animal whose haplotypes are rows 2p and 2p + 1 of `parents`."""
    state = _mixed(key) + _WEYL
    strand = 2 * parent + np.int64(_mixed(state) & np.uint64(1))
    start, crossover, n_sites = 0, 0.0, len(genetic_map.positions)
    while start < n_sites:
        state += _WEYL
        crossover += _exponential(_mixed(state))
        stop = n_sites if crossover >= genetic_map.length else np.searchsorted(genetic_map.positions, crossover)
        if stop > start:
            copy_piece(parents[strand], gamete, start, stop)
        start, strand = stop, strand ^ 1


@numba.njit(nogil=True, cache=True)
def _fill(parents: WordArray, children: WordArray, couples: Couples, genetic_map: GeneticMap, key: np.uint64) -> None:
    """Write the haplotypes of one child of each couple into the last rows of `children`."""
    first = len(children) - 2 * len(couples.sires)
    for i in range(len(couples.sires)):
        row = first + 2 * i
        stream = key ^ (np.uint64(row) * _WEYL)
        _transmit(parents, couples.sires[i], children[row], genetic_map, stream)
        _transmit(parents, couples.dams[i], children[row + 1], genetic_map, stream ^ _SECOND)


def offspring(parents: Strands, couples: Couples, genetic_map: GeneticMap, *, key: int) -> Strands:
    """Return the haplotypes of one child of each couple, on one chromosome.

    Parameters
    ----------
    parents
        Haplotypes of the parents, rows 2p (paternal) and 2p + 1 (maternal).
    couples
        The parents of each child.
    genetic_map
        Of the sites.
    key
        Seed of these gametes, a whole number from 0 to 2^63.

    Returns
    -------
    Haplotypes 2i (from the sire) and 2i + 1 (from the dam) of child i.
    """
    children = Strands.empty(len(couples.sires), parents.n_sites)
    _fill(parents.words, children.words, couples, genetic_map, np.uint64(key))
    return children


def gene_drop(founders: Strands, couples: Couples, genetic_map: GeneticMap, *, key: int) -> Strands:
    """Return the haplotypes of a whole pedigree on one chromosome.

    Parameters
    ----------
    founders
        Haplotypes of the founders, who come first in the pedigree.
    couples
        The parents of each other animal, which come before it in the pedigree.
    genetic_map, key
        As for `offspring`.
    """
    everybody = Strands.empty(founders.n_animals + len(couples.sires), founders.n_sites)
    everybody.words[: len(founders.words)] = founders.words
    _fill(everybody.words, everybody.words, couples, genetic_map, np.uint64(key))
    return everybody


def born(everybody: Strands, couples: Couples, genetic_map: GeneticMap, *, first: int, key: int) -> None:
    """Write the haplotypes of one child of each couple into places from `first` on, parents being among those before.

    The same children come of a gene drop of all couples at once, with the same key.
    """
    rows = everybody.words[: 2 * (first + len(couples.sires))]
    _fill(rows, rows, couples, genetic_map, np.uint64(key))
