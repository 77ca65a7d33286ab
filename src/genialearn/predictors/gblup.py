"""GBLUP, the reference of the field: one mixed model a trait on the genomic relationships of all."""

from __future__ import annotations

from typing import cast

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import Dense, RandomOperator, Sum, as_matrix
from genialearn.mixed_models import exact, iterative
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.pedigree import PedigreeValues, pedigree_relationships
from genialearn.predictors.single_trait import SingleTraitBLUP, dual_coefficients, silent, within_bounds
from genialearn.relationships import GenomicRelationships, GenomicScale, PedigreeRelationships, same_scale

__all__ = ["GBLUP", "RELATIONSHIPS", "kernel_of", "within_bounds"]

RELATIONSHIPS = ("vanraden1", "vanraden2")
"""The forms of G that can be asked for."""


class GBLUP(SingleTraitBLUP):
    """Genomic best linear unbiased prediction, every trait by itself.

    y = X b + Z g + e, var(g) = G s2g, var(e) = W^-1 s2e, with VanRaden's G of the training animals and variances
    by REML. Missing genotypes count as the mean; records may be repeated and weighted; fixed effects differ by trait.

    With a share w of pedigree relationships, `blend`, G becomes (1 - w) G + w (a + b A): what markers don't tell of the
    animals' genes is inherited too, from parents. a and b give A the mean and the mean diagonal that G has among the
    training animals. b is computed; a changes no estimate and no prediction, because a mean is among the fixed effects
    and the coefficients that breeding values come from sum to 0: it is left out. Breeding values are then the sum of
    a part by markers and a part by pedigree, the second 0 for animals without a link to the training animals.

    Parameters
    ----------
    heritability
        One value for all traits, or one a trait; None estimates each by REML.
    relationships
        "vanraden1", or "vanraden2" for standardised markers.
    blend
        w, from 0 to 1; usual are .05 to .2, and the cohort then needs a pedigree.
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
        Effect of one copy of the counted allele of `scale_.markers`, the part by pedigree not among them, shape
        (markers, traits).
    pedigree_part_
        The part of breeding values by pedigree; None without `blend`.
    models_
        The fitted model of each trait, with variances and fixed effects.
    solver_
        The solver that was used.
    notes_
        What was repaired in the relationships.
    mean_diagonal_
        Mean of the diagonal of the training animals' G; blending doesn't change it.
    scale_
        Marker map and allele frequencies of the training animals.

    References
    ----------
    VanRaden 2008, J Dairy Sci 91:4414, doi:10.3168/jds.2007-0980; equivalence with marker effects: Strandén and
    Garrick 2009, J Dairy Sci 92:2971, doi:10.3168/jds.2008-1929; a and b: Vitezica et al. 2011, Genet Res 93:357,
    doi:10.1017/S001667231100022X, and Christensen et al. 2012, Animal 6:1565, doi:10.1017/S1751731112000742, who adapt
    G to A instead.
    """

    def __init__(
        self,
        *,
        heritability: float | list[float] | None = None,
        relationships: str = "vanraden1",
        blend: float = 0.0,
        solver: str = "auto",
        seed: int = 1,
    ) -> None:
        super().__init__(heritability=heritability, solver=solver, seed=seed)
        self.relationships = relationships
        self.blend = blend

    @property
    def requires(self) -> frozenset[str]:
        """The parts of a cohort that the model uses beside records."""
        return frozenset({"genotypes", "pedigree"} if self.blend else {"genotypes"})

    def _fit(self, cohort: Cohort, progress: Progress = silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""
        check_known("relationships", self.relationships, RELATIONSHIPS)
        check_between("blend", self.blend, 0, 1)
        self.solver_ = self._chosen_solver(cohort)
        given = self._given(len(cohort.traits))
        pedigree = pedigree_relationships(cohort) if self.blend else None
        self.scale_ = GenomicScale.of(cohort.genotypes, standardised=self.relationships == "vanraden2")
        progress("relationships", 0.0)
        genomic = self._genomic(cohort)
        self.mean_diagonal_ = float(np.mean(genomic.diagonal()))
        share = 0.0 if pedigree is None else self.blend * same_scale(genomic, pedigree).factor
        kernel = genomic if pedigree is None else _blended(genomic, 1 - self.blend, pedigree, share)
        fits = self._solve(cohort, kernel, given, progress)
        progress("marker effects", 0.0)
        dual = dual_coefficients(fits)
        self.marker_effects_ = self._marker_effects(cohort, genomic, (1 - self.blend) * dual)
        self.pedigree_part_ = None if pedigree is None else PedigreeValues(pedigree, share * dual)
        return fits

    def _genomic(self, cohort: Cohort) -> Dense | GenomicRelationships:
        """Return G of the training animals, formed for the exact solver alone."""
        if self.solver_ == "exact":
            return Dense(self.scale_.relationships(cohort.genotypes))
        return self.scale_.operator(cohort.genotypes)

    def _marker_effects(self, cohort: Cohort, genomic: Dense | GenomicRelationships, dual: FloatArray) -> FloatArray:
        if isinstance(genomic, GenomicRelationships):
            return genomic.marker_effects(dual)
        return self.scale_.marker_effects(cohort.genotypes, dual)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        by_markers = self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)
        return by_markers if self.pedigree_part_ is None else by_markers + self.pedigree_part_.of(cohort)


def _blended(
    genomic: Dense | GenomicRelationships, weight: float, pedigree: PedigreeRelationships, share: float
) -> RandomOperator:
    """Return a weighted sum of G and A, in the place of a G that is formed."""
    if isinstance(genomic, GenomicRelationships):
        return Sum((genomic, pedigree), (weight, share))
    matrix = genomic.matrix
    matrix *= weight
    matrix += share * as_matrix(pedigree)
    return Dense(matrix)


def kernel_of(fits: TraitFits, *, seed: int) -> tuple[RandomOperator, LowRank]:
    """Return relationships of the training animals as the models of all traits know them, and their dominant part."""
    if isinstance(fits, iterative.IterativeFits):
        return cast("RandomOperator", fits.kernel), fits.part
    kernel = Dense(cast("exact.ExactFits", fits).relationships)
    return kernel, dominant_part(kernel, iterative.RANK, rng=np.random.default_rng([seed, 1]))
