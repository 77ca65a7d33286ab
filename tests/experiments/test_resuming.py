"""Interrupted, changed and repeated runs: what was done isn't done again, and the results are the same to the byte."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import odd_models
import pytest

from cells_here import run_here
from finished_run import SETTINGS, FinishedRun, genialearn_process
from genialearn import _files
from genialearn.cohorts import CohortFiles
from genialearn.errors import InputError
from genialearn.experiments import Plan, compare, comparison, plan_comparison
from genialearn.experiments.runs import CellKey, RunFolder

SAME_BYTES = ("scores.tsv", "comparisons.tsv", "predictions.parquet", "failures.tsv", "curves.tsv", "cohort.json")


def same_bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME_BYTES}


@pytest.fixture(autouse=True)
def _odd_models(odd_models_known: None) -> None:
    """Let the model `mean`, which takes no time, stand for all others."""


@pytest.fixture
def plan(planned: Callable[..., Plan]) -> Plan:
    return planned("gblup", "mean")


class InterruptionError(Exception):
    """Ends a run in the middle."""


def call_before(step: str, act: Callable[[], object]) -> Callable[[str, int, int], None]:
    """Return a listener to progress that does something as a step begins."""
    return lambda what, done, total: act() if what == step else None


def interrupt_before(step: str) -> Callable[[str, int, int], None]:
    def interrupt() -> None:
        raise InterruptionError(step)

    return call_before(step, interrupt)


@pytest.fixture
def cells_run(monkeypatch: pytest.MonkeyPatch, cells_in_process: None) -> list[str]:
    """The cells that have been run, in this process, in order."""
    run, seen = comparison.run_in_process, []

    def remember(folder: RunFolder, key: CellKey, **given: object) -> object:
        seen.append(str(key))
        return run(folder, key, **given)

    monkeypatch.setattr(comparison, "run_in_process", remember)
    return seen


@pytest.fixture(scope="module")
def uninterrupted(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of the plan, run in one go."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        odd_models.know(monkeypatch)
        monkeypatch.setattr(comparison, "run_in_process", run_here)
        plan = plan_comparison(CohortFiles.in_folder(tiny), models=["gblup", "mean"], split="kfold:2", threads=1)
        return same_bytes(compare(plan, tmp_path_factory.mktemp("runs") / "whole").path)


@pytest.mark.parametrize("step", ["gblup on fold1", "mean on fold1", "gblup on fold2", "scores and verdicts"])
def test_that_a_resumed_run_ends_in_the_same_bytes(
    plan: Plan, step: str, cells_run: list[str], uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(InterruptionError, match=step):
        compare(plan, tmp_path / "resumed", progress=interrupt_before(step))
    (tmp_path / "resumed" / ".scores.tsv.1.part").write_text("left by a process that was killed")
    resumed = compare(plan, tmp_path / "resumed").path

    assert uninterrupted == same_bytes(resumed)
    assert ["gblup on all-records", *map(str, plan.cells)] == cells_run
    assert {*SAME_BYTES, "costs.tsv", "run.json"} == {path.name for path in resumed.iterdir()}


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_that_a_cell_without_one_of_its_files_is_run_again(
    plan: Plan, ending: str, cells_run: list[str], uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    with pytest.raises(InterruptionError, match="scores"):
        compare(plan, tmp_path / "run", progress=interrupt_before("scores and verdicts"))
    RunFolder(tmp_path / "run").cell(CellKey("mean", "fold1"), ending).unlink()
    cells_run.clear()

    resumed = compare(plan, tmp_path / "run").path

    assert ["mean on fold1"] == cells_run
    assert uninterrupted == same_bytes(resumed)


@pytest.mark.usefixtures("cells_in_process")
def test_that_a_disk_which_fills_up_costs_no_finished_cell(
    plan: Plan, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    message = f"{tmp_path}/run/cells/gblup/fold2.parquet: no space left on device. Free some space, or write to another"
    with pytest.MonkeyPatch.context() as disk, pytest.raises(InputError, match=f"^{re.escape(message)}"):
        compare(
            plan,
            tmp_path / "run",
            progress=call_before("gblup on fold2", lambda: disk.setattr(_files.Path, "replace", full)),
        )

    folder = RunFolder(tmp_path / "run")
    assert [True, True, False, False] == [folder.is_done(key) for key in plan.cells]
    assert [] == list(folder.path.rglob(".*"))
    assert uninterrupted == same_bytes(compare(plan, tmp_path / "run").path)


@pytest.mark.usefixtures("cells_in_process")
def test_that_an_input_which_changes_meanwhile_ends_the_run(
    planned: Callable[..., Plan], herd: Path, tmp_path: Path
) -> None:
    plan = planned(cohort=herd)

    message = (
        f"{herd}/traits.tsv: expected the file that the comparison began with, found one that has changed since. "
        "Begin again with another --out, or with --force."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        compare(
            plan,
            tmp_path / "run",
            progress=call_before("gblup on fold2", lambda: os.utime(herd / "traits.tsv", (1, 1))),
        )


@pytest.mark.usefixtures("cells_in_process")
def test_that_a_moved_cohort_can_be_resumed_where_it_is_now(
    planned: Callable[..., Plan], herd: Path, cells_run: list[str], tmp_path: Path
) -> None:
    with pytest.raises(InterruptionError, match="gblup on fold2"):
        compare(planned(cohort=herd), tmp_path / "run", progress=interrupt_before("gblup on fold2"))
    cells_run.clear()

    compare(planned(cohort=herd.rename(tmp_path / "moved")), tmp_path / "run")

    assert ["gblup on fold2"] == cells_run


@pytest.mark.usefixtures("cells_in_process")
def test_that_force_replaces_the_run_and_nothing_else(planned: Callable[..., Plan], tmp_path: Path) -> None:
    compare(planned("mean"), tmp_path / "run")
    (tmp_path / "run" / "report.html").write_text("old")
    (tmp_path / "run" / "notes.txt").write_text("mine")

    replaced = compare(planned(split="forward"), tmp_path / "run", force=True).path

    expected = same_bytes(compare(planned(split="forward"), tmp_path / "new").path)
    assert expected == same_bytes(replaced)
    assert "mine" == (replaced / "notes.txt").read_text()
    assert not (replaced / "report.html").exists()


def test_that_two_processes_do_not_fill_one_folder(plan: Plan, tmp_path: Path) -> None:
    message = (
        f"{tmp_path}/run: expected a folder that no other process is filling, "
        "found one that another comparison is filling. Wait for it, or choose another --out."
    )

    with (
        RunFolder(tmp_path / "run").held(),
        pytest.raises(InputError, match=f"^{re.escape(message)}$"),
    ):
        compare(plan, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def _wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def test_that_a_killed_process_costs_nothing_but_time(finished: FinishedRun, tiny: Path, tmp_path: Path) -> None:
    words = ["compare", str(tiny), *SETTINGS, "--threads", "1", "--out", str(tmp_path / "run")]
    folder = RunFolder(tmp_path / "run")
    process = subprocess.Popen([sys.executable, "-m", "genialearn", *words], stderr=subprocess.DEVNULL)
    _wait_until(lambda: folder.is_done(CellKey("hybrid", "fold1")))
    process.kill()
    process.wait()

    answer = genialearn_process(*words)

    assert 0 == answer.code
    assert same_bytes(finished.folder) == same_bytes(folder.path)


_RUN_ENDLESS = """
import signal, sys, odd_models
from pathlib import Path
from genialearn.experiments import engine
from genialearn.experiments.runs import CellKey, RunFolder
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it otherwise
odd_models.register()
engine.PROGRAM = odd_models.PROGRAM
engine.run_in_process(RunFolder(Path(sys.argv[1])), CellKey("endless", "fold1"), threads=1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_that_no_process_outlives_the_one_that_started_it(
    number: signal.Signals, finished: FinishedRun, tmp_path: Path
) -> None:
    folder, noted = Path(shutil.copytree(finished.folder, tmp_path / "run")), tmp_path / "processes"
    environment = {**os.environ, "ENDLESS_PROCESSES": str(noted), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN_ENDLESS, str(folder)], env=environment, stderr=subprocess.DEVNULL
    )
    _wait_until(lambda: noted.exists() and noted.read_text().endswith("\n"))
    cell, child = map(int, noted.read_text().split())

    process.send_signal(number)
    process.wait(timeout=60)

    _wait_until(lambda: not _runs(cell) and not _runs(child), seconds=10)


def _runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
