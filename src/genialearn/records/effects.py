"""Fixed effects by formula: the incidence of environments and covariates on records."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from genialearn._arrays import BoolArray, FloatArray
from genialearn.errors import SettingError, nearest_advice
from genialearn.records import tables


@dataclass(frozen=True, eq=False)
class Design:
    """An incidence matrix of fixed effects.

    Parameters
    ----------
    matrix
        Sparse, shape (records, columns); the first column is the intercept.
    names
        What each column is.
    """

    matrix: sparse.csc_matrix
    names: tuple[str, ...]

    def dense(self) -> FloatArray:
        """Return the matrix as an array."""
        return np.asarray(self.matrix.toarray(), dtype=np.float64)


def variables_of(formula: str) -> list[str]:
    """Return the names of the columns that a formula needs."""
    return sorted(_parsed(formula).required_variables)


def usable(formula: str, effects: pd.DataFrame) -> BoolArray:
    """Return which records have a value in every column that the formula needs, shape (records,).

    Raises
    ------
    SettingError
        Where the formula can't be read, or names a column that isn't there.
    """
    complete = np.ones(len(effects), dtype=bool)
    if formula:
        for name in variables_of(formula):
            if name not in effects.columns:
                raise SettingError(
                    f"fixed effects {formula!r}",
                    expected=f"a column {name} among the covariates or in the trait table",
                    found="none",
                    advice=nearest_advice(name, effects.columns) if len(effects.columns) else "Add --covariates FILE.",
                )
            complete &= ~tables.missing(effects[name])
    return complete


def design(formula: str, effects: pd.DataFrame) -> Design:
    """Return the incidence matrix of a formula's right-hand side, with an intercept, one row for each of `effects`.

    Columns of `effects` hold text: those where every value is a number are covariates, others are factors;
    C(...) makes a factor of numbers, a name with dots stands between backticks.
    """
    if not formula:
        return Design(sparse.csc_matrix(np.ones((len(effects), 1))), ("Intercept",))
    import formulaic

    needed = effects[variables_of(formula)].apply(_typed)
    try:
        matrix = formulaic.model_matrix(f"1 + {formula}", needed, output="sparse", na_action="raise")
    except Exception as error:  # formulaic raises whatever the evaluated formula raises
        raise SettingError(
            f"fixed effects {formula!r}", expected="a formula such as C(herd_year) + age", found=_first_line(error)
        ) from error
    return Design(sparse.csc_matrix(matrix), tuple(matrix.model_spec.column_names))


def _parsed(formula: str) -> object:
    import formulaic

    try:
        return formulaic.Formula(f"1 + {formula}")
    except Exception as error:  # its parser has no common error class
        raise SettingError(
            f"fixed effects {formula!r}", expected="a formula such as C(herd_year) + age", found=_first_line(error)
        ) from error


def _first_line(error: Exception) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _typed(texts: pd.Series[str]) -> pd.Series[float] | pd.Series[str]:
    values = pd.to_numeric(texts, errors="coerce")
    return texts if values.isna().any() else values
