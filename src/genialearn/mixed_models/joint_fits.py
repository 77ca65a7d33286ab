"""The fitted model of all traits at once, and what more can be asked of it: other records, folds without records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import Dense, RandomOperator
from genialearn.mixed_models.adjustment import average_by_animal
from genialearn.mixed_models.covariances import apart, estimate_covariances, informative, number_of_vectors, of_traits
from genialearn.mixed_models.iterative import fit_trait_models
from genialearn.mixed_models.joint import JointModel, JointSystem
from genialearn.mixed_models.records import patterns

_FORMED, _BY_PRODUCTS = 1e-10, 1e-6
"""Relative residual of the joint system: products with a formed G are float64, others right to about 1e-7."""

_OUT_OF_FOLD = 2e-3
"""The same where it only serves to learn from: errors far below those of prediction."""

_CORRECTED = 5e-4
"""The same of records from which a little was taken away: what follows from that is a correction."""

_FEWER_VECTORS = 4
"""Of the random vectors that covariances of all records take, one in so many serves those of a fold."""


@dataclass(frozen=True, eq=False)
class JointFits:
    """One mixed model of all traits, solved for given covariances.

    Parameters
    ----------
    cohort
        The training animals, canonical.
    kernel, part
        Their relationships, and the dominant part of these.
    genetic, residual
        S_g and S_e, shape (traits, traits).
    model
        The solution.
    without
        S_g and S_e as they are without the records of a fold, by fold; where none are known, those of all records.
    solutions
        `JointModel.whitened` of systems without the records of a fold, by fold: of these records, or of nearly the
        same, from which the next one starts.
    """

    cohort: Cohort
    kernel: RandomOperator
    part: LowRank
    genetic: FloatArray
    residual: FloatArray
    model: JointModel
    without: dict[int, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    solutions: dict[int, FloatArray] = field(default_factory=dict)

    @classmethod
    def solved(
        cls,
        cohort: Cohort,
        kernel: RandomOperator,
        part: LowRank,
        genetic: FloatArray,
        residual: FloatArray,
        *,
        near: JointModel | None = None,
    ) -> JointFits:
        """Return the model of all traits, given their covariances; `near` is that of nearly the same records."""
        by_products = _BY_PRODUCTS if near is None else _CORRECTED
        tolerance = _FORMED if isinstance(kernel, Dense) else by_products
        system = JointSystem(cohort, kernel, genetic, residual, part)
        model = system.solve(tolerance=tolerance, start=None if near is None else near.whitened)
        return cls(cohort, kernel, part, genetic, residual, model)

    def adjusted_by_animal(self) -> tuple[FloatArray, FloatArray]:
        """Return records without their fixed effects plus their mean, and weights, averaged by animal.

        Both have shape (animals, traits); where an animal has no record the value is NaN and the weight 0.
        """
        columns = []
        for trait, pattern in enumerate(patterns(self.cohort)):
            fixed_part = np.asarray(pattern.effects.matrix @ self.model.fixed[trait])
            values = self.cohort.records.values[pattern.records, trait] - fixed_part + self.model.means[trait]
            columns.append(average_by_animal(pattern.animals, values, pattern.root_weights**2, len(self.cohort)))
        return np.column_stack([value for value, _ in columns]), np.column_stack([weight for _, weight in columns])

    def corrected(self, corrections: FloatArray, residual_shares: FloatArray) -> JointFits:
        """Return the model of records from which something was taken away.

        Parameters
        ----------
        corrections
            What is taken from each record of an animal, shape (animals, traits).
        residual_shares
            What this leaves of the residual variances, shape (traits,).
        """
        roots = np.sqrt(residual_shares)
        scale = np.outer(roots, roots)
        less = _with_values(self.cohort, self.cohort.records.values - corrections[self.cohort.record_rows])
        solved = JointFits.solved(less, self.kernel, self.part, self.genetic, self.residual * scale, near=self.model)
        without = {fold: (genetic, residual * scale) for fold, (genetic, residual) in self.without.items()}
        return replace(solved, without=without, solutions=dict(self.solutions))

    def cross_fitted(self, folds: IntArray, heritabilities: Sequence[float], *, seed: int) -> JointFits:
        """Return the same with covariances of each fold that its records had no part in.

        Else what is chance in the covariances agrees with what is chance in the records that are left out, and
        out-of-fold errors flatter the model of all traits.

        Parameters
        ----------
        folds
            Fold of each training animal, shape (animals,).
        heritabilities
            Of the single-trait models, kept, shape (traits,).
        seed
            Of the random vectors.
        """
        without = {}
        for fold in np.unique(folds):
            whole = _without_records(self.cohort, folds == fold)
            known, rng = informative(whole), np.random.default_rng([seed, 3])
            cohort, given = of_traits(whole, known), list(np.asarray(heritabilities)[known])
            genetic, residual = np.empty((0, 0)), np.empty((0, 0))
            if known.any():
                models = fit_trait_models(cohort, self.kernel, given, rng=rng, part=self.part).models
                vectors = max(number_of_vectors(cohort) // _FEWER_VECTORS, 2)
                found = estimate_covariances(cohort, self.kernel, models, self.part, rng=rng, vectors=vectors)
                genetic, residual = found.predictive, found.residual.matrix
            without[int(fold)] = (
                apart(genetic, known, np.diag(self.genetic)),
                apart(residual, known, np.diag(self.residual)),
            )
        return replace(self, without=without, solutions={})

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records.

        The covariances are those of `without`.

        A trait that only animals of one fold have records of keeps them.

        Parameters
        ----------
        folds
            Fold of each training animal, negative for animals that aren't asked for and get NaN, shape (animals,).

        Returns
        -------
        array, shape (animals, traits)
        """
        out = np.full((len(self.cohort), len(self.genetic)), np.nan)
        for fold in np.unique(folds[folds >= 0]):
            inside = folds == fold
            cohort = _without_records(self.cohort, inside)
            genetic, residual = self.without.get(int(fold), (self.genetic, self.residual))
            system = JointSystem(cohort, self.kernel, genetic, residual, self.part)
            start = self.solutions.get(int(fold), self.model.whitened)
            solved = system.solve(tolerance=_OUT_OF_FOLD, start=start)
            self.solutions[int(fold)] = solved.whitened
            out[inside] = self.kernel.matmat(solved.coefficients)[inside]
        return out


def _without_records(cohort: Cohort, animals: BoolArray) -> Cohort:
    """Return a cohort without the records of some animals, but of traits that nobody else has records of."""
    values = cohort.records.values
    left_out = animals[cohort.record_rows]
    elsewhere = np.isfinite(values[~left_out]).any(axis=0)
    return _with_values(cohort, np.where(left_out[:, None] & elsewhere, np.nan, values))


def _with_values(cohort: Cohort, values: FloatArray) -> Cohort:
    return replace(cohort, records=replace(cohort.records, values=values))
