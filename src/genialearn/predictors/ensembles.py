"""Ensembles of trees, one a trait: animals without a record of the trait are left out, never given a made-up label."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import MissingExtraError, NotFittedError
from genialearn.estimator import Estimator
from genialearn.genotypes import GenotypeMatrix, dosages
from genialearn.mixed_models.adjustment import adjusted_records
from genialearn.predictors.gblup import within_bounds
from genialearn.relationships import GenomicScale


class LightGBM(Estimator):
    """Gradient-boosted trees on dosages, one model a trait (Ke et al. 2017, NeurIPS 30:3146).

    Dosages are binned once for all traits. The number of trees is chosen by early stopping on an inner part of the
    training animals, then the trees are grown again on all of them. Fixed effects are removed by least squares.

    Parameters
    ----------
    learning_rate, max_trees, leaves, min_leaf_animals
        Size and number of the trees.
    marker_fraction
        Share of the markers that each tree may look at.
    penalty
        Ridge penalty on the leaves' values.
    patience
        Trees without improvement before growing stops.
    validation_fraction
        Share of the training animals that the number of trees is chosen on.
    threads
        0 for all cores.
    seed
        Of the inner split and of the markers that trees look at.

    Attributes
    ----------
    n_trees_
        How many trees each trait's model has, shape (traits,).
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        learning_rate: float = 0.08,
        max_trees: int = 800,
        leaves: int = 4,
        min_leaf_animals: int = 20,
        marker_fraction: float = 0.02,
        penalty: float = 200.0,
        patience: int = 40,
        validation_fraction: float = 0.2,
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.learning_rate = learning_rate
        self.max_trees = max_trees
        self.leaves = leaves
        self.min_leaf_animals = min_leaf_animals
        self.marker_fraction = marker_fraction
        self.penalty = penalty
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.threads = threads
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Grow the trees of every trait."""
        lightgbm = _lightgbm()
        check_at_least("lightgbm max_trees", self.max_trees, 1)
        check_between("lightgbm validation_fraction", self.validation_fraction, 0.01, 0.5)
        cohort = cohort.canonical()
        records = adjusted_records(cohort)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        binned = lightgbm.Dataset(_as_features(cohort.genotypes), params=self._parameters(), free_raw_data=True)
        binned.construct()
        held_out = self._held_out(len(cohort))
        self.mean_, self.standard_deviation_ = records.means, records.standard_deviations
        standardised = records.standardised()  # labels are float32 inside: a mean far from 0 would cost them digits
        self.boosters_ = [
            self._grow(binned, standardised.values[:, trait], standardised.weights[:, trait], held_out)
            for trait in range(len(cohort.traits))
        ]
        self.n_trees_ = np.array([booster.num_trees() for booster in self.boosters_])
        return self

    def _parameters(self) -> dict[str, Any]:
        return {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf_animals,
            "feature_fraction": self.marker_fraction,
            "lambda_l2": self.penalty,
            "max_bin": 4,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": self.threads,
            "seed": self.seed,
            "verbosity": -1,
        }

    def _held_out(self, n_animals: int) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        return rng.random(n_animals) < self.validation_fraction

    def _grow(self, binned: Any, values: FloatArray, weights: FloatArray, held_out: np.ndarray) -> Any:
        lightgbm = _lightgbm()
        observed = np.flatnonzero(weights > 0)
        inner, outer = observed[~held_out[observed]], observed[held_out[observed]]
        n_trees = self.max_trees
        if len(outer) and len(inner):
            stopped = lightgbm.train(
                self._parameters(),
                _subset(binned, inner, values, weights),
                num_boost_round=self.max_trees,
                valid_sets=[_subset(binned, outer, values, weights)],
                callbacks=[lightgbm.early_stopping(self.patience, verbose=False)],
            )
            n_trees = max(stopped.best_iteration, 1)
        return lightgbm.train(self._parameters(), _subset(binned, observed, values, weights), num_boost_round=n_trees)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return predictions, shape (animals, traits); of a binary trait within 0 and 1."""
        if not hasattr(self, "boosters_"):
            raise NotFittedError("lightgbm", expected="fit before predict", found="a model that saw no data")
        features = _as_features(self.scale_.read_through(cohort.genotypes))
        predictions = np.column_stack(
            [booster.predict(features, num_threads=self.threads) for booster in self.boosters_]
        )
        return within_bounds(self.mean_ + self.standard_deviation_ * predictions, self.binary_)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError.for_extra("lightgbm", "trees", "model lightgbm") from error
    return lightgbm


def _as_features(genotypes: GenotypeMatrix) -> Float32Array:
    """Return dosages as float32, row-major, NaN where missing, shape (animals, markers)."""
    features = np.ascontiguousarray(dosages(genotypes), dtype=np.float32)
    features[features < 0] = np.nan
    return features


def _subset(binned: Any, rows: IntArray, values: FloatArray, weights: FloatArray) -> Any:
    rows = np.sort(rows)
    subset = binned.subset(rows)
    subset.construct()
    subset.set_label(values[rows])
    subset.set_weight(weights[rows])
    return subset
