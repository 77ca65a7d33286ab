"""The folder of a command's results: filled in one go, never overwritten by accident."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genialearn import _files
from genialearn.errors import InputError
from genialearn.experiments.runs import RUN, RunFolder, check_writable

_PART = ".part"
"""Folder of what isn't complete yet."""


@dataclass(frozen=True)
class ResultFolder:
    """A folder of results.

    Parameters
    ----------
    path
        The folder.
    kind
        The command that fills it, which marks its `run.json`.
    """

    path: Path
    kind: str

    def check_free(self, *, force: bool) -> None:
        """Raise `InputError` where nothing may be written, or something else would be overwritten."""
        check_writable(self.path)
        if not self.path.exists() or (self.path.is_dir() and all(e.name == _PART for e in self.path.iterdir())):
            return
        if self._state() is None:
            raise InputError(
                str(self.path),
                expected=f"a new folder, or one of genialearn {self.kind}",
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
        """Return the content of `run.json`, or None where the folder isn't one of this kind."""
        with suppress(InputError, ValueError):
            state = json.loads(_files.read_text(self.path / RUN))
            if isinstance(state, dict) and state.get("kind") == self.kind:
                return state
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from filling the folder at the same time; an empty one made here doesn't stay."""
        with RunFolder(self.path).held():
            yield

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """Give a folder to write into, whose files take the place of those here when the block ends without an error.

        `run.json` must be among them, and name the tables.
        """
        part = self.path / _PART
        try:
            yield part
            self._clear()
            for path in sorted(part.iterdir(), key=lambda path: path.name == RUN):
                path.replace(self.path / path.name)
        except OSError as error:
            raise _files.os_error(error, self.path) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _clear(self) -> None:
        """Remove what was written here before, and nothing else."""
        tables = (self._state() or {}).get("tables", ())
        for name in [*map(str, tables), RUN]:
            (self.path / Path(name).name).unlink(missing_ok=True)
