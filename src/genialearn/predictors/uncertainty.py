"""How far predictions of genetic values may be off: by trait from animals held out, by animal from members' spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.covariances import of_traits
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.mixed_models.records import patterns
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.held_out import learnable
from genialearn.predictors.inner_parts import recorded_traits, spread_folds

_PRIOR_MEMBERS = 10.0
"""As many members' worth of spread is the same for all animals: with few members single spreads are mostly chance."""

_LEAST_SHARE = 0.05
"""Of the genetic variance that predictions leave unexplained at least."""


class Intervals(NamedTuple):
    """Bounds of genetic values plus mean, in the units of the records, each of shape (animals, traits)."""

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Variances of prediction errors, in units of each trait's variance.

    Parameters
    ----------
    error_variances
        Of genetic values, mean over animals like those held out, shape (traits,).
    heritabilities
        Which they rest on: genetic variances in the same units, shape (traits,).
    """

    error_variances: FloatArray
    heritabilities: FloatArray

    @classmethod
    def of(
        cls,
        values: FloatArray,
        weights: FloatArray,
        held_out: Sequence[tuple[IntArray, FloatArray]],
        heritabilities: FloatArray,
    ) -> Uncertainty:
        """Return the uncertainty that animals held out show.

        E(g - p)^2 = h2 - 2 cov(y, p) + var(p) + (mean error)^2: a record y is g and an independent error, which is why
        no error variance has to be known.

        Parameters
        ----------
        values, weights
            Standardised records and their weights, NaN and 0 where there is none, shape (animals, traits).
        held_out
            Rows that were held out and what was predicted for them, (rows, traits).
        heritabilities
            Genetic variances over those of the records that were standardised, which may be averages, shape (traits,).
        """
        rows, predicted = _averaged(held_out)
        y, w = np.nan_to_num(values[rows]), weights[rows]
        shares = w / np.maximum(w.sum(axis=0), 1e-12)
        means, p_means = (shares * y).sum(axis=0), (shares * predicted).sum(axis=0)
        covariances = (shares * (y - means) * (predicted - p_means)).sum(axis=0)
        variances = (shares * (predicted - p_means) ** 2).sum(axis=0)
        errors = heritabilities - 2 * covariances + variances + (means - p_means) ** 2
        least = _LEAST_SHARE * heritabilities
        return cls(np.where(w.sum(axis=0) > 0, np.maximum(errors, least), heritabilities), heritabilities)

    def standard_deviations(self, members: FloatArray, usual_spread: FloatArray) -> FloatArray:
        """Return those of genetic values around their prediction, shape (animals, traits).

        The mean variance of a trait times s^2 / (mean s^2), the members' variance at an animal over that at training
        animals; both are moderated as if ten more members had the usual spread (Smyth 2004, Stat Appl Genet Mol Biol
        3:3, doi:10.2202/1544-6115.1027).

        Parameters
        ----------
        members
            What every member predicts, shape (members, animals, traits).
        usual_spread
            Mean variance between members, shape (traits,).
        """
        n_further = len(members) - 1
        spread = members.var(axis=0, ddof=1) if n_further else np.zeros(members.shape[1:])
        relative = spread / np.where(usual_spread > 0, usual_spread, np.inf)
        share = n_further * (usual_spread > 0)
        factor = (_PRIOR_MEMBERS + share * relative) / (_PRIOR_MEMBERS + share)
        return np.asarray(np.sqrt(self.error_variances * factor))


def genetic_variances(cohort: Cohort, n_animals: int, *, seed: int) -> FloatArray:
    """Return the genetic variance of each trait by REML of so many animals at most, shape (traits,).

    Traits that have too few records get infinity.

    Parameters
    ----------
    cohort
        Training animals.
    n_animals
        From how many; of more, some are chosen so that those with rare records are among them.
    seed
        Of the choice.
    """
    folds = spread_folds(recorded_traits(cohort), -(-len(cohort) // n_animals), seed=seed)
    some = cohort.select(np.flatnonzero(folds == 0))
    known = learnable(some)
    out = np.full(len(known), np.inf)
    if known.any():
        base, learned = GBLUP(seed=seed), of_traits(some, known)
        base.fit_traits(learned)
        out[known] = _variances_of_values(base, learned)
    return out


def _averaged(held_out: Sequence[tuple[IntArray, FloatArray]]) -> tuple[IntArray, FloatArray]:
    """Return the rows that anybody held out, and the mean prediction of those who did, (rows, traits)."""
    rows, place = np.unique(np.concatenate([rows for rows, _ in held_out]), return_inverse=True)
    predicted = np.concatenate([predicted for _, predicted in held_out])
    total = np.zeros((len(rows), predicted.shape[1]))
    np.add.at(total, place, predicted)
    return rows, total / np.bincount(place)[:, None]


def around(centre: FloatArray, standard_deviations: FloatArray, level: float) -> Intervals:
    """Return normal intervals of so much probability."""
    reach = ndtri(0.5 + level / 2) * standard_deviations
    return Intervals(centre - reach, centre + reach)


def _variances_of_values(base: GBLUP, cohort: Cohort) -> FloatArray:
    """Return variances of genetic values among the animals that a GBLUP was fitted on, shape (traits,).

    The larger one of what REML expects, genetic variance times the mean diagonal of G, and of what these animals'
    records vary by beyond residuals: few loci or a trend make it larger than expected, markers that tell too little of
    the loci make both too small.

    Parameters
    ----------
    base
        A fitted GBLUP.
    cohort
        What it was fitted on.
    """
    records, weights = adjusted_by_animal(base.models_, len(cohort))
    shares = weights / weights.sum(axis=0)
    means = np.nansum(shares * records, axis=0)
    spread = np.nansum(shares * (records - means) ** 2, axis=0)
    residual = np.array([fitted.variances.residual for fitted in base.models_])
    left = np.array([pattern.n_contrasts / len(pattern.records) for pattern in patterns(cohort)])
    beyond = spread - left * residual * (weights > 0).sum(axis=0) / weights.sum(axis=0)
    genetic = np.array([fitted.variances.genetic for fitted in base.models_])
    return np.asarray(np.maximum(base.mean_diagonal_ * genetic, beyond))
