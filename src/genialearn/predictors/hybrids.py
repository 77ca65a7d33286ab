"""Hybrids: GBLUP, and what curves between traits add to it where the data prove that they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.additive import AdditiveFit, additive_fit
from genialearn.predictors.gates import gate_notes, gates, residual_shares, shares
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.memory import joint_bytes
from genialearn.predictors.trait_map import TraitMap
from genialearn.validation.splits import blocks
from genialearn.validation.tests import LEVEL, holm

FEWEST_FOLDS, MANY_ANIMALS = 3, 50_000
"""Folds at least, and animals from which on there are no more."""

ENOUGH_ANIMALS = 20_000
"""Where so many animals train, the base is GBLUP of all traits without asking, and so many judge what changes it."""

CURVE_COLUMNS = ("driver", "target", "share", "p", "p_holm", "breeding_value", "effect", "lower", "upper")


@dataclass(frozen=True, eq=False)
class _Additive:
    """What an additive model predicts.

    Parameters
    ----------
    means
        Shape (traits,).
    values
        Out-of-fold breeding values of the training animals, shape (animals, traits).
    marker_effects
        Shape (markers, traits).
    """

    means: FloatArray
    values: FloatArray
    marker_effects: FloatArray

    @classmethod
    def of(cls, fit: AdditiveFit, folds: IntArray) -> _Additive:
        return cls(fit.means, fit.out_of_fold(folds), fit.marker_effects())

    def moved(self, other: _Additive, share: FloatArray) -> _Additive:
        """Return what lies between this model and another one, share by trait."""
        parts = zip(
            (self.means, self.values, self.marker_effects),
            (other.means, other.values, other.marker_effects),
            strict=True,
        )
        return _Additive(*(mine + share * (its - mine) for mine, its in parts))


@dataclass(frozen=True, eq=False)
class _Evidence:
    """What training animals tell.

    Parameters
    ----------
    records, weights
        Records without fixed effects, NaN where there are none, and their weights, shape (animals, traits).
    folds, families
        Of each animal, shape (animals,).
    """

    records: FloatArray
    weights: FloatArray
    folds: IntArray
    families: StrArray

    def of(self, rows: IntArray, folds: IntArray) -> _Evidence:
        """Return what some animals tell, in other folds."""
        return _Evidence(self.records[rows], self.weights[rows], folds, self.families[rows])

    def gates(self, errors: FloatArray, corrections: FloatArray, level: float) -> FloatArray:
        return gates(errors, corrections, self.weights, level, blocks=self.families)


def enough_folds(folds: IntArray) -> IntArray:
    """Return the folds, -1 in the place of those that aren't needed to have 20,000 animals."""
    sizes = np.cumsum(np.bincount(folds))
    kept = int(np.searchsorted(sizes, ENOUGH_ANIMALS)) + 1
    return np.where(folds < kept, folds, -1)


_PER_TERM, _TERMS = 6 * 8, 12
"""Arrays in float64 of an animal's terms of curves, and terms of each trait, while they are learned."""


class Hybrid(Estimator):
    """GBLUP of all traits together, and curves between traits, through a gate per trait.

    With breeding values u of GBLUP and a map f between traits:

    1. Every training animal gets the breeding values that it would have without the records of its own fold. With few
       records GBLUP of all traits together can be worse than of single ones; so the base lies between both, trait by
       trait, where the out-of-fold errors say.
    2. A `TraitMap` learns each trait from these out-of-fold breeding values of all traits. Its corrections f(u) to a
       trait count where they explain GBLUP's out-of-fold errors.
    3. What they explain is taken from the records, and GBLUP is solved again: without the curved part, which is noise
       to an additive model, it predicts the additive part better. Then the map is learned again from what that leaves
       (backfitting: Buja, Hastie and Tibshirani 1989, Ann Stat 17:453), once.
    4. The regression of the first GBLUP's out-of-fold errors on what all this changes gives each trait's gate, from 0
       (pure GBLUP) to 1, and 0 unless it is significant, corrected for all traits.

    Parameters
    ----------
    base
        "gblup-multi", whose breeding values have linear borrowing between traits in them, as far as it helps; "gblup",
        each trait by itself; "auto" for the first where it can be had: with several traits, no random effects beside
        breeding values and no heritability given.
    heritability, relationships, solver
        As in `GBLUP`.
    degree
        Of the curves between traits, as in `TraitMap`.
    folds
        How many parts the training animals are divided into; from 50,000 animals on three, as each costs a solution.
    backfit
        Whether GBLUP is solved again; else the map corrects the base.
    gate_level
        Probability that any gate opens where no correction is worth anything; sires' families count as dependent.
    seed
        Of the folds.

    Attributes
    ----------
    joint_share_
        How far each trait's base goes from single-trait to multi-trait GBLUP, from 0 to 1, shape (traits,).
    gate_
        Share of the correction that is added, shape (traits,).
    trait_map_
        The last map, fitted on all training animals, or as many folds of them as hold 20,000.
    out_of_fold_
        The base's out-of-fold breeding values by identifier, shape (animals, traits).
    base_
        The GBLUP, which `heritability_` and `heritability_se_` are of.
    mean_
        Of predictions, shape (traits,).
    notes_
        How covariances were bent, and which gates are open.

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
        backfit: bool = True,
        gate_level: float = 0.05,
        seed: int = 1,
    ) -> None:
        self.base = base
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.degree = degree
        self.folds = folds
        self.backfit = backfit
        self.gate_level = gate_level
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Fit GBLUP, the map between traits, GBLUP again, and the gates."""
        self._check()
        cohort = cohort.canonical()
        common = {"relationships": self.relationships, "solver": self.solver, "seed": self.seed}
        first = additive_fit(cohort, self.base, model="hybrid", heritability=self.heritability, **common)
        return self.fit_on(first, cohort)

    def fit_on(self, first: AdditiveFit, cohort: Cohort) -> Self:
        """Do what `fit` does after GBLUP has been fitted.

        Parameters
        ----------
        first
            That GBLUP, from `genialearn.predictors.additive.additive_fit`.
        cohort
            Its training animals, canonical.
        """
        self._check()
        self.base_, self.scale_ = first.model, first.model.scale_
        self.heritability_, self.heritability_se_ = first.model.heritability_, first.model.heritability_se_
        self._learn(first, self._folds(len(cohort)), blocks(cohort))
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self._names = [trait.name for trait in cohort.traits]
        self.notes_ = first.model.notes_ + gate_notes(self._names, self.gate_)
        return self

    def _check(self) -> None:
        check_at_least("hybrid folds", self.folds, FEWEST_FOLDS)
        check_between("hybrid gate_level", self.gate_level, 0, 0.5)

    def _learn(self, first: AdditiveFit, folds: IntArray, families: StrArray) -> None:
        if len(folds) < ENOUGH_ANIMALS:
            first = first.cross_fitted(folds)
        evidence = _Evidence(*first.adjusted_by_animal(), folds, families)
        plain = last = self._plain(first, evidence)
        errors = evidence.records - plain.means - plain.values
        learned = self._map(plain.values, evidence)
        opened = evidence.gates(errors, learned.out_of_fold_corrections_, self.gate_level)
        changed = opened * learned.out_of_fold_corrections_
        if self.backfit and opened.any():
            left = residual_shares(errors, changed, first.residual_variances)
            asked = enough_folds(folds)
            last, rows = _Additive.of(first.corrected(changed, left), asked), np.flatnonzero(asked >= 0)
            evidence, values = evidence.of(rows, self._folds(len(rows))), last.means + last.values[rows]
            learned = self._map(last.values[rows], evidence)
            opened = evidence.gates(evidence.records - values, learned.out_of_fold_corrections_, self.gate_level)
            changed = values + opened * learned.out_of_fold_corrections_ - (plain.means + plain.values[rows])
            errors = errors[rows]
        self.gate_ = evidence.gates(errors, changed, self.gate_level)
        self.trait_map_, self._opened, self.out_of_fold_ = learned, opened, plain.values
        self.mean_ = plain.means + self.gate_ * (last.means - plain.means)
        self.marker_effects_of_both_ = np.hstack([plain.marker_effects, last.marker_effects])

    def _plain(self, first: AdditiveFit, evidence: _Evidence) -> _Additive:
        """Return the GBLUP that everything is added to: all traits together as far as that is better than singly."""
        found = _Additive.of(first, evidence.folds)
        self.joint_share_ = np.ones(evidence.records.shape[1])
        singly = first.singly(evidence.folds) if len(evidence.folds) < ENOUGH_ANIMALS else None
        if singly is None:
            return found
        errors = evidence.records - singly.means - singly.out_of_fold
        differences = found.values - singly.out_of_fold
        self.joint_share_ = shares(errors, differences, evidence.weights, blocks=evidence.families)
        return _Additive(singly.means, singly.out_of_fold, singly.marker_effects).moved(found, self.joint_share_)

    def _folds(self, n_animals: int) -> IntArray:
        n_folds = self.folds if n_animals < MANY_ANIMALS else min(self.folds, FEWEST_FOLDS)
        folds: IntArray = np.random.default_rng(self.seed).permutation(n_animals) % n_folds
        return folds

    def _map(self, values: FloatArray, evidence: _Evidence) -> TraitMap:
        return TraitMap(degree=self.degree, seed=self.seed).fit(
            values, evidence.records, weights=evidence.weights, folds=evidence.folds, families=evidence.families
        )

    def trait_curves(self) -> pd.DataFrame:
        """Return the curves that are more than lines, by tests that Holm's method corrects for all pairs of traits.

        Columns: `driver`, `target`, `share` of the curve that predictions contain, `p`, `p_holm`, and for each of 41
        points `breeding_value` of the driver, `effect` on the target, `lower` and `upper`.
        """
        self._check_fitted()
        curves = self.trait_map_.curves()
        corrected = holm(np.array([curve.p for curve in curves]))
        tables = [
            pd.DataFrame(
                {
                    "driver": self._names[curve.driver],
                    "target": self._names[curve.target],
                    "share": self.gate_[curve.target] * self._opened[curve.target],
                    "p": curve.p,
                    "p_holm": p_holm,
                    "breeding_value": curve.breeding_values,
                    "effect": curve.effects,
                    "lower": curve.lower,
                    "upper": curve.upper,
                }
            )
            for curve, p_holm in zip(curves, corrected, strict=True)
            if p_holm < LEVEL
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CURVE_COLUMNS)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return GBLUP's breeding values plus what the gates let through, shape (animals, traits)."""
        self._check_fitted()
        if not self.gate_.any():
            return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_of_both_[:, : len(self.gate_)])
        both = self.scale_.breeding_values(cohort.genotypes, self.marker_effects_of_both_)
        plain, last = np.split(both, 2, axis=1)
        changed = last + self._opened * self.trait_map_.corrections(last) - plain
        return np.asarray(plain + self.gate_ * changed)

    def _check_fitted(self) -> None:
        if not hasattr(self, "gate_"):
            raise NotFittedError("Hybrid", expected="fit before predict", found="a model that saw no data")

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: of GBLUP of all traits, and terms of curves."""
        terms = _PER_TERM * _TERMS * sizes.n_animals * sizes.n_traits
        return joint_bytes(sizes, solver, out_of_fold=True) + terms

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus genetic value, shape (animals, traits); of a binary trait within 0 and 1."""
        genetic = self.breeding_values(cohort)
        predictions = np.asarray(self.mean_ + genetic)
        return within_bounds(predictions, self.binary_)
