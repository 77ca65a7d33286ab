"""What single-trait mixed models have in common, whatever the relationships: settings, solvers, predictions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np

from genialearn._arrays import BoolArray, FloatArray
from genialearn._checks import check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator
from genialearn.linalg.operators import Dense, LinearOperator
from genialearn.mixed_models import exact, iterative, variance
from genialearn.mixed_models.exact import ExactFits
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.mixed_models.solvers import SOLVERS, choose_solver
from genialearn.mixed_models.stochastic import Progress


def silent(what: str, share: float) -> None:
    """Tell nobody."""


class SingleTraitBLUP(Estimator):
    """Best linear unbiased prediction, every trait by itself.

    y = X b + Z g + e, var(g) = K s2g, var(e) = W^-1 s2e, with relationships K of the training animals and variances by
    REML. K may be singular, as that of identical twins is: only h K + (1 - h) I is ever inverted.

    Parameters
    ----------
    heritability
        One value for all traits, or one a trait; None estimates each by REML.
    solver
        "exact" decomposes the relationships of each pattern of records; "iterative" needs products with them alone;
        "auto" takes the exact one where it is cheap, by sizes alone.
    seed
        Of the random vectors of the iterative solver.

    Attributes
    ----------
    heritability_, heritability_se_
        s2g / (s2g + s2e) and its standard error, shape (traits,).
    mean_
        Average fixed part of the training records, shape (traits,).
    models_
        The fitted model of each trait, with variances and fixed effects.
    solver_
        The solver that was used.
    notes_
        What was repaired in the relationships.
    """

    def __init__(self, *, heritability: float | list[float] | None = None, solver: str = "auto", seed: int = 1) -> None:
        self.heritability = heritability
        self.solver = solver
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Estimate variances, fixed effects and breeding values from the cohort's records."""
        self.fit_traits(cohort)
        return self

    def fit_traits(self, cohort: Cohort, *, progress: Progress = silent) -> TraitFits:
        """Do what `fit` does, and return the models of all traits, of which more can be asked.

        Parameters
        ----------
        cohort
            The training animals; the models' rows are those of `cohort.canonical()`.
        progress
            Told what runs and what share of it is done.
        """
        return self._fit(cohort.canonical(), progress)

    @abstractmethod
    def _fit(self, cohort: Cohort, progress: Progress = silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""

    @abstractmethod
    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values in the units of the records, shape (animals, traits)."""

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        breeding_values = self.breeding_values(cohort)
        return within_bounds(self.mean_ + breeding_values, self.binary_)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return needed_bytes(sizes, solver if self.solver == "auto" else self.solver)

    def _check_fitted(self) -> None:
        if not hasattr(self, "mean_"):
            raise NotFittedError(type(self).__name__, expected="fit before predict", found="a model that saw no data")

    def _chosen_solver(self, cohort: Cohort) -> str:
        """Return "exact" or "iterative"."""
        check_known("solver", self.solver, SOLVERS)
        if self.solver == "exact" and any(trait.random for trait in cohort.traits):
            raise SettingError(
                "solver",
                expected="iterative, the one that knows random effects beside breeding values",
                found="exact",
                advice="Leave the solver or the random effects out.",
            )
        return self._quicker_solver(cohort) if self.solver == "auto" else self.solver

    def _quicker_solver(self, cohort: Cohort) -> str:
        """Return the solver that "auto" stands for."""
        return choose_solver(cohort)

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

    def _solve(
        self, cohort: Cohort, kernel: LinearOperator, given: Sequence[float | None], progress: Progress
    ) -> TraitFits:
        """Fit all traits on K, exactly where it is formed, and keep what was estimated."""
        fits: TraitFits
        if isinstance(kernel, Dense):
            progress("variance components", 0.0)
            fits = exact.fit_trait_models(cohort, kernel.matrix, given)
        else:
            rng = np.random.default_rng(self.seed)
            fits = iterative.fit_trait_models(cohort, kernel, given, rng=rng, progress=progress)
        self._keep(cohort, fits)
        return fits

    def _keep(self, cohort: Cohort, fits: TraitFits) -> None:
        """Keep what was estimated of all traits."""
        self.models_ = list(fits.models)
        self.heritability_ = np.array([model.variances.heritability for model in self.models_])
        self.heritability_se_ = np.array([model.heritability_se for model in self.models_])
        self.mean_ = np.array([model.mean for model in self.models_])
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        self.notes_: list[str] = _repairs(fits)


def dual_coefficients(fits: TraitFits) -> FloatArray:
    """Return the coefficients a of the training animals, of which breeding values are K a: shape (animals, traits)."""
    return np.column_stack([model.dual for model in fits.models])


def within_bounds(predictions: FloatArray, binary: BoolArray) -> FloatArray:
    """Return predictions (animals, traits) with those of binary traits, as probabilities, between 0 and 1."""
    return np.where(binary, np.clip(predictions, 0.0, 1.0), predictions)


def _repairs(fits: TraitFits) -> list[str]:
    """Return what was done to negative eigenvalues, which only the exact solver sees."""
    worst = max((m.pattern.spectrum.repaired for m in fits.models), default=0.0) if isinstance(fits, ExactFits) else 0.0
    if worst == 0:
        return []
    return [f"relationships: negative eigenvalues were set to 0; they reached {worst:.1e} of the largest"]
