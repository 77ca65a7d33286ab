from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from genialearn.errors import FileFormatError, InputError, MissingExtraError  # noqa: E402
from genialearn.neural.checkpoints import CheckpointFile, Unkept, random_state, set_random_state  # noqa: E402

IDENTITY = {"generator": "vae", "seed": "1"}


def kept(path: Path, state: Any, identity: dict[str, str] = IDENTITY, **settings: Any) -> CheckpointFile:
    checkpoint = CheckpointFile(path, identity, **{"seconds": 0.0, **settings})
    checkpoint.save(lambda: state)
    return checkpoint


def test_a_state_comes_back(tmp_path: Path) -> None:
    state = {"weights": torch.arange(3.0), "best_loss": float("inf"), "history": [{"epoch": 0.0}], "none": {}}
    kept(tmp_path / "kept", state)
    found = CheckpointFile(tmp_path / "kept", IDENTITY).load()

    assert found is not None
    assert torch.equal(state["weights"], found.pop("weights"))
    assert {name: value for name, value in state.items() if name != "weights"} == found
    assert ["kept"] == [path.name for path in tmp_path.iterdir()]


def test_arrays_come_back_as_tensors(tmp_path: Path) -> None:
    kept(tmp_path / "kept", {"sums": [np.arange(3.0), np.ones((2, 1), dtype=np.float32)]})
    found = CheckpointFile(tmp_path / "kept", IDENTITY).load()

    assert found is not None
    assert [[0.0, 1.0, 2.0], [[1.0], [1.0]]] == [np.asarray(part).tolist() for part in found["sums"]]


def test_the_library_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingExtraError, match=r"^checkpoint: expected the library torch, found none\."):
        CheckpointFile(tmp_path / "kept", IDENTITY)


def test_there_is_nothing_at_first(tmp_path: Path) -> None:
    assert CheckpointFile(tmp_path / "kept", IDENTITY).load() is None
    assert Unkept().load() is None


def test_randomness_goes_on(tmp_path: Path) -> None:
    def draw(noise: Any, rng: np.random.Generator) -> list[float]:
        return [float(torch.rand(1, generator=noise)), float(rng.random()), float(torch.rand(1))]

    with torch.random.fork_rng():
        noise, rng = torch.Generator().manual_seed(1), np.random.default_rng(1)
        draw(noise, rng)
        kept(tmp_path / "kept", random_state(noise, rng))
        expected = draw(noise, rng)
        torch.manual_seed(7)
        others = torch.Generator(), np.random.default_rng(7)
        state = CheckpointFile(tmp_path / "kept", IDENTITY).load()
        assert state is not None
        set_random_state(state, *others)

        assert expected == draw(*others)


def test_a_file_is_written_when_it_is_time(tmp_path: Path) -> None:
    kept(tmp_path / "late", {}, seconds=60.0)
    assert not (tmp_path / "late").exists()
    checkpoint = kept(tmp_path / "kept", {"epoch": 1})
    checkpoint.save(lambda: {"epoch": 2})
    assert {"epoch": 1} == checkpoint.load()


def test_a_writing_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    class Broken:
        def __reduce__(self) -> Any:
            raise OSError(28, "No space left on device")

    kept(tmp_path / "kept", {"epoch": 1})
    with pytest.raises(InputError, match="no space left on device"):
        kept(tmp_path / "kept", {"epoch": Broken()})

    assert {"epoch": 1} == CheckpointFile(tmp_path / "kept", IDENTITY).load()
    assert ["kept"] == [path.name for path in tmp_path.iterdir()]


def test_another_training_is_refused(tmp_path: Path) -> None:
    kept(tmp_path / "kept", {})
    other = CheckpointFile(tmp_path / "kept", {"generator": "gan", "seed": "1", "penalty": "3"})

    with pytest.raises(
        InputError,
        match=r"kept: expected a checkpoint of generator gan, penalty 3, found one of generator vae, penalty unknown\. "
        r"Repeat the command that wrote it, or name another file to begin anew\.$",
    ):
        other.load()


@pytest.mark.parametrize("content", [b"", b"some text", b"PK\x03\x04 and nothing more", b"\x80\x02}q\x00."])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(content)

    with pytest.raises(FileFormatError, match=r"kept: expected a checkpoint of a training, found another file\."):
        CheckpointFile(tmp_path / "kept", IDENTITY).load()


def test_objects_are_never_read(tmp_path: Path) -> None:
    torch.save({"kind": "genialearn training 1", "identity": IDENTITY, "state": Path("x")}, tmp_path / "kept")

    with pytest.raises(FileFormatError, match="expected a checkpoint of a training"):
        CheckpointFile(tmp_path / "kept", IDENTITY).load()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        CheckpointFile(tmp_path, IDENTITY).load()
