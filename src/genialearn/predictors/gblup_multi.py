"""GBLUP of all traits at once: what each trait's records tell about the others."""

from __future__ import annotations

from typing import Self

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError, examples
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import RandomOperator
from genialearn.mixed_models.covariances import correlations, estimate_covariances
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.joint_fits import JointFits
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.gblup import GBLUP, kernel_of
from genialearn.predictors.memory import joint_bytes
from genialearn.relationships import GenomicRelationships


class GBLUPMulti(GBLUP):
    """Multi-trait GBLUP: var(g) = S_g x G, residual covariances among the records of a row, any holes.

    Variances come from single-trait REML, covariances from all pairs of traits, bent to be positive definite, genetic
    correlations pulled towards 0 as far as they are uncertain (`mixed_models.bending.predictive`); then one system of
    all traits gives the breeding values.

    Parameters
    ----------
    genetic_covariances, residual_covariances
        Given S_g and S_e in the traits' units, positive definite, shape (traits, traits); None estimates both.
    relationships, solver, seed
        As in `GBLUP`.

    Attributes
    ----------
    genetic_covariances_, residual_covariances_
        S_g and S_e that were used, shape (traits, traits).
    genetic_correlations_
        Shape (traits, traits).
    iterations_
        Products with the relationships that the joint solution took.
    notes_
        How the estimated covariances were bent.

    References
    ----------
    Henderson and Quaas 1976, J Anim Sci 43:1188, doi:10.2527/jas1976.4361188x.
    """

    def __init__(
        self,
        *,
        genetic_covariances: FloatArray | None = None,
        residual_covariances: FloatArray | None = None,
        relationships: str = "vanraden1",
        solver: str = "auto",
        seed: int = 1,
    ) -> None:
        super().__init__(relationships=relationships, solver=solver, seed=seed)
        self.genetic_covariances = genetic_covariances
        self.residual_covariances = residual_covariances

    def fit(self, cohort: Cohort) -> Self:
        """Estimate variances and covariances, then breeding values of all traits together."""
        self.fit_jointly(cohort)
        return self

    def fit_jointly(self, cohort: Cohort) -> tuple[TraitFits, JointFits]:
        """Do what `fit` does, and return the models of single traits and that of all, of which more can be asked.

        Parameters
        ----------
        cohort
            The training animals; the model's rows are those of `cohort.canonical()`.
        """
        cohort = cohort.canonical()
        self.refuse(cohort)
        given = self._given_covariances(len(cohort.traits))
        fits = self._fit(cohort)
        kernel, part = kernel_of(fits, seed=self.seed)
        genetic, residual = self._estimated(cohort, kernel, part) if given is None else given
        joint = JointFits.solved(cohort, kernel, part, genetic, residual)
        self.genetic_covariances_, self.residual_covariances_ = genetic, residual
        self.genetic_correlations_ = correlations(genetic)
        self.mean_, self.iterations_ = joint.model.means, joint.model.iterations
        self.marker_effects_ = marker_effects_of(self, cohort, kernel, joint.model.coefficients)
        return fits, joint

    def _given_covariances(self, n_traits: int) -> tuple[FloatArray, FloatArray] | None:
        if self.genetic_covariances is None and self.residual_covariances is None:
            return None
        if self.genetic_covariances is None or self.residual_covariances is None:
            raise SettingError(
                "gblup-multi covariances",
                expected="genetic and residual ones, or neither",
                found="only one of them",
                advice="Give both, or let both be estimated.",
            )
        return (
            _checked("genetic_covariances", self.genetic_covariances, n_traits),
            _checked("residual_covariances", self.residual_covariances, n_traits),
        )

    def _given(self, n_traits: int) -> list[float | None]:
        """Return given heritabilities: those of given covariances."""
        if self.genetic_covariances is None or self.residual_covariances is None:
            return [None] * n_traits
        genetic, residual = np.diag(self.genetic_covariances), np.diag(self.residual_covariances)
        return [float(h) for h in np.clip(genetic / (genetic + residual), 1e-5, 1 - 1e-5)]

    def _estimated(self, cohort: Cohort, kernel: RandomOperator, part: LowRank) -> tuple[FloatArray, FloatArray]:
        rng = np.random.default_rng([self.seed, 2])
        found = estimate_covariances(cohort, kernel, self.models_, part, rng=rng)
        self.notes_ += [
            f"{name} covariances: {result.n_factors} factors, no estimate moved by more than "
            f"{result.largest_change:.1f} standard errors"
            for name, result in (("genetic", found.genetic), ("residual", found.residual))
        ]
        return found.predictive, found.residual.matrix

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where the model can't take what a cohort has."""
        refuse_random_effects(cohort, "gblup-multi")

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return joint_bytes(sizes, solver if self.solver == "auto" else self.solver, out_of_fold=False)


def marker_effects_of(model: GBLUP, cohort: Cohort, kernel: RandomOperator, coefficients: FloatArray) -> FloatArray:
    """Return the marker effects that give breeding values G a, of coefficients a (animals, traits).

    Their shape is (markers, traits).
    """
    if isinstance(kernel, GenomicRelationships):
        return kernel.marker_effects(coefficients)
    return model.scale_.marker_effects(cohort.genotypes, coefficients)


def refuse_random_effects(cohort: Cohort, model: str = "gblup-multi") -> None:
    """Raise `SettingError` where a trait has random effects beside breeding values, which a model doesn't know."""
    named = [trait.name for trait in cohort.traits if trait.random]
    if named:
        raise SettingError(
            model,
            expected="no random effects beside breeding values",
            found=f"{len(named):,} traits with some: {examples(named)}",
            advice="Use gblup, or make them fixed effects.",
        )


def _checked(name: str, matrix: FloatArray, n_traits: int) -> FloatArray:
    """Return a given covariance matrix that is one."""
    values = np.asarray(matrix, dtype=np.float64)
    if values.shape != (n_traits, n_traits) or not np.allclose(values, values.T):
        raise SettingError(
            name, expected=f"a symmetric matrix of {n_traits} x {n_traits}", found=f"an array of shape {values.shape}"
        )
    smallest = float(np.linalg.eigvalsh(values).min())
    if not smallest > 0:
        raise SettingError(
            name,
            expected="a positive definite matrix",
            found=f"a smallest eigenvalue of {smallest:.3g}",
            advice="Bend it, for example with genialearn.mixed_models.bending.bent.",
        )
    return values
