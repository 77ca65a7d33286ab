"""How the process of a cell is started, and what is made of the way it ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from genialearn.experiments import comparison, engine
from genialearn.experiments.engine import Failure, run_in_process
from genialearn.experiments.runs import CellKey, RunFolder

KEY = CellKey("gblup", "fold1")
KILLED = "the process was killed: most likely it needed more memory than there is"
TOLD = '{"stage": "fit"}\n{"error": "ValueError", "message": "ValueError: no"}'

ENDINGS: dict[str, tuple[str, Failure]] = {
    "an exit": ("sys.exit(7)", Failure(KEY, "start", "ProcessEnded", "the process ended with exit 7: it said nothing")),
    "an exit without results": (
        "pass",
        Failure(KEY, "start", "ProcessEnded", "the process ended with exit 0: it said nothing"),
    ),
    "last words": (
        "sys.exit('first\\nlast\\n\\n')",
        Failure(KEY, "start", "ProcessEnded", "the process ended with exit 1: last"),
    ),
    "words that are no text": (
        "os.write(2, bytes([255])); sys.exit(1)",
        Failure(KEY, "start", "ProcessEnded", "the process ended with exit 1: \ufffd"),
    ),
    "a kill": ("os.kill(os.getpid(), 9)", Failure(KEY, "start", "ProcessEnded", KILLED)),
    "a crash": (
        "os.kill(os.getpid(), 11)",
        Failure(KEY, "start", "ProcessEnded", "the process ended by signal 11: it said nothing"),
    ),
    "a kill in a stage": (
        'print(\'{"stage": "predict"}\', flush=True); os.kill(os.getpid(), 9)',
        Failure(KEY, "predict", "ProcessEnded", KILLED),
    ),
    "an error": (f"print({TOLD!r}); sys.exit(1)", Failure(KEY, "fit", "ValueError", "ValueError: no")),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(ending: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, expected = ENDINGS[ending]
    monkeypatch.setattr(engine, "PROGRAM", ("-c", f"import os, sys\n{program}"))

    assert expected == run_in_process(RunFolder(tmp_path), KEY, threads=1)


def test_that_a_cell_ends_with_its_budget_and_what_it_started_ends_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The child holds its parent's standard output open, so that waiting for its end would take a minute."""
    program = """
import subprocess, sys, time
print('{"stage": "fit"}', flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
time.sleep(60)
"""
    monkeypatch.setattr(engine, "PROGRAM", ("-c", program))
    begun = time.monotonic()
    failure = run_in_process(RunFolder(tmp_path), KEY, threads=1, seconds=1.5)

    assert Failure(KEY, "fit", "ProcessEnded", "it took longer than its budget of 0.025 min") == failure
    assert time.monotonic() - begun < 30


def test_that_the_budget_is_every_models_but_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, float | None] = {}
    monkeypatch.setattr(comparison, "run_in_process", lambda folder, key, **given: asked.update({key.model: given}))
    plan = SimpleNamespace(threads=1, budget_minutes=2.0)
    for model in ("gblup", "hybrid"):
        comparison._run_unless_done(SimpleNamespace(is_done=lambda key: False), CellKey(model, "fold1"), plan)  # type: ignore[arg-type]

    assert {"gblup": {"threads": 1, "seconds": None}, "hybrid": {"threads": 1, "seconds": 120.0}} == asked


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, object]:
    """What a cell's process sees of its surroundings, started with three threads in a folder with a false numpy."""
    (tmp_path / "numpy.py").write_text("raise ImportError('not the real one')")
    program = """
import json, os, sys
seen = {"arguments": sys.argv[1:], "environment": dict(os.environ), "path": sys.path,
        "head": os.getpgrp() == os.getpid() == os.getsid(0)}
open("seen.json", "w").write(json.dumps(seen))
import numpy
"""
    monkeypatch.setattr(engine, "PROGRAM", ("-c", program))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.chdir(tmp_path)
    run_in_process(RunFolder(Path("run")), KEY, threads=3)
    return json.loads((tmp_path / "seen.json").read_text())


def test_that_a_cell_is_named_by_its_arguments(seen: dict[str, object]) -> None:
    assert ["run", "gblup", "fold1"] == seen["arguments"]


def test_that_every_library_is_told_the_number_of_threads(seen: dict[str, dict[str, str]]) -> None:
    counts = {name: value for name, value in seen["environment"].items() if name.endswith("_THREADS")}

    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"} <= counts.keys()
    assert {"3"} == {counts[name] for name in counts if not name.startswith("NUMBA_DEFAULT")}


def test_that_threads_of_a_cell_wait_without_spinning(seen: dict[str, dict[str, str]]) -> None:
    assert os.environ.get("OMP_WAIT_POLICY", "PASSIVE") == seen["environment"]["OMP_WAIT_POLICY"]


def test_that_a_user_may_let_threads_spin(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")

    assert request.getfixturevalue("seen")["environment"]["OMP_WAIT_POLICY"] == "ACTIVE"


def test_that_a_cell_imports_what_its_parent_imports(seen: dict[str, list[str]]) -> None:
    assert not set(map(os.path.realpath, sys.path)) - set(map(os.path.realpath, seen["path"]))
    assert os.getcwd() not in seen["path"]  # noqa: PTH109


def test_that_a_cell_heads_a_group_of_its_own(seen: dict[str, bool]) -> None:
    assert seen["head"]
