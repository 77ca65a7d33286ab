"""A comparison of the tiny cohort as a user runs it: in a process of its own, with a process for each cell."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
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


def finish_run(cohort: Path, folder: Path) -> FinishedRun:
    """Run the comparison."""
    return FinishedRun(folder, genialearn_process("compare", cohort, *SETTINGS, "--threads", "1", "--out", folder))
