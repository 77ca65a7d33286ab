from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genialearn.experiments import Plan, compare
from tiny_cohort import BIRTH_YEARS, N_ANIMALS

SPLITS = {
    "forward": ["forward"],
    "forward:0.5": ["forward"],
    "kfold:2x2": ["repeat1-fold1", "repeat1-fold2", "repeat2-fold1", "repeat2-fold2"],
    "family:2": ["family1", "family2"],
}


@pytest.mark.usefixtures("cells_in_process", "odd_models_known")
@pytest.mark.parametrize("split", SPLITS)
def test_runs_of_every_scheme(split: str, planned: Callable[..., Plan], tmp_path: Path) -> None:
    folder = compare(planned("mean", split=split, trait_names=("milk", "health")), tmp_path / "run").path

    predictions = pd.read_parquet(folder / "predictions.parquet")
    scores = pd.read_csv(folder / "scores.tsv", sep="\t")
    run = json.loads((folder / "run.json").read_text())
    assert SPLITS[split] == [part["label"] for part in run["splits"]]
    assert {*SPLITS[split], "all"} == set(scores["split"])
    tested = predictions[(predictions["model"] == "gblup") & (predictions["trait"] == "milk")]
    assert {part["label"]: part["n_test"] for part in run["splits"]} == dict(tested["split"].value_counts())


def test_that_looking_forward_tests_the_youngest(planned: Callable[..., Plan]) -> None:
    [split] = planned(split="forward:0.3").splits

    assert BIRTH_YEARS[split.train].max() < BIRTH_YEARS[split.test].min()
    assert N_ANIMALS / 3 == len(split.test)


def test_that_sire_families_stay_together(planned: Callable[..., Plan], tiny: Path) -> None:
    plan = planned(split="family:4")
    pedigree = pd.read_csv(tiny / "pedigree.tsv", sep="\t").set_index("id")
    sires = pedigree.loc[list(plan.cohort.animals), "sire"].to_numpy()

    for split in plan.splits:
        assert not set(sires[split.train]) & set(sires[split.test])
    assert N_ANIMALS == np.sum([len(split.test) for split in plan.splits])


def test_that_the_seed_decides_random_folds_alone(planned: Callable[..., Plan]) -> None:
    first, again = planned(), planned("hybrid", trait_names=("fat",))

    assert [list(split.test) for split in first.splits] == [list(split.test) for split in again.splits]
