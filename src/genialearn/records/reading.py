"""Tables of records: traits, their weights and the covariates that explain them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, as_ids
from genialearn.errors import AlignmentError, FileFormatError, examples
from genialearn.records import tables
from genialearn.records.trait_settings import trait_entries
from genialearn.records.traits import RecordTable, Trait, kind_of, varies

_TRAIT_ADVICE = "Select other columns with --trait, or write NA where there is no record."


def read_records(
    path: Path | str,
    *,
    names: Sequence[str] = (),
    settings: Path | str | None = None,
    repeated: bool = False,
) -> RecordTable:
    """Return the records of a trait table (`id`, then one column a trait) or of a table of repeated records.

    Parameters
    ----------
    path
        A `traits.tsv`, or a `records.tsv` with `repeated`.
    names
        The traits to read; none means those that `settings` describes, or else every column but `id`.
    settings
        A `traits.toml` with one table a trait.
    repeated
        Whether an animal may have several rows.

    Raises
    ------
    FileFormatError
        Where the table can't be read, or a selected column holds text or infinite values.
    AlignmentError
        Where a selected trait has no record or always the same one.
    """
    table = tables.read_table(path, unique=not repeated)
    described = {} if settings is None else trait_entries(settings)
    candidates = [name for name in table.columns if name != "id" and not (repeated and name == "environment")]
    chosen = tables.columns_named(path, table, names) if names else _traits_among(path, candidates, described)
    values = np.column_stack([tables.numbers(path, table[name], advice=_TRAIT_ADVICE) for name in chosen])
    traits = tuple(
        _trait(path, name, column, described.get(name, {})) for name, column in zip(chosen, values.T, strict=True)
    )
    effects = table.drop(columns=["id", *chosen]).reset_index(drop=True)
    return RecordTable(traits, as_ids(table["id"]), values, np.ones_like(values), effects)


def _traits_among(path: Path | str, columns: Sequence[str], described: Mapping[str, object]) -> Sequence[str]:
    """Return the columns that are traits where none is named: the described ones, or all if none is described."""
    chosen = [name for name in columns if name in described] if described else columns
    if not chosen:
        raise FileFormatError(
            str(path),
            expected=f"a column such as {examples(described)}" if described else "a column for at least one trait",
            found=f"the columns {examples(columns)}" if columns else "none",
            advice="Name the traits with --trait, or describe them in traits.toml.",
        )
    return chosen


def _trait(path: Path | str, name: str, values: FloatArray, entry: Mapping[str, Any]) -> Trait:
    where = f"{path}: column {name}"
    recorded = values[np.isfinite(values)]
    if not varies(values):
        raise AlignmentError(
            where,
            expected="records that differ",
            found=f"always {recorded[0]:g}" if len(recorded) else "no record at all",
            advice="Leave this trait out with --trait, or check the column.",
        )
    found = kind_of(values)
    if entry.get("kind") == "binary" and found != "binary":
        raise FileFormatError(
            where,
            expected="0 or 1, since its kind is binary",
            found=examples(f"{value:g}" for value in np.setdiff1d(recorded, (0.0, 1.0))),
            advice="Recode it, or describe it as quantitative.",
        )
    return Trait(name, **{"kind": found, **entry})


def with_weights(records: RecordTable, path: Path | str) -> RecordTable:
    """Return the records with the weights of a `weights.tsv` (`id`, then one column a trait).

    Traits that the file lacks keep weight 1; a record whose animal or weight is missing there is no record any more.

    Raises
    ------
    FileFormatError
        Where the table can't be read, or a weight isn't a positive number.
    AlignmentError
        Where it shares no trait or no animal with the records.
    """
    table = _table_for(records, path)
    shared = [(column, name) for column, name in enumerate(records.trait_names) if name in table.columns]
    if not shared:
        raise AlignmentError(
            str(path),
            expected=f"columns such as {examples(records.trait_names)}",
            found=examples(name for name in table.columns if name != "id") or "none",
            advice="Give every trait the name that it has among the records.",
        )
    weights, values = records.weights.copy(), records.values.copy()
    rows = pd.Index(table["id"]).get_indexer(list(records.animals))
    for column, name in shared:
        found = np.append(_positive(path, table[name]), np.nan)[rows]
        values[np.isnan(found), column] = np.nan
        weights[:, column] = np.where(np.isnan(found), 1.0, found)
    return replace(records, values=values, weights=weights)


def _positive(path: Path | str, texts: pd.Series[str]) -> FloatArray:
    values = tables.numbers(path, texts)
    wrong = texts[values <= 0]
    if len(wrong):
        raise FileFormatError(
            f"{path}: line {wrong.index[0]}: column {texts.name}",
            expected="a positive weight",
            found=tables.first_of(wrong),
            advice="Leave the field empty where a record shouldn't count.",
        )
    return values


def with_covariates(records: RecordTable, path: Path | str) -> RecordTable:
    """Return the records with the columns of a `covariates.tsv` (`id`, ...) added to their effects.

    Raises
    ------
    FileFormatError
        Where the table can't be read.
    AlignmentError
        Where it shares no animal with the records, or has a column that they have already.
    """
    table = _table_for(records, path).set_index("id")
    doubled = sorted(set(table.columns) & set(records.effects.columns))
    if doubled:
        raise AlignmentError(
            str(path),
            expected="columns that the trait table doesn't have",
            found=f"both have {examples(doubled)}",
            advice="Rename or remove one of them.",
        )
    found = table.reindex(list(records.animals)).fillna("").reset_index(drop=True)
    return replace(records, effects=pd.concat([records.effects.reset_index(drop=True), found], axis=1))


def _table_for(records: RecordTable, path: Path | str) -> pd.DataFrame:
    table = tables.read_table(path)
    if set(records.animals).isdisjoint(table["id"]):
        raise AlignmentError(
            str(path),
            expected=f"animals such as {examples(records.animals)}",
            found=f"none of them among {len(table):,} such as {examples(table['id'])}",
            advice="Use the identifiers of the trait table.",
        )
    return table
