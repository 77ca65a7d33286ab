"""Trainings that end before their time, once their state was kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genialearn.neural.checkpoints import CheckpointFile


class KilledError(Exception):
    """What ends a training before its time."""


class KilledAfter(CheckpointFile):
    """A checkpoint that is kept every time, of which some end the training."""

    def __init__(self, path: Path, times: int, identity: Any) -> None:
        super().__init__(path, identity, seconds=0.0)
        self._left = times

    def save(self, state: Any) -> None:
        self._next = 0.0
        super().save(state)
        self._left -= 1
        if not self._left:
            raise KilledError("killed")
