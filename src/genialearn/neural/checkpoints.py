"""Training that is kept in a file and goes on from it, to the same bytes as if it had never stopped.

torch is imported only where a file is read or written, so that models without networks can name the protocols.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np

from genialearn import _files
from genialearn.errors import FileFormatError, InputError, MissingExtraError

if TYPE_CHECKING:
    import torch

    from genialearn.cohorts import Cohort

State: TypeAlias = dict[str, Any]
"""Tensors, arrays, numbers, texts and None in dictionaries, lists, tuples: what can be read without running any code.

Arrays come back as tensors, of which `numpy.asarray` makes arrays.
"""

Identity: TypeAlias = Mapping[str, str]
"""What a training is, by name: another one in anything doesn't go on from its state."""

_KIND = "genialearn training 1"
_WRITING_SHARE = 0.05
_UNREADABLE = (pickle.UnpicklingError, EOFError, RuntimeError, ValueError, LookupError, AttributeError, TypeError)


class Checkpoint(Protocol):
    """Where the state of one training is kept."""

    def load(self) -> State | None:
        """Return the state to go on from, None where training begins."""

    def save(self, state: Callable[[], State]) -> None:
        """Keep what `state` gives, if enough has been done since the last time."""


Checkpoints: TypeAlias = Callable[[Identity], Checkpoint]
"""From what a training is to where its state is kept."""


@runtime_checkable
class Resumable(Protocol):
    """A model that learns step by step, and can go on where it was stopped."""

    def fit_resumably(self, cohort: Cohort, checkpoints: Checkpoints) -> Self:
        """Learn what `fit` does, going on from the state that an earlier training kept."""


class Unkept:
    """A checkpoint that keeps nothing."""

    def load(self) -> State | None:
        """Return None."""
        return None

    def save(self, state: Callable[[], State]) -> None:
        """Do nothing."""


class Stages:
    """One checkpoint for several trainings, each of which begins where the one before has ended.

    Parameters
    ----------
    checkpoint
        Where the results of those that are finished and the state of the one that runs are kept.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        kept = checkpoint.load() or {"finished": [], "running": None}
        self._checkpoint = checkpoint
        self._running: State | None = kept["running"]
        self._kept: list[State] = list(kept["finished"])
        self._finished: list[State] = []

    def run(self, train: Callable[[Checkpoint], State]) -> State:
        """Return the result of the next training: the one that was kept, or what `train` gives."""
        stage = len(self._finished)
        result = self._kept[stage] if stage < len(self._kept) else train(self)
        self._finished.append(result)
        if stage >= len(self._kept):
            self._running = None
        return result

    def load(self) -> State | None:
        """Return the state of the training that runs."""
        return self._running

    def save(self, state: Callable[[], State]) -> None:
        """Keep the state of the training that runs, and the results before it."""
        self._checkpoint.save(lambda: {"finished": self._finished, "running": state()})


class CheckpointFile:
    """A file that holds the last state of a training; it is replaced whole or not at all.

    Parameters
    ----------
    path
        The file.
    identity
        Of the training.
    seconds
        Between two writings at least; longer where they would take more than a twentieth of the time.
    """

    def __init__(self, path: Path | str, identity: Identity, *, seconds: float = 60.0) -> None:
        try:
            import torch  # noqa: F401  better now than when the first state is to be kept
        except ImportError as error:
            raise MissingExtraError.for_extra("torch", "deep", "checkpoint") from error
        self._path, self._identity, self._seconds = Path(path), dict(identity), seconds
        self._next = time.monotonic() + seconds

    def load(self) -> State | None:
        """Return the state in the file, None where there is no file.

        Raises
        ------
        InputError
            Where it is no checkpoint, or that of another training.
        """
        if not self._path.exists():
            return None
        content = _read(self._path)
        _check_identity(self._path, self._identity, content["identity"])
        state: State = content["state"]
        return state

    def save(self, state: Callable[[], State]) -> None:
        """Replace the file, if the last time was long enough ago."""
        started = time.monotonic()
        if started < self._next:
            return
        import torch

        with _files.writing(self._path, "wb") as handle:
            torch.save({"kind": _KIND, "identity": self._identity, "state": _with_tensors(state())}, handle)
        now = time.monotonic()
        self._next = now + max(self._seconds, (now - started) / _WRITING_SHARE)


def digest(*parts: str | np.ndarray) -> str:
    """Return the start of a SHA-256 of what is learned from, texts and arrays."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            found.update(part.encode())
        else:
            found.update(str(part.shape).encode())
            found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()[:16]


def random_state(noise: torch.Generator, rng: np.random.Generator) -> State:
    """Return the state of a training's two sources of randomness, and of torch's own."""
    import torch

    state = {"noise": noise.get_state(), "order": rng.bit_generator.state, "torch": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(noise.device)} if noise.device.type == "cuda" else {})


def set_random_state(state: State, noise: torch.Generator, rng: np.random.Generator) -> None:
    """Put all three back to a state of `random_state`."""
    import torch

    noise.set_state(state["noise"])
    rng.bit_generator.state = state["order"]
    torch.set_rng_state(state["torch"])
    if noise.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], noise.device)


def _with_tensors(state: Any) -> Any:
    """Return a state with tensors in the place of arrays."""
    import torch

    if isinstance(state, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(state))
    if isinstance(state, dict):
        return {name: _with_tensors(part) for name, part in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(_with_tensors, state))
    return state


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint: tensors and plain values, nothing else is ever read."""
    import torch

    try:
        with path.open("rb") as handle:
            content = torch.load(handle, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _files.os_error(error, path) from error
    except _UNREADABLE as error:
        raise _no_checkpoint(path) from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise _no_checkpoint(path)
    return content


def _no_checkpoint(path: Path) -> FileFormatError:
    return FileFormatError(
        str(path),
        expected="a checkpoint of a training",
        found="another file",
        advice="Name a file that doesn't exist yet, and training begins there.",
    )


def _check_identity(path: Path, ours: Identity, theirs: Identity) -> None:
    """Raise `InputError` where a checkpoint is of another training."""
    differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if differing:
        raise InputError(
            str(path),
            expected=f"a checkpoint of {_described(ours, differing)}",
            found=f"one of {_described(theirs, differing)}",
            advice="Repeat the command that wrote it, or name another file to begin anew.",
        )


def _described(identity: Identity, names: list[str]) -> str:
    return ", ".join(f"{name} {identity.get(name, 'unknown')}" for name in names)
