"""Markers that stand for their neighbours: those of which none is closely linked to another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn.generators.chromosomes import Chromosome
from genialearn.genotypes import HaplotypeMatrix

MOST_HAPLOTYPES = 4_000
"""So many tell how markers are linked: a correlation is known to .016."""


def tags_of(panel: HaplotypeMatrix, chromosomes: list[Chromosome], *, r2: float, rarest: float, reach: int) -> IntArray:
    """Return the columns of tags, ascending: common first, none of which is linked to another one nearby.

    Parameters
    ----------
    panel
        Haplotypes.
    chromosomes
        Of the panel's markers.
    r2
        The squared correlation above which two markers are closely linked.
    rarest
        Frequency of the rarer allele below which a marker is no tag.
    reach
        How many markers away is nearby.
    """
    rows = np.unique(np.linspace(0, len(panel) - 1, min(len(panel), MOST_HAPLOTYPES)).astype(np.int64))
    found = []
    for chromosome in chromosomes:
        alleles = panel.alleles(chromosome.columns)[rows]
        common = _rarer(alleles) >= rarest
        kept = _unlinked(squared_correlations(alleles, reach), _rarer(alleles), common, r2)
        found.append(np.flatnonzero(kept) + chromosome.columns.start)
    return np.concatenate(found).astype(np.int64)


def linked_pairs(alleles: Int8Array, starts: IntArray, *, reach: int, r2: float) -> IntArray:
    """Return pairs of linked markers, each marker with the later one it is linked to most, shape (pairs, 2).

    Parameters
    ----------
    alleles
        Shape (haplotypes, markers).
    starts
        The first marker of each chromosome, and the number of markers, shape (chromosomes + 1,).
    reach
        How many markers apart at most.
    r2
        Squared correlation from which on they are linked.
    """
    pairs = []
    for first, end in pairwise(starts):
        linked = squared_correlations(alleles[:, first:end], reach)
        best = linked.argmax(axis=1)
        markers = np.flatnonzero(linked[np.arange(end - first), best] >= r2)
        pairs.append(np.column_stack([markers, markers + best[markers] + 1]) + first)
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs]).astype(np.int64)


def squared_correlations(alleles: Int8Array, reach: int) -> FloatArray:
    """Return r2 of each marker with the ones 1, 2, ... places further on, 0 beyond the end, shape (markers, reach)."""
    centred = alleles - alleles.mean(axis=0, dtype=np.float64)
    norms = np.sqrt((centred**2).sum(axis=0))
    unit = np.ascontiguousarray((centred / np.where(norms > 0, norms, 1.0)).T, dtype=np.float32)
    out = np.zeros((len(unit), reach))
    for places in range(1, min(reach, len(unit) - 1) + 1):
        out[:-places, places - 1] = np.einsum("ij,ij->i", unit[:-places], unit[places:]) ** 2
    return out


def _rarer(alleles: Int8Array) -> FloatArray:
    """Return the frequency of each marker's rarer allele."""
    frequencies = alleles.mean(axis=0, dtype=np.float64)
    return np.asarray(np.minimum(frequencies, 1 - frequencies))


def _unlinked(linked: FloatArray, rarer: FloatArray, allowed: BoolArray, limit: float) -> BoolArray:
    """Return which markers are tags: commoner ones first, leaving out those linked to one already chosen."""
    n_markers, reach = linked.shape
    kept, shut = np.zeros(n_markers, dtype=bool), ~allowed
    for marker in np.argsort(-rarer, kind="stable"):
        if shut[marker]:
            continue
        kept[marker] = True
        after = np.arange(marker + 1, min(marker + reach, n_markers - 1) + 1)
        shut[after[linked[marker, : len(after)] > limit]] = True
        before = np.arange(max(marker - reach, 0), marker)
        shut[before[linked[before, marker - before - 1] > limit]] = True
    return kept
