"""Reaction norms: genetic values that change from one environment to the next.

In the environment with covariate e, a standardised genetic value g becomes sqrt(1 - v) g + sqrt(v) e s. The slope s has
QTL effects of its own, variance one and no correlation with breeding values among base animals. Covariates are
equally spaced with mean 0 and mean square 1 over environments, so that v is the share of slopes in the genetic
variance of the whole, and heritabilities hold on average over environments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, Int8Array, IntArray
from genialearn.cohorts.simulate.correlations import Mixture
from genialearn.cohorts.simulate.effects import LEAST_ANIMALS_PER_SOURCE, centred_values, polygenic_effects


@dataclass(frozen=True, eq=False)
class Environments:
    """Environments and how much slopes matter.

    Parameters
    ----------
    covariates
        Equally spaced, of mean 0 and mean square 1, shape (environments,).
    shares
        Share of slopes in the genetic variance, shape (traits,).
    """

    covariates: FloatArray
    shares: FloatArray

    @classmethod
    def of_variance(cls, n: int, share: float, chosen: BoolArray) -> Environments:
        """Return `n` environments where slopes have a share of the variance of the traits chosen."""
        return cls(spaced_covariates(n), np.where(chosen, share, 0.0))

    @classmethod
    def of_correlation(cls, n: int, correlation: float, chosen: BoolArray) -> Environments:
        """Return `n` environments of which the two extreme ones, at -c and c, have a genetic correlation r.

        r = (1 - v - v c^2) / (1 - v + v c^2), so v = (1 - r) / (1 - r + c^2 (1 + r)).
        """
        extreme = float(spaced_covariates(n)[-1]) ** 2
        return cls.of_variance(n, (1 - correlation) / (1 - correlation + extreme * (1 + correlation)), chosen)

    def __len__(self) -> int:
        return len(self.covariates)

    @property
    def labels(self) -> list[str]:
        """Names of the environments, from the lowest covariate to the highest."""
        return [f"E{number}" for number in range(1, len(self) + 1)]

    @property
    def level_weights(self) -> FloatArray:
        """What multiplies values that hold everywhere, shape (traits,)."""
        return np.sqrt(1 - self.shares)

    @property
    def slope_weights(self) -> FloatArray:
        """What multiplies slopes, shape (traits,)."""
        return np.sqrt(self.shares)

    def correlations(self, share: float) -> FloatArray:
        """Return genetic correlations between environments of a trait, shape (environments, environments)."""
        covariances = (1 - share) + share * np.outer(self.covariates, self.covariates)
        deviations = np.sqrt(np.diag(covariances))
        return np.asarray(covariances / np.outer(deviations, deviations))

    def of_herds(self, n_herds: int, rng: np.random.Generator) -> IntArray:
        """Return the environment of each herd: equally many herds each, at random, shape (herds,)."""
        return np.asarray(rng.permutation(n_herds) % len(self), dtype=np.int64)

    def values(self, genetic: FloatArray, slopes: FloatArray, environments: IntArray) -> FloatArray:
        """Return genetic values of animals in their own environments, shape (animals, traits)."""
        covariates = self.covariates[environments][:, None]
        return np.asarray(self.level_weights * genetic + self.slope_weights * covariates * slopes)


def spaced_covariates(n: int) -> FloatArray:
    """Return `n` equally spaced numbers of mean 0 and mean square 1."""
    raw = np.arange(n) - (n - 1) / 2
    return np.asarray(raw / np.sqrt(np.mean(raw**2)))


def slope_effects(qtl: Int8Array, effects: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return effects of QTL on slopes, whose values are uncorrelated with those of other effects among base animals.

    Parameters
    ----------
    qtl
        Dosages of base animals, shape (animals, qtl).
    effects
        On breeding values, shape (qtl, traits).
    rng
        Source of randomness.
    """
    raw = polygenic_effects(qtl, Mixture(np.eye(effects.shape[1])), rng)
    if len(qtl) >= LEAST_ANIMALS_PER_SOURCE * effects.shape[1]:
        raw = raw - effects @ np.linalg.lstsq(centred_values(qtl, effects), centred_values(qtl, raw), rcond=None)[0]
    deviations = centred_values(qtl, raw).std(axis=0)
    return np.asarray(raw / np.where(deviations > 0, deviations, 1.0))
