"""What all ensembles of trees have in common: features, targets, folds, and how their number is chosen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.linalg.low_rank import dominant_part
from genialearn.mixed_models.adjustment import AdjustedRecords, adjusted_records
from genialearn.mixed_models.exact import ExactFits
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.mixed_models.iterative import IterativeFits
from genialearn.mixed_models.memory import PROCESS, Sizes, needed_bytes
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.inner_parts import folds_counted, recorded_traits, stopping_folds
from genialearn.predictors.memory import LIBRARIES, dosage_bytes
from genialearn.predictors.tree_targets import Target, Targets
from genialearn.predictors.tuning import best_settings, check_trials
from genialearn.predictors.views import LEARNED, Features, Views, check_views, marker_windows
from genialearn.relationships import GenomicScale

STARTS = ("gblup", "mean")
"""What trees add to."""

_PASSES = 4
"""Products with the subspace of the components, which needn't be exact: trees see them through thresholds."""


@dataclass(kw_only=True, eq=False, repr=False)
class TreeEnsemble(Estimator):
    """The settings and attributes of all ensembles of trees.

    Parameters
    ----------
    features
        What trees see, a list or names joined by "+": "gblup", the trait's breeding value by GBLUP; "traits", those of
        all traits; "windows", parts of the trait's breeding value; "screened", dosages of markers of large effects;
        "components", principal components; "markers", all dosages. What is made with records is made for each training
        animal without its own.
    start
        "gblup": trees add to breeding values by GBLUP, out of fold in training; "mean": they begin with the mean.
    windows, screened, components
        How many of them.
    heritability, relationships, solver
        Of the GBLUP, as in `GBLUP`.
    folds
        Parts of the training animals that features are made without in turn, the first of the youngest animals, about a
        fifth, where birth years are known. On them it is decided how many trees or which share of them is good: on all
        up to 2,000 animals, on two up to 5,000, of more animals on the first alone.
    trials
        Settings of the trees that are tried by optuna before they are grown, by the loss of animals held out; 0 for
        those given, else 5 at least.
    threads
        0 for all cores.
    seed
        Of folds, trees and trials.

    Attributes
    ----------
    base_
        The fitted GBLUP; None where neither features nor start need it.
    n_trees_
        Of each trait's model, shape (traits,).
    tuned_
        The settings that were best of those tried; empty without trials.
    """

    features: str | Sequence[str] = "traits + windows + screened + components"
    start: str = "gblup"
    windows: int = 150
    screened: int = 500
    components: int = 20
    heritability: float | list[float] | None = None
    relationships: str = "vanraden1"
    solver: str = "auto"
    folds: int = 5
    trials: int = 0
    threads: int = 0
    seed: int = 1

    requires: ClassVar[frozenset[str]] = frozenset({"genotypes"})
    name: ClassVar[str]
    linked: ClassVar[bool] = False
    """Whether trees add to the logit of binary traits, and are grown by cross-entropy; else to the probability."""

    def fit(self, cohort: Cohort) -> Self:
        """Make the features and grow the trees of every trait."""
        self._check()
        cohort = cohort.canonical()
        training = Training.learned(cohort, self)
        self.base_, self.views_, self._scales = training.base, training.views, training.targets.scales
        self.tuned_ = self._tuned(training) if self.trials else {}
        self.trees_ = self._with(self.tuned_)._grow_all(training)
        self.n_trees_ = np.array([0 if trees is None else self._size(trees) for trees in self.trees_])
        return self

    def _check(self) -> None:
        check_views(f"{self.name} features", self.features)
        check_known(f"{self.name} start", self.start, STARTS)
        for setting in ("windows", "screened", "components"):
            check_at_least(f"{self.name} {setting}", getattr(self, setting), 1)
        check_at_least(f"{self.name} folds", self.folds, 2)
        check_trials(f"{self.name} trials", check_at_least(f"{self.name} trials", self.trials, 0))

    def _with(self, settings: Mapping[str, Any]) -> Self:
        """Return the same model with some other settings, not fitted."""
        return replace(self, **settings)

    def _tuned(self, training: Training) -> dict[str, Any]:
        def losses(settings: dict[str, Any]) -> Iterator[float]:
            return self._with(settings)._held_out_losses(training)

        return best_settings(self._space, losses, self.trials, seed=self.seed, model=self.name)

    @abstractmethod
    def _space(self, trial: Any) -> dict[str, Any]:
        """Return settings that an optuna trial suggests."""

    @abstractmethod
    def _held_out_losses(self, training: Training) -> Iterator[float]:
        """Yield the loss of animals held out over that of the start, a trait after the other."""

    @abstractmethod
    def _grow_all(self, training: Training) -> list[Any]:
        """Return the trees of each trait, None for none."""

    def _read(self, matrix: Float32Array) -> Any:
        """Return what all animals' features are to the library."""
        return matrix

    @abstractmethod
    def _sums(self, trait: int, features: Features) -> FloatArray:
        """Return what the trees of a trait, of which there are some, add to the start, shape (animals,)."""

    @abstractmethod
    def _size(self, trees: Any) -> int:
        """Return how many trees there are."""

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: those of GBLUP, or of all features, whichever are more."""
        n, t = sizes.n_animals, sizes.n_traits
        names = check_views(f"{self.name} features", self.features)
        if "markers" in names:
            return dosage_bytes(sizes)
        windows = self.windows if "windows" in names else 1
        seen = t + self.windows + self.screened + self.components
        made = PROCESS + LIBRARIES + sizes.file_bytes + 4 * n * (t * windows + 3 * seen)
        return max(needed_bytes(sizes, solver, out_of_fold=True), made)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return predictions, shape (animals, traits); of a binary trait within 0 and 1."""
        if not hasattr(self, "trees_"):
            raise NotFittedError(self.name, expected="fit before predict", found="a model that saw no data")
        features = self.views_.of(self.views_.scale.read_through(cohort.genotypes))
        known = np.zeros((len(cohort), len(self.trees_)))
        if self.start == "gblup" and self.base_ is not None:
            known = self.base_.breeding_values(cohort)
        out = np.empty(known.shape)
        for trait, trees in enumerate(self.trees_):
            sums = np.zeros(len(cohort)) if trees is None else self._sums(trait, features)
            linked = self.linked and trees is not None
            out[:, trait] = self._scales.predicted(trait, known[:, trait], sums, linked=linked)
        return out


@dataclass(frozen=True, eq=False)
class Training:
    """What trees are grown on.

    Parameters
    ----------
    base
        GBLUP of the training animals, if anything needs it.
    views
        How features are made for later animals.
    features
        Those of the training animals, out of fold.
    screened_without
        Markers screened without each fold, shape (folds, traits, screened).
    targets
        Of all traits.
    known
        Breeding values that trees begin with, out of fold, or 0, shape (animals, traits).
    folds
        Of each animal, shape (animals,).
    read
        What makes of a matrix what the library takes.
    """

    base: GBLUP | None
    views: Views
    features: Features
    screened_without: IntArray
    targets: Targets
    known: FloatArray
    folds: IntArray
    read: Callable[[Float32Array], Any]
    _kept: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def learned(cls, cohort: Cohort, model: TreeEnsemble) -> Training:
        """Return features and targets of canonical training animals."""
        names = check_views(f"{model.name} features", model.features)
        folds = stopping_folds(cohort, recorded_traits(cohort), model.folds, seed=model.seed)
        views = _views(cohort, names, model)
        if model.start == "gblup" or set(names) & set(LEARNED):
            return cls._with_gblup(cohort, model, views, folds)
        records, nothing = adjusted_records(cohort), np.zeros((len(cohort), len(cohort.traits)))
        targets = Targets.of(cohort, records, records.means)
        unscreened = np.zeros((model.folds, *views.screened.shape), dtype=np.int64)
        return cls(None, views, views.of(cohort.genotypes), unscreened, targets, nothing, folds, model._read)

    @classmethod
    def _with_gblup(cls, cohort: Cohort, model: TreeEnsemble, views: Views, folds: IntArray) -> Training:
        base = GBLUP(
            heritability=model.heritability, relationships=model.relationships, solver=model.solver, seed=model.seed
        )
        fits = base.fit_traits(cohort)
        assert isinstance(fits, ExactFits | IterativeFits), "what GBLUP without a share of pedigree comes to"
        duals = np.concatenate([fits.duals_without(folds, fold) for fold in range(model.folds)], axis=1)
        effects = base.scale_.marker_effects(cohort.genotypes, duals).reshape(len(base.scale_.markers), model.folds, -1)
        views = views.with_effects(base.marker_effects_).with_screened(base.marker_effects_)
        features = views.out_of_fold(cohort.genotypes, effects, folds)
        targets = Targets.of(cohort, AdjustedRecords(*adjusted_by_animal(fits.models, len(cohort))), base.mean_)
        known = features.breeding_values() * (model.start == "gblup")
        screened = np.stack([views.with_screened(effects[:, fold]).screened for fold in range(model.folds)])
        return cls(base, views, features, screened, targets, known, folds, model._read)

    @property
    def n_traits(self) -> int:
        """How many there are."""
        return len(self.targets.scales.means)

    def target(self, trait: int) -> Target:
        """Return one trait's target."""
        return self.targets.of_trait(trait, self.known[:, trait])

    def held_out(self, n_folds: int) -> list[int]:
        """Return the folds that trees are counted on: fewer of many animals, the first one at least."""
        return list(range(folds_counted(len(self.folds), n_folds)))

    def seen(self, traits: Sequence[int], *, without: int | None = None) -> Any:
        """Return what trees of some traits see of all training animals, as the library reads it.

        Parameters
        ----------
        traits
            Their places.
        without
            A fold without whose records markers are screened.
        """
        if self.views.differ_by_trait:
            screened = None if without is None else np.unique(self.screened_without[without][traits])
            return self.read(self.features.matrix(traits, screened))
        if "all" not in self._kept:
            self._kept["all"] = self.read(self.features.matrix(traits))
        return self._kept["all"]


def _views(cohort: Cohort, names: tuple[str, ...], model: TreeEnsemble) -> Views:
    """Return the features of a cohort, those that are made with records still empty."""
    scale, n_traits = GenomicScale.of(cohort.genotypes), len(cohort.traits)
    n_markers = len(scale.markers)
    return Views(
        names,
        scale,
        np.zeros((n_markers, n_traits)),
        _components(cohort, model) if "components" in names else np.zeros((n_markers, 0)),
        marker_windows(scale.markers, model.windows),
        np.zeros((n_traits, min(model.screened, n_markers)), dtype=np.int64),
    )


def _components(cohort: Cohort, model: TreeEnsemble) -> FloatArray:
    """Return marker effects u such that (M - 2p) u are principal components, shape (markers, components)."""
    relationships = GenomicScale.of(cohort.genotypes, standardised=True).operator(cohort.genotypes)
    rng = np.random.default_rng([model.seed, 1])
    part = dominant_part(relationships, model.components, rng=rng, passes=_PASSES)
    return relationships.marker_effects(part.vectors / np.sqrt(part.values))
