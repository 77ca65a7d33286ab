"""Traits and their records: what was measured, on whom, how often and how well."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn.errors import SettingError

Kind = Literal["quantitative", "binary"]


@dataclass(frozen=True)
class Trait:
    """One trait.

    Parameters
    ----------
    name
        As in the header of the table.
    unit
        Of the records, for display.
    kind
        "quantitative" or "binary" (records 0 and 1).
    direction
        Which values breeders want: "higher", "lower", "optimum" or "" for unknown.
    fixed
        Right-hand side of the formula of fixed effects; an intercept is always there.
    random
        Random effects beside the breeding value: "animal" for what an animal's records share otherwise (permanent
        environment), names of columns such as a herd, or several with + between.
    group
        For display: production, morphology, ...
    """

    name: str
    unit: str = ""
    kind: Kind = "quantitative"
    direction: str = ""
    fixed: str = ""
    random: str = ""
    group: str = ""


@dataclass(frozen=True, eq=False)
class RecordTable:
    """Records of all traits, one row a record, NaN where a trait wasn't recorded.

    Parameters
    ----------
    traits
        The columns.
    animals
        Whose record a row is; an animal may have several, shape (records,).
    values
        Shape (records, traits).
    weights
        Relative precision of each record: its residual variance is s2e / weight; shape (records, traits).
    effects
        Environments and covariates that formulas may name, one row a record.
    """

    traits: tuple[Trait, ...]
    animals: StrArray
    values: FloatArray
    weights: FloatArray
    effects: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        if not len(self.effects.columns):
            object.__setattr__(self, "effects", pd.DataFrame(index=range(len(self.animals))))
        shape = len(self.animals), len(self.traits)
        found = self.values.shape, self.weights.shape, len(self.effects)
        if found != (shape, shape, shape[0]):
            raise SettingError(
                "records",
                expected=f"values and weights of shape {shape}, and {shape[0]:,} rows of effects",
                found=f"{found[0]}, {found[1]} and {found[2]:,}",
            )

    @property
    def trait_names(self) -> list[str]:
        """Names of the traits, in order."""
        return [trait.name for trait in self.traits]

    @property
    def n_records(self) -> IntArray:
        """How many records each trait has, shape (traits,)."""
        return np.asarray(np.isfinite(self.values).sum(axis=0), dtype=np.int64)

    def select(self, rows: IntArray) -> RecordTable:
        """Return some rows, in the order asked for."""
        return RecordTable(
            self.traits,
            self.animals[rows],
            self.values[rows],
            self.weights[rows],
            self.effects.iloc[rows].reset_index(drop=True),
        )

    def with_fixed(self, formula: str) -> RecordTable:
        """Return the table with one formula of fixed effects for all traits."""
        return replace(self, traits=tuple(replace(trait, fixed=formula) for trait in self.traits))


def varies(values: FloatArray) -> bool:
    """Return whether there are records that differ."""
    recorded = values[np.isfinite(values)]
    return bool(len(recorded)) and bool((recorded != recorded[0]).any())


def kind_of(values: FloatArray) -> Kind:
    """Return "binary" where every record is 0 or 1."""
    recorded = values[np.isfinite(values)]
    return "binary" if len(recorded) and np.isin(recorded, (0.0, 1.0)).all() else "quantitative"
