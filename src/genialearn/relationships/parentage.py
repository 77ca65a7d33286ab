"""Pedigree against genotypes: parents that can't be, and samples that are odd.

A calf has one allele of each parent, so no autosomal marker makes it homozygous for one allele and its parent for the
other, but for errors of genotyping.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.genotypes import GenotypeMatrix, MarkerMap
from genialearn.relationships.genomic import GenomicScale
from genialearn.relationships.pedigree import PedigreeRelationships

MOST_OPPOSING = 0.01
"""Share of opposing homozygotes that errors of genotyping explain."""

MOST_DEVIATIONS = 6.0
"""Robust standard deviations by which a sound sample's diagonal of G may deviate."""

_NOT_AUTOSOMES = frozenset({"X", "Y", "XY", "MT", "30", "31", "32", "33"})
"""Sex chromosomes and mitochondria of cattle, by letter and by PLINK's number."""

_PAIRS_AT_A_TIME = 20_000
"""Times 256 markers of a block: 5 MB a gathered copy."""


def parentage_conflicts(cohort: Cohort, *, most: float = MOST_OPPOSING) -> pd.DataFrame:
    """Return the parents and offspring by pedigree that their genotypes contradict.

    Parameters
    ----------
    cohort
        Only pairs that are both in it can be compared.
    most
        Share of opposing homozygotes up to which a pair may be parent and offspring. True pairs have some tenths of a
        per cent, unrelated animals some five to twelve per cent, sibs and grandparents about half as many.

    Returns
    -------
    DataFrame
        As `parent_offspring_pairs`, only pairs above `most`, worst first.

    Raises
    ------
    AlignmentError
        Where there is no pedigree.

    References
    ----------
    Hayes 2011, J Dairy Sci 94:2114-2117, doi:10.3168/jds.2010-3896.
    """
    pairs = parent_offspring_pairs(cohort)
    return pairs[pairs["share"] > most].sort_values("share", ascending=False, kind="stable", ignore_index=True)


def parent_offspring_pairs(cohort: Cohort) -> pd.DataFrame:
    """Return all genotyped animals with their genotyped parents, and how their genotypes fit together.

    Returns
    -------
    DataFrame
        One row a pair: `animal`, `parent`, `role` ("sire" or "dam"), `markers` (autosomal, called in both), `opposing`
        (homozygous for different alleles), `share` (opposing / markers, NaN without markers).

    Raises
    ------
    AlignmentError
        Where there is no pedigree.
    """
    animals, parents, roles = _pairs(cohort)
    markers, opposing = _compared(cohort.genotypes, animals, parents)
    shares = np.divide(opposing, markers, out=np.full(len(markers), np.nan), where=markers > 0)
    return pd.DataFrame(
        {
            "animal": cohort.animals[animals],
            "parent": cohort.animals[parents],
            "role": roles,
            "markers": markers,
            "opposing": opposing,
            "share": shares,
        }
    )


def _pairs(cohort: Cohort) -> tuple[IntArray, IntArray, list[str]]:
    """Return rows of animals and of their parents in the cohort, and whether these are sires or dams."""
    pedigree = cohort.pedigree
    if pedigree is None:
        raise AlignmentError(
            "pedigree", expected="the parents of the animals", found="no pedigree", advice="Give one with --pedigree."
        )
    own = pedigree.rows_of(cohort.animals)
    row_in_cohort = np.full(len(pedigree) + 1, -1, dtype=np.int64)  # the last stands for an unknown parent
    row_in_cohort[own[own >= 0]] = np.flatnonzero(own >= 0)
    by_role = [np.where(own >= 0, row_in_cohort[parents[own]], -1) for parents in (pedigree.sires, pedigree.dams)]
    known = [np.flatnonzero(rows >= 0) for rows in by_role]
    roles = ["sire"] * len(known[0]) + ["dam"] * len(known[1])
    return np.concatenate(known), np.concatenate([rows[rows >= 0] for rows in by_role]), roles


def _compared(genotypes: GenotypeMatrix, first: IntArray, second: IntArray) -> tuple[IntArray, IntArray]:
    """Return how many autosomal markers are called in both animals of each pair, and how many oppose each other."""
    called, opposing = np.zeros((2, len(first)), dtype=np.int64)
    autosomal = is_autosomal(genotypes.markers)
    if not len(first):
        return called, opposing
    for columns, block in genotypes.blocks():
        chosen = np.ascontiguousarray(block[:, autosomal[columns]])
        for part in _parts(len(first)):
            one, other = chosen[first[part]], chosen[second[part]]
            called[part] += np.sum((one >= 0) & (other >= 0), axis=1)
            opposing[part] += np.sum(_homozygote(one) * _homozygote(other) < 0, axis=1)
    return called, opposing


def _parts(n_pairs: int) -> Iterator[slice]:
    for start in range(0, n_pairs, _PAIRS_AT_A_TIME):
        yield slice(start, min(start + _PAIRS_AT_A_TIME, n_pairs))


def _homozygote(dosages: Int8Array) -> Int8Array:
    """Return 1 and -1 for the two homozygotes, 0 for heterozygous and missing genotypes."""
    return np.where(dosages < 0, np.int8(0), dosages - np.int8(1))


def is_autosomal(markers: MarkerMap) -> BoolArray:
    """Return which markers are inherited from both parents, those of unknown place among them, shape (markers,)."""
    return np.array(
        [name.upper().removeprefix("CHR") not in _NOT_AUTOSOMES for name in markers.chromosomes], dtype=bool
    )


def deviating_diagonals(cohort: Cohort, *, most: float = MOST_DEVIATIONS) -> pd.DataFrame:
    """Return the animals whose diagonal of G isn't that of a sound sample of this population.

    Mixed samples are too heterozygous and have a low diagonal, other breeds a high one. The diagonal is compared with
    1 + F where there is a pedigree and with 1 elsewhere; the difference is measured from its median, in robust
    standard deviations (1.4826 times the median distance from the median).

    Parameters
    ----------
    cohort
        All genotyped animals; allele frequencies are theirs.
    most
        Robust standard deviations that aren't worth mentioning.

    Returns
    -------
    DataFrame
        One row an animal: `animal`, `genomic` (diagonal of G), `pedigree` (1 + F; 1 without pedigree), `deviation`;
        farthest first.
    """
    genomic = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes).diagonal()
    expected = _expected_diagonal(cohort)
    deviation = _robust_deviations(genomic - expected)
    table = pd.DataFrame({"animal": cohort.animals, "genomic": genomic, "pedigree": expected, "deviation": deviation})
    odd = np.flatnonzero(np.abs(deviation) > most)
    return table.iloc[odd[np.argsort(-np.abs(deviation[odd]), kind="stable")]].reset_index(drop=True)


def _expected_diagonal(cohort: Cohort) -> FloatArray:
    if cohort.pedigree is None:
        return np.ones(len(cohort))
    return PedigreeRelationships.of(cohort.pedigree, cohort.animals).diagonal()


def _robust_deviations(values: FloatArray) -> FloatArray:
    """Return distances from the median in robust standard deviations; 0 where at least half of the values are one."""
    distances = values - np.median(values)
    spread = 1.4826 * float(np.median(np.abs(distances)))
    return np.asarray(distances / spread) if spread > 0 else np.zeros_like(values)
