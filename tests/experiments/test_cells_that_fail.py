"""A model that raises, dies or answers nonsense is one failed cell: the others go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import odd_models
import pandas as pd
import pytest
from odd_models import CHILD_MIB, PARENT_MIB

from genialearn.cohorts import CohortFiles
from genialearn.errors import ConvergenceError, GenialearnError, InputError
from genialearn.experiments import compare, comparison, plan_comparison
from genialearn.experiments.cell import WHOLE
from genialearn.experiments.engine import Failure
from genialearn.experiments.runs import CellKey

FAILING = ["raising", "killed", "notanumber"]
WORKING = ["talking", "parent"]


@pytest.fixture(scope="module")
def folder(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of misbehaving models, each cell in a process of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        odd_models.know(monkeypatch)
        files = CohortFiles.in_folder(tiny, trait_names=("milk", "fat"))
        plan = plan_comparison(files, models=[*FAILING, *WORKING], split="forward", threads=1)
        yield compare(plan, tmp_path_factory.mktemp("runs") / "odd").path


def test_that_failures_say_who_when_and_why(folder: Path) -> None:
    failures = pd.read_csv(folder / "failures.tsv", sep="\t")
    expected = [
        ("raising", "forward", "fit", "ZeroDivisionError", "ZeroDivisionError: no luck today"),
        (
            "killed", "forward", "fit", "ProcessEnded",
            "the process was killed: most likely it needed more memory than there is",
        ),
        (
            "notanumber", "forward", "predict", "GenialearnError",
            "model notanumber: expected finite predictions, found 1 that are NaN or infinite.",
        ),
    ]  # fmt: skip

    assert expected == list(failures.itertuples(index=False, name=None))


@pytest.mark.parametrize("name", ["scores.tsv", "comparisons.tsv", "costs.tsv"])
def test_that_the_others_have_results(name: str, folder: Path) -> None:
    models = pd.read_csv(folder / name, sep="\t")["model"].unique()

    assert [model for model in ["gblup", *WORKING] if (model, name) != ("gblup", "comparisons.tsv")] == list(models)


def test_that_a_run_with_failed_cells_is_finished(folder: Path) -> None:
    assert "finished" == json.loads((folder / "run.json").read_text())["status"]
    assert not (folder / "cells").exists()


def test_that_notes_are_kept_and_prints_are_not_messages(folder: Path) -> None:
    notes = json.loads((folder / "run.json").read_text())["notes"]

    assert [{"model": "talking", "split": "forward", "note": "I talk too much"}] == notes


def test_that_the_peak_memory_counts_children(folder: Path) -> None:
    peaks = pd.read_csv(folder / "costs.tsv", sep="\t").pivot(index="model", columns="stage", values="peak_rss_mib")

    grown = (peaks["fit"] - peaks["read"])["parent"]

    just_born = peaks["read"]["parent"]  # for a moment a child shows the memory of the parent that forked it
    assert PARENT_MIB + CHILD_MIB - 20 < grown < PARENT_MIB + CHILD_MIB + 60 + just_born


@pytest.fixture
def failing_cells(monkeypatch: pytest.MonkeyPatch) -> dict[str, Failure]:
    """Cells that fail without being run, by model and split; all others fail too, with an error of their own."""
    failures: dict[str, Failure] = {}

    def run(folder: object, key: CellKey, **given: object) -> Failure:
        return failures.get(str(key), Failure(key, "fit", "ValueError", f"ValueError: no {key.model}."))

    monkeypatch.setattr(comparison, "run_in_process", run)
    return failures


def test_that_a_reference_which_fails_on_all_records_ends_the_run(planned, failing_cells, tmp_path: Path) -> None:
    message = (
        "gblup on all-records: expected a fitted model, found ValueError: no gblup. "
        "Nothing can be judged without it; repeat the command when its cause is gone."
    )

    with pytest.raises(GenialearnError, match=f"^{message}$") as raised:
        compare(planned(split="forward"), tmp_path / "new" / "run")

    assert 1 == raised.value.exit_code
    assert [] == list(tmp_path.iterdir())


def test_that_the_kind_of_error_and_its_advice_outlive_the_process(planned, failing_cells, tmp_path: Path) -> None:
    parts = {"where": "trait milk", "expected": "an end", "found": "none", "advice": "Ask for more iterations."}
    key = CellKey("gblup", WHOLE)
    failing_cells[str(key)] = Failure(key, "fit", "ConvergenceError", "", parts)
    (tmp_path / "run").mkdir()

    with pytest.raises(ConvergenceError, match=r"^trait milk: expected an end, found none\. Ask for more iterations"):
        compare(planned(split="forward"), tmp_path / "run")

    assert [tmp_path / "run"] == list(tmp_path.rglob("*"))


@pytest.mark.usefixtures("cells_in_process")
def test_that_a_run_without_any_result_can_be_repeated(
    planned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = comparison.run_in_process
    plan = planned(split="forward")

    def only_whole(folder: object, key: CellKey, **given: object) -> Failure | None:
        failed = Failure(key, "fit", "ValueError", "ValueError: unlucky.")
        return run(folder, key, **given) if key.split == WHOLE else failed

    monkeypatch.setattr(comparison, "run_in_process", only_whole)
    message = (
        "run: expected at least one model that could be fitted, found 1 failures, the first of gblup on forward: "
        r"ValueError: unlucky\. See failures\.tsv; repeat the command to try again\."
    )
    with pytest.raises(GenialearnError, match=message):
        compare(plan, tmp_path / "run")

    assert "unlucky" in (tmp_path / "run" / "failures.tsv").read_text()
    monkeypatch.setattr(comparison, "run_in_process", run)
    assert (compare(plan, tmp_path / "run").path / "scores.tsv").is_file()


@pytest.mark.parametrize("stage", ["read", "write"])
def test_that_files_which_fail_in_one_cell_end_the_run(planned, failing_cells, stage: str, tmp_path: Path) -> None:
    parts = {"where": "a file", "expected": "", "found": "", "advice": "Help."}
    key = CellKey("gblup", WHOLE)
    failing_cells[str(key)] = Failure(key, stage, "InputError", "", parts)

    with pytest.raises(InputError, match=r"^a file\. Help\.$"):
        compare(planned(split="forward"), tmp_path / "run")
