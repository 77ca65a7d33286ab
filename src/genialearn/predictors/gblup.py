"""GBLUP, the reference of the field: one mixed model a trait on the genomic relationships of all."""

from __future__ import annotations

from typing import Self, cast

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import Dense, RandomOperator
from genialearn.mixed_models import exact, iterative, variance
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.solvers import SOLVERS, choose_solver
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.estimator import Estimator
from genialearn.relationships import GenomicRelationships, GenomicScale

RELATIONSHIPS = ("vanraden1", "vanraden2")
"""The forms of G that can be asked for."""


def _silent(what: str, share: float) -> None:
    """Tell nobody."""


class GBLUP(Estimator):
    """Genomic best linear unbiased prediction, every trait by itself.

    y = X b + Z g + e, var(g) = G s2g, var(e) = W^-1 s2e, with VanRaden's G of the training animals and variances
    by REML. Missing genotypes count as the mean; records may be repeated and weighted; fixed effects differ by trait.

    Parameters
    ----------
    heritability
        One value for all traits, or one a trait; None estimates each by REML.
    relationships
        "vanraden1", or "vanraden2" for standardised markers.
    solver
        "exact" decomposes the relationships of each pattern of records; "iterative" needs no matrix of animals by
        animals; "auto" takes the exact one where it is cheap, by numbers of animals, markers and patterns alone.
    seed
        Of the random vectors of the iterative solver.

    Attributes
    ----------
    heritability_, heritability_se_
        s2g / (s2g + s2e) and its standard error, shape (traits,).
    mean_
        Average fixed part of the training records, shape (traits,).
    marker_effects_
        Effect of one copy of the counted allele of `scale_.markers`, shape (markers, traits).
    models_
        The fitted model of each trait, with variances and fixed effects.
    solver_
        The solver that was used.
    mean_diagonal_
        Mean of the diagonal of the training animals' G.
    scale_
        Marker map and allele frequencies of the training animals.

    References
    ----------
    VanRaden 2008, J Dairy Sci 91:4414, doi:10.3168/jds.2007-0980; equivalence with marker effects: Strandén and
    Garrick 2009, J Dairy Sci 92:2971, doi:10.3168/jds.2008-1929.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        seed: int = 1,
    ) -> None:
        self.heritability = heritability
        self.relationships = relationships
        self.solver = solver
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Estimate variances, fixed effects and marker effects from the cohort's records."""
        self.fit_traits(cohort)
        return self

    def fit_traits(self, cohort: Cohort, *, progress: Progress = _silent) -> TraitFits:
        """Do what `fit` does, and return the models of all traits, of which more can be asked.

        Parameters
        ----------
        cohort
            The training animals; the models' rows are those of `cohort.canonical()`.
        progress
            Told what runs and what share of it is done.
        """
        return self._fit(cohort.canonical(), progress)

    def _fit(self, cohort: Cohort, progress: Progress = _silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""
        check_known("relationships", self.relationships, RELATIONSHIPS)
        check_known("solver", self.solver, SOLVERS)
        given = self._given(len(cohort.traits))
        self.scale_ = GenomicScale.of(cohort.genotypes, standardised=self.relationships == "vanraden2")
        self.solver_ = choose_solver(cohort) if self.solver == "auto" else self.solver
        fits: TraitFits
        progress("relationships", 0.0)
        if self.solver_ == "exact":
            relationships = self.scale_.relationships(cohort.genotypes)
            self.mean_diagonal_ = float(np.mean(np.diag(relationships)))
            progress("variance components", 0.0)
            fits = exact.fit_trait_models(cohort, relationships, given)
            progress("marker effects", 0.0)
            self.marker_effects_ = self.scale_.marker_effects(cohort.genotypes, _dual(fits))
        else:
            kernel = self.scale_.operator(cohort.genotypes)
            self.mean_diagonal_ = float(np.mean(kernel.diagonal()))
            rng = np.random.default_rng(self.seed)
            fits = iterative.fit_trait_models(cohort, kernel, given, rng=rng, progress=progress)
            progress("marker effects", 0.0)
            self.marker_effects_ = kernel.marker_effects(_dual(fits))
        self.models_ = list(fits.models)
        self.heritability_ = np.array([model.variances.heritability for model in self.models_])
        self.heritability_se_ = np.array([model.heritability_se for model in self.models_])
        self.mean_ = np.array([model.mean for model in self.models_])
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        return fits

    def _given(self, n_traits: int) -> list[float | None]:
        if self.heritability is None:
            return [None] * n_traits
        given = np.broadcast_to(np.asarray(self.heritability, dtype=np.float64), (np.size(self.heritability),))
        if len(given) not in (1, n_traits):
            raise SettingError("heritability", expected=f"one value, or {n_traits}", found=str(len(given)))
        return [
            check_between("heritability", float(h), variance.LOWEST, variance.HIGHEST)
            for h in np.broadcast_to(given, (n_traits,))
        ]

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values in the units of the records, shape (animals, traits)."""
        if not hasattr(self, "marker_effects_"):
            raise NotFittedError("gblup", expected="fit before predict", found="a model that saw no data")
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        breeding_values = self.breeding_values(cohort)
        return within_bounds(self.mean_ + breeding_values, self.binary_)


def kernel_of(fits: TraitFits, *, seed: int) -> tuple[RandomOperator, LowRank]:
    """Return G of the training animals as the models of all traits know it, and its dominant part."""
    if isinstance(fits, iterative.IterativeFits) and isinstance(fits.kernel, GenomicRelationships):
        return fits.kernel, fits.part
    kernel = Dense(cast("exact.ExactFits", fits).relationships)
    return kernel, dominant_part(kernel, iterative.RANK, rng=np.random.default_rng([seed, 1]))


def within_bounds(predictions: FloatArray, binary: np.ndarray) -> FloatArray:
    """Return predictions (animals, traits) with those of binary traits, as probabilities, between 0 and 1."""
    return np.where(binary, np.clip(predictions, 0.0, 1.0), predictions)


def _dual(fits: TraitFits) -> FloatArray:
    return np.column_stack([model.dual for model in fits.models])
