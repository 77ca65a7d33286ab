"""BLUP on pedigree relationships: what could be predicted before there were markers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, examples
from genialearn.linalg.operators import Dense, LinearOperator, as_matrix
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.solvers import pattern_sizes
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.single_trait import SingleTraitBLUP, dual_coefficients, silent
from genialearn.relationships import PedigreeRelationships

_MOST_EXACT = 3_000
"""Records of a trait up to which an eigendecomposition of A costs less than the products that would replace it."""


@dataclass(frozen=True, eq=False)
class PedigreeValues:
    """Breeding values as A times coefficients of the training animals.

    Parameters
    ----------
    relationships
        A of the training animals.
    coefficients
        a, shape (training animals, traits).
    """

    relationships: PedigreeRelationships
    coefficients: FloatArray

    def of(self, cohort: Cohort) -> FloatArray:
        """Return A[animals, training animals] a, 0 without a link to them, shape (animals, traits)."""
        return self._knowing(cohort).between(cohort.animals, self.coefficients)

    def parent_averages(self, cohort: Cohort) -> FloatArray:
        """Return half the sum of the parents' values, an unknown parent's being 0, shape (animals, traits)."""
        return self._knowing(cohort).parent_averages(cohort.animals, self.coefficients)

    def _knowing(self, cohort: Cohort) -> PedigreeRelationships:
        return self.relationships if cohort.pedigree is None else self.relationships.knowing(cohort.pedigree)


class PedigreeBLUP(SingleTraitBLUP):
    """Best linear unbiased prediction from pedigree and records, every trait by itself.

    y = X b + Z g + e, var(g) = A s2g, var(e) = W^-1 s2e, with Henderson's relationships A and variances by REML.
    Breeding values of any animals are A[animals, training animals] a: what the mixed model equations give for ancestors
    and offspring without records too. Animals that the pedigree doesn't link to a training animal get 0, the mean. A
    pedigree that comes with the predicted animals adds those that the training pedigree doesn't know.

    Parameters
    ----------
    heritability, solver, seed
        As in `SingleTraitBLUP`.

    Attributes
    ----------
    values_
        Breeding values of any animals.
    mean_diagonal_
        Mean of the diagonal of the training animals' A: one plus their mean inbreeding.
    heritability_, heritability_se_, mean_, models_, solver_, notes_
        As in `SingleTraitBLUP`.

    References
    ----------
    Henderson 1975, Biometrics 31:423-447, doi:10.2307/2529430; Henderson 1976, Biometrics 32:69-83,
    doi:10.2307/2529339.
    """

    requires = frozenset({"pedigree"})

    def _fit(self, cohort: Cohort, progress: Progress = silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""
        self.solver_ = self._chosen_solver(cohort)
        given = self._given(len(cohort.traits))
        progress("relationships", 0.0)
        relationships = related_by_pedigree(cohort)
        self.mean_diagonal_ = float(np.mean(relationships.diagonal()))
        kernel: LinearOperator = Dense(as_matrix(relationships)) if self.solver_ == "exact" else relationships
        fits = self._solve(cohort, kernel, given, progress)
        self.values_ = PedigreeValues(relationships, dual_coefficients(fits))
        return fits

    def _quicker_solver(self, cohort: Cohort) -> str:
        few = max(pattern_sizes(cohort), default=0) <= _MOST_EXACT
        return super()._quicker_solver(cohort) if few else "iterative"

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return breeding values in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        return self.values_.of(cohort)


class ParentAverage(PedigreeBLUP):
    """Half the sum of the parents' breeding values by `PedigreeBLUP`.

    An animal's own records and those of its offspring count through its parents' values alone. For animals that have
    neither it is what `PedigreeBLUP` predicts. An unknown parent counts as 0, the mean of the founders.
    """

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return parent averages in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        return self.values_.parent_averages(cohort)


def related_by_pedigree(cohort: Cohort) -> PedigreeRelationships:
    """Return A of training animals, at least two of which are related.

    Raises
    ------
    AlignmentError
        Where there is no pedigree, or it relates nobody: genetic and residual variance are then one.
    """
    relationships = pedigree_relationships(cohort)
    total = relationships.matmat(np.ones((len(cohort), 1))).sum()
    if not total > relationships.diagonal().sum() + 1e-9:
        raise AlignmentError(
            "pedigree",
            expected="training animals that are related",
            found=f"{len(cohort):,} without a common ancestor",
            advice="Use a pedigree with more generations, or a model of the markers alone.",
        )
    return relationships


def pedigree_relationships(cohort: Cohort) -> PedigreeRelationships:
    """Return A of training animals.

    Raises
    ------
    AlignmentError
        Where there is no pedigree, or it knows none of the animals.
    """
    if cohort.pedigree is None:
        raise AlignmentError(
            "pedigree",
            expected="the parents of the training animals",
            found="no pedigree",
            advice="Give one with --pedigree, or use a model of the markers alone.",
        )
    if not (cohort.pedigree.rows_of(cohort.animals) >= 0).any():
        raise AlignmentError(
            "pedigree",
            expected="the training animals in it",
            found=f"none: it names {examples(cohort.pedigree.ids)}; the genotypes {examples(cohort.animals)}",
            advice="Both must use the same identifiers.",
        )
    return PedigreeRelationships.of(cohort.pedigree, cohort.animals)
