"""What a finished run folder holds, file by file: others read it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finished_run import MODELS, FinishedRun
from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.predictors import make_predictor
from tiny_cohort import ANIMALS, N_ANIMALS, N_MARKERS, TRAITS

FOLDS = ["fold1", "fold2"]
COLUMNS = {
    "scores.tsv": "trait model split metric estimate se n",
    "comparisons.tsv": "trait model reference metric difference se p p_holm verdict",
    "costs.tsv": "model split stage wall_s cpu_s peak_rss_mib n_animals n_markers n_traits",
    "curves.tsv": "model split driver target share p p_holm breeding_value effect lower upper",
    "failures.tsv": "model split stage error message",
    "predictions.parquet": "id trait model split observed predicted weight",
}
QUANTITATIVE = ["r", "accuracy", "b1", "bias", "mse", "top10"]
BINARY = ["r", "accuracy", "b1", "bias", "mse", "auc"]
TRUTHS = ["r_breeding_value", "r_genetic_value"]


def table(folder: Path, name: str) -> pd.DataFrame:
    path = folder / name
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, sep="\t")


@pytest.fixture(scope="module")
def folder(finished: FinishedRun) -> Path:
    assert 0 == finished.answer.code, finished.answer.err
    return finished.folder


@pytest.fixture(scope="module")
def run(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text())


@pytest.fixture(scope="module")
def predictions(folder: Path) -> pd.DataFrame:
    return table(folder, "predictions.parquet")


def test_that_a_finished_folder_holds_these_files_and_no_other(folder: Path) -> None:
    expected = {*COLUMNS, "run.json", "cohort.json", "report.html"}

    assert expected == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str, folder: Path) -> None:
    assert COLUMNS[name] == " ".join(table(folder, name).columns)


def test_scores_are_those_of_every_trait_model_split_and_metric(folder: Path) -> None:
    scores = table(folder, "scores.tsv")
    scored = scores[scores["metric"] != "h2"]
    expected = [
        (trait, model, split, metric)
        for model in MODELS
        for trait in TRAITS
        for metric in [*(BINARY if trait == "conception" else QUANTITATIVE), *TRUTHS]
        for split in [*FOLDS, "all"]
    ]

    assert expected == list(scored[["trait", "model", "split", "metric"]].itertuples(index=False, name=None))
    assert scored["estimate"].notna().all()


def test_heritabilities_are_those_of_every_trait_model_and_split(folder: Path) -> None:
    scores = table(folder, "scores.tsv")
    heritabilities = scores[scores["metric"] == "h2"]
    expected = [(trait, model, split) for model in MODELS for trait in TRAITS for split in [*FOLDS, "all"]]

    assert expected == list(heritabilities[["trait", "model", "split"]].itertuples(index=False, name=None))
    assert heritabilities["estimate"].between(0, 1).all()


def test_predictions_hold_each_tested_animal_once_a_trait_and_model(predictions: pd.DataFrame) -> None:
    per_model = predictions.groupby("model", sort=False)

    assert MODELS == list(per_model.groups)
    for _, part in per_model:
        assert ANIMALS == sorted(part["id"].unique())
        assert len(part) == N_ANIMALS * len(TRAITS) == len(part[["id", "trait"]].drop_duplicates())
    assert np.isfinite(predictions["predicted"]).all()


def test_observed_is_the_record_without_fixed_effects_by_gblup_on_all_records(
    predictions: pd.DataFrame, tiny: Path
) -> None:
    cohort = read_cohort(CohortFiles.in_folder(tiny))[0].canonical()
    fitted = make_predictor("gblup").fit(cohort)
    values, weights = adjusted_by_animal(fitted.models_, len(cohort))

    for model in MODELS:
        rows = predictions[predictions["model"] == model]
        observed = rows.pivot(index="id", columns="trait", values="observed").loc[list(cohort.animals), TRAITS]
        weight = rows.pivot(index="id", columns="trait", values="weight").loc[list(cohort.animals), TRAITS]
        np.testing.assert_allclose(observed.to_numpy(), values, atol=1e-7)
        np.testing.assert_array_equal(weight.to_numpy(), weights)


def test_observed_differs_from_the_record_by_one_shift_a_herd(predictions: pd.DataFrame, tiny: Path) -> None:
    records = pd.read_csv(tiny / "traits.tsv", sep="\t").merge(pd.read_csv(tiny / "covariates.tsv", sep="\t"))
    milk = predictions[(predictions["model"] == "gblup") & (predictions["trait"] == "milk")].merge(records, on="id")

    shifts = (milk["milk"] - milk["observed"]).groupby(milk["herd"]).agg(["mean", "std"])

    assert shifts["std"].max() < 1e-6
    assert shifts["mean"].is_monotonic_increasing
    assert 2 < shifts["mean"].max() - shifts["mean"].min() < 6


def test_binary_predictions_are_probabilities(predictions: pd.DataFrame) -> None:
    probabilities = predictions.loc[predictions["trait"] == "conception", "predicted"]

    assert probabilities.between(0, 1).all()


@pytest.mark.parametrize("truth", ["breeding_value", "genetic_value"])
def test_accuracies_of_the_truth_are_correlations_with_it(
    truth: str, folder: Path, predictions: pd.DataFrame, tiny: Path
) -> None:
    true = pd.read_csv(tiny / "truth" / f"{truth}s.tsv", sep="\t").set_index("id")
    scores = table(folder, "scores.tsv").set_index(["trait", "model", "split", "metric"])["estimate"]
    rows = predictions[(predictions["model"] == "gblup") & (predictions["split"] == "fold1")]

    for trait in TRAITS:
        part = rows[rows["trait"] == trait]
        expected = np.corrcoef(part["predicted"], true.loc[part["id"], trait])[0, 1]
        assert expected == pytest.approx(scores[trait, "gblup", "fold1", f"r_{truth}"], abs=1e-9)


def test_comparisons_are_differences_of_the_pooled_r(folder: Path) -> None:
    comparisons = table(folder, "comparisons.tsv")
    scores = table(folder, "scores.tsv").set_index(["trait", "model", "split", "metric"])["estimate"]
    expected = [(trait, model, "gblup", "r") for model in MODELS[1:] for trait in TRAITS]

    assert expected == list(comparisons[["trait", "model", "reference", "metric"]].itertuples(index=False, name=None))
    for row in comparisons.itertuples():
        difference = scores[row.trait, row.model, "all", "r"] - scores[row.trait, "gblup", "all", "r"]
        assert difference == pytest.approx(row.difference, abs=1e-9)
        assert 0 <= row.p <= row.p_holm <= 1
        assert row.verdict in ("better", "equal", "worse")


def test_costs_are_those_of_every_cell_stage_by_stage(folder: Path) -> None:
    costs = table(folder, "costs.tsv")
    expected = [(model, fold, stage) for fold in FOLDS for model in MODELS for stage in ("read", "fit", "predict")]

    assert expected == list(costs[["model", "split", "stage"]].itertuples(index=False, name=None))
    assert (costs[["wall_s", "cpu_s"]] > 0).all(axis=None)
    assert costs["peak_rss_mib"].between(50, 5000).all()
    assert (costs[["n_markers", "n_traits"]] == [N_MARKERS, len(TRAITS)]).all(axis=None)
    assert (costs["n_animals"] == N_ANIMALS // 2).all()


def test_run_json_says_what_was_asked_of_what(run: dict[str, Any], folder: Path, tiny: Path) -> None:
    assert "finished" == run["status"]
    assert run["command"].startswith(f"genialearn compare {tiny} --model hybrid ")
    settings = {name: run["settings"][name] for name in ("models", "split", "seed", "threads")}
    assert {"models": MODELS, "split": "kfold:2", "seed": 1, "threads": 1} == settings
    assert {
        "name": "tiny", "n_animals": N_ANIMALS, "n_markers": N_MARKERS, "n_traits": len(TRAITS), "simulated": True,
    } == run["cohort"]  # fmt: skip
    assert TRAITS == [trait["name"] for trait in run["traits"]]
    assert [{"label": fold, "n_train": 60, "n_test": 60} for fold in FOLDS] == run["splits"]
    assert {"python", "numpy", "scipy", "numba"} <= run["versions"].keys()
    assert {"system", "cores", "memory_gib"} == run["machine"].keys()
    told = [note["note"] for note in run["notes"] if note["model"] == "hybrid"]
    assert 2 == sum(note.startswith("0 of ") for note in told)
    assert 2 == sum(note.startswith("genetic covariances: ") for note in told)


def test_run_json_holds_the_digest_of_every_input(run: dict[str, Any], tiny: Path) -> None:
    expected = {
        name: hashlib.sha256((tiny / path).read_bytes()).hexdigest()
        for name, path in {
            "genotypes": "genotypes.bed",
            "markers": "genotypes.bim",
            "animals": "genotypes.fam",
            "traits": "traits.tsv",
            "trait_settings": "traits.toml",
            "covariates": "covariates.tsv",
            "pedigree": "pedigree.tsv",
            "truth_breeding_values": "truth/breeding_values.tsv",
            "truth_genetic_values": "truth/genetic_values.tsv",
        }.items()
    }

    assert expected == {item["name"]: item["sha256"] for item in run["inputs"]}


def test_no_failure(folder: Path) -> None:
    assert "model\tsplit\tstage\terror\tmessage\n" == (folder / "failures.tsv").read_text()
