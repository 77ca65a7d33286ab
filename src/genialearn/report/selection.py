"""What a folder of `select` says: read once, and put in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from genialearn.errors import FileFormatError
from genialearn.report.reading import read_object, read_table
from genialearn.report.wording import MISSING, count, decimal, is_missing, listed, signed

COLUMNS = ("model", "generation", "trait", "figure", "mean", "se", "n", "difference", "difference_se")
_FAILURES = ("model", "replicate", "stage", "error", "message")
REFERENCE, CONTROLS = "gblup", ("random", "truth")
INDEX, ALL = "index", "all"


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Parameters
    ----------
    mean, se
        Standard error NaN where there is one replicate.
    n
        How many replicates.
    difference, difference_se
        To selection by gblup in the same replicates; NaN where it isn't among the models.
    """

    mean: float
    se: float
    n: float
    difference: float
    difference_se: float

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the mean, by Student's t; NaN for one replicate."""
        return half_width(self.se, self.n)


_NONE = Estimate(*[float("nan")] * 5)


def half_width(se: float, n: float) -> float:
    """Return half the 95 % interval of a mean of `n` values with standard error `se`; NaN for one value."""
    return float(stdtrit(n - 1, 0.975) * se) if n > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Selection:
    """A folder of `select`.

    Parameters
    ----------
    folder
        Where it is.
    run
        `run.json`.
    table
        `gain.tsv`.
    failures
        `failures.tsv`.
    """

    folder: Path
    run: dict[str, Any]
    table: pd.DataFrame
    failures: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> Selection:
        """Return what the folder says.

        Raises
        ------
        FileFormatError
            Where it isn't a folder of a `select` that has finished.
        """
        run = read_object(folder / "run.json")
        if run.get("kind") != "select":
            raise FileFormatError(
                str(folder), expected="a folder of genialearn select", found="another one", advice="Select first."
            )
        if run.get("status") != "finished":
            raise FileFormatError(
                str(folder), expected="a finished run", found="an unfinished one", advice="Repeat its command."
            )
        table = read_table(folder / "gain.tsv", COLUMNS)
        return cls(folder, run, table, read_table(folder / "failures.tsv", _FAILURES))

    @property
    def models(self) -> list[str]:
        """Models with results, in the order of the command."""
        found = set(self.table["model"])
        return [str(name) for name in self.run["settings"]["models"] if name in found]

    @property
    def traits(self) -> list[str]:
        """Names of the traits, in order."""
        return [str(trait["name"]) for trait in self.run["traits"]]

    @property
    def design(self) -> dict[str, Any]:
        """Sizes and selection."""
        design: dict[str, Any] = self.run["settings"]["design"]
        return design

    @property
    def n_replicates(self) -> int:
        """How many were asked for."""
        return int(self.run["settings"]["replicates"])

    @property
    def last(self) -> int:
        """The last generation."""
        return int(self.design["generations"])

    def find(self, model: str, generation: int, trait: str, figure: str) -> Estimate:
        """Return an estimate, all NaN where there is none."""
        table = self.table
        rows = table[
            (table["model"] == model)
            & (table["generation"] == generation)
            & (table["trait"] == trait)
            & (table["figure"] == figure)
        ]
        return Estimate(*map(float, rows.iloc[0][list(COLUMNS[4:])])) if len(rows) else _NONE

    def curve(self, model: str, trait: str, figure: str) -> pd.DataFrame:
        """Return the rows of one line of a figure, by generation."""
        table = self.table
        rows = (table["model"] == model) & (table["trait"] == trait) & (table["figure"] == figure)
        return table[rows].sort_values("generation")


def title(selection: Selection) -> str:
    """Return the heading."""
    return f"{count(selection.last, 'generation')} of selection by {listed(_candidates(selection))}"


def sentences(selection: Selection) -> list[str]:
    """Return what is seen, in two sentences: what was gained, and at what cost of variance and accuracy."""
    return [sentence for sentence in (_gained(selection), _spent(selection)) if sentence]


def _candidates(selection: Selection) -> list[str]:
    """Return the models whose gains are compared: those that learn, or else all."""
    return [model for model in selection.models if model not in CONTROLS] or selection.models


def _gained(selection: Selection) -> str:
    gains = {model: selection.find(model, selection.last, INDEX, "gain") for model in _candidates(selection)}
    best = max(gains, key=lambda model: gains[model].mean)
    said = (
        f"After {count(selection.last, 'generation')} the index has risen by {_with_error(gains[best])} genetic "
        f"standard deviations of the base where {best} selects"
    )
    others = [f"by {_with_error(gain)} where {model} does" for model, gain in gains.items() if model != best]
    against = gains[best] if best != REFERENCE else _second(gains)
    words = f"{said}{', ' if others else ''}{listed(others)}."
    return words if against is None or is_missing(against.difference) else f"{words} {_verdict(gains, best)}"


def _second(gains: dict[str, Estimate]) -> Estimate | None:
    others = [gain for model, gain in gains.items() if model != REFERENCE]
    return max(others, key=lambda gain: gain.mean) if others else None


def _verdict(gains: dict[str, Estimate], best: str) -> str:
    """Return whether the best of the others differs from gblup by more than replicates do by chance."""
    other = max((model for model in gains if model != REFERENCE), key=lambda model: gains[model].mean)
    gain = gains[other]
    width = half_width(gain.difference_se, gain.n)
    told = f"{other} less gblup, paired: {signed(gain.difference, 2)}"
    if is_missing(width):
        return f"{told}, of one replicate, so that chance can't be told from it."
    clear = "more than chance explains" if abs(gain.difference) > width else "no more than chance explains"
    return f"{told} ± {decimal(width, 2)} (95 % interval), {clear}."


def _spent(selection: Selection) -> str:
    model = REFERENCE if REFERENCE in selection.models else selection.models[0]
    variance = selection.find(model, selection.last, INDEX, "genetic_variance")
    inbreeding = selection.find(model, selection.last, ALL, "inbreeding")
    words = (
        f"Where {model} selects, the genetic variance of the index has gone from that of the base to "
        f"{100 * variance.mean:.0f} % of it, and mean inbreeding to {decimal(inbreeding.mean)}"
    )
    first, last = (selection.find(model, g, INDEX, "accuracy").mean for g in (1, selection.last))
    if is_missing(first) or is_missing(last) or selection.last == 1:
        return f"{words}."
    accuracies = f"r {decimal(first, 2)} in the first generation, {decimal(last, 2)} in the last"
    return f"{words}; the index was predicted with {accuracies}."


def _with_error(estimate: Estimate) -> str:
    width = estimate.half_width
    return decimal(estimate.mean, 2) + ("" if math.isnan(width) else f" ± {decimal(width, 2)}")


def failed(selection: Selection) -> list[str]:
    """Return a sentence for each cell that failed."""
    rows: Sequence[dict[Any, Any]] = selection.failures.to_dict("records")
    return [f"{row['model']} failed in replicate {int(row['replicate'])}: {row['message']}" for row in rows]


def selection_lines(folder: Path) -> Iterator[str]:
    """Yield a selection experiment in a few lines of plain text."""
    selection = Selection.read(folder)
    yield from failed(selection)
    yield from sentences(selection)
    yield "model\tgain of the index\tse\tdifference to gblup\tse\tinbreeding"
    for model in selection.models:
        gain = selection.find(model, selection.last, INDEX, "gain")
        inbreeding = selection.find(model, selection.last, ALL, "inbreeding").mean
        difference = MISSING if is_missing(gain.difference) else signed(gain.difference)
        yield "\t".join(
            [
                *(model, decimal(gain.mean), decimal(gain.se), difference),
                *(decimal(gain.difference_se), decimal(inbreeding)),
            ]
        )
