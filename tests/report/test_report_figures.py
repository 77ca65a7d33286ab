from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from example_run import EVIL_NAMES, MODELS, write_example_run

from genialearn.report import figures
from genialearn.report.figures import Picture, model_colours
from genialearn.report.figures.canvas import label
from genialearn.report.figures.gains import SYMBOLS
from genialearn.report.figures.palette import MODEL_COLOURS, REFERENCE_COLOUR
from genialearn.report.results import Results, read_results
from genialearn.report.summaries import heritabilities, pooled


@pytest.fixture(scope="module")
def results(run_folder: Path) -> Results:
    return read_results(run_folder)


@pytest.fixture(scope="module")
def evil(evil_folder: Path) -> Results:
    return read_results(evil_folder)


def pictures(results: Results) -> list[Picture | None]:
    colours = model_colours(results)
    by_model = (
        figures.accuracy_picture,
        figures.gain_picture,
        figures.curve_picture,
        figures.dispersion_picture,
        figures.cost_picture,
        figures.observation_picture,
    )
    by_cohort = (
        figures.component_picture,
        figures.relationship_picture,
        figures.hole_picture,
        figures.allele_frequency_picture,
    )
    return [make(results, colours) for make in by_model] + [make(results.cohort) for make in by_cohort]


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    return next(trace for trace in figure["data"] if trace.get("name") == name)


def test_the_reference_is_grey_and_each_model_has_its_own_colour(results: Results) -> None:
    colours = model_colours(results)

    assert tuple(colours) == MODELS
    assert colours["gblup"] == REFERENCE_COLOUR
    assert [colours[model] for model in MODELS[1:]] == list(MODEL_COLOURS[:3])


def test_a_model_has_one_colour_in_all_figures(results: Results) -> None:
    colours = model_colours(results)

    seen = {
        (trace["name"], trace["marker"]["color"])
        for picture in pictures(results)[:6]
        if picture
        for figure in picture.variants.values()
        for trace in figure["data"]
        if trace.get("name") in MODELS
    }

    assert seen == set(colours.items())


def test_dots_are_the_estimates_and_their_intervals(results: Results) -> None:
    picture = figures.accuracy_picture(results, model_colours(results))
    assert picture is not None
    scores = pooled(results, "r")
    hybrid = scores[scores["model"] == "hybrid"]

    dots = trace(picture.variants["0-0"], "hybrid")

    assert list(dots["x"]) == hybrid["estimate"].tolist()
    assert list(dots["error_x"]["array"]) == pytest.approx((1.96 * hybrid["se"]).tolist())


def test_metrics_and_orders_can_be_chosen(results: Results) -> None:
    picture = figures.accuracy_picture(results, model_colours(results))
    assert picture is not None

    assert [choice.options for choice in picture.choices] == [
        (
            "predictive ability, r",
            "accuracy, r / h",
            "r with the true breeding value",
            "r with the true genetic value",
            "area under the curve (binary traits)",
        ),
        ("group", "estimate", "heritability", "name"),
    ]
    assert set(picture.variants) == {f"{metric}-{order}" for metric in range(5) for order in range(4)}


def test_traits_are_ordered_as_chosen(results: Results) -> None:
    picture = figures.accuracy_picture(results, model_colours(results))
    assert picture is not None
    rows = {order: list(picture.variants[f"0-{order}"]["layout"]["yaxis"]["ticktext"]) for order in range(4)}
    means = pooled(results, "r").groupby("trait")["estimate"].mean()

    assert rows[0][:2] == ["<b>production</b>", "milk yield"]
    assert rows[1] == means.sort_values(ascending=False).index.tolist()
    assert rows[2] == heritabilities(results).sort_values(ascending=False).index.tolist()
    assert rows[3] == sorted(means.index)


def test_binary_traits_alone_have_an_auc(results: Results) -> None:
    picture = figures.accuracy_picture(results, model_colours(results))
    assert picture is not None

    assert len(trace(picture.variants["4-3"], "gblup")["x"]) == 5


def test_outliers_do_not_stretch_the_axis_but_are_counted(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run")
    scores = pd.read_csv(folder / "scores.tsv", sep="\t")
    rows = (scores["metric"] == "b1") & (scores["trait"] == "fat yield") & (scores["model"] == "hybrid")
    scores.loc[rows, ["estimate", "se"]] = [-40_000.0, 90_000.0]
    scores.to_csv(folder / "scores.tsv", sep="\t", index=False)
    results = read_results(folder)

    picture = figures.dispersion_picture(results, model_colours(results))

    assert picture is not None
    axis = picture.variants["0-0"]["layout"]["xaxis"]
    assert -5 < axis["range"][0] < 1 < axis["range"][1] < 5
    assert axis["title"]["text"] == "dispersion, b1 (1 is right); 1 estimate beyond the axis"


def test_gains_have_the_shape_of_their_verdict(results: Results) -> None:
    picture = figures.gain_picture(results, model_colours(results))
    assert picture is not None
    hybrid = results.comparisons[results.comparisons["model"] == "hybrid"]

    marks = trace(picture.variants[""], "hybrid")

    assert list(marks["y"]) == hybrid["difference"].tolist()
    assert list(marks["x"]) == heritabilities(results).loc[hybrid["trait"]].tolist()
    assert list(marks["marker"]["symbol"]) == [SYMBOLS[verdict] for verdict in hybrid["verdict"]]


def test_gains_can_be_seen_over_each_reference(evil: Results) -> None:
    picture = figures.gain_picture(evil, model_colours(evil))
    assert picture is not None

    assert picture.choices[0].options == ("gblup", "lightgbm")
    assert set(picture.variants) == {"0", "1"}


def test_each_curve_has_a_panel_the_surest_first(results: Results) -> None:
    picture = figures.curve_picture(results, model_colours(results))
    assert picture is not None
    figure = picture.variants[""]
    titles = [note["text"] for note in figure["layout"]["annotations"]]

    assert titles[0].startswith("<b>udder depth")
    assert [f"p 1e-0{digit}" in title for digit, title in zip((6, 5), titles, strict=False)] == [True, True]
    assert 2 * 5 == len(figure["data"])
    first = results.curves[results.curves["target"] == "udder depth"]
    assert first["effect"].tolist() == figure["data"][1]["y"]


def test_without_curves_there_is_no_picture(tmp_path: Path) -> None:
    results = read_results(write_example_run(tmp_path / "run", models=("gblup", "network")))

    assert figures.curve_picture(results, model_colours(results)) is None


def test_a_bubble_has_the_area_of_its_memory(results: Results) -> None:
    picture = figures.cost_picture(results, model_colours(results))
    assert picture is not None
    bubbles = {model: trace(picture.variants[""], model) for model in MODELS}

    areas = {model: bubble["marker"]["size"] ** 2 for model, bubble in bubbles.items()}

    assert areas["gblup"] / areas["hybrid"] == pytest.approx(910 / 3720)
    assert list(bubbles["gblup"]["x"]) == pytest.approx([62.0])


def test_every_text_of_the_user_is_escaped(evil: Results) -> None:
    shown = json.dumps([picture.variants for picture in pictures(evil) if picture], ensure_ascii=False)

    for markup in ("<script", "</script", "<a href", "<img", "<u>", "<i>", "onerror=alert(2)>"):
        assert markup not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "&lt;u&gt;group&lt;/u&gt;" in shown


def test_labels_are_escaped_before_they_are_read_and_shortened_before_they_are_escaped() -> None:
    assert label("<b>a & b</b>\n c") == "&lt;b&gt;a &amp; b&lt;/b&gt; c"
    assert label("&" * 9, longest=4) == "&amp;&amp;&amp;…"


def test_texts_of_the_user_never_stand_in_a_template(evil: Results) -> None:
    for picture in filter(None, pictures(evil)):
        for figure in picture.variants.values():
            assert not any(key.endswith("template") for trace in figure["data"] for key in trace)


def test_many_models_repeat_colours_rather_than_fail(tmp_path: Path) -> None:
    models = ("gblup", "hybrid", *(f"model {place}" for place in range(13)))
    results = read_results(write_example_run(tmp_path / "run", models=models))

    assert all(pictures(results))
    assert len(set(model_colours(results).values())) == 13


def test_nothing_to_show_is_no_picture(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run", models=("gblup",), failed=("gblup",))
    (folder / "cohort.json").write_text("{}", encoding="utf-8")

    assert not any(pictures(read_results(folder)))


def test_animals_without_birth_year_have_one_colour(run_folder: Path, tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run")
    cohort = json.loads((folder / "cohort.json").read_text(encoding="utf-8"))
    cohort["pca"]["birth_year"] = None
    (folder / "cohort.json").write_text(json.dumps(cohort), encoding="utf-8")

    picture = figures.component_picture(read_results(folder).cohort)

    assert picture is not None
    assert picture.caption == "900 animals."
    assert isinstance(picture.variants[""]["data"][0]["marker"]["color"], str)


def test_evil_names_are_all_there(evil: Results) -> None:
    assert {" ".join(name.split()) for name in EVIL_NAMES} <= {" ".join(trait.name.split()) for trait in evil.traits}
