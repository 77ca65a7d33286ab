"""Gradient-boosted trees: animals without a record of a trait are left out, never given a made-up label."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from genialearn._arrays import Float32Array, FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.errors import MissingExtraError
from genialearn.predictors.tree_ensemble import Training, TreeEnsemble
from genialearn.predictors.tree_targets import Target
from genialearn.predictors.views import Features

_ROUNDING = 1e-6
"""Of a loss: what libraries that compute in float32 may be wrong by."""


@dataclass(kw_only=True, eq=False, repr=False)
class Boosting(TreeEnsemble):
    """The settings of boosted trees, one model a trait.

    Parameters
    ----------
    learning_rate, max_trees, leaves, min_leaf_animals
        Size and number of the trees.
    feature_fraction
        Share of the features that each tree may look at.
    penalty
        Ridge penalty on the leaves' values.
    bins
        Into which a feature's values are put at most.
    patience
        Trees without improvement before growing stops.
    """

    learning_rate: float = 0.05
    max_trees: int = 800
    leaves: int = 4
    min_leaf_animals: int = 20
    feature_fraction: float = 0.1
    penalty: float = 50.0
    bins: int = 63
    patience: int = 40

    linked: ClassVar[bool] = True

    def _check(self) -> None:
        super()._check()
        for setting, least in {"max_trees": 1, "patience": 1, "leaves": 2, "min_leaf_animals": 1, "bins": 2}.items():
            check_at_least(f"{self.name} {setting}", getattr(self, setting), least)
        check_between(f"{self.name} learning_rate", self.learning_rate, 1e-6, 1)
        check_between(f"{self.name} feature_fraction", self.feature_fraction, 1e-6, 1)
        check_between(f"{self.name} penalty", self.penalty, 0, 1e9)

    def _grow_all(self, training: Training) -> list[Any]:
        """Return the trees of each trait: as many as were best for animals held out, grown on all."""
        return [self._grow_trait(training, trait) for trait in range(training.n_traits)]

    def _grow_trait(self, training: Training, trait: int) -> Any:
        target = training.target(trait)
        n_trees = self._best_number(training, trait, target) if np.ptp(target.rest) > 0 else 0
        return self._train(training.seen([trait]), target, n_trees) if n_trees else None

    def _space(self, trial: Any) -> dict[str, Any]:
        return {
            "leaves": trial.suggest_int("leaves", 2, 32, log=True),
            "min_leaf_animals": trial.suggest_int("min_leaf_animals", 5, 100, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.02, 1.0, log=True),
            "penalty": trial.suggest_float("penalty", 0.1, 500.0, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        }

    def _held_out_losses(self, training: Training) -> Iterator[float]:
        for trait in range(training.n_traits):
            yield self._losses(training, trait, training.target(trait)).least_over_start

    def _best_number(self, training: Training, trait: int, target: Target) -> int:
        """Return the number of trees, 0 among them, whose loss of animals held out is least."""
        return self._losses(training, trait, target).best

    def _losses(self, training: Training, trait: int, target: Target) -> Losses:
        total = Losses(self.max_trees)
        for fold in training.held_out(self.folds):
            inside = training.folds[target.rows] == fold
            if inside.any() and not inside.all():
                held = target.part(inside)
                curve = self._curve(training.seen([trait], without=fold), target.part(~inside), held)
                total.add(held.loss(held.offset), curve, weight=float(held.weights.sum()))
        return total

    @abstractmethod
    def _curve(self, seen: Any, target: Target, held: Target) -> Sequence[float]:
        """Return the loss of animals held out after 1, 2, ... trees, until it hasn't improved for a while.

        Parameters
        ----------
        seen
            What `_read` made of the features of all animals.
        target, held
            Of those that trees are grown on, and of the others.
        """

    @abstractmethod
    def _train(self, seen: Any, target: Target, n_trees: int) -> Any:
        """Return so many trees, grown on the animals of a target."""


class Losses:
    """Sums over folds of losses after 0, 1, 2, ... trees; what a fold no longer tried stays as it was last."""

    def __init__(self, max_trees: int) -> None:
        self._sums = np.zeros(max_trees + 1)

    def add(self, start: float, curve: Sequence[float], *, weight: float = 1.0) -> None:
        """Add those of a fold: without trees, and after each."""
        losses = np.array([start, *curve])
        self._sums += weight * losses[np.minimum(np.arange(len(self._sums)), len(losses) - 1)]

    @property
    def best(self) -> int:
        """The fewest trees whose loss is the least, or differs from it by no more than rounding errors."""
        return int(np.argmax(self._sums <= self._sums.min() + _ROUNDING * self._sums[0]))

    @property
    def least_over_start(self) -> float:
        """The least loss over that without trees; 1 where there is none to lose."""
        return float(self._sums.min() / self._sums[0]) if self._sums[0] > 0 else 1.0


@dataclass(kw_only=True, eq=False, repr=False)
class LightGBM(Boosting):
    """LightGBM (Ke et al. 2017, NeurIPS 30:3146). Settings and attributes: `Boosting` and `TreeEnsemble`."""

    name: ClassVar[str] = "lightgbm"

    def _read(self, matrix: Float32Array) -> Any:
        """Return the features in bins."""
        binned = _lightgbm().Dataset(matrix, params=self._parameters("regression"), free_raw_data=True)
        return binned.construct()

    def _parameters(self, objective: str) -> dict[str, Any]:
        return {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf_animals,
            "feature_fraction": self.feature_fraction,
            "lambda_l2": self.penalty,
            "max_bin": self.bins,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": self.threads,
            "seed": self.seed,
            "verbosity": -1,
        }

    def _curve(self, seen: Any, target: Target, held: Target) -> Sequence[float]:
        lightgbm = _lightgbm()
        losses: dict[str, dict[str, list[float]]] = {}
        callbacks = [lightgbm.early_stopping(self.patience, verbose=False), lightgbm.record_evaluation(losses)]
        self._train(seen, target, self.max_trees, valid_sets=[_labelled(seen, held)], callbacks=callbacks)
        return list(next(iter(losses["valid_0"].values())))

    def _train(self, seen: Any, target: Target, n_trees: int, **others: Any) -> Any:
        parameters = self._parameters("cross_entropy" if target.binary else "regression")
        return _lightgbm().train(parameters, _labelled(seen, target), num_boost_round=n_trees, **others)

    def _sums(self, trait: int, features: Features) -> FloatArray:
        matrix = features.matrix([trait])
        return np.asarray(self.trees_[trait].predict(matrix, raw_score=True, num_threads=self.threads))

    def _size(self, trees: Any) -> int:
        return int(trees.num_trees())


def _lightgbm() -> Any:
    return library("lightgbm", "trees")


def _labelled(seen: Any, target: Target) -> Any:
    subset = seen.subset(target.rows).construct()
    subset.set_label(target.values)
    subset.set_weight(target.weights)
    subset.set_init_score(target.offset)
    return subset


@dataclass(kw_only=True, eq=False, repr=False)
class XGBoost(Boosting):
    """XGBoost (Chen and Guestrin 2016, KDD 22:785). Settings and attributes: `Boosting` and `TreeEnsemble`."""

    name: ClassVar[str] = "xgboost"

    def _parameters(self, target: Target) -> dict[str, Any]:
        binary = target.binary
        of_an_animal = float(np.mean(target.start * (1 - target.start))) if binary else 1.0
        return {
            "objective": "binary:logistic" if binary else "reg:squarederror",
            "eval_metric": "logloss" if binary else "rmse",
            "base_score": 0.5 if binary else 0.0,
            "tree_method": "hist",
            "grow_policy": "lossguide",
            "max_depth": 0,
            "max_leaves": self.leaves,
            "max_bin": self.bins,
            "learning_rate": self.learning_rate,
            "min_child_weight": self.min_leaf_animals * of_an_animal,
            "colsample_bytree": self.feature_fraction,
            "lambda": self.penalty,
            "nthread": self.threads,
            "seed": self.seed,
        }

    def _curve(self, seen: Any, target: Target, held: Target) -> Sequence[float]:
        losses: dict[str, dict[str, list[float]]] = {}
        watched = {"evals": [(_matrix(seen, held), "held")], "evals_result": losses}
        self._train(seen, target, self.max_trees, early_stopping_rounds=self.patience, **watched)
        curve = np.array(next(iter(losses["held"].values())))
        return list(curve if target.binary else curve**2)

    def _train(self, seen: Any, target: Target, n_trees: int, **others: Any) -> Any:
        parameters = self._parameters(target)
        train = _xgboost().train
        return train(parameters, _matrix(seen, target), num_boost_round=n_trees, verbose_eval=False, **others)

    def _sums(self, trait: int, features: Features) -> FloatArray:
        rows = _xgboost().DMatrix(features.matrix([trait]))
        return np.asarray(self.trees_[trait].predict(rows, output_margin=True), dtype=np.float64)

    def _size(self, trees: Any) -> int:
        return int(trees.num_boosted_rounds())


def _xgboost() -> Any:
    return library("xgboost", "boost")


def _matrix(seen: Float32Array, target: Target) -> Any:
    return _xgboost().DMatrix(seen[target.rows], label=target.values, weight=target.weights, base_margin=target.offset)


def library(name: str, extra: str) -> Any:
    """Return a library of trees, which has the name of its model."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError.for_extra(name, extra, f"model {name}") from error
