"""Residuals: what makes records differ beside genes and herds, once or several times an animal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts.simulate.correlations import symmetric_root
from genialearn.cohorts.simulate.scales import simulated_heritability, simulated_repeatability
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign

YIELDS = ("milk_yield", "fat_yield", "protein_yield")
YIELD_RESIDUAL_CORRELATION = 0.87
"""Residual correlation between yields; all other residuals are uncorrelated."""


def default_residual_correlations(traits: tuple[TraitDesign, ...]) -> FloatArray:
    """Return the usual residual correlations, shape (traits, traits)."""
    are_yields = np.array([trait.name in YIELDS for trait in traits])
    matrix = np.where(np.outer(are_yields, are_yields), YIELD_RESIDUAL_CORRELATION, 0.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def correlated_residuals(
    traits: tuple[TraitDesign, ...],
    n_records: int,
    rng: np.random.Generator,
    correlations: FloatArray | None = None,
) -> FloatArray:
    """Return standard normal residuals, shape (records, traits).

    Parameters
    ----------
    traits
        Whose residuals.
    n_records
        How many.
    rng
        Source of randomness.
    correlations
        Shape (traits, traits); None for the usual ones, which are among yields only.
    """
    if correlations is not None:
        return np.asarray(rng.standard_normal((n_records, len(traits))) @ symmetric_root(correlations))
    shared = rng.standard_normal((n_records, 1))
    own = rng.standard_normal((n_records, len(traits)))
    share = np.array([YIELD_RESIDUAL_CORRELATION if trait.name in YIELDS else 0.0 for trait in traits])
    return np.asarray(np.sqrt(share) * shared + np.sqrt(1 - share) * own)


def permanent_shares(traits: tuple[TraitDesign, ...]) -> FloatArray:
    """Return the share of permanent environment in all that isn't genetic: (t - h2) / (1 - h2), shape (traits,).

    So the permanent environment has a variance of t - h2, in units of the variance within herd-years. Traits without a
    repeatability get the mean of the others, so that their records are correlated with those of the others as asked.
    """
    heritabilities = np.array([simulated_heritability(trait) for trait in traits])
    common = np.array([simulated_repeatability(trait) for trait in traits]) - heritabilities
    shares = np.asarray(common / np.where(heritabilities < 1, 1 - heritabilities, 1.0))
    known = np.array([trait.repeatability is not None for trait in traits])
    return np.asarray(np.where(known, shares, shares[known].mean() if known.any() else 0.0))


@dataclass(frozen=True, eq=False)
class RecordSequence:
    """Which animal each record is of, and the how manieth it is.

    Parameters
    ----------
    animals
        Position of the animal, ascending, shape (records,).
    numbers
        0 for an animal's first record, shape (records,).
    exists
        Whether the trait has this record, before holes, shape (records, traits).
    """

    animals: IntArray
    numbers: IntArray
    exists: BoolArray

    def residuals(
        self,
        traits: tuple[TraitDesign, ...],
        correlations: FloatArray | None,
        rng: np.random.Generator,
        permanent_rng: np.random.Generator,
    ) -> FloatArray:
        """Return residuals of variance one, shape (records, traits): sqrt(c) permanent + sqrt(1 - c) temporary.

        The share c of the permanent environment is that of `permanent_shares`; both parts have the same correlations
        between traits, so residuals of one record fall short of them where shares differ. Without repeated records
        there is no telling the parts apart, and only one is drawn.
        """
        temporary = correlated_residuals(traits, len(self.animals), rng, correlations)
        if not any(trait.is_repeated for trait in traits):
            return temporary
        n_animals = int(self.animals[-1]) + 1
        permanent = correlated_residuals(traits, n_animals, permanent_rng.spawn(1)[0], correlations)
        shares = permanent_shares(traits)
        return np.asarray(np.sqrt(shares) * permanent[self.animals] + np.sqrt(1 - shares) * temporary)


def record_sequence(traits: tuple[TraitDesign, ...], n_animals: int, rng: np.random.Generator) -> RecordSequence:
    """Return the records of animals: of each trait 1 + Poisson(mean - 1), traits of one mean on the same rows.

    Parameters
    ----------
    traits
        With their mean numbers of records.
    n_animals
        How many animals.
    rng
        Source of randomness; unused where nothing is repeated.
    """
    if not any(trait.is_repeated for trait in traits):
        everybody = np.arange(n_animals)
        return RecordSequence(everybody, np.zeros_like(everybody), np.ones((n_animals, len(traits)), dtype=bool))
    from scipy.stats import poisson  # slow to import, and seldom needed

    luck = rng.spawn(1)[0].random((n_animals, 1))
    extra = poisson.ppf(luck, np.array([trait.records - 1 for trait in traits])).astype(np.int64)
    n_records = 1 + extra.max(axis=1)
    animals = np.repeat(np.arange(n_animals), n_records)
    numbers = np.arange(len(animals)) - np.repeat(np.cumsum(n_records) - n_records, n_records)
    return RecordSequence(animals, numbers, numbers[:, None] <= extra[animals])
