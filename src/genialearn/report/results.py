"""What a run folder says, read into frozen dataclasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from genialearn.errors import FileFormatError, examples
from genialearn.report.cohort_results import CohortResults, read_cohort_results
from genialearn.report.observations import sample_predictions
from genialearn.report.reading import empty_table, part, read_object, read_table, require_unique

SCORE_COLUMNS = ("trait", "model", "split", "metric", "estimate", "se", "n")
COMPARISON_COLUMNS = ("trait", "model", "reference", "metric", "difference", "se", "p", "p_holm", "verdict")
COST_COLUMNS = (
    "model", "split", "stage", "wall_s", "cpu_s", "peak_rss_mib", "n_animals", "n_markers", "n_traits",
)  # fmt: skip
CURVE_COLUMNS = (
    "model", "split", "driver", "target", "share", "p", "p_holm", "breeding_value", "effect", "lower", "upper",
)  # fmt: skip
FAILURE_COLUMNS = ("model", "split", "stage", "error", "message")

_NO_RUN = "Run folders are written by: genialearn compare COHORT --out FOLDER."
_UNSCORED = "The run isn't finished: repeat its command to resume it."

VERDICTS = ("better", "equal", "worse")

_Record = TypeVar("_Record", "Trait", "Input", "Dropped", "Split", "Note", "Size")


@dataclass(frozen=True)
class Trait:
    """One trait of the run: what it is, and how many records it has."""

    name: str = ""
    unit: str = ""
    kind: str = "quantitative"
    group: str = ""
    direction: str = ""
    fixed: str = ""
    n_records: int = 0


@dataclass(frozen=True)
class Input:
    """One file that the run read."""

    name: str = ""
    path: str = ""
    sha256: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class Dropped:
    """One reason for which animals, markers or records were left out."""

    what: str = ""
    n: int = 0
    action: str = ""
    examples: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """One fold: how many animals it learns from, and how many it is tested on."""

    label: str = ""
    n_train: int = 0
    n_test: int = 0


@dataclass(frozen=True)
class Note:
    """What a model wants to be known about one of its fits."""

    model: str = ""
    split: str = ""
    note: str = ""


@dataclass(frozen=True)
class Size:
    """The name and size of the cohort; 0 where a size isn't known."""

    name: str = ""
    n_animals: int = 0
    n_markers: int = 0
    n_traits: int = 0
    simulated: bool = False


@dataclass(frozen=True)
class Run:
    """The content of `run.json`: what was asked, of whom, with what."""

    version: str
    finished: bool
    command: str
    settings: dict[str, Any]
    models: tuple[str, ...]
    versions: dict[str, Any]
    machine: dict[str, Any]
    cohort: Size
    inputs: tuple[Input, ...]
    traits: tuple[Trait, ...]
    reconciliation: tuple[Dropped, ...]
    splits: tuple[Split, ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Results:
    """Everything that a run folder says.

    Parameters
    ----------
    folder
        Where it was read.
    run
        `run.json`.
    scores, comparisons, costs, failures, curves
        The tables of the same name; those that are absent have no rows.
    predictions
        A sample of `predictions.parquet`: trait, model, observed, predicted; no rows where the file is absent.
    cohort
        `cohort.json`.
    """

    folder: Path
    run: Run
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    costs: pd.DataFrame
    failures: pd.DataFrame
    curves: pd.DataFrame
    predictions: pd.DataFrame
    cohort: CohortResults

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the models: those that were asked for, then any others that have results."""
        tables = (self.scores, self.comparisons, self.failures)
        return _distinct([*self.run.models, *(name for table in tables for name in table["model"])])

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Names of the models that others are compared with: `gblup` first."""
        return tuple(sorted(_distinct(self.comparisons["reference"]), key=lambda name: name != "gblup"))

    @cached_property
    def traits(self) -> tuple[Trait, ...]:
        """The traits of `run.json`, then any others that have scores."""
        described = {trait.name: trait for trait in self.run.traits}
        return tuple(described.get(name, Trait(name)) for name in _distinct([*described, *self.scores["trait"]]))


def _distinct(names: Sequence[str] | pd.Series[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def read_results(folder: Path) -> Results:
    """Return what a run folder says.

    Raises
    ------
    FileFormatError
        The folder isn't a run folder, or one of its files isn't what its name promises.
    """
    _require_run_folder(folder)
    return Results(
        folder=folder,
        run=read_run(folder / "run.json"),
        scores=_read_scores(folder / "scores.tsv"),
        comparisons=_read_comparisons(folder / "comparisons.tsv"),
        costs=_read_optional(folder / "costs.tsv", COST_COLUMNS),
        failures=_read_optional(folder / "failures.tsv", FAILURE_COLUMNS),
        curves=_read_optional(folder / "curves.tsv", CURVE_COLUMNS),
        predictions=sample_predictions(folder / "predictions.parquet"),
        cohort=read_cohort_results(folder / "cohort.json"),
    )


def _require_run_folder(folder: Path) -> None:
    missing = [name for name in ("run.json", "scores.tsv") if not (folder / name).is_file()]
    if missing:
        raise FileFormatError(
            str(folder),
            expected="a run folder with run.json and scores.tsv",
            found=f"no {' and no '.join(missing)}" if folder.is_dir() else "no folder of that name",
            advice=_UNSCORED if missing == ["scores.tsv"] else _NO_RUN,
        )


def read_run(path: Path) -> Run:
    """Return the content of `run.json`; entries that are absent keep their defaults."""
    content = read_object(path)
    settings: dict[str, Any] = part(content, "settings", {}, path)
    models: list[Any] = part(settings, "models", [], f"{path}: settings")
    return Run(
        version=part(content, "genialearn", "", path),
        finished=part(content, "status", "finished", path) == "finished",
        command=part(content, "command", "", path),
        settings=settings,
        models=tuple(str(model) for model in models),
        versions=part(content, "versions", {}, path),
        machine=part(content, "machine", {}, path),
        cohort=_record(Size, part(content, "cohort", {}, path), f"{path}: cohort"),
        inputs=_records(Input, content, "inputs", path),
        traits=_records(Trait, content, "traits", path),
        reconciliation=_records(Dropped, content, "reconciliation", path),
        splits=_records(Split, content, "splits", path),
        notes=_records(Note, content, "notes", path),
    )


def _records(kind: type[_Record], content: dict[str, Any], key: str, path: Path) -> tuple[_Record, ...]:
    where = f"{path}: {key}"
    entries: list[Any] = part(content, key, [], path)
    return tuple(_record(kind, part({"entry": entry}, "entry", {}, where), where) for entry in entries)


def _record(kind: type[_Record], entry: dict[str, Any], where: str) -> _Record:
    """Return a JSON object as a dataclass; what is absent keeps its default, what is unknown is left out."""
    default = kind()
    return kind(**{item.name: part(entry, item.name, getattr(default, item.name), where) for item in fields(kind)})


def _read_optional(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    return read_table(path, columns) if path.is_file() else empty_table(columns)


def _read_scores(path: Path) -> pd.DataFrame:
    scores = read_table(path, SCORE_COLUMNS)
    require_unique(path, scores, ("trait", "model", "split", "metric"))
    return scores


def _read_comparisons(path: Path) -> pd.DataFrame:
    comparisons = _read_optional(path, COMPARISON_COLUMNS)
    comparisons = comparisons[comparisons["metric"] == "r"].reset_index(drop=True)
    require_unique(path, comparisons, ("trait", "model", "reference"))
    unknown = sorted(set(comparisons["verdict"]) - set(VERDICTS))
    if unknown:
        raise FileFormatError(
            f"{path}: verdict", expected="better, equal or worse", found=examples(map(repr, unknown)), advice=""
        )
    return comparisons
