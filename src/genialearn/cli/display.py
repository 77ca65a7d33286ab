"""What commands show while they work: plain sentences, progress bars, nothing where it wasn't asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Report = Callable[[str, int, int], None]
"""Told what runs now, how many steps are done and how many there are."""

REPEAT_AFTER = 30.0
"""Seconds until a line is written again for a step that is still the same, where there is no terminal."""


class Display:
    """Where a command's words go: results to standard output, everything else to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Show a remark, unless quiet."""
        if not self._quiet:
            print(text, file=sys.stderr)

    def result(self, text: str) -> None:
        """Show a result."""
        print(text)

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """Give a function to report steps to: a bar on a terminal, a line a step elsewhere, nothing when quiet."""
        if self._quiet:
            yield lambda what, done, total: None
        elif sys.stderr.isatty():
            with _bar() as bar:
                task = bar.add_task("", total=1)
                yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
        else:
            yield _Lines(self.say)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<40}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Lines:
    """Progress as lines: time, steps done, what is running, and the time left if the steps to come are like those."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._started = self._counted_since = time.monotonic()
        self._what, self._said, self._done = "", self._started, 0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < self._done:
            self._counted_since = now
        self._done = done
        if what == self._what and now < self._said + REPEAT_AFTER and done < total:
            return
        self._what, self._said = what, now
        counted = now - self._counted_since
        left = f", about {_duration(counted * (total - done) / done)} left" if counted > 1 and 0 < done < total else ""
        self._say(f"[{_duration(now - self._started):>9}] {done}/{total} {what}{left}")


def _duration(seconds: float) -> str:
    """Return `48 s`, `12 min` or `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
