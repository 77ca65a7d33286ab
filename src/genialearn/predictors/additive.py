"""The additive part of hybrids: GBLUP, of single traits or of all, whose records can be corrected and solved again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_known
from genialearn.cohorts import Cohort
from genialearn.mixed_models.fits import TraitFits, adjusted_by_animal
from genialearn.mixed_models.joint_fits import JointFits
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti, marker_effects_of
from genialearn.predictors.single_trait import dual_coefficients

BASES = ("auto", "gblup", "gblup-multi")
"""The additive parts that can be asked for."""


class AdditiveFit(Protocol):
    """A fitted GBLUP of all traits."""

    @property
    def model(self) -> GBLUP:
        """What was fitted first: variances, scale, notes."""

    @property
    def means(self) -> FloatArray:
        """Average fixed part of the records, shape (traits,)."""

    @property
    def residual_variances(self) -> FloatArray:
        """Of a record of weight 1, shape (traits,)."""

    def marker_effects(self) -> FloatArray:
        """Return the effects of one copy of the counted alleles, shape (markers, traits)."""

    def singly(self, folds: IntArray) -> Singly | None:
        """Return what each trait by itself predicts, None where that is the model.

        Parameters
        ----------
        folds
            Fold of each training animal, shape (animals,).
        """

    def cross_fitted(self, folds: IntArray) -> Self:
        """Return the fit whose covariances between traits are, out of fold, of other animals' records too."""

    def adjusted_by_animal(self) -> tuple[FloatArray, FloatArray]:
        """Return records without fixed effects plus their mean, NaN where there are none, and their weights."""

    def out_of_fold(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, shape (animals, traits)."""

    def corrected(self, corrections: FloatArray, residual_shares: FloatArray) -> Self:
        """Return the fit to records from which something was taken away, with residual variances that much smaller.

        Parameters
        ----------
        corrections
            What is taken from the records of each animal, shape (animals, traits).
        residual_shares
            Shape (traits,).
        """


@dataclass(frozen=True, eq=False)
class Singly:
    """What models of single traits predict, beside one of all traits.

    Parameters
    ----------
    means
        Shape (traits,).
    out_of_fold
        Breeding values, shape (animals, traits).
    marker_effects
        Shape (markers, traits).
    """

    means: FloatArray
    out_of_fold: FloatArray
    marker_effects: FloatArray


@dataclass(frozen=True, eq=False)
class SingleTraitFit:
    """Each trait by itself.

    Parameters
    ----------
    cohort
        The training animals, canonical, with the records as they were given.
    model
        Variances and scale are its own.
    fitted
        The same, or what was fitted to corrected records.
    fits
        Of `fitted`.
    """

    cohort: Cohort
    model: GBLUP
    fitted: GBLUP
    fits: TraitFits

    @classmethod
    def of(cls, model: GBLUP, cohort: Cohort) -> SingleTraitFit:
        """Fit the model."""
        fits = model.fit_traits(cohort)
        return cls(cohort, model, model, fits)

    @property
    def means(self) -> FloatArray:
        """Average fixed part of the records, shape (traits,)."""
        return self.fitted.mean_

    @property
    def residual_variances(self) -> FloatArray:
        """Of a record of weight 1, shape (traits,)."""
        return np.array([fitted.variances.residual for fitted in self.model.models_])

    def marker_effects(self) -> FloatArray:
        """Return the effects of one copy of the counted alleles, shape (markers, traits)."""
        return self.fitted.marker_effects_

    def singly(self, folds: IntArray) -> Singly | None:
        """Return None: each trait is by itself."""
        return None

    def cross_fitted(self, folds: IntArray) -> SingleTraitFit:
        """Return itself: there are no covariances between traits."""
        return self

    def adjusted_by_animal(self) -> tuple[FloatArray, FloatArray]:
        """Return records without fixed effects plus their mean, NaN where there are none, and their weights."""
        return adjusted_by_animal(self.fits.models, len(self.cohort))

    def out_of_fold(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, shape (animals, traits)."""
        return self.fits.out_of_fold_breeding_values(folds)

    def corrected(self, corrections: FloatArray, residual_shares: FloatArray) -> SingleTraitFit:
        """Return the fit to records from which something was taken away, with residual variances that much smaller.

        A trait with random effects beside breeding values has its variances estimated again.
        """
        h = self.model.heritability_
        given = None if any(trait.random for trait in self.cohort.traits) else list(h / (h + (1 - h) * residual_shares))
        settings = {**self.model.get_params(), "heritability": given}
        again = GBLUP(**{name: settings[name] for name in GBLUP().get_params()})
        values = self.cohort.records.values - corrections[self.cohort.record_rows]
        less = replace(self.cohort, records=replace(self.cohort.records, values=values))
        return SingleTraitFit(self.cohort, self.model, again, again.fit_traits(less))


@dataclass(frozen=True, eq=False)
class JointFit:
    """All traits in one system.

    Parameters
    ----------
    cohort
        The training animals, canonical, with the records as they were given.
    model
        Covariances and scale are its own.
    singles
        The models of single traits that its variances come from.
    first, fits
        Its solution, and that of the corrected records.
    """

    cohort: Cohort
    model: GBLUPMulti
    singles: TraitFits
    first: JointFits
    fits: JointFits

    @classmethod
    def of(cls, model: GBLUPMulti, cohort: Cohort) -> JointFit:
        """Fit the model."""
        singles, fits = model.fit_jointly(cohort)
        return cls(cohort, model, singles, fits, fits)

    @property
    def means(self) -> FloatArray:
        """Average fixed part of the records, shape (traits,)."""
        return self.fits.model.means

    @property
    def residual_variances(self) -> FloatArray:
        """Of a record of weight 1, shape (traits,)."""
        return np.diag(self.first.residual)

    def marker_effects(self) -> FloatArray:
        """Return the effects of one copy of the counted alleles, shape (markers, traits)."""
        return marker_effects_of(self.model, self.cohort, self.fits.kernel, self.fits.model.coefficients)

    def singly(self, folds: IntArray) -> Singly | None:
        """Return what the models of single traits predict."""
        effects = marker_effects_of(self.model, self.cohort, self.fits.kernel, dual_coefficients(self.singles))
        means = np.array([fitted.mean for fitted in self.singles.models])
        return Singly(means, self.singles.out_of_fold_breeding_values(folds), effects)

    def cross_fitted(self, folds: IntArray) -> JointFit:
        """Return the fit whose covariances between traits are, out of fold, of other animals' records too."""
        if self.model.genetic_covariances is not None:
            return self
        fits = self.first.cross_fitted(folds, list(self.model.heritability_), seed=self.model.seed)
        return replace(self, first=fits, fits=fits)

    def adjusted_by_animal(self) -> tuple[FloatArray, FloatArray]:
        """Return records without fixed effects plus their mean, NaN where there are none, and their weights."""
        return self.fits.adjusted_by_animal()

    def out_of_fold(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, shape (animals, traits)."""
        return self.fits.out_of_fold_breeding_values(folds)

    def corrected(self, corrections: FloatArray, residual_shares: FloatArray) -> JointFit:
        """Return the fit to records from which something was taken away, with residual variances that much smaller."""
        return replace(self, fits=self.first.corrected(corrections, residual_shares))


def additive_fit(
    cohort: Cohort, base: str, *, model: str, heritability: float | list[float] | None, **common: Any
) -> AdditiveFit:
    """Fit the GBLUP that a hybrid is built on.

    Parameters
    ----------
    cohort
        The training animals, canonical.
    base
        One of `BASES`; "auto" is all traits together where that can be had: with several traits, no random effects
        beside breeding values and no heritability given.
    model
        Whose base it is, for errors.
    heritability
        Given to single-trait models.
    common
        Relationships, solver and seed, as in `GBLUP`.
    """
    check_known(f"{model} base", base, BASES)
    joint = len(cohort.traits) > 1 and heritability is None and not any(trait.random for trait in cohort.traits)
    if base == "gblup-multi" or (base == "auto" and joint):
        return JointFit.of(GBLUPMulti(**common), cohort)
    return SingleTraitFit.of(GBLUP(heritability=heritability, **common), cohort)
