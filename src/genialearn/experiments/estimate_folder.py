"""The folder of `genialearn variance`: filled in one go, never overwritten by accident."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genialearn import _files
from genialearn.errors import GenialearnError, InputError
from genialearn.experiments.runs import RUN, RunFolder, check_writable

if TYPE_CHECKING:
    import pandas as pd

KIND = "variance"
"""Marks the `run.json` of such a folder."""


@dataclass(frozen=True)
class EstimateFolder:
    """A folder of estimates.

    Parameters
    ----------
    path
        The folder.
    """

    path: Path

    def check_free(self, *, force: bool) -> None:
        """Raise `InputError` where nothing may be written, or something else would be overwritten."""
        check_writable(self.path)
        if not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir())):
            return
        if self._state() is None:
            raise InputError(
                str(self.path),
                expected="a new folder, or one of genialearn variance",
                found="another folder" if self.path.is_dir() else "a file",
                advice="Choose another --out; nothing was changed.",
            )
        if not force:
            raise InputError(
                str(self.path),
                expected="a new folder",
                found="one that has results",
                advice="Choose another --out, or replace it with --force.",
            )

    def _state(self) -> dict[str, Any] | None:
        """Return the content of `run.json`, or None where the folder isn't one of estimates."""
        with suppress(InputError, ValueError):
            state = json.loads(_files.read_text(self.path / RUN))
            if isinstance(state, dict) and state.get("kind") == KIND:
                return state
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from filling the folder at the same time; an empty one made here doesn't stay."""
        with RunFolder(self.path).held():
            yield

    def fill(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables by name, in the place of those that are there; where one can't be written, none stays."""
        self._clear()
        self.write_state({"status": "running"}, tables)
        try:
            for name, table in tables.items():
                _files.write_table(self.path / name, table)
        except GenialearnError:
            self._clear()
            raise

    def write_state(self, content: Mapping[str, Any], tables: Iterable[str]) -> None:
        """Write `run.json`, which names the tables."""
        _files.write_json(self.path / RUN, {**content, "kind": KIND, "tables": list(tables)})

    def _clear(self) -> None:
        """Remove what was written here before, and nothing else."""
        state = self._state() or {}
        for name in [*map(str, state.get("tables", ())), RUN]:
            (self.path / Path(name).name).unlink(missing_ok=True)
