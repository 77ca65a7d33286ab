"""Small crossbred cohorts: mosaics of two breeds of their own frequencies, and the truth about every allele."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from genialearn._arrays import FloatArray, Int8Array, as_ids
from genialearn.cohorts import Cohort
from genialearn.genotypes import HaplotypeMatrix
from genialearn.records import RecordTable, Trait
from phased_cohorts import map_of

BREEDS = ("brown", "white")
SIZES = (60, 40)


@dataclass(frozen=True, eq=False)
class Crossbreds:
    """A cohort, the breed of every allele (2 animals, markers), and the purebred animals."""

    cohort: Cohort
    origins: Int8Array
    breeds: dict[str, str]


@cache
def crossbreds(n_pure: int = 30, n_crossed: int = 120, seed: int = 2) -> Crossbreds:
    """Return purebred animals of two breeds, the last five without records, and crosses of later generations."""
    rng = np.random.default_rng(seed)
    founders = np.stack([_mosaics(rng.random((6, sum(SIZES))) < 0.5, 2 * n_pure, rng) for _ in BREEDS])
    origins = np.concatenate(
        [np.repeat([[0], [1]], 2 * n_pure, axis=0) + np.zeros(sum(SIZES), int), _changes(2 * n_crossed, rng)]
    )
    copied = founders[:, rng.integers(0, 2 * n_pure, 2 * n_crossed)]
    crossed = np.where(origins[4 * n_pure :] == 0, copied[0], copied[1])
    alleles = np.concatenate([*founders, crossed]).astype(np.int8)
    names = as_ids([f"cow{row:03d}" for row in rng.permutation(len(alleles) // 2)])
    haplotypes = HaplotypeMatrix.of(names, map_of(list(SIZES), 1_000_000), alleles)
    breeds = {name: BREEDS[row // n_pure] for row, name in enumerate(names[: 2 * n_pure])}
    records = _records(alleles, origins, rng)
    records[2 * n_pure - 5 : 2 * n_pure] = np.nan
    table = RecordTable((Trait("milk"), Trait("fat")), names, records, np.ones_like(records))
    return Crossbreds(Cohort(haplotypes.genotypes(), table, None, haplotypes), origins.astype(np.int8), breeds)


def _mosaics(founders: np.ndarray, n_haplotypes: int, rng: np.random.Generator) -> np.ndarray:
    steps = rng.random((n_haplotypes, founders.shape[1])) < 0.02
    source = (np.cumsum(steps * rng.integers(1, 6, steps.shape), axis=1) + rng.integers(0, 6, (len(steps), 1))) % 6
    return founders[source, np.arange(founders.shape[1])]


def _changes(n_haplotypes: int, rng: np.random.Generator) -> np.ndarray:
    changed = rng.random((n_haplotypes, sum(SIZES))) < 0.01
    changed[:, [0, SIZES[0]]] = rng.random((n_haplotypes, 2)) < 0.5
    return np.cumsum(changed, axis=1) % 2


def _records(alleles: Int8Array, origins: np.ndarray, rng: np.random.Generator) -> FloatArray:
    """Return a trait whose effects differ between breeds, and one whose effects don't."""
    effects = rng.standard_normal((2, alleles.shape[1]))
    own = ((alleles - 0.5) * np.where(origins == 0, effects[0], effects[1])).sum(axis=1)
    same = (alleles - 0.5) @ effects[0]
    values = np.column_stack([each[0::2] + each[1::2] for each in (own, same)])
    values = values / values.std(axis=0)
    return np.asarray(100 + 10 * (values + 0.4 * rng.standard_normal(values.shape)))


def with_values(cohort: Cohort, values: FloatArray) -> Cohort:
    """Return the cohort with other records."""
    return replace(cohort, records=replace(cohort.records, values=values))
