"""Histories of trainings as event files, which TensorBoard draws while a training runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from genialearn.errors import MissingExtraError
from genialearn.neural.held_out import Entry


@contextmanager
def event_log(folder: Path | None) -> Iterator[Callable[[Entry], None] | None]:
    """Give what writes an epoch's entry into event files in a folder; nothing where there is no folder.

    Raises
    ------
    MissingExtraError
        Where a folder is given and tensorboard isn't installed.
    """
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError.for_extra("tensorboard", "track", "log folder") from error
    writer = SummaryWriter(str(folder))
    try:
        yield lambda entry: _write(writer, entry)
    finally:
        writer.close()


def _write(writer: object, entry: Entry) -> None:
    for name, value in entry.items():
        if name != "epoch":
            writer.add_scalar(name, value, int(entry["epoch"]))  # type: ignore[attr-defined]
