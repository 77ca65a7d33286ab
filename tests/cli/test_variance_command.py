"""`genialearn variance` as a user runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finished_run import Answer
from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.predictors.gblup import GBLUP
from tiny_cohort import TRAITS

FILES = {
    "breeding_values.tsv",
    "components.tsv",
    "fixed_effects.tsv",
    "genetic_correlations.tsv",
    "marker_effects.tsv",
    "reliabilities.tsv",
    "run.json",
    "variance.tsv",
}


@pytest.fixture
def estimate(tiny: Path, tmp_path: Path, genialearn: Callable[..., Answer]) -> Callable[..., Answer]:
    """Estimate the tiny cohort into `out` in the test's own folder."""
    return lambda *words: genialearn("variance", str(tiny), "--out", str(tmp_path / "out"), *words)


def test_that_it_says_first_what_it_takes_and_last_what_it_found(
    estimate: Callable[..., Answer], tmp_path: Path
) -> None:
    answer = estimate()
    said = [re.sub(r"^\[ *\d+ s\] ", "", line) for line in answer.err.splitlines()]
    found = pd.read_csv(tmp_path / "out" / "variance.tsv", sep="\t")

    assert 0 == answer.code
    assert "0/100 reading" == said[0]
    assert "120 animals x 200 markers x 4 traits; 120 animals with records to learn from" == said[1]
    assert "  every animal has genotype and records" == said[2]
    assert re.fullmatch(r"memory: about 0\.3 of \d+\.\d GiB for the exact solver", said[3])
    assert ["0/100 writing", "100/100 done"] == said[-2:]
    lines = [f"{name}\t{h2:.3f}\t{se:.3f}" for name, h2, se in found.iloc[:, :3].itertuples(index=False)]
    assert ["trait\th2\tse", *lines, f"results: {tmp_path / 'out'}"] == answer.out.splitlines()


def test_that_quiet_leaves_only_the_result(estimate: Callable[..., Answer]) -> None:
    answer = estimate("--quiet")

    assert (0, "") == (answer.code, answer.err)
    assert TRAITS == [line.split("\t")[0] for line in answer.out.splitlines()[1:-1]]


@pytest.mark.parametrize("solver", ["exact", "iterative"])
def test_that_options_reach_the_model(solver: str, estimate: Callable[..., Answer], tiny: Path, tmp_path: Path) -> None:
    words = f"--solver {solver} --relationships vanraden2 --seed 7 --threads 1 --trait milk --trait health --fixed herd"
    estimate(*words.split(), "--quiet")

    cohort, _ = read_cohort(CohortFiles.in_folder(tiny, trait_names=("milk", "health"), fixed="herd"))
    model = GBLUP(solver=solver, relationships="vanraden2", seed=7).fit(cohort)
    found = pd.read_csv(tmp_path / "out" / "breeding_values.tsv", sep="\t")
    assert FILES == {path.name for path in (tmp_path / "out").iterdir()}
    assert ["id", "milk", "health"] == list(found)
    np.testing.assert_allclose(found[["milk", "health"]], model.breeding_values(cohort), rtol=1e-6, atol=1e-7)


def test_that_parts_can_be_left_out(estimate: Callable[..., Answer], tmp_path: Path) -> None:
    estimate("--no-covariances", "--no-reliabilities")

    left = {path.name for path in (tmp_path / "out").iterdir()}
    components = pd.read_csv(tmp_path / "out" / "components.tsv", sep="\t")
    assert FILES - {"genetic_correlations.tsv", "reliabilities.tsv"} == left
    assert (components["trait"] == components["other"]).all()


def test_that_the_command_is_written_down(estimate: Callable[..., Answer], tiny: Path, tmp_path: Path) -> None:
    estimate("--threads", "1")

    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert f"genialearn variance {tiny} --out {tmp_path / 'out'} --threads 1" == run["command"]
    assert 1 == run["settings"]["threads"]


def test_that_the_same_seed_gives_the_same_bytes(estimate: Callable[..., Answer], tmp_path: Path) -> None:
    def written() -> dict[str, bytes]:
        return {name: (tmp_path / "out" / name).read_bytes() for name in FILES - {"run.json"}}

    estimate("--solver", "iterative")
    before = written()
    estimate("--solver", "iterative", "--force")

    assert before == written()


def test_that_force_replaces_results_and_keeps_what_is_not_its_own(
    estimate: Callable[..., Answer], tmp_path: Path
) -> None:
    estimate("--quiet")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    (tmp_path / "out" / "run.json").write_text(json.dumps(run | {"tables": [*run["tables"], "old.tsv"]}))
    (tmp_path / "out" / "old.tsv").write_text("of an earlier run")

    answer = estimate("--trait", "milk", "--force")

    assert 0 == answer.code
    assert FILES | {"notes.txt"} == {path.name for path in (tmp_path / "out").iterdir()}
    assert ["milk"] == list(pd.read_csv(tmp_path / "out" / "variance.tsv", sep="\t")["trait"])


def test_that_what_a_killed_run_left_is_no_hindrance(estimate: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "out" / ".part").mkdir(parents=True)
    (tmp_path / "out" / ".part" / "variance.tsv").write_text("trait")

    assert 0 == estimate("--quiet").code
    assert FILES == {path.name for path in (tmp_path / "out").iterdir()}
