"""Small cohorts whose traits are nearly all genetic, for generators that answer conditions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, allele_frequencies, dosages
from genialearn.records import RecordTable, Trait
from phased_cohorts import map_of, phased

N_MARKERS = 24
TRAITS = ("milk", "stature")


@cache
def recorded_cohort(n_animals: int = 240, seed: int = 1) -> Cohort:
    """Return phased animals of 24 markers on two chromosomes, linked in pairs, and two traits; read only.

    Milk counts the alleles of the first chromosome, stature those of the second. A fifth of stature is missing.
    """
    rng = np.random.default_rng(seed)
    frequencies = np.repeat(rng.uniform(0.2, 0.8, N_MARKERS // 2), 2)
    shared = np.repeat(rng.random((2 * n_animals, N_MARKERS // 2)), 2, axis=1)
    own = rng.random(shared.shape)
    haplotypes = phased(np.where(rng.random(shared.shape) < 0.9, shared, own) < frequencies, map_of([12, 12]))
    cohort = Cohort.of_genotypes(haplotypes)
    values = 100 + 10 * genomic_values(haplotypes) + rng.standard_normal((n_animals, 2))
    values[rng.random(n_animals) < 0.2, 1] = np.nan
    records = RecordTable(
        tuple(Trait(name) for name in TRAITS),
        cohort.animals,
        values,
        np.ones_like(values),
        pd.DataFrame(index=range(n_animals)),
    )
    return replace(cohort, records=records)


def genomic_values(animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
    """Return copies of the counted alleles of either chromosome, shape (animals, 2)."""
    copies = dosages(animals.genotypes() if isinstance(animals, HaplotypeMatrix) else animals)
    return np.column_stack([copies[:, :12].sum(axis=1), copies[:, 12:].sum(axis=1)]).astype(np.float64)


def heterozygosity(animals: GenotypeMatrix | HaplotypeMatrix) -> float:
    """Return the share of heterozygous genotypes."""
    copies = dosages(animals.genotypes() if isinstance(animals, HaplotypeMatrix) else animals)
    return float((copies == 1).mean())


def frequency_error(generator: Any) -> float:
    """Return the mean difference of allele frequencies between 300 artificial animals and the training."""
    animals = generator.sample(300, rng=np.random.default_rng(2))
    copies = dosages(animals.genotypes() if isinstance(animals, HaplotypeMatrix) else animals)
    return float(np.abs(copies.mean(axis=0) / 2 - allele_frequencies(recorded_cohort().canonical().genotypes)).mean())


def slope_on_conditions(generator: Any, *, trait: str = "milk") -> float:
    """Return the regression of artificial animals' genomic value, in units of the trait, on the value asked for."""
    column = TRAITS.index(trait)
    asked = _asked(column)
    conditions = pd.DataFrame({trait: asked})
    animals = generator.sample(len(asked), conditions=conditions, rng=np.random.default_rng(3))
    found = 100 + 10 * genomic_values(animals)[:, column]
    return float(np.polyfit(asked, found, 1)[0])


def _asked(column: int) -> FloatArray:
    values = recorded_cohort().records.values[:, column]
    low, high = np.nanquantile(values, [0.15, 0.85])
    return np.repeat([low, high], 150)
