"""What every solver of single-trait mixed models comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.mixed_models.adjustment import average_by_animal
from genialearn.mixed_models.components import Components
from genialearn.mixed_models.variance import Variances


@dataclass(frozen=True, eq=False, kw_only=True)
class TraitModel:
    """The fitted single-trait model of one trait.

    Parameters
    ----------
    records
        Rows of the cohort's record table, shape (records,).
    animals
        Row of each record's animal, shape (records,).
    weights
        Of the records, shape (records,).
    variances
        Estimated or given.
    heritability_se
        Standard error of the heritability; NaN where it was given.
    fixed_names
        What each fixed effect is.
    fixed, fixed_se
        Fixed effects and their standard errors, shape (fixed effects,).
    mean
        Weighted average of the fixed part over the records.
    adjusted
        Records minus their fixed part plus `mean`, shape (records,).
    dual
        Coefficients a of the training animals: breeding values are G a, shape (animals,).
    components
        All variances where there are random effects beside breeding values, else None.
    """

    records: IntArray
    animals: IntArray
    weights: FloatArray
    variances: Variances
    heritability_se: float
    fixed_names: tuple[str, ...]
    fixed: FloatArray
    fixed_se: FloatArray
    mean: float
    adjusted: FloatArray
    dual: FloatArray
    components: Components | None = None


class TraitFits(Protocol):
    """The models of all traits on one relationship matrix, and what can be had from all at once."""

    @property
    def models(self) -> Sequence[TraitModel]:
        """One a trait."""

    @property
    def solver(self) -> str:
        """How they were solved."""

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's breeding values as if no animal of its fold had records, the heritabilities kept.

        Parameters
        ----------
        folds
            Fold of each training animal, negative for those that aren't asked for and get NaN, shape (animals,).

        Returns
        -------
        array, shape (animals, traits)
        """


def adjusted_by_animal(models: Iterable[TraitModel], n_animals: int) -> tuple[FloatArray, FloatArray]:
    """Return records without their fixed effects, averaged by animal, and the sums of their weights.

    Both have shape (animals, traits); where an animal has no record the value is NaN and the weight 0.
    """
    columns = [average_by_animal(model.animals, model.adjusted, model.weights, n_animals) for model in models]
    return np.column_stack([value for value, _ in columns]), np.column_stack([weight for _, weight in columns])
