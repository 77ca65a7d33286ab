"""Phenotypes: herd-years, records and their holes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.cohorts.simulate.pedigree import AGE_AT_CALVING, Population
from genialearn.cohorts.simulate.residuals import record_sequence
from genialearn.cohorts.simulate.scales import Scales
from genialearn.cohorts.simulate.trait_catalogue import RECORDED_SHARES, TraitDesign

HERD_WEIGHT = 0.7
"""How much the herd, rather than the cow, decides whether a cow is recorded for something."""


@dataclass(frozen=True, eq=False)
class Phenotypes:
    """What was measured, one row a record; where no trait is repeated, one row an animal, in their order.

    Parameters
    ----------
    records
        NaN where there is none, shape (records, traits).
    residuals
        Standardised residuals behind all records, taken or not, the permanent environment of an animal included,
        shape (records, traits).
    herd_years
        Label of the herd and year of each record, shape (records,).
    herd_year_effects
        In units of the traits, shape (records, traits).
    animals
        Position of each record's animal, shape (records,).
    """

    records: FloatArray
    residuals: FloatArray
    herd_years: StrArray
    herd_year_effects: FloatArray
    animals: IntArray


def simulate_phenotypes(
    traits: tuple[TraitDesign, ...],
    genetic_values: FloatArray,
    population: Population,
    rng: np.random.Generator,
    *,
    shares: Mapping[str, float] = RECORDED_SHARES,
    correlations: FloatArray | None = None,
) -> Phenotypes:
    """Return records of the recorded animals of a population: the first in the year of first calving, then yearly.

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
    shares
        Share of animals that have each kind of record.
    correlations
        Of residuals, shape (traits, traits); None for the usual ones.
    """
    residual_rng, herd_rng, hole_rng = rng.spawn(3)
    herds, births = population.herds[population.recorded], population.birth_years[population.recorded]
    sequence = record_sequence(traits, len(herds), rng)
    labels = herd_year_labels(herds[sequence.animals], births[sequence.animals] + AGE_AT_CALVING + sequence.numbers)
    scales = Scales.of(traits)
    residuals = sequence.residuals(traits, correlations, residual_rng, rng)
    environments = herd_year_effects(labels, len(traits), herd_rng)
    values = (
        genetic_values[sequence.animals] * scales.genetic
        + residuals * scales.residual
        + environments * scales.herd_year
    )
    taken = recorded(traits, herds, hole_rng, shares)[sequence.animals] & sequence.exists
    return Phenotypes(
        np.where(taken, scales.records(values), np.nan),
        residuals,
        labels,
        environments * scales.herd_year,
        sequence.animals,
    )


def herd_year_labels(herds: IntArray, years: IntArray) -> StrArray:
    """Return the label of each animal's herd-year, such as H07_2021."""
    width = len(str(int(herds.max()) + 1))
    pairs = zip(herds.tolist(), years.tolist(), strict=True)
    return as_ids([f"H{herd + 1:0{width}d}_{year}" for herd, year in pairs])


def herd_year_effects(labels: StrArray, n_traits: int, rng: np.random.Generator) -> FloatArray:
    """Return the standard normal effect of each animal's herd-year on each trait, shape (animals, traits)."""
    known, numbers = np.unique(labels, return_inverse=True)
    return rng.standard_normal((len(known), n_traits))[numbers]


def recorded(
    traits: tuple[TraitDesign, ...],
    herds: IntArray,
    rng: np.random.Generator,
    shares: Mapping[str, float] = RECORDED_SHARES,
) -> BoolArray:
    """Return which animals have a record of each trait, shape (animals, traits).

    All traits of one recording are recorded on the same animals, an exact share of them, and herds tend to record all
    their cows or none.
    """
    children = rng.spawn(len(shares))
    takers = {
        recording: _takers(share, herds, child)
        for (recording, share), child in zip(shares.items(), children, strict=True)
    }
    return np.column_stack([takers[trait.recording] for trait in traits])


def _takers(share: float, herds: IntArray, rng: np.random.Generator) -> BoolArray:
    by_herd = rng.random(int(herds.max()) + 1)[herds]
    willingness = HERD_WEIGHT * by_herd + (1 - HERD_WEIGHT) * rng.random(len(herds))
    takers = np.zeros(len(herds), dtype=bool)
    takers[np.argsort(willingness, kind="stable")[: round(share * len(herds))]] = True
    return takers
