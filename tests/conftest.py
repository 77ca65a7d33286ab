"""What tests of several parts share. Standing here, this file also puts `tests/` on the import path."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: small matrices, many processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads of several processes that wait don't hold up the others

import hypothesis
import pytest

from cells_here import run_here
from finished_run import Answer, FinishedRun, finish_run
from genialearn.experiments import comparison
from tiny_cohort import write_tiny_cohort

# In continuous integration the same examples every time; at a developer's desk new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("same")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that one process of the tests has filled, and the others have waited for."""
    root = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    folder = root / name
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            make(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort folder of 120 animals, 200 markers and 4 traits; read only."""
    return made_once(tmp_path_factory, "cohorts", lambda folder: write_tiny_cohort(folder / "tiny")) / "tiny"


@pytest.fixture(scope="session")
def finished(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """A comparison of two models on two folds of the tiny cohort; read only."""
    return FinishedRun.found(made_once(tmp_path_factory, "finished", lambda folder: finish_run(tiny, folder)))


@pytest.fixture
def herd(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the tiny cohort, `herd` in the test's own folder, to be damaged."""
    return Path(shutil.copytree(tiny, tmp_path / "herd"))


@pytest.fixture
def genialearn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command line, run in this process."""
    from genialearn.cli.app import main

    def run(*words: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["genialearn", *words])
        with pytest.raises(SystemExit, match=r"^(None|\d+)$") as end:
            main()
        return Answer(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def cells_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cells run in this process, which saves them from starting one: for tests of something else."""
    monkeypatch.setattr(comparison, "run_in_process", run_here)
