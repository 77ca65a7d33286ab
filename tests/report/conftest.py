from __future__ import annotations

from pathlib import Path

import pytest
from example_run import write_example_run

from genialearn.report import render_report


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four models; read only."""
    return write_example_run(tmp_path_factory.mktemp("run") / "first")


@pytest.fixture(scope="session")
def evil_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two references, a failed model, and names that are markup; read only."""
    folder = tmp_path_factory.mktemp("evil") / "<i>run</i>"
    return write_example_run(folder, evil=True, failed=("network",), references=("gblup", "lightgbm"))


@pytest.fixture(scope="session")
def report(run_folder: Path) -> Path:
    return render_report(run_folder)


@pytest.fixture(scope="session")
def evil_report(evil_folder: Path) -> Path:
    return render_report(evil_folder)
