"""What a cell costs: wall time, CPU time and peak memory by stage, of its process and of all that descend from it."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

INTERVAL = 0.1
"""Seconds between two looks at the memory of descendants."""

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_RESIDENT_PAGES = 21
"""Place of the resident set in /proc/PID/stat, counted from the field after the name."""


@dataclass
class Stopwatch:
    """Wall time, CPU time and peak memory of each stage.

    Parameters
    ----------
    announce
        Called with the name of each stage as it begins.
    peak_mib
        What gives the highest memory so far.
    """

    announce: Callable[[str], None]
    peak_mib: Callable[[], float]
    stages: list[dict[str, float | str]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        self.announce(name)
        wall, cpu = time.perf_counter(), cpu_seconds()
        yield
        self.stages.append(
            {
                "stage": name,
                "wall_s": round(time.perf_counter() - wall, 6),
                "cpu_s": round(cpu_seconds() - cpu, 6),
                "peak_rss_mib": round(self.peak_mib(), 1),
            }
        )


def cpu_seconds() -> float:
    """Return the CPU time of this process so far, all threads and finished children included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class MemoryWatch:
    """The highest resident memory of this process, plus that of the processes that descend from it.

    The process's own peak is the kernel's; a thread adds up the descendants, if there are any. The kernel's peak of
    finished children can't be used for them: it contains their parent's memory at the moment that they were born.
    """

    def __init__(self) -> None:
        self._descendants = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def peak_mib(self) -> float:
        """Return the peak so far, in MiB."""
        return own_peak_mib() + self._descendants

    def _look(self) -> None:
        while not self._ended.wait(INTERVAL):
            if _has_children():
                self._descendants = max(self._descendants, descendants_mib())


def own_peak_mib() -> float:
    """Return the highest resident memory of this process alone, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text(encoding="utf-8").splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES / 2**20


def _has_children() -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return True
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descendants_mib() -> float:
    """Return the resident memory, now, of all processes that descend from this one, in MiB; 0 without /proc."""
    parent_of, pages = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            process = int(stat.parent.name)
            parent_of[process], pages[process] = int(fields[1]), int(fields[_RESIDENT_PAGES])
    family = _descendants(os.getpid(), parent_of)
    return sum(pages[process] for process in family) * resource.getpagesize() / 2**20


def _descendants(ancestor: int, parent_of: dict[int, int]) -> set[int]:
    family: set[int] = set()
    while grown := {p for p, parent in parent_of.items() if parent in family | {ancestor}} - family:
        family |= grown
    return family
