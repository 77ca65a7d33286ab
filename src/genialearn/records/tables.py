"""Tab-separated tables as the user gives them: an `id` column, text everywhere, missing values in many spellings."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import BoolArray, FloatArray
from genialearn.errors import FileFormatError, SettingError, examples, nearest_advice

MISSING_SPELLINGS = frozenset(
    {"", "NA", "Na", "na", ".", "-", "NaN", "NAN", "nan", "N/A", "n/a", "<NA>", "NULL", "null", "None"}
)


def read_table(path: Path | str, *, unique: bool = True) -> pd.DataFrame:
    """Return a tab-separated table with an `id` column, every field as stripped text.

    Parameters
    ----------
    path
        The file: UTF-8, one header line.
    unique
        Whether an id may stand in one row only.

    Raises
    ------
    FileFormatError
        Where the file is empty, isn't text, has no `id` column, ragged lines, repeated columns or repeated ids.
    """
    lines = [line for line in _files.read_text(path).splitlines() if line.strip()]
    if not lines:
        raise FileFormatError(str(path), expected="a header line and one row a record", found="an empty file")
    header = [name.strip() for name in lines[0].split("\t")]
    _check_header(path, header)
    _check_widths(path, lines, len(header))
    table = pd.read_csv(
        io.StringIO("\n".join(lines)), sep="\t", dtype=str, keep_default_na=False, quoting=3, names=header, skiprows=1
    )
    table = table.apply(lambda column: column.str.strip())
    _check_ids(path, table["id"], unique=unique)
    return table


def _check_header(path: Path | str, header: Sequence[str]) -> None:
    if "id" not in header:
        raise FileFormatError(
            f"{path}: line 1",
            expected="a tab-separated header with a column `id`",
            found=f"the columns {examples(header)}",
            advice="Name the column of the animals' identifiers id, and separate columns by tabs.",
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise FileFormatError(f"{path}: line 1", expected="every column once", found=f"repeated: {examples(repeated)}")


def _check_widths(path: Path | str, lines: Sequence[str], width: int) -> None:
    for number, line in enumerate(lines, start=1):
        found = line.count("\t") + 1
        if found != width:
            raise FileFormatError(
                f"{path}: line {number}",
                expected=f"{width} columns",
                found=str(found),
                advice="Was the file saved by a spreadsheet?",
            )
    if len(lines) == 1:
        raise FileFormatError(str(path), expected="at least one row below the header", found="none")


def _check_ids(path: Path | str, ids: pd.Series[str], *, unique: bool) -> None:
    if (ids == "").any():
        line = int(np.flatnonzero(ids == "")[0]) + 2
        raise FileFormatError(f"{path}: line {line}", expected="an identifier in the column id", found="nothing")
    repeated = ids[ids.duplicated()].unique()
    if unique and len(repeated):
        raise FileFormatError(
            str(path),
            expected="every id once",
            found=f"{len(repeated)} repeated: {examples(repeated)}",
            advice="Give repeated records as records.tsv (--records).",
        )


def missing(texts: pd.Series[str]) -> BoolArray:
    """Return which fields are one of the spellings of a missing value."""
    return np.asarray(texts.isin(MISSING_SPELLINGS), dtype=bool)


def numbers(path: Path | str, texts: pd.Series[str]) -> FloatArray:
    """Return a column as numbers, NaN where missing; text and infinite values are refused."""
    absent = missing(texts)
    values = np.asarray(pd.to_numeric(texts.where(~absent), errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(~absent & ~np.isfinite(values))
    if len(bad):
        raise FileFormatError(
            f"{path}: column {texts.name}: row {bad[0] + 1}",
            expected="a finite number or a missing value",
            found=f"{texts.iloc[bad[0]]!r}" + (f" and {len(bad) - 1} more such rows" if len(bad) > 1 else ""),
            advice="Select other columns with --trait, or write NA where there is no record.",
        )
    return values


def columns_named(path: Path | str, table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the names that were asked for, if the table has them all."""
    names = list(names)
    known = [name for name in table.columns if name != "id"]
    for name in names:
        if name not in known:
            raise SettingError(
                f"{path}", expected=f"a column {name}", found="none", advice=nearest_advice(name, known)
            )
    return names
