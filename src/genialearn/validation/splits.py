"""Splits: which animals train and which test, and never both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError

Scheme = Literal["forward", "kfold", "family"]
SCHEMES = ("forward", "kfold", "family")


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test animals of one fold.

    Parameters
    ----------
    label
        Name of the fold in every table.
    train, test
        Rows of the cohort, ascending, disjoint, both non-empty.
    repeat
        Which repeat of a repeated k-fold it belongs to.
    """

    label: str
    train: IntArray
    test: IntArray
    repeat: int = 0

    def __post_init__(self) -> None:
        for name, rows in (("training", self.train), ("test", self.test)):
            if not len(rows):
                raise AlignmentError(
                    f"split {self.label}",
                    expected=f"{name} animals",
                    found="none",
                    advice="Use another fraction or number of folds, or check the birth years.",
                )
        overlap = np.intersect1d(self.train, self.test)
        if len(overlap):
            raise AlignmentError(
                f"split {self.label}", expected="no animal in both parts", found=f"{len(overlap)} in both"
            )


@dataclass(frozen=True)
class SplitScheme:
    """How to split: `forward[:FRACTION]`, `kfold[:K[xREPEATS]]` or `family[:K]`.

    Parameters
    ----------
    scheme
        "forward": whole youngest birth years are tested, and animals of unknown birth year neither train nor test;
        "kfold": random folds; "family": whole sire groups, an animal without known sire being a group of its own.
    fraction
        Share of the animals of known birth year to test, between 0 and 1, for "forward".
    folds, repeats
        For the other two.

    Raises
    ------
    SettingError
        Where one of them is out of range.
    """

    scheme: Scheme
    fraction: float = 0.2
    folds: int = 5
    repeats: int = 1

    def __post_init__(self) -> None:
        check_known("split", self.scheme, SCHEMES)
        check_at_least("split folds", self.folds, 2)
        check_at_least("split repeats", self.repeats, 1)
        if not 0 < self.fraction < 1:
            raise SettingError("split fraction", expected="a number between 0 and 1", found=f"{self.fraction:g}")

    @classmethod
    def parse(cls, text: str) -> SplitScheme:
        """Return the scheme that a user's word describes."""
        word, colon, rest = text.partition(":")
        check_known("split", word, SCHEMES)
        scheme = cast(Scheme, word)
        if not colon:
            return cls(scheme)
        try:
            if scheme == "forward":
                return cls(scheme, fraction=float(rest))
            folds, cross, repeats = rest.partition("x")
            return cls(scheme, folds=int(folds), repeats=int(repeats) if cross else 1)
        except ValueError:
            raise SettingError(
                f"split {text!r}",
                expected="forward:0.2, kfold:5, kfold:5x3 or family:5",
                found=repr(rest),
            ) from None

    def __str__(self) -> str:
        if self.scheme == "forward":
            return f"forward:{self.fraction:g}"
        return f"{self.scheme}:{self.folds}" + (f"x{self.repeats}" if self.repeats > 1 else "")

    def splits(self, cohort: Cohort, *, rng: np.random.Generator) -> list[Split]:
        """Return the splits of a cohort; the same animals in any order and the same seed give the same parts."""
        if self.scheme == "forward":
            return [_forward(cohort, self.fraction)]
        groups = cohort.animals if self.scheme == "kfold" else _sire_groups(cohort)
        return [split for repeat in range(self.repeats) for split in self._folds(groups, repeat, rng)]

    def _folds(self, groups: StrArray, repeat: int, rng: np.random.Generator) -> list[Split]:
        names, group_of = np.unique(groups.astype(str), return_inverse=True)
        if len(names) < self.folds:
            raise AlignmentError(
                f"split {self}",
                expected=f"at least {self.folds} {'animals' if self.scheme == 'kfold' else 'sire groups'}",
                found=str(len(names)),
                advice="Use fewer folds.",
            )
        fold_of_group = _balanced_folds(np.bincount(group_of), self.folds, rng)
        fold_of = fold_of_group[group_of]
        stem = self.scheme.replace("kfold", "fold")
        prefix = f"repeat{repeat + 1}-" if self.repeats > 1 else ""
        return [
            Split(f"{prefix}{stem}{fold + 1}", np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold), repeat)
            for fold in range(self.folds)
        ]


def _balanced_folds(sizes: IntArray, n_folds: int, rng: np.random.Generator) -> IntArray:
    """Return the fold of each group: in random order, each into the fold that is smallest so far."""
    fold_of = np.empty(len(sizes), dtype=np.int64)
    filled = np.zeros(n_folds, dtype=np.int64)
    for group in rng.permutation(len(sizes)):
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    return fold_of


def _forward(cohort: Cohort, fraction: float) -> Split:
    """Return the split by birth year whose share of tested animals is nearest to the fraction.

    Animals of unknown birth year are left out: they might be the parents of test animals, or their progeny.
    """
    years = birth_years(cohort)
    known = years[np.isfinite(years)]
    if not len(known):
        raise AlignmentError(
            "split forward",
            expected="birth years",
            found="none",
            advice="Give a pedigree with the column birth_year, or use --split kfold.",
        )
    first_years = np.unique(known)[1:]
    if not len(first_years):
        raise AlignmentError(
            "split forward",
            expected="animals of at least two birth years",
            found=f"only {known[0]:.0f}: no training animals would be left",
            advice="Use --split kfold.",
        )
    shares = np.array([np.mean(known >= year) for year in first_years])
    cut = first_years[np.argmin(np.abs(shares - fraction))]
    return Split("forward", np.flatnonzero(years < cut), np.flatnonzero(years >= cut))


def birth_years(cohort: Cohort) -> FloatArray:
    """Return the birth year of each animal, NaN where unknown, shape (animals,)."""
    if cohort.pedigree is None:
        return np.full(len(cohort), np.nan)
    return cohort.pedigree.birth_years_of(cohort.animals)


def blocks(cohort: Cohort) -> StrArray:
    """Return what makes animals dependent in a bootstrap: their sire, or themselves where it is unknown."""
    if cohort.pedigree is None:
        return cohort.animals
    sires = cohort.pedigree.sires_of(cohort.animals)
    return np.where(sires == "0", cohort.animals, np.array([f"sire {name}" for name in sires], dtype=object))


def _sire_groups(cohort: Cohort) -> StrArray:
    if cohort.pedigree is None or (cohort.pedigree.sires_of(cohort.animals) == "0").all():
        raise AlignmentError(
            "split family",
            expected="known sires",
            found="none",
            advice="Give a pedigree with the column sire, or use --split kfold.",
        )
    return blocks(cohort)
