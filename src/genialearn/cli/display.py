"""What commands show while they work: plain sentences, progress bars, nothing where it wasn't asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from genialearn.experiments.compare import Progress as Report


class Display:
    """Where a command's words go: results to standard output, everything else to standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._results = Console(soft_wrap=True, highlight=False, markup=False)
        self._remarks = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

    def say(self, text: str) -> None:
        """Show a remark, unless quiet."""
        if not self._quiet:
            self._remarks.print(text)

    def result(self, text: str) -> None:
        """Show a result."""
        self._results.print(text)

    @contextmanager
    def progress(self) -> Iterator[Report]:
        """Give a function to report steps to: a bar on a terminal, a line a step elsewhere, nothing when quiet."""
        if self._quiet:
            yield lambda what, done, total: None
        elif self._remarks.is_terminal:
            with self._bar() as bar:
                task = bar.add_task("", total=1)
                yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
        else:
            started = time.monotonic()
            yield lambda what, done, total: self.say(f"[{time.monotonic() - started:6.0f} s] {done}/{total} {what}")

    def _bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description:<40}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._remarks,
        )
