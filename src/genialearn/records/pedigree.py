"""Pedigrees: who descends from whom, checked before anyone relies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.errors import FileFormatError, examples
from genialearn.records import tables

UNKNOWN = "0"
_SYNONYMS = {"father": "sire", "mother": "dam", "par1": "sire", "par2": "dam", "birthyear": "birth_year"}
_SEXES = {"1": "male", "m": "male", "male": "male", "2": "female", "f": "female", "female": "female", UNKNOWN: ""}
_LONGEST_SHOWN_LOOP = 6


@dataclass(frozen=True, eq=False)
class Pedigree:
    """Animals and their parents.

    Parameters
    ----------
    ids
        Shape (animals,); every parent is listed itself.
    sires, dams
        Row of each parent, -1 where unknown, shape (animals,).
    birth_years
        NaN where unknown, shape (animals,).
    sexes
        "male", "female" or "" for unknown, shape (animals,).
    """

    ids: StrArray
    sires: IntArray
    dams: IntArray
    birth_years: FloatArray
    sexes: StrArray

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, animals: StrArray) -> IntArray:
        """Return the row of each animal, -1 for those that the pedigree doesn't know."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        return np.array([row_of.get(name, -1) for name in animals], dtype=np.int64)

    def birth_years_of(self, animals: StrArray) -> FloatArray:
        """Return the birth year of each animal, NaN where unknown."""
        rows = self.rows_of(animals)
        return np.where(rows >= 0, self.birth_years[rows], np.nan)

    def sires_of(self, animals: StrArray) -> StrArray:
        """Return the identifier of each animal's sire, "0" where unknown."""
        rows = self.rows_of(animals)
        parents = np.where(rows >= 0, self.sires[rows], -1)
        return np.where(parents >= 0, self.ids[parents], UNKNOWN).astype(object)


def read_pedigree(path: Path | str) -> Pedigree:
    """Return a pedigree: columns `id sire dam`, and where present `birth_year sex`; 0 or empty is unknown.

    Parents without a row of their own are added as founders.

    Raises
    ------
    FileFormatError
        Where an animal is its own ancestor, born before a parent, a sire or a dam against its stated sex, or listed
        twice, or where a column is missing or unreadable.
    """
    table = _pedigree_table(path)
    parents = {role: as_ids(table[role].mask(tables.missing(table[role]), UNKNOWN)) for role in ("sire", "dam")}
    listed = as_ids(table["id"])
    added = sorted({*parents["sire"], *parents["dam"]} - {UNKNOWN, *listed})
    row_of = {name: row for row, name in enumerate([*listed, *added])} | {UNKNOWN: -1}
    sires, dams = (
        np.array([row_of[name] for name in parents[role]] + [-1] * len(added), dtype=np.int64)
        for role in ("sire", "dam")
    )
    birth_years = np.append(_birth_years(path, table), np.full(len(added), np.nan))
    sexes = as_ids([*_sexes(path, table), *[""] * len(added)])
    pedigree = Pedigree(as_ids([*listed, *added]), sires, dams, birth_years, sexes)
    check_pedigree(pedigree, str(path))
    return pedigree


def _pedigree_table(path: Path | str) -> pd.DataFrame:
    table = tables.read_table(path).rename(columns=_SYNONYMS)
    if not {"sire", "dam"} <= set(table.columns) or table.columns.has_duplicates:
        raise FileFormatError(
            f"{path}: line 1",
            expected="the columns id, sire and dam, each once",
            found=examples(table.columns, most=6),
            advice="A sire may be called father or par1, a dam mother or par2.",
        )
    unknown = table.index[table["id"] == UNKNOWN]
    if len(unknown):
        raise FileFormatError(
            f"{path}: line {unknown[0]}",
            expected="an animal",
            found=f"the id {UNKNOWN}, which stands for unknown parents",
            advice="Remove the line, or rename the animal.",
        )
    return table


def _birth_years(path: Path | str, table: pd.DataFrame) -> FloatArray:
    if "birth_year" not in table.columns:
        return np.full(len(table), np.nan)
    years = tables.numbers(path, table["birth_year"], advice="Give the year alone, and leave it empty where unknown.")
    return np.where(years == 0, np.nan, years)


def _sexes(path: Path | str, table: pd.DataFrame) -> list[str]:
    if "sex" not in table.columns:
        return [""] * len(table)
    known = _SEXES | dict.fromkeys(tables.MISSING_SPELLINGS, "")
    given = table["sex"].str.lower()
    unreadable = table["sex"][~given.isin(known)]
    if len(unreadable):
        raise FileFormatError(
            f"{path}: line {unreadable.index[0]}: column sex",
            expected="male, female, m, f, 1, 2 or nothing",
            found=tables.first_of(unreadable),
            advice="Leave it empty where unknown.",
        )
    return [known[word] for word in given]


def check_pedigree(pedigree: Pedigree, where: str) -> None:
    """Raise `FileFormatError` where the pedigree contradicts itself."""
    _check_loops(pedigree, where)
    _check_sexes(pedigree, where)
    _check_births(pedigree, where)


def _check_loops(pedigree: Pedigree, where: str) -> None:
    """Peel off animals without unplaced parents, generation by generation; what can't be peeled is a loop."""
    placed = np.zeros(len(pedigree) + 1, dtype=bool)
    placed[-1] = True  # what an unknown parent, row -1, refers to
    while True:
        ready = placed[pedigree.sires] & placed[pedigree.dams] & ~placed[:-1]
        if not ready.any():
            break
        placed[:-1] |= ready
    if not placed.all():
        raise FileFormatError(
            where,
            expected="no animal among its own ancestors",
            found=f"a loop: {_shown([pedigree.ids[row] for row in _loop_among(pedigree, placed)])}",
            advice="Correct the parents of one of them.",
        )


def _loop_among(pedigree: Pedigree, placed: BoolArray) -> list[int]:
    """Return the rows of a loop: up from an unplaced animal through unplaced parents, until one comes again."""
    row = int(np.argmin(placed))
    steps: dict[int, int] = {}
    while row not in steps:
        steps[row] = len(steps)
        row = int(pedigree.dams[row] if placed[pedigree.sires[row]] else pedigree.sires[row])
    return [*list(steps)[steps[row] :], row]


def _shown(loop: Sequence[str]) -> str:
    if len(loop) > _LONGEST_SHOWN_LOOP:
        loop = [*loop[: _LONGEST_SHOWN_LOOP - 1], f"... ({len(loop) - 1:,} animals)", loop[-1]]
    return " <- ".join(loop)


def _check_sexes(pedigree: Pedigree, where: str) -> None:
    for parents, forbidden, role in ((pedigree.sires, "female", "sire"), (pedigree.dams, "male", "dam")):
        rows = np.unique(parents[parents >= 0])
        wrong = pedigree.ids[rows[pedigree.sexes[rows] == forbidden]]
        if len(wrong):
            raise FileFormatError(
                where,
                expected=f"no {forbidden} as {role}",
                found=f"{len(wrong):,}: {examples(wrong)}",
                advice="Correct the sex or the parentage.",
            )
    if (pedigree.sexes != "").any():
        _check_one_role(pedigree, where)


def _check_one_role(pedigree: Pedigree, where: str) -> None:
    both = np.intersect1d(pedigree.sires[pedigree.sires >= 0], pedigree.dams[pedigree.dams >= 0])
    if len(both):
        raise FileFormatError(
            where,
            expected="each animal as sire or as dam",
            found=f"{len(both):,} used as both: {examples(pedigree.ids[both])}",
            advice="Correct the parentage; for plants, leave the column sex out.",
        )


def _check_births(pedigree: Pedigree, where: str) -> None:
    years = np.append(pedigree.birth_years, np.nan)
    early = (years[:-1] < years[pedigree.sires]) | (years[:-1] < years[pedigree.dams])
    if early.any():
        raise FileFormatError(
            where,
            expected="no animal born before its parents",
            found=f"{int(early.sum()):,}: {examples(pedigree.ids[early])}",
            advice="Correct the birth years or the parentage.",
        )
