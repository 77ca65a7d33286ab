"""Tab-separated tables as the user gives them: an `id` column, text everywhere, missing values in many spellings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from genialearn import _files
from genialearn._arrays import BoolArray, FloatArray
from genialearn.errors import FileFormatError, SettingError, examples, nearest_advice

MISSING_SPELLINGS = frozenset({"", ".", "-", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
"""How a missing value may be spelled, in lower case. PLINK's -9 isn't among them: it could be a record."""

_QUOTED_FIELD = re.compile(r'(?<![^\t\n\r])"([^"\t\n\r]*)"(?![^\t\n\r])')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


def read_table(path: Path | str, *, unique: bool = True) -> pd.DataFrame:
    """Return a tab-separated table with an `id` column, every field as stripped text, indexed by line number.

    Lines without any field and quotes around whole fields are ignored.

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
    text = _files.read_text(path)
    if '"' in text:
        text = _QUOTED_FIELD.sub(r"\1", text)
    lines = {number: line for number, line in enumerate(_files.lines_of(text), start=1) if line.strip()}
    if len(lines) < 2:
        raise FileFormatError(
            str(path),
            expected="a header line and one row a record",
            found="no row" if lines else "an empty file",
            advice="Is this the right file, and was it written to its end?",
        )
    first = min(lines)
    header = [name.strip() for name in lines.pop(first).split("\t")]
    _check_header(f"{path}: line {first}", header)
    _check_widths(path, lines, len(header))
    table = _fields(header, list(lines.values())).set_axis(list(lines), axis=0)
    _check_ids(path, table["id"], unique=unique)
    return table


def _check_header(where: str, header: Sequence[str]) -> None:
    if "id" not in header:
        raise FileFormatError(
            where,
            expected="a tab-separated header with a column id",
            found=f"the columns {examples(header)}",
            advice="Name the column of the animals' identifiers id, and separate columns by tabs.",
        )
    if "" in header:
        raise FileFormatError(
            where,
            expected="a name for every column",
            found=f"none for column {header.index('') + 1}",
            advice="Name the column, or remove it.",
        )
    repeated = sorted(name for name, count in Counter(header).items() if count > 1)
    if repeated:
        raise FileFormatError(
            where,
            expected="every column once",
            found=f"{len(repeated):,} repeated: {examples(repeated)}",
            advice="Rename or remove all but one.",
        )


def _check_widths(path: Path | str, lines: dict[int, str], width: int) -> None:
    for number, line in lines.items():
        found = line.count("\t") + 1
        if found != width:
            raise FileFormatError(
                f"{path}: line {number}",
                expected=f"{width} columns",
                found=str(found),
                advice="Was the file saved by a spreadsheet, or with row names?",
            )


def _fields(header: Sequence[str], lines: Sequence[str]) -> pd.DataFrame:
    content = "\n".join(lines).encode()
    table = csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(column_names=header, block_size=max(2**20, 8 * max(map(len, lines)))),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False),
    ).to_pandas()
    return pd.DataFrame({name: table[name].str.strip() for name in header})


def _check_ids(path: Path | str, ids: pd.Series[str], *, unique: bool) -> None:
    absent = ids[missing(ids)]
    if len(absent):
        raise FileFormatError(
            f"{path}: line {absent.index[0]}",
            expected="an identifier in the column id",
            found=repr(absent.iloc[0]),
            advice="Name the animal, or remove the line.",
        )
    repeated = ids[ids.duplicated()].unique()
    if unique and len(repeated):
        raise FileFormatError(
            str(path),
            expected="every id once",
            found=f"{len(repeated):,} repeated: {examples(repeated)}",
            advice="Leave one row an animal; repeated records have a table of their own (--records).",
        )


def missing(texts: pd.Series[str]) -> BoolArray:
    """Return which fields are one of the spellings of a missing value."""
    return np.asarray(texts.str.lower().isin(MISSING_SPELLINGS), dtype=bool)


def numbers(
    path: Path | str, texts: pd.Series[str], *, advice: str = "Correct it, or leave the field empty where it's unknown."
) -> FloatArray:
    """Return a column of `read_table` as numbers, NaN where missing; text and infinite values are refused."""
    values = as_numbers(texts)
    bad = texts[~np.isfinite(values) & ~missing(texts)]
    if len(bad):
        raise FileFormatError(
            f"{path}: line {bad.index[0]}: column {texts.name}",
            expected="a finite number or a missing value",
            found=first_of(bad),
            advice="Write numbers with a decimal point." if _DECIMAL_COMMA.fullmatch(bad.iloc[0]) else advice,
        )
    return values


def first_of(texts: pd.Series[str]) -> str:
    """Return the first of some fields, and how many more there are."""
    return repr(texts.iloc[0]) + (f" and {len(texts) - 1:,} more" if len(texts) > 1 else "")


def as_numbers(texts: pd.Series[str]) -> FloatArray:
    """Return texts as numbers, NaN for those that are none."""
    return np.asarray(pd.to_numeric(texts, errors="coerce"), dtype=np.float64)


def columns_named(path: Path | str, table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the names that were asked for, each once, if the table has them all."""
    names = list(dict.fromkeys(names))
    known = [name for name in table.columns if name != "id"]
    for name in names:
        if name not in known:
            raise SettingError(str(path), expected=f"a column {name}", found="none", advice=nearest_advice(name, known))
    return names
