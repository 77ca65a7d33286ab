"""The run folder: begun, resumed, finished, never half written and never overwritten by accident."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from genialearn import _files
from genialearn.errors import InputError

RUN, SCORES, COMPARISONS, COSTS = "run.json", "scores.tsv", "comparisons.tsv", "costs.tsv"
PREDICTIONS, FAILURES, COHORT, REPORT = "predictions.parquet", "failures.tsv", "cohort.json", "report.html"
CURVES = "curves.tsv"
FILES = (SCORES, COMPARISONS, COSTS, CURVES, PREDICTIONS, FAILURES, COHORT, REPORT, RUN)
"""Everything that a finished run leaves; `run.json` goes last, since it marks the folder as a run's."""

CELLS = "cells"
"""Folder of the results of single cells, gone when the run is finished."""


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

    kind: ClassVar[str | None] = None
    """What its `run.json` says of its command; comparisons say nothing."""

    made_by: ClassVar[str] = "a comparison"
    """How errors call that command."""

    files: ClassVar[tuple[str, ...]] = FILES
    """All that the command leaves."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from filling the folder at the same time; an empty one made here doesn't stay.

        Raises
        ------
        InputError
            Where another process holds it, or it can't be made.
        """
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        handle = _open_folder(self.path)
        try:
            _lock(handle, self.path)
            yield
        finally:
            os.close(handle)
            for folder in missing:
                with suppress(OSError):  # it holds the run
                    folder.rmdir()

    def begin(self, content: dict[str, Any], *, force: bool) -> None:
        """Write the run's identity into the folder, or take up its unfinished run.

        Parameters
        ----------
        content
            What `run.json` will hold; its version, "settings" and digests of "inputs" are the identity of a run.
        force
            Whether a finished or different run is replaced.

        Raises
        ------
        InputError
            Where the folder holds something else, or a run that is finished or differs.
        """
        self.check(content, force=force)
        if force or not (self.path / RUN).is_file():
            self.clear()
        else:
            self._remove_unfinished_files()
        self.write_state({**content, "status": "running"})

    def check(self, content: dict[str, Any], *, force: bool) -> None:
        """Raise what `begin` would raise, and touch nothing."""
        self.check_free(force=force)
        if (self.path / RUN).is_file() and not force:
            self._check_same(content)

    def check_free(self, *, force: bool) -> None:
        """Raise `InputError` where no comparison may begin or go on here, whatever its settings."""
        check_writable(self.path)
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            return
        found = self._state_of_a_run()
        if found is None:
            raise InputError(
                str(self.path),
                expected=f"a new folder, or one that {self.made_by} made",
                found="another folder" if self.path.is_dir() else "a file",
                advice="Choose another --out; nothing was changed.",
            )
        if found.get("status") == "finished" and not force:
            raise InputError(
                str(self.path),
                expected="a new or unfinished run folder",
                found="a finished one",
                advice="Choose another --out, or replace it with --force.",
            )

    def _state_of_a_run(self) -> dict[str, Any] | None:
        """Return the content of `run.json`, or None where the folder isn't of this command."""
        with suppress(InputError, ValueError):
            state = self.read_state()
            ours = isinstance(state, dict) and {"genialearn", "settings"} <= state.keys()
            if ours and state.get("kind") == self.kind:
                return state
        return None

    def _check_same(self, content: dict[str, Any]) -> None:
        found, given = self.identity(self.read_state()), self.identity(content)
        different = [name for name in given | found if found.get(name) != given.get(name)]
        if different:
            raise InputError(
                str(self.path),
                expected="the settings and inputs of the unfinished run there",
                found=f"a difference in {', '.join(different)}",
                advice="Repeat its command to resume it, choose another --out, or replace it with --force.",
            )

    @staticmethod
    def identity(content: dict[str, Any]) -> dict[str, Any]:
        """Return what must be the same for a run to be resumed, by the words that an error uses; files by content."""
        settings = content["settings"]
        chosen = settings.get("files", {})
        inputs = {f"the file of {item['name']}": item["sha256"] for item in content.get("inputs", [])}
        return {
            **{name: settings.get(name) for name in ("models", "split", "seed")},
            "traits": list(chosen.get("trait_names", ())),
            "fixed effects": chosen.get("fixed"),
            **inputs,
            "version of genialearn": content["genialearn"],
        }

    def _remove_unfinished_files(self) -> None:
        for leftover in self.path.rglob(".*.part"):
            leftover.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what the command wrote, and nothing else."""
        self.remove_cells()
        for name in self.files:
            (self.path / name).unlink(missing_ok=True)

    def remove_cells(self) -> None:
        """Remove the cells' own files."""
        shutil.rmtree(self.path / CELLS, ignore_errors=True)

    def read_state(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        state: dict[str, Any] = json.loads(_files.read_text(self.path / RUN))
        return state

    def write_state(self, content: dict[str, Any]) -> None:
        """Write `run.json`."""
        _files.write_json(self.path / RUN, content)

    def cell(self, key: CellKey, ending: str) -> Path:
        """Return the path of one of a cell's files."""
        return self.path / CELLS / key.model / f"{key.split}.{ending}"

    def is_done(self, key: CellKey) -> bool:
        """Return whether a cell has finished."""
        return self.cell(key, "json").is_file() and self.cell(key, "parquet").is_file()

    def cell_facts(self, key: CellKey) -> dict[str, Any]:
        """Return what a finished cell wrote beside its predictions."""
        facts: dict[str, Any] = json.loads(_files.read_text(self.cell(key, "json")))
        return facts


def check_writable(path: Path) -> None:
    """Raise `InputError` where a folder can't be made or filled: what is there of its path must be one that may be."""
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if existing != path.absolute() and not existing.is_dir():
        raise InputError(
            str(path), expected="a folder", found="a file on the way to it", advice="Choose another --out."
        )
    if not os.access(existing, os.W_OK):
        raise InputError(
            str(path),
            expected="a folder that may be written to",
            found="one that may not",
            advice="Choose another --out.",
        )


def _open_folder(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        raise _files.os_error(error, path) from error


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            str(path),
            expected="a folder that no other process is filling",
            found="one that another comparison is filling",
            advice="Wait for it, or choose another --out.",
        ) from None
    except OSError:
        pass  # a file system without locks
