"""Any model with intervals: as wide as its errors of animals that it was fitted without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.predictors.catalogue import CATALOGUE
from genialearn.predictors.gblup import GBLUP, within_bounds
from genialearn.predictors.held_out import predicted_without
from genialearn.predictors.inner_parts import recorded_traits, spread_folds, youngest_animals
from genialearn.predictors.uncertainty import Intervals, Uncertainty, around


class Calibrated(Estimator):
    """A model of the catalogue that tells how far its predictions may be off.

    It is fitted once on all training animals, and once without each part of them that is held out: the youngest, about
    a fifth, where birth years tell them, as those to be predicted are younger still; else every fold in turn. Errors of
    genetic values follow from those of records, without knowing residual variances (`Uncertainty.of`), with GBLUP's
    genetic variances. They are the mean over animals, so that an interval is as wide for each animal; and since a part
    of the records is missing where they are measured, they are a little too large.

    Parameters
    ----------
    model
        Its name.
    settings
        Its settings by name.
    folds
        How many parts where birth years aren't known.
    heritability
        Of each trait, one for all, or None: estimated by REML.
    threads
        Of the model; 0 for all cores.
    seed
        Of folds and model.

    Attributes
    ----------
    model_
        The fitted model.
    uncertainty_
        Error variances of each trait in its own variance.
    """

    def __init__(
        self,
        *,
        model: str = "lightgbm",
        settings: Mapping[str, Any] | None = None,
        folds: int = 5,
        heritability: float | list[float] | None = None,
        threads: int = 0,
        seed: int = 1,
    ) -> None:
        self.model = model
        self.settings = settings
        self.folds = folds
        self.heritability = heritability
        self.threads = threads
        self.seed = seed

    @property
    def requires(self) -> frozenset[str]:
        """The parts of a cohort that are used beside records."""
        return frozenset({"genotypes"}) | self._unfitted().requires

    def fit(self, cohort: Cohort) -> Self:
        """Fit the model, and measure its errors on animals that it is fitted without."""
        check_at_least("calibrated folds", self.folds, 2)
        cohort, unfitted = cohort.canonical(), self._unfitted()
        base = GBLUP(heritability=self.heritability, seed=self.seed)
        fits = base.fit_traits(cohort)
        records, weights = adjusted_by_animal(fits.models, len(cohort))
        recorded = recorded_traits(cohort)
        youngest = youngest_animals(cohort, np.asarray(recorded.any(axis=1)))
        folds = spread_folds(recorded, self.folds, seed=self.seed)
        parts = [youngest] if len(youngest) else [np.flatnonzero(folds == fold) for fold in range(self.folds)]
        predicted = predicted_without(unfitted, cohort, parts)
        self._units = _standard_deviations(records, weights)
        held_out = [(rows, np.nan_to_num((predicted[rows] - base.mean_) / self._units)) for rows in parts]
        values = (records - base.mean_) / self._units
        genetic = np.array([fitted.variances.genetic for fitted in base.models_])
        self.uncertainty_ = Uncertainty.of(values, weights, held_out, genetic / self._units**2)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self.model_ = unfitted.fit(cohort)
        return self

    def _unfitted(self) -> Predictor:
        entry = CATALOGUE[check_known("calibrated model", self.model, CATALOGUE)]
        common = {"seed": self.seed, "threads": self.threads}
        return entry.make(f"model {self.model}", self.settings or {}, common)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return the model's predictions, shape (animals, traits)."""
        if not hasattr(self, "model_"):
            raise NotFittedError("calibrated", expected="fit before predict", found="a model that saw no data")
        return self.model_.predict(cohort)

    def interval(self, cohort: Cohort, level: float = 0.9) -> Intervals:
        """Return bounds that hold an animal's genetic value plus mean with probability `level`.

        Of a binary trait they are within 0 and 1.
        """
        check_between("interval level", level, 0.01, 0.999)
        deviations = np.sqrt(self.uncertainty_.error_variances) * self._units
        bounds = around(self.predict(cohort), deviations, level)
        return Intervals(*(within_bounds(bound, self.binary_) for bound in bounds))


def _standard_deviations(records: FloatArray, weights: FloatArray) -> FloatArray:
    """Return those of records, 1 where they don't vary, shape (traits,)."""
    shares = weights / np.maximum(weights.sum(axis=0), 1e-12)
    y = np.nan_to_num(records)
    variances = (shares * (y - (shares * y).sum(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(np.where(variances > 0, variances, 1.0)))
