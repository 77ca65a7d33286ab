"""Arrays as a numpy user gives them, checked and brought to the forms that a cohort holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genialearn._arrays import FloatArray, Int8Array, StrArray, as_ids
from genialearn.errors import SettingError, examples


def dosages_from(values: object) -> Int8Array:
    """Return dosages as int8, -1 where missing, column-major, shape (animals, markers)."""
    matrix = _numbers_from("dosages", values)
    if matrix.ndim != 2 or not matrix.size:
        raise SettingError("dosages", expected="an array of shape (animals, markers)", found=f"shape {matrix.shape}")
    if matrix.dtype.kind == "f":
        matrix = np.where(np.isnan(matrix), -1, matrix)
    strange = (matrix != -1) & (matrix != 0) & (matrix != 1) & (matrix != 2)
    if strange.any():
        raise SettingError(
            "dosages",
            expected="0, 1, 2, and NaN or -1 where missing",
            found=f"{int(strange.sum()):,} others: {examples(np.unique(matrix[strange]))}",
            advice="Imputed dosages must be rounded to whole copies.",
        )
    return np.asfortranarray(matrix, dtype=np.int8)


def records_from(name: str, values: object, n_animals: int) -> FloatArray:
    """Return numbers, finite or NaN, with one row an animal and one column a trait, of one or two axes."""
    matrix = np.asarray(_numbers_from(name, values), dtype=np.float64)
    if matrix.ndim not in (1, 2) or len(matrix) != n_animals or not matrix.size:
        raise SettingError(
            name, expected=f"an array of shape ({n_animals}, traits) or ({n_animals},)", found=f"shape {matrix.shape}"
        )
    if np.isinf(matrix).any():
        raise SettingError(name, expected="finite numbers or NaN", found=f"{int(np.isinf(matrix).sum()):,} infinite")
    return matrix.reshape(n_animals, -1)


def _numbers_from(name: str, values: object) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        return array if array.dtype.kind in "biuf" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError(
            name, expected="an array of numbers", found="texts or ragged lists", advice="Put NaN where one is missing."
        ) from error


def weights_from(weights: object, values: FloatArray) -> FloatArray:
    """Return the weights of records `values`, 1 where there is no record."""
    matrix = records_from("weights", weights, len(values))
    recorded = np.isfinite(values)
    if matrix.shape != values.shape:
        raise SettingError("weights", expected=f"the shape of the traits, {values.shape}", found=str(matrix.shape))
    bad = recorded & ~(matrix > 0)
    if bad.any():
        raise SettingError(
            "weights",
            expected="a positive number for each record",
            found=f"{int(bad.sum()):,} others: {examples(matrix[bad])}",
            advice="Let the record be NaN where it shouldn't count.",
        )
    return np.where(recorded, matrix, 1.0)


def names_from(name: str, given: Sequence[str] | None, usual: Sequence[str]) -> StrArray:
    """Return the names that were given, as many as the usual ones and all different, or else the usual ones."""
    names = as_ids(usual if given is None else given)
    if len(names) != len(usual) or len(set(names)) != len(names):
        raise SettingError(
            name, expected=f"{len(usual)} different names", found=f"{len(names)}, {len(set(names))} of them different"
        )
    return names


def effects_from(covariates: pd.DataFrame | None, n_animals: int) -> pd.DataFrame:
    """Return covariates as text, the form in which they come from files."""
    if covariates is None:
        return pd.DataFrame(index=range(n_animals))
    if len(covariates) != n_animals:
        raise SettingError("covariates", expected=f"{n_animals} rows, one an animal", found=str(len(covariates)))
    texts = covariates.reset_index(drop=True).astype(str)
    return texts.mask(covariates.isna().to_numpy(), "").rename(columns=str)
