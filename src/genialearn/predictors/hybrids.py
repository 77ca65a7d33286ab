"""Hybrids: GBLUP, and what curves between traits add to it where the data prove that they do."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.stats import norm

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.predictors.additive import AdditiveFit, additive_fit
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.trait_map import TraitMap
from genialearn.validation.splits import blocks
from genialearn.validation.tests import holm

_LEAST_SHARE = 0.5
"""Of a residual variance that is left at least, whatever a correction explains."""


class Hybrid(Estimator):
    """GBLUP of all traits together, and curves between traits, through a gate per trait.

    With breeding values u of GBLUP and a map f between traits:

    1. Every training animal gets the breeding values that it would have without the records of its own fold.
    2. A `TraitMap` learns each trait from these out-of-fold breeding values of all traits. Its corrections f(u) to a
       trait count where they explain GBLUP's out-of-fold errors.
    3. What they explain is taken from the records, and GBLUP is solved again: without the curved part, which is noise
       to an additive model, it predicts the additive part better. Then the map is learned again from what that leaves
       (backfitting: Buja, Hastie and Tibshirani 1989, Ann Stat 17:453), `rounds` times.
    4. The regression of the first GBLUP's out-of-fold errors on what all this changes gives each trait's gate, from 0
       (pure GBLUP) to 1, and 0 unless it is significant, corrected for all traits.

    Parameters
    ----------
    base
        "gblup-multi", whose breeding values have the linear borrowing between traits in them; "gblup", each trait by
        itself; "auto" for the first where it can be had: with several traits, no random effects beside breeding values
        and no heritability given.
    heritability, relationships, solver
        As in `GBLUP`.
    degree
        Of the curves between traits, as in `TraitMap`.
    folds
        How many parts the training animals are divided into.
    rounds
        How often GBLUP is solved again; with 0 the map corrects the first GBLUP.
    gate_level
        Probability that any gate opens where no correction is worth anything; sires' families count as dependent.
    seed
        Of the folds.

    Attributes
    ----------
    gate_
        Share of the correction that is added, shape (traits,).
    trait_map_
        The last map, fitted on all training animals.
    out_of_fold_
        The first GBLUP's out-of-fold breeding values by identifier, shape (animals, traits).
    base_
        The first GBLUP, which `heritability_` and `heritability_se_` are of.
    mean_
        Of predictions, shape (traits,).
    notes_
        Which gates are open.

    References
    ----------
    The hybrid of GBLUP and a trait-to-trait map: Shokor et al. 2025, J Dairy Sci 108:6174; there the map is trained on
    breeding values that contain the animals' own records, and has no gate.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        base: str = "auto",
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        degree: int = 12,
        folds: int = 5,
        rounds: int = 1,
        gate_level: float = 0.05,
        seed: int = 1,
    ) -> None:
        self.base = base
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.degree = degree
        self.folds = folds
        self.rounds = rounds
        self.gate_level = gate_level
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP, the map between traits, GBLUP again, and the gates."""
        check_at_least("hybrid folds", self.folds, 3)
        check_at_least("hybrid rounds", self.rounds, 0)
        check_between("hybrid gate_level", self.gate_level, 0, 0.5)
        cohort = cohort.canonical()
        first = self._additive(cohort)
        folds = np.random.default_rng(self.seed).permutation(len(cohort)) % self.folds
        self.base_, self.scale_ = first.model, first.model.scale_
        self.heritability_, self.heritability_se_ = first.model.heritability_, first.model.heritability_se_
        self._learn(first, folds, blocks(cohort))
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self.notes_ = first.model.notes_ + gate_notes([trait.name for trait in cohort.traits], self.gate_)
        return self

    def _additive(self, cohort: Cohort) -> AdditiveFit:
        common = {"relationships": self.relationships, "solver": self.solver, "seed": self.seed}
        return additive_fit(cohort, self.base, model="hybrid", heritability=self.heritability, **common)

    def _learn(self, first: AdditiveFit, folds: IntArray, families: StrArray) -> None:
        records, weights = first.adjusted_by_animal()
        additive, values = first, first.out_of_fold(folds)
        plain = first.means + values
        self.out_of_fold_ = values
        learned = self._map(values, records, weights, folds, families)
        opened = self._gates(records - plain, learned.out_of_fold_corrections_, weights, families)
        for _ in range(self.rounds if opened.any() else 0):
            corrections = opened * learned.out_of_fold_corrections_
            shares = _residual_shares(records - plain, corrections, first.residual_variances)
            additive = first.corrected(corrections, shares)
            values = additive.out_of_fold(folds)
            learned = self._map(values, records, weights, folds, families)
            left = records - additive.means - values
            opened = self._gates(left, learned.out_of_fold_corrections_, weights, families)
        changed = additive.means + values + opened * learned.out_of_fold_corrections_ - plain
        self.gate_ = self._gates(records - plain, changed, weights, families)
        self.trait_map_, self._opened = learned, opened
        self._keep_effects(first, additive)

    def _map(
        self, values: FloatArray, records: FloatArray, weights: FloatArray, folds: IntArray, families: StrArray
    ) -> TraitMap:
        return TraitMap(degree=self.degree, seed=self.seed).fit(
            values, records, weights=weights, folds=folds, families=families
        )

    def _gates(
        self, errors: FloatArray, corrections: FloatArray, weights: FloatArray, families: StrArray
    ) -> FloatArray:
        return gates(errors, corrections, weights, self.gate_level, blocks=families)

    def _keep_effects(self, first: AdditiveFit, last: AdditiveFit) -> None:
        """Keep the marker effects of the first GBLUP beside those of the last one, shape (markers, 2 x traits)."""
        self.mean_ = first.means + self.gate_ * (last.means - first.means)
        effects = first.marker_effects()
        self.marker_effects_of_both_ = np.hstack([effects, effects if last is first else last.marker_effects()])

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return GBLUP's breeding values plus what the gates let through, shape (animals, traits)."""
        if not hasattr(self, "gate_"):
            raise NotFittedError("Hybrid", expected="fit before predict", found="a model that saw no data")
        both = self.scale_.breeding_values(cohort.genotypes, self.marker_effects_of_both_)
        plain, last = np.split(both, 2, axis=1)
        changed = last + self._opened * self.trait_map_.corrections(last) - plain
        return np.asarray(plain + self.gate_ * changed)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus genetic value, shape (animals, traits); of a binary trait within 0 and 1."""
        genetic = self.breeding_values(cohort)
        predictions = np.asarray(self.mean_ + genetic)
        return within_bounds(predictions, self.binary_)


def gate_notes(names: list[str], gate: FloatArray) -> list[str]:
    """Return which traits' gates are open, and how far."""
    opened = [f"{name} ({share:.2f})" for name, share in zip(names, gate, strict=True) if share > 0]
    return [f"{len(opened)} of {len(names)} gates are open" + (f": {', '.join(opened)}" if opened else "")]


def _residual_shares(errors: FloatArray, corrections: FloatArray, residual: FloatArray) -> FloatArray:
    """Return what corrections leave of the residual variances, from what they leave of the errors, shape (traits,)."""
    explained = np.nanmean(errors**2, axis=0) - np.nanmean((errors - corrections) ** 2, axis=0)
    return np.asarray(np.clip(1 - explained / np.maximum(residual, 1e-300), _LEAST_SHARE, 1.0))


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
