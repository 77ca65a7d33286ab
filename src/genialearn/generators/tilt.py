"""How a distribution of haplotypes is tilted so that animals have the values of traits that they are asked for.

With effects u_t of an allele on trait t, p(v | y) ~ p(v) exp(sum_t lambda_t u_t'v), for both haplotypes of an animal.
A small tilt moves the mean of v by Cov(v) U lambda. Among the training animals the mean of v given records y is, as far
as it is linear, Cov(v, y) S^-1 y, S the covariance of records; and Cov(v, y) is Cov(v) U where effects U are those of
the best linear predictor. So lambda = S^-1 y: animals asked for records y have breeding values like real ones with
these records, regressed as far as heritability has it; asked for breeding values, they have these. Tilts of
exponential families: Efron 2022, Exponential Families in Theory and Practice, Cambridge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.generators.conditions import AskedTraits, with_traits
from genialearn.mixed_models import exact, iterative
from genialearn.mixed_models.solvers import choose_solver
from genialearn.relationships import GenomicScale

_SMALLEST = 1e-3
"""Eigenvalues of correlations of records are at least this: with holes they may not be positive."""


@dataclass(frozen=True, eq=False)
class Tilt:
    """What a value asked for adds to the log odds of alleles.

    Parameters
    ----------
    traits
        What may be asked for.
    effects
        U, of an allele on standardised records, shape (markers, traits).
    correlations
        S, of standardised records, shape (traits, traits).
    """

    traits: AskedTraits
    effects: FloatArray
    correlations: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, markers: IntArray, seed: int) -> Self:
        """Learn from a cohort's records: effects of some markers by single-trait GBLUP, variances by REML."""
        traits, values, known = AskedTraits.of(cohort)
        if not traits.names:
            return cls(traits, np.zeros((len(markers), 0)), np.zeros((0, 0)))
        recorded = with_traits(cohort, np.flatnonzero(cohort.records.n_records > 0))
        genotypes = cohort.genotypes.select(markers=markers)
        recorded = replace(recorded, genotypes=genotypes, haplotypes=None)
        effects = _marker_effects(recorded, seed) / traits.deviations
        return cls(traits, effects, _correlations(values, known))

    def of_animals(self, n_animals: int, conditions: pd.DataFrame | None, guidance: float) -> Float32Array | None:
        """Return log odds to be added (markers, animals), lambda times guidance; None where nothing is asked for."""
        values, asked = self.traits.standardised(n_animals, conditions)
        if not asked.any():
            return None
        strengths = np.zeros_like(values)
        for pattern in np.unique(asked, axis=0):
            rows = (asked == pattern).all(axis=1)
            some = np.ix_(rows, pattern)
            strengths[some] = np.linalg.solve(self.correlations[np.ix_(pattern, pattern)], values[some].T).T
        return np.asarray((guidance * self.effects @ strengths.T).astype(np.float32))


def _marker_effects(cohort: Cohort, seed: int) -> FloatArray:
    """Return effects of counted alleles in units of the records, shape (markers, traits)."""
    scale, unknown = GenomicScale.of(cohort.genotypes), [None] * len(cohort.traits)
    if choose_solver(cohort) == "exact":
        fits: exact.ExactFits | iterative.IterativeFits = exact.fit_trait_models(
            cohort, scale.relationships(cohort.genotypes), unknown
        )
    else:
        kernel = scale.operator(cohort.genotypes)
        fits = iterative.fit_trait_models(cohort, kernel, unknown, rng=np.random.default_rng(seed))
    return scale.marker_effects(cohort.genotypes, np.column_stack([model.dual for model in fits.models]))


def _correlations(values: FloatArray, known: BoolArray) -> FloatArray:
    """Return correlations of records where both are known, positive definite."""
    counts = known.T.astype(np.float64) @ known
    found = values.T @ values / np.maximum(counts, 1.0)
    np.fill_diagonal(found, 1.0)
    eigenvalues, vectors = np.linalg.eigh(np.clip(found, -1.0, 1.0))
    raised = (vectors * np.maximum(eigenvalues, _SMALLEST)) @ vectors.T
    units = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(units, units))
