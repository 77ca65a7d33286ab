"""Fixed effects by formula: the incidence of environments and covariates on records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import sparse

from genialearn._arrays import BoolArray, FloatArray, StrArray
from genialearn.errors import examples, nearest_advice
from genialearn.records import tables
from genialearn.records.formulas import Formula, first_line, read_formula, refused
from genialearn.records.traits import RecordTable

_FEW_RECORDS, _REMEMBERED = 5_000, 64
"""Records up to which designs are remembered, and how many, 50 MB at most: folds and models ask for the same ones again
and again."""


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


def design(formula: str, effects: pd.DataFrame) -> Design:
    """Return the incidence matrix of a formula's right-hand side, with an intercept, one row for each of `effects`.

    Columns of `effects` hold text: those where every value is a number are covariates, others are factors;
    C(...) makes a factor of numbers, a name with dots stands between backticks.

    Raises
    ------
    SettingError
        Where the formula can't be read or computed, names a column that isn't there, or gives infinite values.
    """
    if not formula.strip():
        return Design(sparse.csc_matrix(np.ones((len(effects), 1))), ("Intercept",))
    read = read_formula(formula)
    for name in sorted(read.columns):
        _check_present(read, name, effects)
    texts = effects[sorted(read.columns)]
    if len(texts) > _FEW_RECORDS:
        return _evaluated(read, texts)
    return _remembered(_Question(formula, len(texts), tuple(tuple(texts[name]) for name in texts), texts))


@dataclass(frozen=True)
class _Question:
    """What a formula is to be evaluated on: equal texts are the same question."""

    formula: str
    n_records: int
    content: tuple[tuple[str, ...], ...]
    texts: pd.DataFrame = field(compare=False)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(question: _Question) -> Design:
    return _evaluated(read_formula(question.formula), question.texts)


def _evaluated(formula: Formula, texts: pd.DataFrame) -> Design:
    import formulaic

    try:
        with np.errstate(all="ignore"):
            matrix = formulaic.model_matrix(
                formula.terms, _typed(formula, texts), context={}, output="sparse", na_action="raise"
            )
    except Exception as error:  # formulaic raises whatever the evaluated formula raises
        raise refused(formula.text, found=first_line(error)) from error
    if not np.isfinite(matrix.data).all():
        raise refused(formula.text, expected="finite values", found="infinite ones, as of the logarithm of 0")
    return Design(sparse.csc_matrix(matrix), tuple(matrix.model_spec.column_names))


def _typed(formula: Formula, texts: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that the formula needs: numbers as such, unless they are names within C(...)."""
    values = {name: tables.as_numbers(texts[name]) for name in formula.columns - formula.grouped}
    return texts.assign(**{name: column for name, column in values.items() if not np.isnan(column).any()})


def without_incomplete(records: RecordTable) -> tuple[RecordTable, StrArray]:
    """Return the records without those whose fixed effects aren't all known, and whose rows lost a record.

    Raises
    ------
    SettingError
        As for `usable`.
    """
    complete_by = {formula: usable(formula, records.effects) for formula in {trait.fixed for trait in records.traits}}
    complete = np.column_stack([complete_by[trait.fixed] for trait in records.traits])
    lost = (~complete & np.isfinite(records.values)).any(axis=1)
    return replace(records, values=np.where(complete, records.values, np.nan)), records.animals[lost]


def usable(formula: str, effects: pd.DataFrame) -> BoolArray:
    """Return which records have a value in every column that the formula needs, shape (records,).

    Raises
    ------
    SettingError
        Where the formula can't be read or computed, or names a column that isn't there or where numbers and names mix.
    """
    complete = np.ones(len(effects), dtype=bool)
    if not formula.strip():
        return complete
    read = read_formula(formula)
    for name in sorted(read.columns):
        _check_present(read, name, effects)
        complete &= ~tables.missing(effects[name])
    for name in sorted(read.plain):
        _check_one_kind(read, name, effects[name])
    if complete.any():
        design(formula, effects[complete])
    return complete


def _check_present(formula: Formula, name: str, effects: pd.DataFrame) -> None:
    if name not in effects.columns:
        raise refused(
            formula.text,
            expected=f"a column {name} among the covariates or in the trait table",
            found="none",
            advice=nearest_advice(name, effects.columns) if len(effects.columns) else "Add --covariates FILE.",
        )


def _check_one_kind(formula: Formula, name: str, texts: pd.Series[str]) -> None:
    """Raise where numbers and names mix: one wrong letter would turn a covariate into as many groups as values."""
    given = texts[~tables.missing(texts)]
    is_number = np.isfinite(tables.as_numbers(given))
    others = given[~is_number].unique()
    if len(others) and is_number.any():
        raise refused(
            formula.text,
            expected=f"either numbers or names in the column {name}",
            found=f"{len(others):,} beside numbers: {examples(map(repr, others))}",
            advice=f"Correct them, or write C({name}) if all are names.",
        )
