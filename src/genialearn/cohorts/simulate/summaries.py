"""Summaries: the repeated records of a cow as their mean, and what it's worth beside a single record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts.simulate.phenotypes import Phenotypes
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign


@dataclass(frozen=True, eq=False)
class Summaries:
    """One row an animal.

    Parameters
    ----------
    records
        Means, NaN where there is no record, shape (animals, traits).
    weights
        Relative to one record, NaN where there is none, shape (animals, traits).
    """

    records: FloatArray
    weights: FloatArray


def record_weights(counts: FloatArray, traits: tuple[TraitDesign, ...]) -> FloatArray:
    """Return the weight of the mean of n records relative to one record, shape of `counts` (animals, traits).

    With heritability h2 and repeatability t, the mean of n records has beside the genetic value a variance of
    (1 + (n - 1) t) / n - h2, in units of that of a record, and one record has 1 - h2:

        w = (1 - h2) / ((1 + (n - 1) t) / n - h2)

    which is 1 for n = 1 and tends to (1 - h2) / (t - h2). It is the weight of Garrick et al. without a part of the
    genetic variance that markers miss (their c = 0), over that of one record.

    References
    ----------
    Garrick, Taylor & Fernando (2009) Deregressing estimated breeding values and weighting information for genomic
    regression analyses. Genet Sel Evol 41:55, https://doi.org/10.1186/1297-9686-41-55
    """
    heritabilities = np.array([trait.heritability for trait in traits])
    repeatabilities = np.array([_repeatability(trait) for trait in traits])
    n = np.maximum(counts, 1)
    left_over = (1 + (n - 1) * repeatabilities) / n - heritabilities
    return np.asarray(np.where(left_over > 0, (1 - heritabilities) / np.where(left_over > 0, left_over, 1.0), 1.0))


def _repeatability(trait: TraitDesign) -> float:
    return trait.heritability if trait.repeatability is None else trait.repeatability


def summarised(phenotypes: Phenotypes, traits: tuple[TraitDesign, ...]) -> Summaries:
    """Return means of the records of each animal, with weights.

    Records of a repeated trait are taken less the effect of their herd-year, which one mean over several years
    couldn't be corrected for any more; other traits have one record, as it is, of weight 1.
    """
    repeated = np.array([trait.is_repeated for trait in traits])
    corrected = phenotypes.records - np.where(repeated, phenotypes.herd_year_effects, 0.0)
    there = np.isfinite(corrected)
    counts = sums_by_animal(there.astype(np.float64), phenotypes.animals)
    sums = sums_by_animal(np.where(there, corrected, 0.0), phenotypes.animals)
    found = counts > 0
    weights = np.where(repeated, record_weights(counts, traits), 1.0)
    return Summaries(np.where(found, sums / np.where(found, counts, 1.0), np.nan), np.where(found, weights, np.nan))


def sums_by_animal(values: FloatArray, animals: IntArray) -> FloatArray:
    """Return the sums over each animal's rows, which stand together, shape (animals, traits)."""
    return np.asarray(np.add.reduceat(values, np.unique(animals, return_index=True)[1], axis=0))
