"""Run a command line and measure it: wall time, CPU time and peak memory of it and of all that descend from it."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from genialearn.experiments.costs import descendants_mib

INTERVAL = 0.05
"""Seconds between two looks at memory."""


class CommandError(Exception):
    """A command that ended with an error, or was stopped at its time limit."""


@dataclass(frozen=True)
class Cost:
    """What a command cost; `+` is one command after another."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s, max(self.peak_mib, other.peak_mib))


class DescendantsWatch:
    """The highest resident memory of all processes that descend from this one, while in the block."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        self.peak_mib = descendants_mib()
        while not self._ended.wait(INTERVAL):
            self.peak_mib = max(self.peak_mib, descendants_mib())


def measure(command: list[str], *, log: Path, environment: dict[str, str], limit_s: float) -> Cost:
    """Run a command in the folder of its log, which takes all that it prints.

    Raises
    ------
    CommandError
        With the last thing that it said.
    """
    with log.open("w") as stream:
        cpu, wall = _children_cpu_seconds(), time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stop = threading.Timer(limit_s, _end, [process])
        stop.start()
        try:
            with DescendantsWatch() as memory:
                status = process.wait()
                wall = time.perf_counter() - wall
        finally:
            stop.cancel()
            if process.poll() is None:
                _end(process)
    _refuse_failure(status, wall, limit_s, log)
    return Cost(wall, _children_cpu_seconds() - cpu, memory.peak_mib)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.killpg(process.pid, signal.SIGKILL)


def _refuse_failure(status: int, wall_s: float, limit_s: float, log: Path) -> None:
    if status == -signal.SIGKILL:
        raise CommandError(f"stopped after {wall_s:.0f} s (limit {limit_s:.0f} s), or killed for its memory")
    if status != 0:
        raise CommandError(f"exit status {status}: {last_words(log.read_text(errors='replace'))}")


def last_words(text: str) -> str:
    """Return what a tool says of its error: the last line that begins with this word, or else the last line."""
    lines = [line.strip(" \t│╭╮╰╯─") for line in text.splitlines()]
    spoken = [line for line in lines if line and line != "Error"]
    of_errors = [line for line in spoken if re.match(r"\W*\w*error\b", line, flags=re.IGNORECASE)]
    return (of_errors or spoken or ["it said nothing"])[-1]


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
