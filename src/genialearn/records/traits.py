"""Traits and their records: what was measured, on whom, how often and how well."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import FloatArray, IntArray, StrArray, as_ids
from genialearn._checks import check_known
from genialearn.errors import AlignmentError, FileFormatError, SettingError, examples, nearest_advice
from genialearn.records import tables

Kind = Literal["quantitative", "binary"]
KINDS = ("quantitative", "binary")
DIRECTIONS = ("higher", "lower", "optimum", "")


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
        Random effects beside the breeding value; none is known to the models yet, so it must be empty.
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


_TOML_KEYS = {item.name for item in fields(Trait)} - {"name"}


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

    @property
    def trait_names(self) -> list[str]:
        """Names of the traits, in order."""
        return [trait.name for trait in self.traits]

    @property
    def n_records(self) -> IntArray:
        """How many records each trait has, shape (traits,)."""
        return np.sum(np.isfinite(self.values), axis=0)

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
    described = {} if settings is None else read_trait_settings(settings)
    if names:
        chosen = tables.columns_named(path, table, dict.fromkeys(names))
    else:
        others = {"id", "environment"} if repeated else {"id"}
        chosen = [name for name in table.columns if name in described] or [
            name for name in table.columns if name not in others
        ]
    if not chosen:
        raise FileFormatError(str(path), expected="a column for at least one trait", found="none")
    values = np.column_stack([tables.numbers(path, table[name]) for name in chosen])
    traits = tuple(
        _described(path, name, values[:, column], described.get(name)) for column, name in enumerate(chosen)
    )
    effects = table.drop(columns=["id", *chosen])
    return RecordTable(traits, as_ids(table["id"]), values, np.ones_like(values), effects)


def _described(path: Path | str, name: str, values: FloatArray, settings: Trait | None) -> Trait:
    recorded = values[np.isfinite(values)]
    if not len(recorded) or np.all(recorded == recorded[0]):
        raise AlignmentError(
            f"{path}: column {name}",
            expected="records that differ",
            found="no record at all" if not len(recorded) else f"always {recorded[0]:g}",
            advice="Leave this trait out with --trait, or check the column.",
        )
    binary = bool(np.isin(recorded, (0.0, 1.0)).all())
    if settings is None:
        return Trait(name, kind="binary" if binary else "quantitative")
    if settings.kind == "binary" and not binary:
        raise FileFormatError(
            f"{path}: column {name}",
            expected="0 or 1, since its kind is binary",
            found=f"{recorded[~np.isin(recorded, (0.0, 1.0))][0]:g}",
        )
    return settings


def read_trait_settings(path: Path | str) -> dict[str, Trait]:
    """Return the traits that a `traits.toml` describes, by name."""
    try:
        content = tomllib.loads(_files.read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(str(path), expected="TOML", found=str(error)) from error
    return {name: _trait_from(path, name, entry) for name, entry in content.items()}


def _trait_from(path: Path | str, name: str, entry: object) -> Trait:
    where = f"{path}: [{name}]"
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise FileFormatError(where, expected="a table of texts such as unit, kind and fixed", found=repr(entry))
    for key in entry:
        if key not in _TOML_KEYS:
            raise SettingError(where, expected="a known key", found=key, advice=nearest_advice(key, _TOML_KEYS))
    trait = Trait(name, **entry)
    check_known(f"{where} kind", trait.kind, KINDS)
    check_known(f"{where} direction", trait.direction, DIRECTIONS)
    if trait.random:
        raise SettingError(
            f"{where} random",
            expected="no random effect beside the breeding value",
            found=repr(trait.random),
            advice="Use a fixed effect, or give one record per animal.",
        )
    return trait


def with_weights(records: RecordTable, path: Path | str) -> RecordTable:
    """Return the records with the weights of a `weights.tsv` (`id`, then one column a trait).

    Traits that the file lacks keep weight 1; a record whose animal or weight is missing there is no record any more.
    """
    table = tables.read_table(path).set_index("id")
    weights = records.weights.copy()
    values = records.values.copy()
    shared = [(column, name) for column, name in enumerate(records.trait_names) if name in table.columns]
    if not shared:
        raise AlignmentError(
            str(path), expected=f"columns such as {examples(records.trait_names)}", found=examples(table.columns)
        )
    for column, name in shared:
        given = pd.Series(tables.numbers(path, table[name]), index=table.index)
        if (given <= 0).any():
            raise FileFormatError(
                f"{path}: column {name}",
                expected="positive weights",
                found=f"{int((given <= 0).sum())} that aren't",
                advice="Leave the field empty where a record shouldn't count.",
            )
        found = given.reindex(list(records.animals)).to_numpy()
        values[np.isnan(found), column] = np.nan
        weights[:, column] = np.where(np.isnan(found), 1.0, found)
    return replace(records, values=values, weights=weights)


def with_covariates(records: RecordTable, path: Path | str) -> RecordTable:
    """Return the records with the columns of a `covariates.tsv` (`id`, ...) added to their effects."""
    table = tables.read_table(path).set_index("id")
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
