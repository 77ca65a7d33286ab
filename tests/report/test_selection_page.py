from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from genialearn.errors import FileFormatError
from genialearn.report import render_selection
from genialearn.report.figures.selection import selection_colours
from genialearn.report.selection import Selection, half_width, selection_lines, sentences
from genialearn.report.selection_page import page

TRAITS = ("milk", "<b>fat</b>")
MODELS = {"gblup": 0.4, "lightgbm": 0.5, "random": 0.0}
"""Gain of a generation under each."""

_RUN = {
    "kind": "select",
    "status": "finished",
    "command": "genialearn select --out <i>here</i>",
    "settings": {
        "models": list(MODELS),
        "replicates": 5,
        "seed": 1,
        "design": {"animals": 5000, "markers": 10_000, "generations": 2, "preset": "dlgblup", "weights": None},
    },
    "traits": [{"name": name, "unit": "kg", "direction": "higher", "weight": 1.0} for name in TRAITS],
    "versions": {"numpy": "2.0"},
    "machine": {"cores": 2},
}


def rows(model: str, gain: float, *, n: int = 5) -> list[tuple[object, ...]]:
    paired = model != "gblup"
    out: list[tuple[object, ...]] = []
    for generation in range(3):
        difference = (gain - 0.4) * generation if paired else None
        for trait in ("index", *TRAITS):
            risen = (gain * generation, 0.02, n, difference, 0.01 if paired else None)
            out.append((model, generation, trait, "gain", *risen))
            out.append((model, generation, trait, "genetic_variance", 1 - 0.1 * generation, 0.02, n, None, None))
            if generation and model != "random":
                out += [(model, generation, trait, figure, 0.7, 0.02, n, None, None) for figure in ("accuracy", "b1")]
        out.append((model, generation, "all", "inbreeding", 0.01 * generation, 0.001, n, None, None))
    return out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    columns = ["model", "generation", "trait", "figure", "mean", "se", "n", "difference", "difference_se"]
    table = pd.DataFrame([row for model, gain in MODELS.items() for row in rows(model, gain)], columns=columns)
    table.to_csv(tmp_path / "gain.tsv", sep="\t", index=False)
    (tmp_path / "failures.tsv").write_text(
        "model\treplicate\tstage\terror\tmessage\nlightgbm\t4\tfit\tValueError\tno <u>luck</u>\n"
    )
    (tmp_path / "run.json").write_text(json.dumps(_RUN))
    return tmp_path


def test_the_page_needs_nothing_else(folder: Path) -> None:
    path = render_selection(folder)
    text = path.read_text(encoding="utf-8")

    assert folder / "report.html" == path
    assert [] == re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=", text)
    assert "2 generations of selection by gblup and lightgbm" in text
    for hostile in ("<i>here</i>", "<u>luck</u>", "<b>fat</b>"):
        assert hostile not in text.split('id="figures"')[0]
    for name in ("gain", "variance", "accuracy", "inbreeding"):
        assert f'<figure class="card" id="{name}"' in text
    assert "lightgbm failed in replicate 4: no &lt;u&gt;luck&lt;/u&gt;" in text


def test_pictures_have_a_panel_a_trait_and_a_line_a_model(folder: Path) -> None:
    text = page(Selection.read(folder))
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, flags=re.DOTALL)[1])  # type: ignore[index]

    gain, difference = figures["gain"]["0"], figures["gain"]["1"]
    named = [trace["name"] for trace in gain["data"] if "name" in trace]
    assert [*MODELS] * 3 == named
    assert [*MODELS][:3] == [trace["name"] for trace in gain["data"] if trace.get("showlegend") and "name" in trace]
    assert ["lightgbm", "random"] * 3 == [trace["name"] for trace in difference["data"] if "name" in trace]
    [band] = [trace for trace in gain["data"] if trace.get("fill")][:1]
    assert band["y"][0] - band["y"][-1] == pytest.approx(2 * half_width(0.02, 5))
    assert "&lt;b&gt;fat&lt;/b&gt;" in gain["layout"]["annotations"][2]["text"]
    assert {"xaxis", "xaxis2", "xaxis3"} <= set(gain["layout"])


def test_what_is_seen_in_two_sentences(folder: Path) -> None:
    gained, spent = sentences(Selection.read(folder))

    assert gained == (
        "After 2 generations the index has risen by 1.00 ± 0.06 genetic standard deviations of the base where lightgbm "
        "selects, by 0.80 ± 0.06 where gblup does. lightgbm less gblup, paired: +0.20 ± 0.03 (95 % interval), more "
        "than chance explains."
    )
    assert spent == (
        "Where gblup selects, the genetic variance of the index has gone from that of the base to 80 % of it, and mean "
        "inbreeding to 0.020; the index was predicted with r 0.70 in the first generation, 0.70 in the last."
    )
    assert ["lightgbm", "1.000", "0.020", "+0.200", "0.010", "0.020"] == list(selection_lines(folder))[-2].split("\t")


def test_one_replicate_has_no_interval(folder: Path) -> None:
    table = pd.read_csv(folder / "gain.tsv", sep="\t").assign(n=1, se=None, difference_se=None)
    table.to_csv(folder / "gain.tsv", sep="\t", index=False)
    selection = Selection.read(folder)

    assert "of one replicate, so that chance can't be told from it." in sentences(selection)[0]
    assert "toself" not in page(selection).split('id="figures"')[1].split("</script>")[0]


def test_colours_are_of_models_whoever_else_is_there() -> None:
    colours = selection_colours(["truth", "gblup", "lightgbm", "random"])

    assert 4 == len(set(colours.values()))
    assert colours["truth"] == selection_colours(["truth"])["truth"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "judge"}, "expected a folder of genialearn select, found another one. Select first."),
        ({"status": "running"}, "expected a finished run, found an unfinished one. Repeat its command."),
    ],
)
def test_other_folders_are_refused(change: dict[str, str], message: str, folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps(_RUN | change))
    with pytest.raises(FileFormatError, match=re.escape(message)):
        render_selection(folder)
