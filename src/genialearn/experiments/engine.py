"""Where cells run: each in a fresh process on this machine, one after the other, so that costs are its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genialearn import errors
from genialearn.experiments.runs import CellKey, RunFolder

PROGRAM = ("-c", "import sys; from genialearn.experiments.cell import main; sys.exit(main())")
"""What a cell's Python runs; not `-m`, which would load the module twice."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)

_OUT_OF_TIME = -1000
"""In the place of an exit code."""

_UNLESS_SET = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Two pools of threads, torch's and numba's, else wait for each other by spinning on cores that the other needs."""


@dataclass(frozen=True)
class Failure:
    """A cell that ended without predictions.

    Parameters
    ----------
    key
        Which one.
    stage
        What it was doing: "start", "read", "fit", "predict" or "write".
    error
        Name of the exception's class, or "ProcessEnded".
    message
        What it said.
    parts
        The four parts of the message, where it is one of this package's.
    """

    key: CellKey
    stage: str
    error: str
    message: str
    parts: dict[str, str] | None = None

    @classmethod
    def told(cls, key: CellKey, messages: Sequence[dict[str, Any]], ending: str) -> Failure:
        """Return the failure that a cell told of, or else that its process ended."""
        stage = next((message["stage"] for message in reversed(messages) if "stage" in message), "start")
        if messages and "error" in messages[-1]:
            return cls(key, stage, **messages[-1])
        return cls(key, stage, "ProcessEnded", ending)

    @property
    def concerns_the_run(self) -> bool:
        """Whether nothing that follows can do better: inputs that can't be read, results that can't be written."""
        return self.stage in ("read", "write") and issubclass(self._kind, errors.InputError)

    def as_error(self) -> errors.GenialearnError:
        """Return the failure as the error that ends the run."""
        if self.parts is not None:
            return self._kind(**self.parts)
        return errors.GenialearnError(
            str(self.key),
            expected="a fitted model",
            found=self.message.rstrip("."),
            advice="Nothing can be judged without it; repeat the command when its cause is gone.",
        )

    @property
    def _kind(self) -> type[errors.GenialearnError]:
        found = vars(errors).get(self.error) if self.parts is not None else None
        return found if isinstance(found, type) else errors.GenialearnError


def run_in_process(
    folder: RunFolder,
    key: CellKey,
    *,
    threads: int,
    program: Sequence[str] | None = None,
    lifeline: int | None = None,
    seconds: float | None = None,
) -> Failure | None:
    """Run one cell in a process of its own; return its failure, or None.

    The process is the head of its own group, which ends with this process, however that ends.

    Parameters
    ----------
    folder, key
        Where and which.
    threads
        How many it may use.
    program
        What its Python runs; None for a cell of a comparison.
    lifeline
        What `new_lifeline` gave, where several cells run at once and shall end together; None for one of its own.
    seconds
        After how long it is ended; None for never.
    """
    command = [sys.executable, "-P", *(program or PROGRAM), str(folder.path), key.model, key.split]
    code, messages, remarks = _run(command, _environment(threads), lifeline, seconds)
    if code == 0 and folder.is_done(key):
        return None
    ending = f"it took longer than its budget of {(seconds or 0) / 60:g} min"
    if code != _OUT_OF_TIME:
        ending = _ending(code, remarks)
    return Failure.told(key, [json.loads(line) for line in messages.splitlines()], ending)


def _environment(threads: int) -> dict[str, str]:
    """Return this process's environment: the same place to import from, and how threads behave."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)
    return {**_UNLESS_SET, **os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads)), "PYTHONPATH": path}


def _run(
    command: Sequence[str], environment: dict[str, str], shared: int | None, seconds: float | None
) -> tuple[int, str, str]:
    """Return exit code, messages and remarks of a process; the code is `_OUT_OF_TIME` where it was ended."""
    with (
        new_lifeline() if shared is None else nullcontext(shared) as lifeline,
        subprocess.Popen(
            command,
            env=environment,
            stdin=lifeline,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        try:
            messages, remarks = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return _OUT_OF_TIME, *process.communicate()
        except BaseException:  # an interrupt above all: the process hears of it only from here
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, messages, remarks


@contextmanager
def new_lifeline() -> Iterator[int]:
    """Give a file to read from that ends when this process does, or the block."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


def _ending(code: int, remarks: str) -> str:
    if code == -signal.SIGKILL:
        return "the process was killed: most likely it needed more memory than there is"
    lines = [line.strip() for line in remarks.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    return f"the process ended by signal {-code}: {last}" if code < 0 else f"the process ended with exit {code}: {last}"
