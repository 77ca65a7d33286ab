"""`select`: cells, tables, resuming, and what is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.errors import GenialearnError, InputError, SettingError
from genialearn.experiments import selection
from genialearn.experiments.cell import run_cell
from genialearn.experiments.engine import Failure, new_lifeline, run_in_process
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.experiments.selection import select, summary
from genialearn.experiments.selection_cell import accuracy_and_slope, run_selection_cell, summed
from genialearn.experiments.selection_design import SelectionDesign

DESIGN = SelectionDesign(animals=50, markers=220, generations=2, founders="independent", seed=3)
MODELS = ("gblup", "random", "truth")
SAME_BYTES = ("selection.tsv", "gain.tsv", "failures.tsv")


@pytest.fixture
def cells_run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let cells run in this process; returns which ones have run."""
    seen: list[str] = []

    def run_here(
        folder: RunFolder, key: CellKey, *, threads: int, program: Sequence[str], lifeline: int
    ) -> Failure | None:
        seen.append(str(key))
        told: list[dict[str, object]] = []
        return None if run_cell(folder, key, told.append, run_selection_cell) else Failure.told(key, told, "")

    monkeypatch.setattr(selection, "run_in_process", run_here)
    return seen


def run(out: Path, design: SelectionDesign = DESIGN, **given: object) -> Path:
    return select(out, design, **{"models": MODELS, "replicates": 2, "jobs": 1, "threads": 1, **given})  # type: ignore[arg-type]


def same_bytes(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME_BYTES}


def test_a_folder_is_filled(cells_run: list[str], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = run(tmp_path / "out", progress=lambda *step: told.append(step))

    assert {*SAME_BYTES, "run.json"} == {path.name for path in folder.iterdir()}
    table = pd.read_csv(folder / "selection.tsv", sep="\t")
    assert ["model", "replicate", "generation", "trait", "figure", "value"] == list(table.columns)
    assert {(model, replicate) for model in MODELS for replicate in (1, 2)} == set(
        zip(table["model"], table["replicate"], strict=True)
    )
    by_figure = {name: set(part["generation"]) for name, part in table.groupby("figure")}
    assert {0, 1, 2} == by_figure["gain"] == by_figure["genetic_variance"] == by_figure["inbreeding"]
    assert {1, 2} == by_figure["accuracy"] == by_figure["b1"] == by_figure["sires"]
    assert {"gblup"} == set(table.loc[table["figure"] == "accuracy", "model"])
    base = table[table["generation"] == 0].set_index("figure")["value"]
    np.testing.assert_allclose(base["gain"], 0.0)
    np.testing.assert_allclose(base["inbreeding"], 0.0)
    state = json.loads((folder / "run.json").read_text())
    assert ("select", "finished", list(MODELS)) == (state["kind"], state["status"], state["settings"]["models"])
    assert {"base", "breed", "fit", "predict"} == {stage["stage"] for stage in state["stages"]}
    assert ("done", 6, 6) == told[-1]


def test_replicates_are_the_same_for_all_models(cells_run: list[str], tmp_path: Path) -> None:
    table = pd.read_csv(run(tmp_path / "out") / "selection.tsv", sep="\t")
    base = table[(table["generation"] == 0)].pivot_table(
        index=["replicate", "trait", "figure"], columns="model", values="value"
    )

    for model in ("random", "truth"):
        np.testing.assert_array_equal(base["gblup"], base[model])
    first, second = (base.xs(replicate, level="replicate")["gblup"].to_numpy() for replicate in (1, 2))
    assert not np.allclose(first, second)


def test_same_seed_same_bytes_and_resuming(
    cells_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = same_bytes(run(tmp_path / "whole"))
    here = selection.run_in_process

    def interrupted(folder: RunFolder, key: CellKey, **given: object) -> Failure | None:
        if len(cells_run) == 9:
            raise KeyboardInterrupt("as a user does")
        return here(folder, key, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(selection, "run_in_process", interrupted)
    with pytest.raises(KeyboardInterrupt, match="as a user does"):
        run(tmp_path / "again")
    assert 9 == len(cells_run)
    with pytest.raises(InputError, match=r"expected the settings and inputs of the unfinished run there, found a "
                       r"difference in replicates\. Repeat its command to resume it"):  # fmt: skip
        run(tmp_path / "again", replicates=3)
    with pytest.raises(InputError, match="a difference in seed"):
        run(tmp_path / "again", SelectionDesign(**{**asdict(DESIGN), "seed": 4}))

    monkeypatch.setattr(selection, "run_in_process", here)
    assert whole == same_bytes(run(tmp_path / "again"))
    assert 12 == len(cells_run)
    with pytest.raises(InputError, match="expected a new or unfinished run folder, found a finished one"):
        run(tmp_path / "again")
    assert whole == same_bytes(run(tmp_path / "again", force=True))


def test_a_model_that_fails_is_reported_and_others_go_on(
    cells_run: list[str], odd_models_known: None, tmp_path: Path
) -> None:
    folder = run(tmp_path / "out", models=("mean", "raising", "notanumber"), replicates=1)

    failures = pd.read_csv(folder / "failures.tsv", sep="\t")
    assert ["raising", "notanumber"] == failures["model"].tolist()
    raised, wrong = failures["message"]
    assert "ZeroDivisionError: no luck today" == raised
    assert "model notanumber: expected finite predictions, found 1 that aren't." == wrong
    table = pd.read_csv(folder / "selection.tsv", sep="\t")
    assert {"mean"} == set(table["model"])
    assert table.loc[table["figure"] == "accuracy", "value"].isna().all()

    with pytest.raises(GenialearnError, match="expected at least one model by which animals could be bred, found 1"):
        run(tmp_path / "other", models=("raising",), replicates=1)


def test_cells_have_processes_of_their_own(tmp_path: Path) -> None:
    folder = run(tmp_path / "out", models=("gblup",), replicates=2, jobs=2, threads=2)

    state = json.loads((folder / "run.json").read_text())
    assert (2, 1) == (state["settings"]["jobs"], state["settings"]["threads_of_a_cell"])
    assert all(stage["peak_rss_mib"] > 100 for stage in state["stages"])


def test_cells_that_run_at_once_end_with_their_lifeline(tmp_path: Path) -> None:
    waiting = ("-c", "import os, sys; open('/'.join(sys.argv[1:3]), 'w').close(); os.read(0, 1); sys.exit(7)")
    with ThreadPoolExecutor(2) as pool, new_lifeline() as lifeline:
        cells = [
            pool.submit(
                run_in_process, RunFolder(tmp_path), CellKey(name, "x"), threads=1, program=waiting, lifeline=lifeline
            )
            for name in ("one", "other")
        ]
        while len(list(tmp_path.iterdir())) < 2 and not any(cell.done() for cell in cells):
            time.sleep(0.05)

    for cell in cells:
        failure = cell.result()
        assert failure is not None
        assert "the process ended with exit 7: it said nothing" == failure.message


def test_summary_pairs_replicates() -> None:
    values = {"gblup": [1.0, 2.0, 6.0], "lightgbm": [2.0, 4.0, float("nan")]}
    rows = [
        (model, replicate, 1, "index", "gain", value)
        for model, listed in values.items()
        for replicate, value in enumerate(listed, start=1)
    ]
    table = pd.DataFrame(rows, columns=["model", "replicate", "generation", "trait", "figure", "value"])
    reference, other = summary(table).to_dict("records")

    assert (3.0, 3) == (reference["mean"], reference["n"])
    assert reference["se"] == pytest.approx(np.std([1, 2, 6], ddof=1) / np.sqrt(3))
    assert np.isnan(reference["difference"])
    assert (3.0, 2, 1.5, 0.5) == (other["mean"], other["n"], other["difference"], pytest.approx(other["difference_se"]))


def test_accuracy_and_slope() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.standard_normal(200)
    true = 3 + 2 * predicted + rng.standard_normal(200)

    accuracy, slope = accuracy_and_slope(true, predicted)
    assert accuracy == pytest.approx(np.corrcoef(true, predicted)[0, 1])
    assert slope == pytest.approx(np.polyfit(predicted, true, 1)[0])
    assert np.isnan(accuracy_and_slope(true, np.full(200, 7.0))).all()


def test_costs_are_summed_by_stage() -> None:
    stages = [
        {"stage": name, "wall_s": wall, "cpu_s": 1.0, "peak_rss_mib": peak}
        for name, wall, peak in (("fit", 1.0, 10.0), ("predict", 2.0, 11.0), ("fit", 3.0, 12.0))
    ]

    assert [("fit", 4.0, 2.0, 12.0), ("predict", 2.0, 1.0, 11.0)] == [tuple(c.values()) for c in summed(stages)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"models": ("gblop",)}, SettingError, "model: expected a known name, found 'gblop'. Did you mean gblup?"),
        ({"models": ("thruth",)}, SettingError, "Did you mean truth?"),
        ({"models": ("pedigree",)}, SettingError, "model pedigree: expected a model of the markers, found one of the"),
        ({"replicates": 0}, SettingError, "replicates: expected a whole number of at least 1, found 0"),
        ({"threads": -1}, SettingError, "threads: expected a whole number of at least 0, found -1"),
        ({"jobs": -1}, SettingError, "jobs: expected a whole number of at least 0, found -1"),
    ],
)
def test_what_cannot_be_run(given: dict[str, object], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=re.escape(message)):
        run(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_other_folders_stay(tmp_path: Path, cells_run: list[str]) -> None:
    (tmp_path / "run.json").write_text('{"genialearn": "0.1.0", "settings": {}, "status": "finished"}')

    with pytest.raises(InputError, match="expected a new folder, or one that genialearn select made"):
        run(tmp_path, force=True)
    assert [] == cells_run


def test_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genialearn.experiments.machine.usable_memory_gib", lambda: 0.1)
    told: list[str] = []
    with pytest.raises(InputError, match=r"memory: expected about 0\.\d GiB for 1 cell, found 0\.1 GiB.*--jobs"):
        run(tmp_path / "out", announce=lambda memory: told.append(memory.line()))
    assert re.match(r"memory: about 0\.\d of 0\.1 GiB for 1 cell", told[0])
    assert not (tmp_path / "out").exists()
