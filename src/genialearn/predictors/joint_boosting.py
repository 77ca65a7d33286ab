"""Boosted trees that all traits have in common; a record that doesn't exist is no label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from genialearn._arrays import BoolArray, Float32Array, FloatArray, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.boosting import Losses, library
from genialearn.predictors.tree_ensemble import Training, TreeEnsemble
from genialearn.predictors.views import Features, check_views

_DEEPEST = 16
"""Levels of an oblivious tree, which has two to this power leaves."""


@dataclass(kw_only=True, eq=False, repr=False)
class CatBoost(TreeEnsemble):
    """CatBoost (Prokhorenkova et al. 2018, NeurIPS 31:6638): the same oblivious trees for all traits.

    Squared errors of traits without a record count nothing. Animals are weighted by the mean weight of their records,
    as the library knows no weight by trait; errors of binary traits are squared too. As the trees see the windows of
    all traits, these are fewer than those of other models. Settings and attributes: `TreeEnsemble`.

    Parameters
    ----------
    learning_rate, max_trees, depth
        Size and number of the trees.
    penalty
        Ridge penalty on the leaves' values.
    patience
        Trees without improvement before growing stops.
    """

    features: str | Sequence[str] = "traits + windows + components"
    windows: int = 50
    learning_rate: float = 0.05
    max_trees: int = 800
    depth: int = 3
    penalty: float = 10.0
    patience: int = 40

    name: ClassVar[str] = "catboost"

    def _check(self) -> None:
        super()._check()
        check_at_least(f"{self.name} max_trees", self.max_trees, 1)
        check_at_least(f"{self.name} patience", self.patience, 1)
        check_between(f"{self.name} depth", check_at_least(f"{self.name} depth", self.depth, 1), 1, _DEEPEST)
        check_between(f"{self.name} learning_rate", self.learning_rate, 1e-6, 1)
        check_between(f"{self.name} penalty", self.penalty, 0, 1e9)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: its trees see the markers screened for any trait, thrice."""
        names, t = check_views(f"{self.name} features", self.features), sizes.n_traits
        screened = min(t * self.screened, sizes.n_markers) if "screened" in names else 0
        windows = t * self.windows if "windows" in names else 0
        seen = 3 * 4 * sizes.n_animals * (t + windows + screened + self.components)
        return super().memory_bytes(sizes, solver) + seen

    def _space(self, trial: Any) -> dict[str, Any]:
        return {
            "depth": trial.suggest_int("depth", 1, 6),
            "penalty": trial.suggest_float("penalty", 1.0, 300.0, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        }

    def _held_out_losses(self, training: Training) -> Iterator[float]:
        yield self._counted(training)[0].least_over_start

    def _grow_all(self, training: Training) -> list[Any]:
        """Return the same trees for all traits that they are any good for, None for the others."""
        total, better = self._counted(training)
        if not better.any():
            return [None] * training.n_traits
        labels = _Labels.of(training)
        grown = self._train(training.seen(labels.traits), labels, labels.rows, total.best)
        return [_Joint(grown, labels.traits) if better[trait] else None for trait in range(training.n_traits)]

    def _counted(self, training: Training) -> tuple[Losses, BoolArray]:
        """Return losses of animals held out by the number of trees, and which traits the best number is better for."""
        labels, total = _Labels.of(training), Losses(self.max_trees)
        tried: list[_Tried] = []
        for fold in training.held_out(self.folds) if labels.traits else ():
            inside = training.folds[labels.rows] == fold
            rows, held = labels.rows[~inside], labels.rows[inside]
            known = labels.part(_vary(labels.rest[rows]) & np.isfinite(labels.rest[held]).any(axis=0))
            seen = training.seen(labels.traits, without=fold)
            if known.traits and np.ptp(seen[rows], axis=0).any():
                model = self._train(seen, known, rows, self.max_trees, held)
                total.add(known.root_loss(held), _curve(model), weight=float(known.weights[held].sum()))
                tried.append(_Tried(model, seen[held], known, held))
        better = np.zeros(training.n_traits, dtype=bool)
        if tried and total.best and np.ptp(training.seen(labels.traits)[labels.rows], axis=0).any():
            better = sum((one.changes(total.best, training.n_traits) for one in tried), np.zeros(training.n_traits)) < 0
        return total, np.asarray(better)

    def _train(
        self, seen: Float32Array, labels: _Labels, rows: IntArray, n_trees: int, held: IntArray | None = None
    ) -> Any:
        catboost = library("catboost", "boost")
        stopping = {} if held is None else {"od_type": "Iter", "od_wait": self.patience, "use_best_model": False}
        model = catboost.CatBoostRegressor(
            loss_function="MultiRMSEWithMissingValues",
            iterations=n_trees,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.penalty,
            random_seed=self.seed,
            thread_count=self.threads or -1,
            allow_writing_files=False,
            verbose=False,
            **stopping,
        )
        train, held_out_pool = (
            None if some is None else catboost.Pool(seen[some], labels.rest[some], weight=labels.weights[some])
            for some in (rows, held)
        )
        return model.fit(train, eval_set=held_out_pool)

    def _sums(self, trait: int, features: Features) -> FloatArray:
        own: _Joint = self.trees_[trait]
        predicted = _columns(own.trees.predict(features.matrix(own.traits)))
        return np.asarray(predicted[:, own.traits.index(trait)])

    def _size(self, trees: _Joint) -> int:
        return int(trees.trees.tree_count_)


class _Labels(NamedTuple):
    """What starts leave of the traits that vary, NaN without record, (animals, traits), and animals' mean weights."""

    traits: list[int]
    rest: FloatArray
    weights: FloatArray

    @property
    def rows(self) -> IntArray:
        """Animals with a record of any trait."""
        return np.flatnonzero(self.weights > 0)

    @classmethod
    def of(cls, training: Training) -> _Labels:
        targets = {trait: training.target(trait) for trait in range(training.n_traits)}
        varying = {trait: target for trait, target in targets.items() if np.ptp(target.rest) > 0}
        shape = len(training.folds), len(varying)
        rest, weights = np.full(shape, np.nan), np.zeros(shape)
        for column, target in enumerate(varying.values()):
            rest[target.rows, column], weights[target.rows, column] = target.rest, target.weights
        return cls(list(varying), rest, weights.sum(axis=1) / np.maximum((weights > 0).sum(axis=1), 1))

    def part(self, which: BoolArray) -> _Labels:
        """Return those of some of the traits."""
        return _Labels(
            [trait for trait, wanted in zip(self.traits, which, strict=True) if wanted],
            self.rest[:, which],
            self.weights,
        )

    def losses(self, rows: IntArray, said: FloatArray | float = 0.0) -> FloatArray:
        """Return the mean weighted square of what is left of each trait, 0 where there is nothing, shape (traits,)."""
        errors = self.rest[rows] - said
        known = self.weights[rows, None] * np.isfinite(errors)
        return np.asarray(np.nansum(known * errors**2, axis=0) / np.maximum(known.sum(axis=0), 1e-300))

    def root_loss(self, rows: IntArray) -> float:
        """Return the loss that the library tells, of no trees."""
        return float(np.sqrt(self.losses(rows).sum()))


class _Tried(NamedTuple):
    """Trees, and what they see of animals that they weren't grown on."""

    trees: Any
    seen: Float32Array
    labels: _Labels
    rows: IntArray

    def changes(self, n_trees: int, n_traits: int) -> FloatArray:
        """Return by how much so many trees change each trait's sum of squares, shape (traits,)."""
        said = _columns(self.trees.predict(self.seen, ntree_end=min(n_trees, self.trees.tree_count_)))
        change = self.labels.losses(self.rows, said) - self.labels.losses(self.rows)
        out = np.zeros(n_traits)
        out[self.labels.traits] = change * np.isfinite(self.labels.rest[self.rows]).sum(axis=0)
        return out


class _Joint(NamedTuple):
    """Trees of several traits, and which ones."""

    trees: Any
    traits: list[int]


def _vary(rest: FloatArray) -> BoolArray:
    """Return which traits have two records that differ, shape (traits,)."""
    highest = np.where(np.isfinite(rest), rest, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(highest > np.where(np.isfinite(rest), rest, np.inf).min(axis=0, initial=np.inf))


def _curve(model: Any) -> Sequence[float]:
    """Return the loss of animals held out after each tree, as `_Labels.root_loss` has it."""
    return list(model.get_evals_result()["validation"]["MultiRMSEWithMissingValues"])


def _columns(predicted: FloatArray) -> FloatArray:
    """Return predictions as (animals, traits): the library leaves out the second axis of one trait."""
    return predicted.reshape(len(predicted), -1)
