from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from example_run import write_example_run

from genialearn.report import headline
from genialearn.report.results import read_results
from genialearn.report.statements import lede
from genialearn.report.summaries import costs, heritabilities, leader, mean_scores, stage_costs, tallies
from genialearn.report.wording import count, decimal, duration, listed, memory, setting, signed, significant

SUBJECT = "herd, simulated: 3,000 animals, 5,000 markers, 33 traits; split forward:0.2."


def change_run(folder: Path, **entries: object) -> None:
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(run | entries), encoding="utf-8")


def write_rows(path: Path, columns: str, *rows: tuple[object, ...]) -> None:
    lines = [columns.split(), *rows]
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines), encoding="utf-8")


def write_small_run(folder: Path, verdicts: str) -> Path:
    """Three traits, `gblup` and `hybrid`, with numbers that can be summed by hand."""
    write_example_run(folder, models=("gblup", "hybrid"))
    change_run(folder, traits=[])
    words = {"+": "better", "=": "equal", "-": "worse"}
    write_rows(
        folder / "comparisons.tsv",
        "trait model reference metric difference se p p_holm verdict",
        *((f"t{i}", "hybrid", "gblup", "r", 0.01 * i, 0.01, 0.01, 0.01, words[v]) for i, v in enumerate(verdicts)),
    )
    write_rows(
        folder / "scores.tsv",
        "trait model split metric estimate se n",
        *((f"t{i}", "gblup", "all", "r", 0.3 + 0.1 * i, 0.02, 50) for i in range(3)),
        *((f"t{i}", "hybrid", "all", "r", 0.5 + 0.1 * i, 0.02, 50) for i in range(3)),
    )
    write_rows(
        folder / "costs.tsv",
        "model split stage wall_s cpu_s peak_rss_mib n_animals n_markers n_traits",
        ("gblup", "f1", "read", 9, 9, 50, 1, 1, 1),
        ("gblup", "f1", "fit", 3.5, 4, 700, 1, 1, 1),
        ("gblup", "f1", "predict", 0.25, 1, 90, 1, 1, 1),
        ("hybrid", "f1", "fit", 300, 500, 2000, 1, 1, 1),
        ("hybrid", "f2", "fit", 192, 300, 3174.4, 1, 1, 1),
    )
    return folder


def test_headline_of_a_comparison(tmp_path: Path) -> None:
    assert headline(write_small_run(tmp_path / "run", "+=-")).splitlines() == [
        "herd, simulated: 3,000 animals, 5,000 markers, 3 traits; split forward:0.2.",
        "hybrid against gblup: better on 1, equal on 1 and worse on 1 of 3 traits; mean difference in r +0.010; "
        "8 min 12 s, 3.1 GiB.",
        "gblup: mean r 0.400 over 3 traits; 3.8 s, 700 MiB.",
    ]


def test_headline_of_one_model(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run", models=("gblup",), simulated=False)
    mean = mean_scores(read_results(folder))["gblup"]

    assert headline(folder).splitlines() == [
        "herd: 3,000 animals, 5,000 markers, 33 traits; split forward:0.2.",
        f"gblup: mean r {mean:.3f} over 33 traits; 1 min 02 s, 910 MiB.",
        "Only gblup has scores: there is nothing to compare it with.",
    ]


def test_headline_of_an_unfinished_run_with_failures(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run", failed=("network", "hybrid"))
    change_run(folder, status="running")

    lines = headline(folder).splitlines()

    assert lines[:2] == [SUBJECT, "The run isn't finished: these are its results so far."]
    assert lines[-1] == "2 cells failed and left no results: network on forward, hybrid on forward."
    assert [line.split(":")[0] for line in lines[2:-1]] == ["lightgbm against gblup", "gblup"]


def test_headline_without_any_scores(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run", models=("gblup",), failed=("gblup",))

    assert headline(folder).splitlines() == [
        SUBJECT,
        "No model has scores yet.",
        "1 cell failed and left no results: gblup on forward.",
    ]


def test_headline_of_scores_without_comparisons(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run", references=())

    assert headline(folder).splitlines()[-1] == (
        "gblup, lightgbm, network and hybrid have scores, but no comparison between them was saved."
    )


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (
            "+=-",
            "hybrid gains most over gblup: better on 1, equal on 1 and worse on 1 of 3 traits, "
            "with a mean difference in r of +0.010.",
        ),
        ("===", "No model is better than gblup on any of 3 traits."),
        ("-", "No model is better than gblup on any of 1 trait."),
    ],
)
def test_lede(tmp_path: Path, verdicts: str, sentence: str) -> None:
    assert lede(read_results(write_small_run(tmp_path / "run", verdicts))) == sentence


def test_the_leader_has_most_traits_better_less_worse(run_folder: Path) -> None:
    results = read_results(run_folder)
    tallied = tallies(results, "gblup")

    assert [tally.model for tally in tallied] == ["lightgbm", "network", "hybrid"]
    assert all(tally.compared == 33 for tally in tallied)
    assert leader(tallied).model == "hybrid"


def test_costs_are_sums_of_fit_and_predict_and_the_highest_peak(tmp_path: Path) -> None:
    results = read_results(write_small_run(tmp_path / "run", "==="))

    assert costs(results)["hybrid"].wall_s == 492
    assert costs(results)["hybrid"].peak_rss_mib == 3174.4
    assert stage_costs(results)["n_splits"].tolist() == [1, 1, 1, 2]


def test_means_are_over_the_traits_that_every_model_has(tmp_path: Path) -> None:
    folder = write_small_run(tmp_path / "run", "===")
    with (folder / "scores.tsv").open("a", encoding="utf-8") as handle:
        handle.write("t9\tgblup\tall\tr\t0.9\t\t\n")

    assert mean_scores(read_results(folder)).to_dict() == pytest.approx({"gblup": 0.4, "hybrid": 0.6})


def test_heritability_is_a_mean_over_folds_where_it_is_not_pooled(tmp_path: Path) -> None:
    folder = write_small_run(tmp_path / "run", "===")
    with (folder / "scores.tsv").open("a", encoding="utf-8") as handle:
        handle.write("t0\tgblup\tf1\th2\t0.2\t\t\nt0\tgblup\tf2\th2\t0.4\t\t\nt1\tgblup\tf1\th2\t0.9\t\t\n")
        handle.write("t1\tgblup\tall\th2\t0.5\t\t\nt0\thybrid\tall\th2\t0.7\t\t\n")

    assert heritabilities(read_results(folder)).to_dict() == pytest.approx({"t0": 0.3, "t1": 0.5})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (492, "8 min 12 s"), (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"), (np.nan, "not measured"), (None, "not measured"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("mebibytes", "text"), [(512, "512 MiB"), (1023.6, "1.0 GiB"), (3174.4, "3.1 GiB"), (np.nan, "not measured")]
)
def test_memory(mebibytes: float, text: str) -> None:
    assert memory(mebibytes) == text


def test_numbers() -> None:
    assert [signed(value) for value in (0.021, -0.003, -0.0001, 0.0004, np.nan)] == [
        "+0.021", "-0.003", "0.000", "0.000", "–",
    ]  # fmt: skip
    assert (decimal(0.41239), decimal(None), significant(0.00012345)) == ("0.412", "–", "0.000123")
    assert (count(1, "trait"), count(3000, "animal")) == ("1 trait", "3,000 animals")
    assert (setting(["a", "b"]), setting([]), setting({"a": 1}), setting(None)) == ("a, b", "–", '{"a": 1}', "null")
    assert (listed([]), listed(["a"]), listed(["a", "b"])) == ("", "a", "a and b")
