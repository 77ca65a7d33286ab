"""Where cells run: each in a fresh process on this machine, one after the other, so that costs are its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from genialearn import _files
from genialearn.experiments.runs import CellKey, RunFolder

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A cell that ended without predictions."""

    key: CellKey
    stage: str
    error: str
    message: str


def run_in_process(folder: RunFolder, key: CellKey, *, threads: int) -> Failure | None:
    """Run one cell in a process of its own; return its failure, or None."""
    error_file = folder.cell(key, "error.json")
    error_file.unlink(missing_ok=True)
    environment = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}
    finished = subprocess.run(
        [sys.executable, "-m", "genialearn.experiments.cell", str(folder.path), key.model, key.split],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode == 0 and folder.is_done(key):
        return None
    if error_file.is_file():
        facts = json.loads(_files.read_text(error_file))
        return Failure(key, facts["stage"], facts["error"], facts["message"])
    return Failure(key, "start", "ProcessEnded", _ending(finished.returncode, finished.stderr))


def _ending(code: int, stderr: str) -> str:
    if code == -signal.SIGKILL:
        return "the process was killed: most likely it needed more memory than there is"
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    return f"the process ended by signal {-code}: {last}" if code < 0 else f"the process ended with exit {code}: {last}"
