"""Hybrids: GBLUP, and what other traits and curves between traits can add to it where the data prove that they do."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.stats import norm

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.trait_map import TraitMap
from genialearn.validation.splits import blocks
from genialearn.validation.tests import holm

_MAP_FOLDS = 5
"""Parts in which the map is judged: unions of the folds that the breeding values leave out."""


class Hybrid(GBLUP):
    """GBLUP of every trait, corrected by a map between traits through a gate per trait.

    1. Single-trait GBLUP gives every training animal the breeding values it would have without its own fold's records.
    2. A `TraitMap` learns each trait from the out-of-fold breeding values of all traits.
    3. The map is itself judged out of fold: the regression of GBLUP's out-of-fold errors on the map's corrections
       gives each trait's gate, from 0 (pure GBLUP) to 1, and 0 unless it is significant, corrected for all traits.

    Parameters
    ----------
    heritability, relationships, solver
        As in `GBLUP`.
    degree
        Of the curves between traits.
    folds
        How many parts the training animals are divided into.
    gate_level
        Probability that any gate opens where no correction is worth anything; sires' families count as dependent.
    seed
        Of the folds.

    Attributes
    ----------
    gate_
        Share of the map's correction that is added, shape (traits,).
    trait_map_
        The map, fitted on all training animals.
    out_of_fold_
        Out-of-fold breeding values of the training animals by identifier, shape (animals, traits).

    References
    ----------
    The hybrid of GBLUP and a trait-to-trait map: Shokor et al. 2025, J Dairy Sci 108:6174; there the map is trained on
    breeding values that contain the animals' own records, and has no gate.
    """

    def __init__(
        self,
        *,
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        degree: int = 3,
        folds: int = 10,
        gate_level: float = 0.05,
        seed: int = 1,
    ) -> None:
        super().__init__(heritability=heritability, relationships=relationships, solver=solver, seed=seed)
        self.degree = degree
        self.folds = folds
        self.gate_level = gate_level

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP, the map between traits and its gates."""
        check_at_least("hybrid folds", self.folds, 3)
        check_between("hybrid gate_level", self.gate_level, 0, 0.5)
        cohort = cohort.canonical()
        fits = self._fit(cohort)
        folds = np.random.default_rng(self.seed).permutation(len(cohort)) % self.folds
        map_folds = folds % _MAP_FOLDS
        self.out_of_fold_ = fits.out_of_fold_breeding_values(folds)
        records, weights = adjusted_by_animal(self.models_, len(cohort))
        corrections = self._out_of_fold_corrections(records, weights, map_folds)
        errors = records - self.mean_ - self.out_of_fold_
        self.gate_ = gates(errors, corrections, weights, self.gate_level, blocks=blocks(cohort))
        self.trait_map_ = self._map().fit(self.out_of_fold_, records, weights=weights, folds=map_folds)
        self.notes_ += self._notes([trait.name for trait in cohort.traits])
        return self

    def _map(self) -> TraitMap:
        return TraitMap(degree=self.degree, seed=self.seed)

    def _out_of_fold_corrections(self, records: FloatArray, weights: FloatArray, folds: IntArray) -> FloatArray:
        corrections = np.empty_like(records)
        for fold in np.unique(folds):
            inside = folds == fold
            learned = self._map().fit(
                self.out_of_fold_[~inside], records[~inside], weights=weights[~inside], folds=folds[~inside]
            )
            corrections[inside] = learned.corrections(self.out_of_fold_[inside])
        return corrections

    def _notes(self, names: list[str]) -> list[str]:
        opened = [f"{name} ({share:.2f})" for name, share in zip(names, self.gate_, strict=True) if share > 0]
        return [f"{len(opened)} of {len(names)} gates are open" + (f": {', '.join(opened)}" if opened else "")]

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return GBLUP's breeding values plus their gated corrections, shape (animals, traits)."""
        own = super().breeding_values(cohort)
        return np.asarray(own + self.gate_ * self.trait_map_.corrections(own))


def gates(
    errors: FloatArray, corrections: FloatArray, weights: FloatArray, level: float, *, blocks: StrArray
) -> FloatArray:
    """Return how much of each trait's correction out-of-fold data justify, from 0 to 1, shape (traits,).

    The errors y - u of the uncorrected prediction are regressed on the corrections. The slope, shrunk by its own
    uncertainty, is the gate, if it is above 0 by a one-sided test that Holm's method corrects for all traits.

    Parameters
    ----------
    errors, corrections
        Out of fold; errors are NaN without record, shape (animals, traits).
    weights
        Precision of the records, 0 without record, shape (animals, traits).
    level
        Of the family of tests.
    blocks
        Which animals' errors aren't independent, such as those of one sire, shape (animals,).
    """
    _, block_of = np.unique(blocks.astype(str), return_inverse=True)
    slopes = [_slope(errors[:, t], corrections[:, t], weights[:, t], block_of) for t in range(errors.shape[1])]
    value, error = np.array(slopes).T
    significant = holm(norm.sf(value / error)) < level
    shrunk = value * (1 - (error / np.where(significant, value, 1.0)) ** 2)
    return np.where(significant, np.clip(shrunk, 0.0, 1.0), 0.0)


def _slope(errors: FloatArray, corrections: FloatArray, weights: FloatArray, block_of: IntArray) -> tuple[float, float]:
    """Return the weighted regression of errors on corrections and its standard error, robust within blocks.

    The variance is the sum over blocks of squared sums of scores (Liang and Zeger 1986, Biometrika 73:13-22).
    """
    known = weights > 0
    w = weights[known] / weights[known].sum()
    x = corrections[known] - w @ corrections[known]
    y = errors[known] - w @ errors[known]
    spread = float(w @ x**2)
    if not spread > 0:
        return 0.0, 1.0
    value = float(w @ (x * y)) / spread
    scores = np.bincount(block_of[known], weights=w * x * (y - value * x))
    return value, float(np.sqrt(np.sum(scores**2))) / spread
