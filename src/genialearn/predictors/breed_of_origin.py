"""GBLUP of crossbred animals: the effect of an allele is that of the breed from which it came.

No part of the catalogue, whose cohorts have neither phases nor breeds: it is for those who have both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.genotypes import HaplotypeMatrix
from genialearn.genotypes.breed_of_origin import BreedPanel
from genialearn.mixed_models import exact
from genialearn.mixed_models.exact import ExactFits, ExactTraitModel
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.single_trait import SingleTraitBLUP, dual_coefficients, silent
from genialearn.relationships.by_origin import OriginScale, breed_shares

FREQUENCIES = ("common", "breed")
"""Whose allele frequencies are taken off: those of all alleles, or of the alleles from the same breed."""

CORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Correlations of effects between breeds that are tried, each of which costs an eigendecomposition."""


class OriginGBLUP(SingleTraitBLUP):
    """Genomic prediction of crossbreds with effects by breed of origin, every trait by itself.

    y = X b + S q + sum_b Z_b u_b + e: S are an animal's shares of the breeds, q fixed effects; Z_b counts alleles that
    came from breed b, whose effects u_b have one variance and the correlation c between breeds (`OriginScale`). The
    breed of origin of crossbreds' alleles is found by comparing their haplotypes with those of the purebred training
    animals (`BreedPanel`). Shares and everything else follow from haplotypes alone, so that nothing but these need to
    be known of the animals that are predicted.

    Parameters
    ----------
    breeds
        Breed of each purebred animal by its identifier; at least two breeds must have some in the training.
    correlation
        c, one value for all traits; None takes for each trait the one of `CORRELATIONS` whose restricted likelihood
        is highest. With 1 and common frequencies the breed of origin only enters by the shares.
    frequencies
        "common", or "breed" for Z_b without an effect of the breed of origin itself.
    donors
        Purebred animals of a breed that haplotypes are compared with, at most.
    heritability
        One value for all traits, or one a trait; None estimates each by REML.
    seed
        Of the donors that are drawn.

    Attributes
    ----------
    panel_
        The purebred haplotypes.
    scale_
        Markers and allele frequencies.
    effects_
        Of one copy of the counted allele by breed of origin, shape (breeds, markers, traits).
    correlation_
        c of each trait, shape (traits,).
    share_effects_
        What the shares of breeds add.
    heritability_, heritability_se_, mean_, models_, notes_
        As in `SingleTraitBLUP`.
    """

    requires = frozenset({"genotypes", "haplotypes"})

    def __init__(
        self,
        *,
        breeds: Mapping[str, str],
        correlation: float | None = None,
        frequencies: str = "common",
        donors: int = 100,
        heritability: float | list[float] | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(heritability=heritability, solver="exact", seed=seed)
        self.breeds = breeds
        self.correlation = correlation
        self.frequencies = frequencies
        self.donors = donors

    def _fit(self, cohort: Cohort, progress: Progress = silent) -> OriginFits:
        """Fit on a canonical cohort and return what was fitted."""
        self._check()
        self.solver_ = self._chosen_solver(cohort)
        given, haplotypes = self._given(len(cohort.traits)), _phased(cohort)
        progress("breed of origin", 0.0)
        self.panel_ = BreedPanel.of(haplotypes, self.breeds, most=self.donors, seed=self.seed)
        origins, n_breeds = self.panel_.origins(haplotypes, declared=True), len(self.panel_.breeds)
        self.scale_ = OriginScale.of(haplotypes, origins, n_breeds, by_breed=self.frequencies == "breed")
        progress("relationships", 0.0)
        across, within = self.scale_.relationships(haplotypes, origins)
        shares = breed_shares(origins, n_breeds)
        tried = CORRELATIONS if self.correlation is None else (self.correlation,)
        progress("variance components", 0.0)
        fits = OriginFits.best(with_breed_shares(cohort, shares), across, within, tried=tried, given=given)
        self._keep(cohort, fits)
        self.correlation_ = fits.correlations
        self.share_effects_ = ShareEffects.of(fits.models, shares)
        self.effects_ = self.scale_.effects(haplotypes, origins, dual_coefficients(fits), fits.correlations)
        return fits

    def _check(self) -> None:
        check_known("frequencies", self.frequencies, FREQUENCIES)
        check_at_least("donors", self.donors, 1)
        if self.correlation is not None:
            check_between("correlation", self.correlation, 0, 1)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return genetic values in the units of the records, the breeds' part among them, shape (animals, traits)."""
        self._check_fitted()
        haplotypes = self.scale_.read_through(_phased(cohort))
        origins = self.panel_.origins(haplotypes)
        shares = breed_shares(origins, len(self.panel_.breeds))
        return self.scale_.values(haplotypes, origins, self.effects_) + self.share_effects_.values(shares)


@dataclass(frozen=True, eq=False)
class OriginFits:
    """The models of all traits, each on the relationships of its own correlation between breeds.

    Parameters
    ----------
    models
        One a trait.
    across, within
        Z Z' / k and sum_b Z_b Z_b' / k of the training animals, shape (animals, animals).
    correlations
        c of each trait, shape (traits,).
    """

    models: list[ExactTraitModel]
    across: FloatArray
    within: FloatArray
    correlations: FloatArray
    solver: str = "exact"

    @classmethod
    def best(
        cls,
        cohort: Cohort,
        across: FloatArray,
        within: FloatArray,
        *,
        tried: Sequence[float],
        given: Sequence[float | None],
    ) -> OriginFits:
        """Return the models whose correlation has the highest restricted likelihood of those tried."""
        best: list[tuple[float, ExactTraitModel]] = []
        for correlation in tried:
            fits = exact.fit_trait_models(cohort, _mixed(across, within, correlation), given)
            new = [(correlation, model) for model in fits.models]
            best = [max(pair, key=_likelihood) for pair in zip(best, new, strict=True)] if best else new
        correlations = np.array([correlation for correlation, _ in best])
        return cls([model for _, model in best], across, within, correlations)

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, shape (animals, traits).

        The breeds' shares, which are fixed effects, aren't among them.
        """
        columns = []
        for correlation, model in zip(self.correlations, self.models, strict=True):
            single = ExactFits([model], _mixed(self.across, self.within, float(correlation)))
            columns.append(single.out_of_fold_breeding_values(folds))
        return np.concatenate(columns, axis=1)


@dataclass(frozen=True, eq=False)
class ShareEffects:
    """What an animal's shares of the breeds add to its traits, 0 on average over the training records.

    Parameters
    ----------
    means
        Of the training records of each trait, shape (breeds, traits).
    effects
        0 for the first breed, shape (breeds, traits).
    """

    means: FloatArray
    effects: FloatArray

    @classmethod
    def of(cls, models: Sequence[TraitModel], shares: FloatArray) -> ShareEffects:
        """Return the effects of models that were fitted `with_breed_shares` of these animals."""
        means = [np.average(shares[model.animals], axis=0, weights=model.weights) for model in models]
        effects = np.zeros((shares.shape[1], len(models)))
        for trait, model in enumerate(models):
            found = dict(zip(model.fixed_names, model.fixed, strict=True))
            effects[:, trait] = [found.get(_column(breed), 0.0) for breed in range(len(effects))]
        return cls(np.column_stack(means), effects)

    def values(self, shares: FloatArray) -> FloatArray:
        """Return what the shares (animals, breeds) add, shape (animals, traits)."""
        return np.asarray(shares @ self.effects - np.sum(self.means * self.effects, axis=0))


def with_breed_shares(cohort: Cohort, shares: FloatArray) -> Cohort:
    """Return the cohort with the shares of all breeds but the first among the fixed effects of every trait.

    Parameters
    ----------
    cohort
        The training animals.
    shares
        Shape (animals, breeds).
    """
    records, columns = cohort.records, [_column(breed) for breed in range(1, shares.shape[1])]
    by_record = shares[cohort.record_rows]
    texts = {name: [repr(float(x)) for x in by_record[:, b]] for b, name in enumerate(columns, start=1)}
    traits = tuple(
        replace(trait, fixed=" + ".join([part for part in (trait.fixed, *columns) if part])) for trait in records.traits
    )
    return replace(cohort, records=replace(records, traits=traits, effects=records.effects.assign(**texts)))


def _column(breed: int) -> str:
    return f"share_of_breed_{breed}"


def _mixed(across: FloatArray, within: FloatArray, correlation: float) -> FloatArray:
    return correlation * across + (1 - correlation) * within


def _likelihood(fitted: tuple[float, ExactTraitModel]) -> float:
    return fitted[1].variances.log_likelihood


def _phased(cohort: Cohort) -> HaplotypeMatrix:
    if cohort.haplotypes is None:
        raise AlignmentError(
            "haplotypes",
            expected="phased genotypes",
            found="none",
            advice="Phase the animals, and put haplotypes.vcf.gz into the cohort folder.",
        )
    return cohort.haplotypes
