"""A plan holds everything that was asked, checked, with nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.cohorts import CohortFiles
from genialearn.errors import AlignmentError, SettingError
from genialearn.experiments import Plan, plan_comparison
from genialearn.experiments.inputs import files_as_settings, files_from_settings
from genialearn.experiments.machine import usable_cores
from genialearn.predictors import CATALOGUE


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], ["gblup"]),
        (["hybrid", "gblup"], ["gblup", "hybrid"]),
        (["hybrid", "lightgbm", "hybrid"], ["gblup", "hybrid", "lightgbm"]),
    ],
)
def test_that_models_come_as_asked_behind_the_reference(
    asked: list[str], expected: list[str], planned: Callable[..., Plan]
) -> None:
    assert expected == list(planned(*asked).models)


@pytest.mark.parametrize("name", ["pedigree", "parent-average"])
def test_that_pedigree_models_need_a_pedigree(name: str, planned: Callable[..., Plan], herd: Path) -> None:
    (herd / "pedigree.tsv").unlink()

    with pytest.raises(SettingError, match=f"model {name}: expected a pedigree, found none"):
        planned(name, cohort=herd)


def test_that_the_joint_model_takes_no_random_effects(planned: Callable[..., Plan], herd: Path) -> None:
    settings = herd / "traits.toml"
    settings.write_text(settings.read_text().replace("[milk]", '[milk]\nrandom = "herd"'))

    with pytest.raises(SettingError, match="gblup-multi: expected no random effects"):
        planned("gblup-multi", cohort=herd)


def test_that_all_stands_for_what_can_be_run(
    planned: Callable[..., Plan], herd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (herd / "pedigree.tsv").unlink()
    monkeypatch.setattr("genialearn.experiments.plan.is_installed", lambda name: "network" not in name)

    plan = planned("hybrid", "all", cohort=herd)

    left_out = {"pedigree", "parent-average", "network", "network-residual"}
    assert left_out == set(plan.content["left_out"])
    assert "model network: expected the library torch" in plan.content["left_out"]["network"]
    assert "model pedigree: expected a pedigree" in plan.content["left_out"]["pedigree"]
    assert set(CATALOGUE) - left_out == set(plan.models)
    assert ["gblup", "hybrid"] == list(plan.models)[:2]
    assert len(plan.models) == len(set(plan.models))


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("inf")])
def test_that_a_budget_is_some_minutes(minutes: float, planned: Callable[..., Plan]) -> None:
    with pytest.raises(SettingError, match=r"^budget: expected a number from 0\.01 to 100000, found"):
        planned(budget_minutes=minutes)


def test_that_cells_are_every_model_on_every_split(planned: Callable[..., Plan]) -> None:
    cells = [str(key) for key in planned("hybrid").cells]

    assert ["gblup on fold1", "hybrid on fold1", "gblup on fold2", "hybrid on fold2"] == cells


def test_that_no_number_of_threads_means_all(tiny: Path) -> None:
    files = CohortFiles.in_folder(tiny)

    assert usable_cores() == plan_comparison(files, models=[], split="forward").threads


def test_that_truth_is_aligned_and_missing_where_it_is_unknown(planned: Callable[..., Plan], herd: Path) -> None:
    truth = pd.read_csv(herd / "truth" / "genetic_values.tsv", sep="\t")
    truth.drop(columns="fat").iloc[::-1].drop(index=3).to_csv(
        herd / "truth" / "genetic_values.tsv", sep="\t", index=False
    )

    plan = planned(cohort=herd)

    expected = truth.set_index("id").assign(fat=np.nan).drop(index="cow004").reindex(list(plan.cohort.animals))
    np.testing.assert_array_equal(expected[plan.cohort.records.trait_names], plan.truths["genetic_values"])
    assert plan.content["cohort"]["simulated"]


def test_that_real_cohorts_have_no_truth(planned: Callable[..., Plan], herd: Path) -> None:
    for path in (herd / "truth").iterdir():
        path.unlink()
    (herd / "truth").rmdir()

    plan = planned(cohort=herd)

    assert {} == plan.truths
    assert not plan.content["cohort"]["simulated"]


def test_that_a_formula_is_tried_before_anything_is_run(planned: Callable[..., Plan]) -> None:
    with pytest.raises(SettingError, match=r"^fixed effects 'exp\(herd\)': expected a formula such as .*TypeError"):
        planned(fixed="exp(herd)")


def test_that_a_trait_needs_training_records_in_every_split(planned: Callable[..., Plan], herd: Path) -> None:
    table = pd.read_csv(herd / "traits.tsv", sep="\t")
    table.loc[8:, "health"] = np.nan
    table.to_csv(herd / "traits.tsv", sep="\t", index=False)

    message = (
        r"^split fold\d: trait health: expected at least 5 records of training animals, found \d\. "
        r"Leave the trait out with --trait, or use another --split\.$"
    )
    with pytest.raises(AlignmentError, match=message):
        planned(cohort=herd)


def test_that_memory_is_said_to_grow_with_animals_and_patterns_of_holes(planned: Callable[..., Plan]) -> None:
    alike, with_holes = planned(trait_names=("milk", "fat")), planned(trait_names=("health", "conception"))

    assert alike.memory_gib < with_holes.memory_gib
    assert with_holes.memory_gib < with_holes.available_memory_gib


def test_that_files_survive_as_settings(tiny: Path) -> None:
    files = CohortFiles.in_folder(tiny, trait_names=("milk",), fixed="herd")

    assert files == files_from_settings(files_as_settings(files))


def test_that_relative_files_become_absolute(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)

    settings = files_as_settings(CohortFiles.in_folder(tiny.name))

    assert {True} == {Path(value).is_absolute() for name, value in settings.items() if name != "trait_names"}
