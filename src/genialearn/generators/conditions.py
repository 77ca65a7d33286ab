"""Values of traits that artificial animals are asked to have, in the units of the training records."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError, nearest_advice
from genialearn.mixed_models.adjustment import adjusted_records


@dataclass(frozen=True, eq=False)
class AskedTraits:
    """The traits that may be asked for: those with a record.

    Parameters
    ----------
    names
        Of the traits.
    means, deviations
        Of the training animals' adjusted records, shape (traits,).
    """

    names: list[str]
    means: FloatArray
    deviations: FloatArray

    @classmethod
    def of(cls, cohort: Cohort) -> tuple[AskedTraits, FloatArray, BoolArray]:
        """Return the traits, and of animals (animals, traits): standardised records, 0 where unknown; which are known.

        Records are adjusted for fixed effects by least squares and averaged by animal.
        """
        recorded = np.flatnonzero(cohort.records.n_records > 0)
        names = [cohort.traits[column].name for column in recorded]
        if not names:
            return cls([], np.empty(0), np.empty(0)), np.zeros((len(cohort), 0)), np.zeros((len(cohort), 0), dtype=bool)
        adjusted = adjusted_records(with_traits(cohort, recorded))
        spread = adjusted.standard_deviations
        traits = cls(names, adjusted.means, np.where(spread > 0, spread, 1.0))
        known = adjusted.weights > 0
        return traits, np.where(known, (adjusted.values - traits.means) / traits.deviations, 0.0), known

    def standardised(self, n_animals: int, conditions: pd.DataFrame | None) -> tuple[FloatArray, BoolArray]:
        """Return standardised values that are asked for, and which are, each (animals, traits).

        Raises
        ------
        SettingError
            Where a trait is unknown or repeated, rows aren't as many as animals, or a value is infinite or no number.
        """
        values = np.full((n_animals, len(self.names)), np.nan)
        if conditions is not None:
            _check_conditions(conditions, n_animals, self.names)
            for name in conditions.columns:
                column = self.names.index(name)
                values[:, column] = pd.to_numeric(conditions[name]).to_numpy(dtype=np.float64)
            values = (values - self.means) / self.deviations
        known = np.isfinite(values)
        return np.where(known, values, 0.0), known


def with_traits(cohort: Cohort, columns: IntArray) -> Cohort:
    """Return the cohort with some traits."""
    records = cohort.records
    chosen = replace(
        records,
        traits=tuple(records.traits[column] for column in columns),
        values=records.values[:, columns],
        weights=records.weights[:, columns],
    )
    return replace(cohort, records=chosen)


def _check_conditions(conditions: pd.DataFrame, n_animals: int, known: list[str]) -> None:
    for name in conditions.columns:
        if name not in known:
            raise SettingError(
                "conditions",
                expected="traits with records of the training animals",
                found=repr(name),
                advice=nearest_advice(str(name), known),
            )
    if len(set(conditions.columns)) < len(conditions.columns):
        raise SettingError("conditions", expected="every trait once", found="repeated columns")
    if len(conditions) != n_animals:
        raise SettingError(
            "conditions", expected=f"one row an animal, {n_animals:,}", found=f"{len(conditions):,} rows"
        )
    for name in conditions.columns:
        if not pd.api.types.is_numeric_dtype(conditions[name]) or np.isinf(conditions[name].to_numpy(float)).any():
            raise SettingError(f"conditions {name}", expected="finite numbers or NaN", found="others")
