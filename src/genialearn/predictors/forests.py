"""Forests: many deep trees, each grown on other animals and features, averaged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from genialearn._arrays import Float32Array, FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.tree_ensemble import Training, TreeEnsemble
from genialearn.predictors.tree_targets import Target
from genialearn.predictors.views import Features

_IN_BAG, _NODE = 0.63, 72
"""Share of the animals that a tree is grown on, and bytes of one of its nodes."""


class _Forest(NamedTuple):
    """Grown trees, and how much of what they say is added."""

    trees: Any
    share: float


@dataclass(kw_only=True, eq=False, repr=False)
class Forest(TreeEnsemble):
    """The settings of forests, one a trait, by squared errors, of binary traits those of the probability.

    Where trees add to GBLUP, they are shrunk by the regression of what GBLUP leaves on what trees say of animals that
    they weren't grown on, between 0 and 1.

    Parameters
    ----------
    n_trees
        How many.
    min_leaf_animals
        Animals in a leaf at least.
    feature_fraction
        Share of the features that each division may look at.
    """

    n_trees: int = 300
    min_leaf_animals: int = 5
    feature_fraction: float = 0.05

    def _check(self) -> None:
        super()._check()
        check_at_least(f"{self.name} n_trees", self.n_trees, 1)
        check_at_least(f"{self.name} min_leaf_animals", self.min_leaf_animals, 1)
        check_between(f"{self.name} feature_fraction", self.feature_fraction, 1e-6, 1)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs, the trees of all traits included."""
        leaves = _IN_BAG * sizes.n_animals / self.min_leaf_animals
        return super().memory_bytes(sizes, solver) + int(2 * leaves * _NODE * self.n_trees * sizes.n_traits)

    def _space(self, trial: Any) -> dict[str, Any]:
        return {
            "min_leaf_animals": trial.suggest_int("min_leaf_animals", 2, 60, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.02, 1.0, log=True),
        }

    def _held_out_losses(self, training: Training) -> Iterator[float]:
        for trait in range(training.n_traits):
            said = self._said(training, trait, training.target(trait), folds=[0])
            rest, w = said.rest, said.weights
            errors = rest - _share(said) * said.values
            yield float(w @ errors**2 / max(float(w @ rest**2), 1e-300)) if len(w) else 1.0

    def _grow_all(self, training: Training) -> list[Any]:
        return [self._grow_trait(training, trait) for trait in range(training.n_traits)]

    def _grow_trait(self, training: Training, trait: int) -> _Forest | None:
        target = training.target(trait)
        if not np.ptp(target.rest) > 0:
            return None
        share = 1.0
        if self.start == "gblup":
            share = _share(self._said(training, trait, target, folds=training.held_out(self.folds)))
        return _Forest(self._grown(training.seen([trait]), target, self.n_trees), share) if share > 0 else None

    def _said(self, training: Training, trait: int, target: Target, *, folds: Sequence[int]) -> _Said:
        """Return what trees say of animals of some folds, grown on the others."""
        parts = []
        for fold in folds:
            inside = training.folds[target.rows] == fold
            if inside.any() and not inside.all() and np.ptp(target.rest[~inside]) > 0:
                seen, held = training.seen([trait], without=fold), target.part(inside)
                values = self._grown(seen, target.part(~inside), self._fewer()).predict(seen[held.rows])
                parts.append(_Said(held.rest, values, held.weights))
        return _Said(*(np.concatenate([part[place] for part in parts] or [np.empty(0)]) for place in range(3)))

    def _fewer(self) -> int:
        """Return how many trees tell what a forest says of animals held out, as each part takes a forest of its own."""
        return -(-self.n_trees // 3)

    def _grown(self, seen: Float32Array, target: Target, n_trees: int) -> Any:
        forest = self._kind()(
            n_estimators=n_trees,
            min_samples_leaf=self.min_leaf_animals,
            max_features=self.feature_fraction,
            bootstrap=True,
            n_jobs=self.threads or -1,
            random_state=self.seed,
        )
        rest = target.rest.astype(np.float32)  # divisions that are equally good are told apart by no rounding errors
        forest.fit(seen[target.rows], rest, sample_weight=target.weights)
        forest.n_jobs = 1  # threads would add trees in the order in which they finish
        return forest

    @abstractmethod
    def _kind(self) -> Any:
        """Return the class of the library."""

    def _sums(self, trait: int, features: Features) -> FloatArray:
        forest: _Forest = self.trees_[trait]
        return np.asarray(forest.share * forest.trees.predict(features.matrix([trait])))

    def _size(self, trees: _Forest) -> int:
        return len(trees.trees.estimators_)


class _Said(NamedTuple):
    """What is left of animals, what trees that weren't grown on them say, and their weights, shape (animals,) each."""

    rest: FloatArray
    values: FloatArray
    weights: FloatArray


def _share(said: _Said) -> float:
    """Return the weighted regression of what is left on what trees say, between 0 and 1; 0 without animals."""
    if not len(said.weights):
        return 0.0
    w = said.weights / said.weights.sum()
    x = said.values - w @ said.values
    spread = float(w @ x**2)
    return float(np.clip((w * x) @ said.rest / spread, 0.0, 1.0)) if spread > 0 else 0.0


@dataclass(kw_only=True, eq=False, repr=False)
class RandomForest(Forest):
    """Random forest (Breiman 2001, Mach Learn 45:5). Settings and attributes: `Forest` and `TreeEnsemble`."""

    name: ClassVar[str] = "random-forest"

    def _kind(self) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor


@dataclass(kw_only=True, eq=False, repr=False)
class ExtraTrees(Forest):
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006, Mach Learn 63:3), with bootstrap samples.

    Settings and attributes: `Forest` and `TreeEnsemble`.
    """

    name: ClassVar[str] = "extra-trees"

    def _kind(self) -> Any:
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor
