"""Few large and many small marker effects, without sampling."""

from __future__ import annotations

from typing import Self

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError
from genialearn.estimator import Estimator
from genialearn.mixed_models.marker_sampler import BAYES_R
from genialearn.mixed_models.marker_variational import VariationalMarkers
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.gblup_multi import refuse_random_effects
from genialearn.predictors.memory import LIBRARIES, marker_system_bytes
from genialearn.relationships import GenomicScale

_NAME = "bayesr-variational"


class VariationalBayesR(Estimator):
    """BayesR's model of every trait, its posterior means by mean-field variation instead of sampling.

    Parameters
    ----------
    most_sweeps
        Over all markers, all traits together.
    tolerance
        Sweeps end when none moves a trait's breeding values by more than this share of their size.

    Attributes
    ----------
    marker_effects_
        Means of the effect of one copy of the counted allele, shape (markers, traits).
    inclusion_
        Probability that an effect isn't 0, shape (markers, traits).
    mean_
        Average fixed part of the records, shape (traits,).
    variances_
        Genetic and residual variance of each trait, in its unit squared, shape (2, traits).
    n_sweeps_
        How many there were.
    notes_
        Whether sweeps ended before values were settled.
    """

    requires = frozenset({"genotypes"})

    def __init__(self, *, most_sweeps: int = 100, tolerance: float = 2e-3) -> None:
        self.most_sweeps = most_sweeps
        self.tolerance = tolerance

    def fit(self, cohort: Cohort) -> Self:
        """Visit all markers until nothing moves."""
        check_at_least(f"{_NAME} most_sweeps", self.most_sweeps, 1)
        check_between(f"{_NAME} tolerance", self.tolerance, 1e-8, 0.1)
        cohort = cohort.canonical()
        self.refuse(cohort)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        markers = VariationalMarkers(cohort, BAYES_R)
        for sweep in range(self.most_sweeps):
            moved = markers.step()
            self.n_sweeps_ = sweep + 1
            if moved.max() <= self.tolerance:
                break
        units = np.where(markers.system.varies, markers.system.units, 1.0)
        self.marker_effects_ = markers.effects * units
        self.inclusion_ = markers.inside.astype(np.float64)
        self.mean_ = markers.means * units
        residual = markers.residual * markers.system.mean_weights * markers.system.varies
        self.variances_ = np.stack([markers.genetic, residual]) * units**2
        unsettled = [trait.name for trait, far in zip(cohort.traits, moved > self.tolerance, strict=True) if far]
        self.notes_ = [f"{name}: not settled after {self.n_sweeps_} sweeps" for name in unsettled]
        return self

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where the model can't take what a cohort has."""
        refuse_random_effects(cohort, _NAME)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return LIBRARIES + marker_system_bytes(sizes, 5 * 8)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return means of breeding values in the units of the records, shape (animals, traits)."""
        if not hasattr(self, "marker_effects_"):
            raise NotFittedError(_NAME, expected="fit before predict", found="a model that saw no data")
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        values = self.breeding_values(cohort)
        return within_bounds(self.mean_ + values, self.binary_)
