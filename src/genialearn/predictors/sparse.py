"""Elastic net and LASSO: marker effects of which many are exactly 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator
from genialearn.genotypes import products
from genialearn.mixed_models.adjustment import AdjustedRecords, adjusted_records
from genialearn.mixed_models.coordinate_descent import ElasticNetPath
from genialearn.mixed_models.covariances import of_traits
from genialearn.mixed_models.marker_system import MarkerSystem
from genialearn.mixed_models.memory import PROCESS, Sizes
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.gblup_multi import refuse_random_effects
from genialearn.predictors.held_out import learnable
from genialearn.predictors.inner_parts import recorded_traits, squared_errors, stopping_folds
from genialearn.predictors.memory import marker_system_bytes
from genialearn.relationships import GenomicScale

_PATIENCE = 6
"""Penalties in a row at which no trait's loss of animals held out falls before a path ends."""


class ElasticNet(Estimator):
    """Elastic net of each trait on all markers, all traits in one sweep, fixed effects unpenalised.

    The penalty of each trait is the one of a falling path, or of one for each of some ratios, whose squared errors of
    animals held out are least; whole paths are followed without each fold, and once more with all animals.

    Parameters
    ----------
    l1_ratio
        Share of the penalty on absolute values; the rest is on squares. Of several each trait takes its own.
    steps, lowest
        Penalties of a path, and the last one over the first.
    folds
        Parts of the training animals that are held out in turn; the first is of the youngest, about a fifth, where
        birth years are known.
    counted
        How many of the folds are held out; 0 for all.
    seed
        Of the folds.

    Attributes
    ----------
    marker_effects_
        Effect of one copy of the counted allele, shape (markers, traits).
    mean_
        Average fixed part of the records, shape (traits,).
    l1_ratio_
        Of each trait, shape (traits,).
    penalty_
        Of each trait, over the one above which all effects are 0, shape (traits,).
    n_effects_
        Effects that aren't 0, shape (traits,).

    References
    ----------
    Zou and Hastie 2005, J R Stat Soc B 67:301; Friedman, Hastie and Tibshirani 2010, J Stat Softw 33:1.
    """

    requires = frozenset({"genotypes"})
    _name = "elastic-net"

    def __init__(
        self,
        *,
        l1_ratio: float | Sequence[float] = (0.01, 0.1, 0.5),
        steps: int = 40,
        lowest: float = 0.01,
        folds: int = 5,
        counted: int = 0,
        seed: int = 1,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.steps = steps
        self.lowest = lowest
        self.folds = folds
        self.counted = counted
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Choose each trait's penalty, and solve at it."""
        self._check()
        cohort = cohort.canonical()
        self.refuse(cohort)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        system, shares = MarkerSystem(cohort), np.geomspace(1, self.lowest, self.steps)
        ratios = self._ratios()
        paths = [ElasticNetPath(system, ratio) for ratio in ratios]
        highest = paths[0].highest * ratios[0] / ratios[:, None]
        penalties = shares[:, None] * highest[:, None, :]
        ratio, step = self._best(cohort, ratios, penalties)
        self.marker_effects_ = np.zeros((len(self.scale_.markers), len(step)))
        self.mean_ = np.zeros(len(step))
        units = np.where(system.varies, system.units, 1.0)
        for place in np.unique(ratio):
            own, path = ratio == place, paths[place]
            path.followed = own
            for here, effects in enumerate(path.follow(penalties[place, : step[own].max() + 1])):
                now = own & (step == here)
                self.marker_effects_[:, now] = effects[:, now]
                self.mean_[now] = (units * path.means)[now]
                path.followed = own & (step > here)
        self.l1_ratio_, self.penalty_ = ratios[ratio], shares[step]
        self.n_effects_ = np.count_nonzero(self.marker_effects_, axis=0)
        return self

    def _check(self) -> None:
        if not len(self._ratios()):
            raise SettingError(f"{self._name} l1_ratio", expected="one share or several", found="none")
        for ratio in self._ratios():
            check_between(f"{self._name} l1_ratio", float(ratio), 0.001, 1)
        check_at_least(f"{self._name} steps", self.steps, 2)
        check_between(f"{self._name} lowest", self.lowest, 1e-6, 0.5)
        check_at_least(f"{self._name} folds", self.folds, 2)
        check_at_least(f"{self._name} counted", self.counted, 0)

    def _ratios(self) -> FloatArray:
        return np.atleast_1d(np.asarray(self.l1_ratio, dtype=np.float64))

    def _best(self, cohort: Cohort, ratios: FloatArray, penalties: FloatArray) -> tuple[IntArray, IntArray]:
        """Return which ratio, and which step of its path, loses least on animals held out, shape (traits,) each.

        Parameters
        ----------
        cohort, ratios
            The training animals, and the ratios.
        penalties
            Shape (ratios, steps, traits).
        """
        folds = stopping_folds(cohort, recorded_traits(cohort), self.folds, seed=self.seed)
        records = adjusted_records(cohort)
        losses = np.zeros(penalties.shape)
        for fold in range(min(self.counted or self.folds, self.folds)):
            losses += self._fold_losses(cohort, ratios, penalties, records, folds == fold)
        n_ratios, n_steps, n_traits = penalties.shape
        flat = losses.reshape(n_ratios * n_steps, n_traits)
        ratio, step = np.divmod(np.argmin(flat, axis=0), n_steps)
        told = flat.any(axis=0)
        if told.any():  # a trait that no animal held out has a record of is penalised as the others are
            untold = ~told & learnable(cohort)
            usual = np.bincount(ratio[told]).argmax()
            step[untold] = int(np.median(step[told & (ratio == usual)]))
            ratio[untold] = usual
        return ratio, step

    def _fold_losses(
        self, cohort: Cohort, ratios: FloatArray, penalties: FloatArray, records: AdjustedRecords, held: BoolArray
    ) -> FloatArray:
        """Return the loss of animals held out at each penalty; where a path ended before, the last one.

        0 in traits that have too few records without them. Shape (ratios, steps, traits).
        """
        part = cohort.select(np.flatnonzero(~held))
        known = learnable(part)
        out = np.zeros(penalties.shape)
        if not known.any() or not held.any():
            return out
        system, others = MarkerSystem(of_traits(part, known)), cohort.genotypes.select(animals=np.flatnonzero(held))
        values, weights = records.values[held][:, known], records.weights[held][:, known]
        for losses, ratio, falling in zip(out, ratios, penalties, strict=True):
            path = ElasticNetPath(system, ratio)
            for step, effects in enumerate(path.follow(falling[:, known])):
                predicted = products.times_marker_effects(others, system.blocks.frequencies, effects)
                losses[step, known] = squared_errors(values - predicted, weights).sum(axis=0)
                path.followed = step - np.argmin(losses[: step + 1, known], axis=0) < _PATIENCE
                if not path.followed.any():
                    losses[step:, known] = losses[step, known]
                    break
        return out

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where the model can't take what a cohort has."""
        refuse_random_effects(cohort, self._name)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: two paths at a time."""
        return 2 * marker_system_bytes(sizes, 6 * 8) - PROCESS

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values in the units of the records, shape (animals, traits)."""
        if not hasattr(self, "marker_effects_"):
            raise NotFittedError(self._name, expected="fit before predict", found="a model that saw no data")
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        values = self.breeding_values(cohort)
        return within_bounds(self.mean_ + values, self.binary_)


class Lasso(ElasticNet):
    """LASSO: the elastic net whose penalty is on absolute values alone. Settings and attributes are its.

    References
    ----------
    Tibshirani 1996, J R Stat Soc B 58:267.
    """

    _name = "lasso"

    def __init__(
        self,
        *,
        l1_ratio: float | Sequence[float] = 1.0,
        steps: int = 40,
        lowest: float = 0.01,
        folds: int = 5,
        counted: int = 0,
        seed: int = 1,
    ) -> None:
        super().__init__(l1_ratio=l1_ratio, steps=steps, lowest=lowest, folds=folds, counted=counted, seed=seed)
