"""Pedigrees: who descends from whom, checked before anyone relies on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray, StrArray, as_ids
from genialearn.errors import FileFormatError, examples
from genialearn.records import tables

UNKNOWN = "0"
_SYNONYMS = {"father": "sire", "mother": "dam", "par1": "sire", "par2": "dam", "birthyear": "birth_year"}
_SEXES = {"1": "male", "m": "male", "male": "male", "2": "female", "f": "female", "female": "female"}


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
        Where an animal is its own ancestor, born before a parent, a sire and a dam against its stated sex, or listed
        twice, or where a column is missing or unreadable.
    """
    table = tables.read_table(path).rename(columns=_SYNONYMS)
    for name in ("sire", "dam"):
        if name not in table.columns:
            raise FileFormatError(
                f"{path}: line 1", expected="columns id, sire and dam", found=examples(table.columns, most=6)
            )
    listed = as_ids(table["id"])
    parents = {name: [_known(text) for text in table[name]] for name in ("sire", "dam")}
    added = sorted({p for column in parents.values() for p in column if p != UNKNOWN} - set(listed))
    ids = as_ids([*listed, *added])
    row_of = {name: row for row, name in enumerate(ids)} | {UNKNOWN: -1}
    pad = np.full(len(added), -1, dtype=np.int64)
    pedigree = Pedigree(
        ids,
        np.concatenate([np.array([row_of[p] for p in parents["sire"]], dtype=np.int64), pad]),
        np.concatenate([np.array([row_of[p] for p in parents["dam"]], dtype=np.int64), pad]),
        np.concatenate([_birth_years(path, table), np.full(len(added), np.nan)]),
        as_ids([*_sexes(path, table), *[""] * len(added)]),
    )
    check_pedigree(pedigree, str(path))
    return pedigree


def _known(text: str) -> str:
    return UNKNOWN if text in tables.MISSING_SPELLINGS else text


def _birth_years(path: Path | str, table: pd.DataFrame) -> FloatArray:
    if "birth_year" not in table.columns:
        return np.full(len(table), np.nan)
    years = tables.numbers(path, table["birth_year"])
    return np.where(years == 0, np.nan, years)


def _sexes(path: Path | str, table: pd.DataFrame) -> list[str]:
    if "sex" not in table.columns:
        return [""] * len(table)
    known = {**_SEXES, **dict.fromkeys(tables.MISSING_SPELLINGS, ""), UNKNOWN: ""}
    for row, text in enumerate(table["sex"]):
        if text not in known and text.lower() not in known:
            raise FileFormatError(
                f"{path}: column sex: row {row + 1}", expected="male, female, 1, 2 or nothing", found=repr(text)
            )
    return [known.get(text, known.get(text.lower(), "")) for text in table["sex"]]


def check_pedigree(pedigree: Pedigree, where: str) -> None:
    """Raise `FileFormatError` where the pedigree contradicts itself."""
    _check_loops(pedigree, where)
    _check_sexes(pedigree, where)
    _check_births(pedigree, where)


def _check_loops(pedigree: Pedigree, where: str) -> None:
    """Peel off animals without unplaced parents, generation by generation; what can't be peeled is a loop."""
    placed = np.zeros(len(pedigree) + 1, dtype=bool)
    placed[-1] = True
    while True:
        ready = placed[pedigree.sires] & placed[pedigree.dams] & ~placed[:-1]
        if not ready.any():
            break
        placed[:-1] |= ready
    stuck = np.flatnonzero(~placed[:-1])
    if len(stuck):
        loop = _loop_from(pedigree, int(stuck[0]), placed)
        raise FileFormatError(
            where,
            expected="no animal among its own ancestors",
            found=f"a loop: {' <- '.join(pedigree.ids[row] for row in loop)}",
            advice="Correct the parents of one of them.",
        )


def _loop_from(pedigree: Pedigree, start: int, placed: np.ndarray) -> list[int]:
    path = [start]
    while path.count(path[-1]) == 1:
        row = path[-1]
        path.append(int(pedigree.sires[row] if not placed[pedigree.sires[row]] else pedigree.dams[row]))
    return path[path.index(path[-1]) :]


def _check_sexes(pedigree: Pedigree, where: str) -> None:
    for parents, forbidden, role in ((pedigree.sires, "female", "sire"), (pedigree.dams, "male", "dam")):
        rows = np.unique(parents[parents >= 0])
        wrong = pedigree.ids[rows[pedigree.sexes[rows] == forbidden]]
        if len(wrong):
            raise FileFormatError(
                where,
                expected=f"no {forbidden} as {role}",
                found=f"{len(wrong)}: {examples(wrong)}",
                advice="Correct the sex or the parentage.",
            )
    both = np.intersect1d(pedigree.sires[pedigree.sires >= 0], pedigree.dams[pedigree.dams >= 0])
    if len(both) and (pedigree.sexes != "").any():
        raise FileFormatError(
            where,
            expected="each animal as sire or as dam",
            found=f"{len(both)} used as both: {examples(pedigree.ids[both])}",
            advice="Correct the parentage; for plants, leave the column sex out.",
        )


def _check_births(pedigree: Pedigree, where: str) -> None:
    years = np.append(pedigree.birth_years, np.nan)
    early = (years[:-1] < years[pedigree.sires]) | (years[:-1] < years[pedigree.dams])
    if early.any():
        raise FileFormatError(
            where,
            expected="no animal born before its parents",
            found=f"{int(early.sum())}: {examples(pedigree.ids[early])}",
            advice="Correct the birth years or the parentage.",
        )
