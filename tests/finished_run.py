"""A comparison of the tiny cohort as a user runs it: in a process of its own, with a process for each cell."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

MODELS = ["gblup", "hybrid"]
SETTINGS = ("--model", "hybrid", "--split", "kfold:2")


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def genialearn_process(*words: str | Path, cwd: Path | None = None, **options: object) -> Answer:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "genialearn", *map(str, words)]
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, **options)
    return Answer(ended.returncode, ended.stdout, ended.stderr)


@dataclass(frozen=True)
class FinishedRun:
    """A run folder, and what the command said while it filled it."""

    folder: Path
    answer: Answer

    @classmethod
    def found(cls, folder: Path) -> FinishedRun:
        """Return what `finish_run` has left in a folder."""
        return cls(folder / "run", Answer(**json.loads((folder / "answer.json").read_text())))


def finish_run(cohort: Path, folder: Path) -> None:
    """Run the comparison into `run` of a folder."""
    answer = genialearn_process("compare", cohort, *SETTINGS, "--threads", "1", "--out", folder / "run")
    (folder / "answer.json").write_text(json.dumps(asdict(answer)))
