"""Tables and JSON of a run folder, with errors that name the file, the line and the column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from genialearn._files import read_text
from genialearn.errors import FileFormatError
from genialearn.report.wording import count

_Part = TypeVar("_Part")

_TEXT_COLUMNS = frozenset(
    (
        *("trait", "model", "split", "metric", "reference", "verdict", "stage", "error", "message", "part"),
        *("figure", "records", "driver", "target"),
    )
)
_KINDS = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false"}
_DAMAGED = "Was the file edited by hand? Repeating the command writes it anew."


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return the named columns of a tab-separated table: texts stay texts, all else is a number or NaN."""
    table = _texts(path)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise FileFormatError(
            str(path),
            expected=f"the columns {' '.join(columns)}",
            found=f"no column {' '.join(missing)}",
            advice=_DAMAGED,
        )
    return pd.DataFrame(
        {name: table[name] if name in _TEXT_COLUMNS else _numbers(path, table[name]) for name in columns}
    )


def empty_table(columns: Sequence[str]) -> pd.DataFrame:
    """Return a table without rows, with the kinds of column that `read_table` gives."""
    return pd.DataFrame({name: pd.Series(dtype="str" if name in _TEXT_COLUMNS else "float64") for name in columns})


def _texts(path: Path) -> pd.DataFrame:
    header, *rows = list(csv.reader(io.StringIO(read_text(path), newline=""), delimiter="\t")) or [[]]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise FileFormatError(
                f"{path}: line {number}",
                expected=count(len(header), "column"),
                found=str(len(row)),
                advice=_DAMAGED,
            )
    return pd.DataFrame(rows, columns=header, dtype=str)


def _numbers(path: Path, column: pd.Series[str]) -> pd.Series[float]:
    numbers = pd.to_numeric(column.where(column != ""), errors="coerce").astype("float64")
    wrong = numbers.isna() & (column != "")
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise FileFormatError(
            f"{path}: line {row + 2}",
            expected=f"a number or nothing in the column {column.name}",
            found=repr(column.iloc[row]),
            advice=_DAMAGED,
        )
    return numbers


def require_unique(path: Path, table: pd.DataFrame, keys: Sequence[str]) -> None:
    """Raise `FileFormatError` where two rows of a table say the same thing."""
    twice = table.duplicated(list(keys)).to_numpy()
    if twice.any():
        row = int(twice.argmax())
        raise FileFormatError(
            f"{path}: line {row + 2}",
            expected=f"one row for each {' x '.join(keys)}",
            found="another for " + " x ".join(str(table[key].iloc[row]) for key in keys),
            advice=_DAMAGED,
        )


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise FileFormatError(
            f"{path}: line {error.lineno}", expected="JSON", found=error.msg.lower(), advice=_DAMAGED
        ) from error
    if not isinstance(content, dict):
        raise FileFormatError(str(path), expected="a JSON object", found=kind_of(content), advice=_DAMAGED)
    return content


def part(content: Mapping[str, Any], key: str, default: _Part, where: Path | str) -> _Part:
    """Return an entry of a JSON object, or `default`, whose kind it must have, where it is absent or null."""
    value = content.get(key)
    if value is None:
        return default
    if isinstance(default, float) and isinstance(value, int):
        return type(default)(value)
    if not isinstance(value, type(default)):
        raise FileFormatError(f"{where}: {key}", expected=_KINDS[type(default)], found=kind_of(value), advice=_DAMAGED)
    return value


def kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    return "nothing" if value is None else _KINDS[type(value)]
