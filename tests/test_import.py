"""What an import costs: `import genialearn` must be free, and help must not wait for numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "lightgbm", "plotly", "pandas", "numba", "scipy", "sklearn", "pyarrow", "typer", "numpy")
SLOWEST = 0.5


def modules_after(program: str) -> set[str]:
    """Return the top-level modules that a fresh process has loaded at the end of a program."""
    listing = f"import sys\n{program}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}), sep='\\n')"
    ended = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(ended.stdout.split("\n"))


def test_that_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import genialearn") & set(HEAVY)


def test_that_the_package_is_imported_at_once() -> None:
    program = "import time; began = time.perf_counter(); import genialearn; print(time.perf_counter() - began)"
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(3)
    ]

    assert min(float(run.stdout) for run in runs) < SLOWEST


@pytest.mark.parametrize(
    "words", [["--help"], ["compare", "--help"], ["--version"], ["compare", "--sead", "1"]], ids=" ".join
)
def test_that_help_and_misspelt_options_wait_for_no_library_but_the_command_line_s(words: list[str]) -> None:
    program = f"""
import contextlib, io
from genialearn.cli.app import main
sys.argv = ["genialearn", *{words}]
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    with contextlib.suppress(SystemExit):
        main()"""

    assert {"typer"} == set(HEAVY) & modules_after(program)


def test_that_gblup_starts_without_what_it_does_not_need() -> None:
    loaded = modules_after(
        "from genialearn.cohorts import read_cohort\n"
        "from genialearn.predictors.gblup import GBLUP\n"
        "assert 'scipy.stats' not in sys.modules"
    )

    assert not loaded & {"torch", "lightgbm", "plotly", "sklearn", "formulaic", "typer", "rich", "jinja2"}


def test_that_a_cell_starts_without_what_it_does_not_need() -> None:
    loaded = modules_after("import genialearn.experiments.cell, scipy\nassert 'scipy.stats' not in sys.modules")

    assert not loaded & {"torch", "lightgbm", "plotly", "sklearn", "formulaic", "typer", "jinja2"}
