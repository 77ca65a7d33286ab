"""What a folder of `judge` says: read once, and put in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genialearn.errors import FileFormatError
from genialearn.judging import METRICS, worse_by
from genialearn.report.reading import part, read_object, read_table
from genialearn.report.usefulness import TraitUse, read_uses, use_words
from genialearn.report.wording import count, decimal

COLUMNS = ("metric", "part", "value", "real_against_real", "se")
_GROUPS = {"faithful": "Are they like real animals?", "private": "Do they give animals learned from away?"}
_APART = 3.0
"""Standard errors of the difference from which on a figure isn't that of real animals."""


@dataclass(frozen=True)
class Figure:
    """One figure of a judgement.

    Parameters
    ----------
    metric, part
        What it is.
    value, real
        Of the artificial animals, and of real ones in their place.
    se
        Standard error of the value.
    worse_by
        How many standard errors of their difference the value is worse than the real one; NaN where undefined.
    """

    metric: str
    part: str
    value: float
    real: float
    se: float
    worse_by: float

    @property
    def verdict(self) -> str:
        """Whether it is "as real", "worse" than real animals' figure by more than chance explains, or "unknown"."""
        if math.isnan(self.worse_by):
            return "unknown"
        return "worse" if self.worse_by > _APART else "as real"


@dataclass(frozen=True)
class Judgement:
    """A folder of `judge`.

    Parameters
    ----------
    folder
        Where it is.
    figures
        Rows of `judgement.tsv`.
    run, portrait
        `run.json` and `portrait.json`.
    uses
        What `usefulness.tsv` says; nothing where it wasn't asked for.
    """

    folder: Path
    figures: tuple[Figure, ...]
    run: dict[str, Any]
    portrait: dict[str, Any]
    uses: tuple[TraitUse, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Judgement:
        """Return what the folder says.

        Raises
        ------
        FileFormatError
            Where it isn't a folder of `judge`.
        """
        run = read_object(folder / "run.json")
        if run.get("kind") != "judge":
            raise FileFormatError(
                str(folder), expected="a folder of genialearn judge", found="another one", advice="Judge first."
            )
        table = read_table(folder / "judgement.tsv", COLUMNS)
        table = table[table["metric"].isin(list(METRICS))]
        rows = zip(*(table[name] for name in COLUMNS), worse_by(table), strict=True)
        figures = tuple(Figure(*row) for row in rows)
        uses = read_uses(folder / "usefulness.tsv")
        return cls(folder, figures, run, read_object(folder / "portrait.json"), uses)

    def find(self, metric: str, which: str = "") -> Figure | None:
        """Return a figure, or None where the table lacks it."""
        return next((figure for figure in self.figures if (figure.metric, figure.part) == (metric, which)), None)

    def groups(self) -> dict[str, list[Figure]]:
        """Return the figures by group of metrics, in the order of the table."""
        found: dict[str, list[Figure]] = {}
        for figure in self.figures:
            found.setdefault(_GROUPS[METRICS[figure.metric].kind], []).append(figure)
        return found

    @property
    def generator(self) -> str:
        """Name of the generator; empty where it isn't known."""
        told: dict[str, Any] = part(self.run, "generator", {}, self.folder / "run.json")
        return str(told.get("model", ""))

    @property
    def sizes(self) -> dict[str, int]:
        """Animals of each set."""
        return {name: int(each["n_animals"]) for name, each in self.run["sets"].items()}


def judgement_lines(folder: Path) -> Iterator[str]:
    """Yield the judgement in a few lines of plain text."""
    judgement = Judgement.read(folder)
    yield lede(judgement)
    for figure in judgement.figures:
        name = f"{figure.metric} {figure.part}".strip()
        yield f"{name}\t{decimal(figure.value)}\treal {decimal(figure.real)}\tse {decimal(figure.se)}"
    if judgement.uses:
        yield use_words(judgement.uses)


def title(judgement: Judgement) -> str:
    """Return the heading."""
    by = f" by {judgement.generator}" if judgement.generator else ""
    return f"Artificial animals{by}, beside real ones"


def lede(judgement: Judgement) -> str:
    """Return what was compared, and how many figures are those of real animals."""
    verdicts = [figure.verdict for figure in judgement.figures]
    known, sizes = len(verdicts) - verdicts.count("unknown"), judgement.sizes
    return (
        f"{count(sizes['artificial'], 'artificial animal')} against {sizes['holdout']:,} real ones that weren't "
        f"learned from, and {sizes['training']:,} that were. {verdicts.count('as real')} of {known} figures are as "
        f"good as those of real animals in their place."
    )


def privacy(judgement: Judgement) -> list[str]:
    """Return what the figures say of the animals that were learned from, in sentences."""
    said = []
    loss = judgement.find("privacy_loss", "all")
    if loss is not None:
        chance = "no more than chance gives" if loss.verdict == "as real" else "more than chance gives"
        said.append(
            f"Privacy loss is {decimal(loss.value)} (real animals in their place: {decimal(loss.real)}), {chance}: so "
            f"much better do nearest neighbours mix artificial animals with those learned from than with others."
        )
    copies, segments = judgement.find("copies", "exact"), judgement.find("copied_segments", "chromosome")
    if copies is not None:
        said.append(f"{_share(copies.value)} of the artificial ones are exact copies of one learned from.")
    if segments is not None:
        said.append(
            f"{_share(segments.value)} of their chromosomes are, letter by letter, those of an animal learned from "
            f"({_share(segments.real)} among real animals)."
        )
    guess = judgement.find("membership", "auc")
    if guess is not None:
        said.append(
            f"Whoever guesses from the artificial animals whether a real one was learned from is right with an AUC of "
            f"{decimal(guess.value)}; .5 is chance, {decimal(guess.real)} is what real animals in their place give."
        )
    return said


def _share(value: float) -> str:
    return "None" if value == 0 else f"{100 * value:.2g} %"
