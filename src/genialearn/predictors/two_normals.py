"""Few large and many small marker effects, without sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.genotypes import products
from genialearn.mixed_models.adjustment import AdjustedRecords, adjusted_records
from genialearn.mixed_models.covariances import of_traits
from genialearn.mixed_models.marker_mixtures import MarkerMixtures, TwoNormals
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.mixed_models.records import relative_weights
from genialearn.predictors.gblup import GBLUP, within_bounds
from genialearn.predictors.gblup_multi import refuse_random_effects
from genialearn.predictors.held_out import learnable
from genialearn.predictors.inner_parts import folds_counted, recorded_traits, squared_errors, stopping_folds
from genialearn.predictors.memory import marker_system_bytes
from genialearn.validation.splits import blocks

_NAME = "bslmm"

_ONE_NORMAL = (0.5, 0.5)
MIXTURES = (
    _ONE_NORMAL,
    *((narrow_part, share) for share in (0.1, 0.01, 0.001) for narrow_part in (0.75, 0.5, 0.25)),
)
"""Part of the genetic variance that is of narrow effects, and share of the wide ones; the first is GBLUP."""

_CLEAR = 2.5
"""Standard errors by which a mixture must be better than GBLUP to take its place: a chance of .05 for nine of them."""

_LEAST, _MOST = 0.01, 0.95
"""Bounds of the heritability of a record of mean weight, beyond which effects wouldn't settle."""


@dataclass(frozen=True, eq=False)
class _Variances:
    """Genetic and residual variances of GBLUP, of a record of weight 1, shape (traits,)."""

    genetic: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, base: GBLUP, cohort: Cohort) -> Self:
        """Return those of which a record of mean weight has a heritability within bounds."""
        weights = relative_weights(cohort)[1]
        genetic, residual = (
            np.array([getattr(model.variances, part) for model in base.models_]) for part in ("genetic", "residual")
        )
        total = genetic + residual / weights
        heritability = np.clip(np.divide(genetic, total, out=np.zeros_like(total), where=total > 0), _LEAST, _MOST)
        return cls(heritability * total, (1 - heritability) * total * weights)


class BSLMM(Estimator):
    """Bayesian sparse linear mixed model: all markers have small effects, and some of them large ones.

    Heritabilities are those of GBLUP. Which part of the genetic variance small effects make, and how many are large, is
    for each trait what predicts training animals best that are held out; one possibility is GBLUP itself. Given these,
    means of effects come by mean-field variation instead of sampling: tens of sweeps over the markers for each
    possibility and each part held out, all traits together.

    Parameters
    ----------
    heritability, solver
        As in `GBLUP`.
    folds
        Parts of the training animals that are held out in turn; the first is of the youngest, about a fifth, where
        birth years are known. Of more than 2,000 animals not all are, of more than 5,000 only the first.
    most_sweeps
        Over all markers, for each possibility.
    tolerance
        Sweeps end when none moves a trait's breeding values by more than this share of their size.
    seed
        Of folds and random vectors.

    Attributes
    ----------
    marker_effects_
        Means of the effect of one copy of the counted allele, shape (markers, traits).
    inclusion_
        Probability that an effect is a large one, shape (markers, traits).
    mixture_
        Part of the genetic variance that is of small effects, and share of the large ones, shape (traits, 2).
    heritability_, heritability_se_
        Of GBLUP, shape (traits,).
    mean_
        Average fixed part of the records, shape (traits,).
    notes_
        Whether sweeps ended before values were settled.

    References
    ----------
    Zhou, Carbonetto and Stephens 2013, PLoS Genet 9:e1003264; by variation, and with mixtures tried on animals held
    out, Loh et al. 2015, Nat Genet 47:284.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        heritability: float | list[float] | None = None,
        solver: str = "auto",
        folds: int = 5,
        most_sweeps: int = 100,
        tolerance: float = 2e-3,
        seed: int = 1,
    ) -> None:
        self.heritability = heritability
        self.solver = solver
        self.folds = folds
        self.most_sweeps = most_sweeps
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Choose each trait's mixture, and visit all markers until nothing moves."""
        check_at_least(f"{_NAME} folds", self.folds, 2)
        check_at_least(f"{_NAME} most_sweeps", self.most_sweeps, 1)
        check_between(f"{_NAME} tolerance", self.tolerance, 1e-8, 0.1)
        cohort = cohort.canonical()
        self.refuse(cohort)
        base = GBLUP(heritability=self.heritability, solver=self.solver, seed=self.seed).fit(cohort)
        self.scale_ = base.scale_
        self.heritability_, self.heritability_se_ = base.heritability_, base.heritability_se_
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        variances = _Variances.of(base, cohort)
        best = self._best(cohort, variances)
        self.mixture_ = np.array(MIXTURES)[best]
        markers = MarkerMixtures(cohort)
        system = markers.system
        for place in range(best.max() + 1):  # each mixture begins where the one before led, as on animals held out
            mixture = np.array(MIXTURES)[np.minimum(best, place)]
            prior = TwoNormals.of(system, variances.genetic, variances.residual, *mixture.T)
            moved = markers.settle(prior, tolerance=self.tolerance, most_sweeps=self.most_sweeps)
        units = np.where(system.varies, system.units, 1.0)
        self.marker_effects_ = markers.effects * units
        self.inclusion_ = markers.wideness.astype(np.float64)
        self.mean_ = markers.means * units
        unsettled = [trait.name for trait, far in zip(cohort.traits, moved > self.tolerance, strict=True) if far]
        self.notes_ = [f"{name}: not settled after {self.most_sweeps} sweeps" for name in unsettled]
        return self

    def _best(self, cohort: Cohort, variances: _Variances) -> IntArray:
        """Return which mixture predicts each trait's animals best that are held out, shape (traits,).

        One that isn't clearly better than GBLUP is left; sires' families count as dependent.
        """
        folds = stopping_folds(cohort, recorded_traits(cohort), self.folds, seed=self.seed)
        records = adjusted_records(cohort)
        counted = range(folds_counted(len(cohort), self.folds))
        losses = np.concatenate(
            [self._losses(cohort, variances, records, np.flatnonzero(folds == fold)) for fold in counted]
        )
        rows = np.concatenate([np.flatnonzero(folds == fold) for fold in counted])
        families, family = np.unique(blocks(cohort)[rows], return_inverse=True)
        gains = np.zeros((len(families), *losses.shape[1:]))
        np.add.at(gains, family, losses[:, :1] - losses)
        gain, error = gains.sum(axis=0), np.sqrt(len(gains) * gains.var(axis=0))
        return np.asarray(np.argmax(np.where(gain > _CLEAR * error, gain, 0.0), axis=0))

    def _losses(self, cohort: Cohort, variances: _Variances, records: AdjustedRecords, held: IntArray) -> FloatArray:
        """Return losses of animals held out, 0 in traits that have too few records without them.

        Shape (animals held out, mixtures, traits).
        """
        part = cohort.select(np.setdiff1d(np.arange(len(cohort)), held))
        known, out = learnable(part), np.zeros((len(held), len(MIXTURES), len(cohort.traits)))
        if not known.any() or not len(held):
            return out
        markers = MarkerMixtures(of_traits(part, known))
        others, frequencies = cohort.genotypes.select(animals=held), markers.system.blocks.frequencies
        units = np.where(markers.system.varies, markers.system.units, 1.0)
        values, weights = records.values[held][:, known], records.weights[held][:, known]
        for place, mixture in enumerate(MIXTURES):
            each = (np.full(int(known.sum()), value) for value in mixture)
            prior = TwoNormals.of(markers.system, variances.genetic[known], variances.residual[known], *each)
            markers.settle(prior, tolerance=self.tolerance, most_sweeps=self.most_sweeps)
            predicted = products.times_marker_effects(others, frequencies, markers.effects * units)
            out[:, place, known] = squared_errors(values - predicted, weights)
        return out

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where the model can't take what a cohort has."""
        refuse_random_effects(cohort, _NAME)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: GBLUP, or after it a system and genotypes without a part."""
        part = sizes.n_animals * sizes.n_markers // 4
        gblup = needed_bytes(sizes, solver if self.solver == "auto" else self.solver)
        return max(gblup, marker_system_bytes(sizes, 3 * 8) + part)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return means of breeding values in the units of the records, shape (animals, traits)."""
        if not hasattr(self, "marker_effects_"):
            raise NotFittedError(_NAME, expected="fit before predict", found="a model that saw no data")
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        values = self.breeding_values(cohort)
        return within_bounds(self.mean_ + values, self.binary_)
