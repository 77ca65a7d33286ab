"""Random effects beside breeding values: what `random` of a trait names, as incidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from genialearn._arrays import IntArray
from genialearn.errors import SettingError, nearest_advice
from genialearn.records import tables

ANIMAL = "animal"
"""Names the animals' permanent environment: what an animal's records share beyond its breeding value."""


def random_names(text: str) -> tuple[str, ...]:
    """Return the names in `random` of a trait: "animal + herd" are two."""
    return tuple(name.strip() for name in text.split("+") if name.strip())


def incidence_of(name: str, effects: pd.DataFrame, animals: IntArray) -> sparse.csr_matrix:
    """Return the incidence of a random effect's levels on records, shape (records, levels).

    Parameters
    ----------
    name
        "animal" or a column of the effects.
    effects
        One row a record.
    animals
        Row of each record's animal.

    Raises
    ------
    SettingError
        Where there is no such column, or a record has no level.
    """
    if name == ANIMAL and name not in effects.columns:
        codes = np.unique(animals, return_inverse=True)[1]
    else:
        codes = _codes(name, effects)
    rows = np.arange(len(codes))
    return sparse.csr_matrix((np.ones(len(codes)), (rows, codes)), shape=(len(codes), int(codes.max(initial=-1)) + 1))


def _codes(name: str, effects: pd.DataFrame) -> IntArray:
    if name not in effects.columns:
        raise SettingError(
            f"random effect {name}",
            expected=f"{ANIMAL!r}, or a column of that name among the covariates or in the trait table",
            found="none",
            advice=nearest_advice(name, [*effects.columns, ANIMAL]),
        )
    lacking = int(tables.missing(effects[name]).sum())
    if lacking:
        raise SettingError(
            f"random effect {name}",
            expected="a level for every record",
            found=f"{lacking:,} records without",
            advice="Fill the column, or leave these records out.",
        )
    return np.asarray(pd.factorize(effects[name], sort=True)[0], dtype=np.int64)
