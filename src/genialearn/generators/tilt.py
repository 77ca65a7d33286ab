"""How a distribution of haplotypes is tilted so that animals have the values of traits that they are asked for.

With effects u_t of an allele on trait t, p(v | y) ~ p(v) exp(sum_t lambda_t u_t'v), for both haplotypes of an animal.
A small tilt moves the mean of an animal's values g = U'(v_1 + v_2) by M lambda, M their covariance without a tilt; M is
measured on animals drawn with tilts as large as usual ones, where the mean is no longer quite linear. The mean of
breeding values given records y is, as far as it is linear, V S^-1 y, with covariances V of breeding values and S of
records; and where effects U are those of the best linear predictor, breeding values move as g does. So lambda =
M^-1 V S^-1 y: animals asked for records y have breeding values like real ones with these records, regressed as far as
heritability has it; asked for breeding values, they have these. V is that of g among the training animals, which
are less variable than breeding values; it is scaled such that its diagonal is the heritabilities. Tilts of exponential
families: Efron 2022, Exponential Families in Theory and Practice, Cambridge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, Int8Array
from genialearn.cohorts import Cohort
from genialearn.generators.conditions import AskedTraits, with_traits
from genialearn.mixed_models import exact, iterative
from genialearn.mixed_models.solvers import choose_solver
from genialearn.relationships import GenomicScale

_SMALLEST = 1e-3
"""Eigenvalues of correlations of records are at least this: with holes they may not be positive."""

_MOST_LOST = 2.0
"""Breeding values are taken for so many times as variable as g at most: few records tell too little of where to go."""

_CALIBRATING = 2_000
"""Animals that tell how values follow a tilt."""

Draw = Callable[[FloatArray, FloatArray, np.random.Generator], Int8Array]
"""Given effects (markers, traits) and how strongly each animal is pulled along them (animals, traits), lambda, returns
two haplotypes of each animal, shape (2 animals, markers)."""


@dataclass(frozen=True, eq=False)
class Tilt:
    """What a value asked for adds to the log odds of alleles.

    Parameters
    ----------
    traits
        What may be asked for.
    effects
        U, of an allele on standardised records, shape (markers, traits).
    records
        S, correlations of records, shape (traits, traits).
    real
        V, covariances of breeding values of the training animals, shape (traits, traits).
    response
        M, by how much values of drawn animals (rows) move with each lambda (columns), shape (traits, traits).
    """

    traits: AskedTraits
    effects: FloatArray
    records: FloatArray
    real: FloatArray
    response: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, draw: Draw, rng: np.random.Generator, *, calibrations: int = 2) -> Self:
        """Learn from a cohort's records: effects of its markers by single-trait GBLUP, variances by REML.

        Parameters
        ----------
        cohort
            The training animals.
        draw
            The distribution that is tilted.
        rng
            Source of randomness.
        calibrations
            How often the response is measured, each time at the strength that the one before asks for; more where it
            is less linear.
        """
        traits, values, known = AskedTraits.of(cohort)
        if not traits.names:
            return cls(traits, np.zeros((cohort.genotypes.shape[1], 0)), *np.zeros((3, 0, 0)))
        recorded = with_traits(cohort, np.flatnonzero(cohort.records.n_records > 0))
        effects, heritabilities = _marker_effects(recorded, rng)
        effects /= traits.deviations
        own = np.zeros((len(cohort), len(traits.names)))
        for columns, block in _blocks(cohort):
            own += block @ effects[columns]
        among = _covariance(own)
        lost = np.sqrt(np.clip(heritabilities / np.diag(among), 1.0, _MOST_LOST))
        first = cls(traits, effects, _correlations(values, known), among * np.outer(lost, lost), among)
        return first._calibrated(draw, rng, calibrations)

    def _calibrated(self, draw: Draw, rng: np.random.Generator, calibrations: int) -> Self:
        """Return the tilt with the response of animals that are asked for values as real ones have them."""
        tilt = self
        for _ in range(calibrations):
            asked = rng.standard_normal((_CALIBRATING, len(self.records))) @ np.linalg.cholesky(self.records).T
            strengths = tilt._strengths(asked, np.ones(asked.shape, dtype=bool))
            pairs = draw(self.effects, strengths, rng).reshape(_CALIBRATING, 2, -1)
            found = pairs.sum(axis=1) @ self.effects
            slopes = np.linalg.lstsq(strengths - strengths.mean(axis=0), found - found.mean(axis=0), rcond=None)[0]
            tilt = replace(tilt, response=slopes.T)
        return tilt

    def of_animals(self, n_animals: int, conditions: pd.DataFrame | None, guidance: float) -> FloatArray | None:
        """Return lambda times guidance (animals, traits); None where nothing is asked for."""
        values, asked = self.traits.standardised(n_animals, conditions)
        if not asked.any():
            return None
        return guidance * self._strengths(values, asked)

    def _strengths(self, values: FloatArray, asked: BoolArray) -> FloatArray:
        """Return lambda of values (animals, traits) of which some are asked for."""
        strengths = np.zeros_like(values)
        for pattern in np.unique(asked, axis=0):
            rows = (asked == pattern).all(axis=1)
            some, both = np.ix_(rows, pattern), np.ix_(pattern, pattern)
            wanted = self.real[both] @ np.linalg.solve(self.records[both], values[some].T)
            strengths[some] = np.linalg.solve(self.response[both], wanted).T
        return strengths


def _marker_effects(cohort: Cohort, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return effects of counted alleles in units of the records (markers, traits), and heritabilities (traits,)."""
    scale, unknown = GenomicScale.of(cohort.genotypes), [None] * len(cohort.traits)
    if choose_solver(cohort) == "exact":
        fits: exact.ExactFits | iterative.IterativeFits = exact.fit_trait_models(
            cohort, scale.relationships(cohort.genotypes), unknown
        )
    else:
        kernel = scale.operator(cohort.genotypes)
        fits = iterative.fit_trait_models(cohort, kernel, unknown, rng=rng)
    heritabilities = np.array([model.variances.heritability for model in fits.models])
    dual = np.column_stack([model.dual for model in fits.models])
    return scale.marker_effects(cohort.genotypes, dual), heritabilities


def _blocks(cohort: Cohort) -> Iterator[tuple[slice, FloatArray]]:
    """Yield blocks of markers with their dosages, missing ones at the mean."""
    for columns, block in cohort.genotypes.blocks():
        called = block >= 0
        means = np.where(called, block, 0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
        yield columns, np.where(called, block, means)


def _covariance(values: FloatArray) -> FloatArray:
    """Return the covariance of values (rows, traits), a little of the variances added to the diagonal."""
    found = np.atleast_2d(np.cov(values, rowvar=False))
    return np.asarray(found + np.diag(_SMALLEST * np.diag(found) + 1e-12))


def _correlations(values: FloatArray, known: BoolArray) -> FloatArray:
    """Return correlations of records where both are known, positive definite."""
    counts = known.T.astype(np.float64) @ known
    found = values.T @ values / np.maximum(counts, 1.0)
    np.fill_diagonal(found, 1.0)
    eigenvalues, vectors = np.linalg.eigh(np.clip(found, -1.0, 1.0))
    raised = (vectors * np.maximum(eigenvalues, _SMALLEST)) @ vectors.T
    units = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(units, units))
