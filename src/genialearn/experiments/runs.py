"""The run folder: begun, resumed, finished, never half written and never overwritten by accident."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genialearn import _files
from genialearn.cohorts import CohortFiles
from genialearn.errors import InputError

RUN, SCORES, COMPARISONS, COSTS = "run.json", "scores.tsv", "comparisons.tsv", "costs.tsv"
PREDICTIONS, FAILURES, COHORT = "predictions.parquet", "failures.tsv", "cohort.json"


@dataclass(frozen=True)
class CellKey:
    """One model on one split."""

    model: str
    split: str

    def __str__(self) -> str:
        return f"{self.model} on {self.split}"


@dataclass(frozen=True)
class RunFolder:
    """A folder that one comparison fills.

    Parameters
    ----------
    path
        The folder.
    """

    path: Path

    def begin(self, content: dict[str, Any], *, force: bool) -> bool:
        """Create the folder, or take up its unfinished run; return whether there was one to take up.

        Parameters
        ----------
        content
            What `run.json` will hold; its "settings" and the digests of its "inputs" are the identity of a run.
        force
            Whether a finished or different run is replaced.

        Raises
        ------
        InputError
            Where the folder holds something else, or a run that is finished or differs.
        """
        resumed = self._check(content, force=force)
        if self.path.exists() and not resumed:
            shutil.rmtree(self.path)
        self.write_state({**content, "status": "running"})
        return resumed

    def check(self, content: dict[str, Any], *, force: bool) -> None:
        """Raise what `begin` would raise, and touch nothing."""
        self._check(content, force=force)

    def _check(self, content: dict[str, Any], *, force: bool) -> bool:
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            return False
        if not (self.path / RUN).is_file():
            raise InputError(
                str(self.path), expected="a new folder, or one that a comparison made",
                found="something else", advice="Choose another --out; nothing was changed.",
            )
        if force:
            return False
        found = self.read_state()
        if found.get("status") == "finished":
            raise InputError(
                str(self.path), expected="a new or unfinished run folder", found="a finished one",
                advice="Choose another --out, or replace it with --force.",
            )
        difference = _difference(_identity(found), _identity(content))
        if difference:
            raise InputError(
                str(self.path), expected="the unfinished run's own settings and inputs", found=f"another {difference}",
                advice="Repeat its command to resume it, choose another --out, or replace it with --force.",
            )
        return True

    def read_state(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        state: dict[str, Any] = json.loads(_files.read_text(self.path / RUN))
        return state

    def write_state(self, content: dict[str, Any]) -> None:
        """Write `run.json`."""
        _files.write_json(self.path / RUN, content)

    def cell(self, key: CellKey, ending: str) -> Path:
        """Return the path of one of a cell's files."""
        return self.path / "cells" / key.model / f"{key.split}.{ending}"

    def is_done(self, key: CellKey) -> bool:
        """Return whether a cell has finished."""
        return self.cell(key, "json").is_file()

    def cell_facts(self, key: CellKey) -> dict[str, Any]:
        """Return what a finished cell wrote beside its predictions."""
        facts: dict[str, Any] = json.loads(_files.read_text(self.cell(key, "json")))
        return facts


def _identity(content: dict[str, Any]) -> dict[str, Any]:
    inputs = {item["name"]: item["sha256"] for item in content.get("inputs", [])}
    settings = {key: value for key, value in content.get("settings", {}).items() if key != "threads"}
    return {**settings, **{f"input {name}": digest for name, digest in inputs.items()}}


def _difference(found: dict[str, Any], given: dict[str, Any]) -> str:
    return next((key for key in sorted(found.keys() | given.keys()) if found.get(key) != given.get(key)), "")


def describe_inputs(files: CohortFiles) -> list[dict[str, Any]]:
    """Return name, path, size and digest of every input file."""
    return [
        {"name": name, "path": str(path), "bytes": path.stat().st_size, "sha256": _files.digest(path)}
        for name, path in files.paths().items()
    ]


def files_as_settings(files: CohortFiles) -> dict[str, Any]:
    """Return the cohort's files as JSON, paths absolute."""
    return {
        name: str(value.resolve()) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in vars(files).items()
        if value is not None
    }


def files_from_settings(settings: dict[str, Any]) -> CohortFiles:
    """Return the cohort's files from JSON."""
    others = {"trait_names": tuple(settings.get("trait_names", ())), "fixed": settings.get("fixed")}
    paths = {name: Path(value) for name, value in settings.items() if name not in others}
    return CohortFiles(**paths, **others)


def remove_cells(folder: RunFolder, keys: Iterable[CellKey]) -> None:
    """Remove the cells' own files once everything in them stands in the tables."""
    for key in keys:
        for ending in ("json", "parquet", "error.json"):
            folder.cell(key, ending).unlink(missing_ok=True)
    shutil.rmtree(folder.path / "cells", ignore_errors=True)
