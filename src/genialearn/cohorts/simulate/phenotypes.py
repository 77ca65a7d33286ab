"""Phenotypes: residuals, herd-years, records and their holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.cohorts.simulate.pedigree import AGE_AT_CALVING, Population
from genialearn.cohorts.simulate.scales import Scales
from genialearn.cohorts.simulate.trait_catalogue import RECORDED_SHARES, TraitDesign

YIELDS = ("milk_yield", "fat_yield", "protein_yield")
YIELD_RESIDUAL_CORRELATION = 0.87
"""Residual correlation between yields; all other residuals are uncorrelated."""

HERD_WEIGHT = 0.7
"""How much the herd, rather than the cow, decides whether a cow is recorded for something."""


@dataclass(frozen=True, eq=False)
class Phenotypes:
    """What was measured.

    Parameters
    ----------
    records
        NaN where there is none, shape (animals, traits).
    residuals
        Standardised residuals behind all records, taken or not, shape (animals, traits).
    herd_years
        Label of each animal's herd and year of recording, shape (animals,).
    """

    records: FloatArray
    residuals: FloatArray
    herd_years: StrArray


def simulate_phenotypes(
    traits: tuple[TraitDesign, ...], genetic_values: FloatArray, population: Population, rng: np.random.Generator
) -> Phenotypes:
    """Return records of the recorded animals of a population, taken in the year of first calving.

    Parameters
    ----------
    traits
        What is recorded.
    genetic_values
        Total genetic values of variance one, shape (animals, traits).
    population
        Says in which herds and years they are recorded.
    rng
        Source of randomness.
    """
    residual_rng, herd_rng, hole_rng = rng.spawn(3)
    herds = population.herds[population.recorded]
    labels = herd_year_labels(herds, population.birth_years[population.recorded] + AGE_AT_CALVING)
    scales = Scales.of(traits)
    residuals = correlated_residuals(traits, len(herds), residual_rng)
    environments = herd_year_effects(labels, len(traits), herd_rng)
    values = genetic_values * scales.genetic + residuals * scales.residual + environments * scales.herd_year
    taken = recorded(traits, herds, hole_rng)
    return Phenotypes(np.where(taken, scales.records(values), np.nan), residuals, labels)


def herd_year_labels(herds: IntArray, years: IntArray) -> StrArray:
    """Return the label of each animal's herd-year, such as H07_2021."""
    width = len(str(int(herds.max()) + 1))
    pairs = zip(herds.tolist(), years.tolist(), strict=True)
    return as_ids([f"H{herd + 1:0{width}d}_{year}" for herd, year in pairs])


def correlated_residuals(traits: tuple[TraitDesign, ...], n_animals: int, rng: np.random.Generator) -> FloatArray:
    """Return standard normal residuals, correlated among yields only, shape (animals, traits)."""
    shared = rng.standard_normal((n_animals, 1))
    own = rng.standard_normal((n_animals, len(traits)))
    share = np.array([YIELD_RESIDUAL_CORRELATION if trait.name in YIELDS else 0.0 for trait in traits])
    return np.asarray(np.sqrt(share) * shared + np.sqrt(1 - share) * own)


def herd_year_effects(labels: StrArray, n_traits: int, rng: np.random.Generator) -> FloatArray:
    """Return the standard normal effect of each animal's herd-year on each trait, shape (animals, traits)."""
    known, numbers = np.unique(labels, return_inverse=True)
    return rng.standard_normal((len(known), n_traits))[numbers]


def recorded(traits: tuple[TraitDesign, ...], herds: IntArray, rng: np.random.Generator) -> BoolArray:
    """Return which animals have a record of each trait, shape (animals, traits).

    All traits of one recording are recorded on the same animals, an exact share of them, and herds tend to record all
    their cows or none.
    """
    children = rng.spawn(len(RECORDED_SHARES))
    takers = {
        recording: _takers(share, herds, child)
        for (recording, share), child in zip(RECORDED_SHARES.items(), children, strict=True)
    }
    return np.column_stack([takers[trait.recording] for trait in traits])


def _takers(share: float, herds: IntArray, rng: np.random.Generator) -> BoolArray:
    by_herd = rng.random(int(herds.max()) + 1)[herds]
    willingness = HERD_WEIGHT * by_herd + (1 - HERD_WEIGHT) * rng.random(len(herds))
    takers = np.zeros(len(herds), dtype=bool)
    takers[np.argsort(willingness, kind="stable")[: round(share * len(herds))]] = True
    return takers
