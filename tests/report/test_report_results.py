from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from example_run import GROUPS, MODELS, N_TEST

from genialearn.errors import FileFormatError
from genialearn.report.observations import sample_predictions
from genialearn.report.results import Trait, read_results


@pytest.fixture
def folder(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may spoil."""
    return Path(shutil.copytree(run_folder, tmp_path / "copy"))


def replace_first(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_everything_is_read(run_folder: Path) -> None:
    results = read_results(run_folder)

    assert results.models == MODELS
    assert results.references == ("gblup",)
    assert [trait.name for trait in results.traits] == [name for names in GROUPS.values() for name in names]
    assert results.traits[0] == Trait(
        "milk yield", "kg", "quantitative", "production", "higher", "herd_year + age", n_records=3000
    )
    assert results.run.finished
    assert results.run.inputs[0].bytes == 3_750_003
    assert len(results.comparisons) == 33 * 3
    assert results.cohort.holes is not None
    assert results.cohort.holes.shape == (33, 9)


def test_names_that_look_like_missing_values_stay_names(folder: Path) -> None:
    replace_first(folder / "scores.tsv", "milk yield\tgblup\tforward\tr\t", "NA\tgblup\tforward\tr\t")

    assert read_results(folder).scores["trait"].iloc[0] == "NA"


def test_models_and_traits_without_description_come_last(folder: Path) -> None:
    with (folder / "scores.tsv").open("a", encoding="utf-8") as handle:
        handle.write("new trait\tnew model\tall\tr\t0.5\t\t\n")

    results = read_results(folder)

    assert results.models[-1] == "new model"
    assert results.traits[-1] == Trait("new trait")


def test_optional_files_may_be_absent(folder: Path) -> None:
    for name in ("comparisons.tsv", "costs.tsv", "failures.tsv", "cohort.json", "predictions.parquet"):
        (folder / name).unlink()

    results = read_results(folder)

    assert results.references == ()
    assert results.costs.empty
    assert results.failures.empty
    assert results.predictions.empty
    assert results.cohort.components is None


def test_predictions_are_sampled_the_same_way_every_time(run_folder: Path) -> None:
    path = run_folder / "predictions.parquet"
    sample = sample_predictions(path, n_rows=1000)

    assert len(sample) == 1000
    assert set(sample.columns) == {"trait", "model", "observed", "predicted"}
    pd.testing.assert_frame_equal(sample, sample_predictions(path, n_rows=1000))


def test_small_predictions_are_read_whole(run_folder: Path) -> None:
    n_rows = 33 * len(MODELS) * N_TEST

    whole = sample_predictions(run_folder / "predictions.parquet", n_rows=n_rows + 1)

    expected = pd.read_parquet(run_folder / "predictions.parquet", columns=list(whole.columns))
    pd.testing.assert_frame_equal(whole, expected, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("run.json", "copy: expected a run folder with run.json and scores.tsv, found no run.json. Run folders are"),
        ("scores.tsv", "copy: expected a run folder with run.json and scores.tsv, found no scores.tsv. The run isn't"),
    ],
)
def test_a_folder_without_a_run_is_refused(folder: Path, name: str, message: str) -> None:
    (folder / name).unlink()

    with pytest.raises(FileFormatError, match=re.escape(message)):
        read_results(folder)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=re.escape("scores.tsv, found no folder of that name. Run folders")):
        read_results(tmp_path / "absent")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("scores.tsv", "estimate", "value", "the columns trait model split metric estimate se n, found no column est"),
        ("scores.tsv", "\tforward\tr\t0", "\tforward\tr\tnil0", "scores.tsv: line 2: expected a number or nothing in"),
        ("scores.tsv", "\tr\t", "\taccuracy\t", "line 3: expected one row for each trait x model x split x metric"),
        ("scores.tsv", "\tn\n", "\tn\nA\tB\tC\tr\t1\t1\t1\t1\t1\n", "scores.tsv: line 2: expected 7 columns, found 9."),
        ("comparisons.tsv", "\tequal\n", "\tsame\n", "verdict: expected better, equal or worse, found 'same'."),
        ("run.json", '"settings": {', '"settings": {,', "run.json: line 1: expected JSON, found"),
        ("run.json", '"models": [', '"models": 3, "more": [', "settings: models: expected a list, found a number"),
        ("run.json", '"name": "milk yield"', '"name": 7', "run.json: traits: name: expected a text, found a number"),
        ("cohort.json", '"counts": [', '"counts": [1, ', "diagonal: expected lists of one length, found 40 edges less"),
        ("cohort.json", '"traits": [', '"traits": ["x", ', "holes: expected lists of one length, found 34 traits, 33"),
        ("cohort.json", '"bins": [', '"bins": ["x", ', "found 10 bins, 9 columns of recorded"),
        ("cohort.json", '"animals": [', '"animals": ["x", ', "pca: expected lists of one length, found 900 scores"),
    ],
)  # fmt: skip
def test_damage_is_located(folder: Path, name: str, old: str, new: str, message: str) -> None:
    replace_first(folder / name, old, new)

    with pytest.raises(FileFormatError, match=re.escape(message)):
        read_results(folder)


def test_an_empty_table_is_refused(folder: Path) -> None:
    (folder / "scores.tsv").write_text("", encoding="utf-8")

    with pytest.raises(
        FileFormatError,
        match="expected the columns trait model split metric estimate se n, found no column trait model",
    ):
        read_results(folder)


@pytest.mark.parametrize(("text", "found"), [("[1]", "a list"), ("null", "nothing"), ("true", "true or false")])
def test_json_that_is_no_object_is_refused(folder: Path, text: str, found: str) -> None:
    (folder / "run.json").write_text(text, encoding="utf-8")

    with pytest.raises(FileFormatError, match=f"expected a JSON object, found {found}"):
        read_results(folder)


def test_predictions_that_are_no_parquet_are_refused(folder: Path) -> None:
    (folder / "predictions.parquet").write_text("id\ttrait\n", encoding="utf-8")

    with pytest.raises(
        FileFormatError, match="expected a Parquet file with the columns trait model observed predicted"
    ):
        read_results(folder)


def test_predictions_without_a_column_are_refused(folder: Path) -> None:
    pd.DataFrame({"trait": ["a"], "model": ["b"]}).to_parquet(folder / "predictions.parquet")

    with pytest.raises(FileFormatError, match="with the columns trait model observed predicted, found"):
        read_results(folder)


def test_whole_numbers_are_numbers(folder: Path) -> None:
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del run["cohort"], run["inputs"], run["settings"]
    run["splits"] = [{"label": "only"}]
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")

    results = read_results(folder)

    assert results.run.splits[0].n_train == 0
    assert results.models == MODELS
