"""Scales: from standardised genetic values, residuals and herd-years to the units of the traits, and thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign

HERD_YEAR_SHARE = 0.2
"""Variance of herd-years over genetic plus residual variance, of quantitative traits."""

HERD_YEAR_SHARE_BINARY = 0.05
"""The same on the liability scale."""


def _density(values: FloatArray) -> FloatArray:
    """Return the height of the standard normal density."""
    return np.asarray(np.exp(-(values**2) / 2) / np.sqrt(2 * np.pi))


def liability_heritability(observed: float, prevalence: float) -> float:
    """Return the heritability of the liability behind a 0/1 trait: h2 K (1 - K) / z^2.

    Parameters
    ----------
    observed
        Heritability on the 0/1 scale.
    prevalence
        Share K of ones; z is the height of the standard normal density at the threshold that K lies beyond.

    References
    ----------
    Dempster & Lerner (1950) Heritability of threshold characters, with an appendix by Robertson. Genetics 35:212-236.
    """
    height = float(_density(-ndtri(prevalence)))
    return observed * prevalence * (1 - prevalence) / height**2


def simulated_heritability(trait: TraitDesign) -> float:
    """Return the heritability of a trait's records, or of its liability if it is binary."""
    return liability_heritability(trait.heritability, trait.mean) if trait.is_binary else trait.heritability


def simulated_repeatability(trait: TraitDesign) -> float:
    """Return the repeatability of a trait's records, or of its liability if it is binary.

    The share of variance that records of an animal have in common goes to the liability scale as a heritability does.
    """
    if trait.repeatability is None:
        return simulated_heritability(trait)
    return liability_heritability(trait.repeatability, trait.mean) if trait.is_binary else trait.repeatability


def herd_year_share(trait: TraitDesign) -> float:
    """Return the variance of herd-years over genetic plus residual variance."""
    if trait.herd_variance is not None:
        return trait.herd_variance
    return HERD_YEAR_SHARE_BINARY if trait.is_binary else HERD_YEAR_SHARE


@dataclass(frozen=True, eq=False)
class Scales:
    """The scale of each trait: its unit, or for a binary trait that of a liability; all of shape (traits,).

    Parameters
    ----------
    binary
        Whether records are 0 or 1.
    means
        Mean record, or prevalence.
    genetic, residual, herd_year
        Standard deviations.
    thresholds
        Liability beyond which a binary trait is 1; 0 for the others.
    """

    binary: BoolArray
    means: FloatArray
    genetic: FloatArray
    residual: FloatArray
    herd_year: FloatArray
    thresholds: FloatArray

    @classmethod
    def of(cls, traits: tuple[TraitDesign, ...]) -> Scales:
        """Return the scales under which genetic values of variance one have the heritabilities asked."""
        binary = np.array([trait.is_binary for trait in traits])
        means = np.array([trait.mean for trait in traits])
        within = np.array([1.0 if trait.is_binary else trait.deviation for trait in traits])
        heritability = np.array([simulated_heritability(trait) for trait in traits])
        herd_share = np.array([herd_year_share(trait) for trait in traits])
        spread = within * np.sqrt(1 + herd_share)
        return cls(
            binary=binary,
            means=means,
            genetic=within * np.sqrt(heritability),
            residual=within * np.sqrt(1 - heritability),
            herd_year=within * np.sqrt(herd_share),
            thresholds=np.where(binary, -ndtri(np.where(binary, means, 0.5)) * spread, 0.0),
        )

    def records(self, values: FloatArray) -> FloatArray:
        """Return what is written down: mean + value, or whether a liability is beyond its threshold."""
        return np.where(self.binary, values > self.thresholds, self.means + values)

    def expected_records(self, genetic_values: FloatArray) -> FloatArray:
        """Return the mean record, or the probability of a 1, given standardised total genetic values."""
        around = np.sqrt(self.residual**2 + self.herd_year**2)
        probability = ndtr((genetic_values * self.genetic - self.thresholds) / around)
        return np.where(self.binary, probability, self.means + genetic_values * self.genetic)

    @property
    def additive_slopes(self) -> FloatArray:
        """What one genetic standard deviation adds to the expected record, shape (traits,).

        Of a binary trait the slope of the probability at the mean liability, so that breeding values and effects of QTL
        stay additive.
        """
        spread = np.sqrt(self.genetic**2 + self.residual**2 + self.herd_year**2)
        heights = np.where(self.binary, _density(self.thresholds / spread) / spread, 1.0)
        return np.asarray(self.genetic * heights)
