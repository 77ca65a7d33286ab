from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from example_run import EVIL_NAMES, MODELS, write_example_run

from genialearn.report import render_report
from genialearn.report.pages import embedded
from genialearn.report.results import read_results
from genialearn.report.summaries import pooled, tallies

SECTIONS = ["headline", "accuracy", "gain", "curves", "dispersion", "cost", "predictions", "cohort", "settings"]


class Page(HTMLParser):
    """What a test asks of a page: its elements with their attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._element = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element = tag
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._element = ""

    def handle_data(self, data: str) -> None:
        if self._element not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def render(folder: Path, **variant: Any) -> Page:
    return Page(render_report(write_example_run(folder, **variant)))


def own_source(path: Path) -> str:
    """The page without plotly.js."""
    from plotly.offline import get_plotlyjs

    return path.read_text(encoding="utf-8").replace(get_plotlyjs(), "")


def embedded_figures(path: Path) -> dict[str, Any]:
    script = re.search(r'<script type="application/json" id="figures">(.*?)</script>', own_source(path), re.DOTALL)
    assert script is not None
    return json.loads(script[1])


def test_the_page_lies_in_the_run_folder(report: Path, run_folder: Path) -> None:
    assert report == run_folder / "report.html"


def test_all_sections_can_be_reached(report: Path) -> None:
    page = Page(report)

    assert [section["id"] for section in page.all("section")] == SECTIONS
    links = {link["href"] for link in page.all("a")}
    assert {f"#{section}" for section in SECTIONS} <= links
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all(link is not None and link[1:] in identities for link in links)


def test_plotly_is_there_once(report: Path) -> None:
    text = report.read_text(encoding="utf-8")

    assert text.count("* plotly.js v") == 1
    assert "Plotly.react" in own_source(report)


def test_nothing_is_asked_of_the_network(report: Path) -> None:
    page, source = Page(report), own_source(report)

    assert not [name for name, attributes in page.elements if {"src", "srcset", "data"} & set(attributes)]
    assert not page.all("link")
    assert not re.search(r"https?://|//cdn|url\(|@import|fetch\(|XMLHttpRequest", source)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_scores_in_the_table_are_those_of_the_file(report: Path, run_folder: Path) -> None:
    source = own_source(report)
    table = source[source.index('id="scores"') : source.index("</table>", source.index('id="scores"'))]
    cells = re.findall(r'data-model="([^"]+)" data-value="([^"]+)">\s*<b>([^<]+)</b>', table)
    scores = pooled(read_results(run_folder), "r").set_index(["trait", "model"])["estimate"]
    traits = re.findall(r'data-trait="([^"]+)"', table)

    expected = [(model, scores[trait, model]) for trait in traits for model in MODELS]

    assert [(model, float(value)) for model, value, _ in cells] == expected
    assert [text for _, _, text in cells] == [f"{value:.3f}" for _, value in expected]


def test_figures_in_the_page_are_those_of_the_file(report: Path, run_folder: Path) -> None:
    figure = embedded_figures(report)["accuracy-by-trait"]["0-0"]
    scores = pooled(read_results(run_folder), "r")

    shown = {trace["name"]: trace["x"] for trace in figure["data"]}

    assert shown == {model: scores.loc[scores["model"] == model, "estimate"].tolist() for model in MODELS}


def test_the_headline_counts_the_verdicts_of_the_file(report: Path, run_folder: Path) -> None:
    text = Page(report).text

    for tally in tallies(read_results(run_folder), "gblup"):
        sentence = f"▲ better on {tally.better} , = equal on {tally.equal} , ▼ worse on {tally.worse} of 33 traits"
        assert sentence in text
    assert "hybrid gains most over gblup" in text
    assert "41 min 30 s" in text
    assert "3.6 GiB" in text


def test_settings_inputs_and_reconciliation_are_shown(report: Path) -> None:
    text = Page(report).text

    for words in ("--split forward:0.2", "9f2c" * 16, "3,750,003", "animals without genotype", "A1, A2, A3", "4,108"):
        assert words in text
    assert "files.bfile /data/herd/genotypes" in text
    assert "gblup forward the heritability of sole ulcer lies on its border" in text
    assert "Hotelling-Williams" in text


def test_markup_in_names_is_shown_as_text(evil_report: Path) -> None:
    page = Page(evil_report)

    for name in EVIL_NAMES:
        assert " ".join(name.split()) in page.text
    assert "<u>group</u>" in page.text
    assert "<i>run</i>" in page.text
    assert "found nan <after> 3 epochs." in page.text
    assert not page.all("img")
    assert not page.all("u")
    assert len(page.all("script")) == 3


def test_embedded_json_can_not_end_its_script() -> None:
    text = str(embedded({"</script>": ["<!--", "&", "\u2028", float("nan"), 0.1]}))

    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"</script>": ["<!--", "&", "\u2028", None, 0.1]}


def test_every_metric_has_a_table(report: Path) -> None:
    tables = {table.get("id") for table in Page(report).all("table")}

    metrics = ("accuracy", "r_breeding_value", "r_genetic_value", "auc", "top10", "mse", "b1", "bias")
    assert {f"table-{metric}" for metric in metrics} <= tables


def test_failed_cells_are_told(evil_report: Path) -> None:
    text = Page(evil_report).text

    assert "1 cell failed and left no results: network on forward." in text
    assert "ConvergenceError" in text


def test_each_reference_has_its_verdicts(evil_report: Path) -> None:
    page = Page(evil_report)
    marks = [span for span in page.all("span") if "against" in (span.get("class") or "").split()]

    assert "Against gblup" in page.text
    assert "Against lightgbm" in page.text
    assert {mark["data-reference"] for mark in marks if "hidden" not in mark} == {"gblup"}
    assert {mark["data-reference"] for mark in marks if "hidden" in mark} == {"lightgbm"}


def test_one_model(tmp_path: Path) -> None:
    text = render(tmp_path / "run", models=("gblup",), simulated=False).text

    assert "Only gblup has scores: there is nothing to compare it with." in text
    assert "There is nothing to show: it needs a comparison with a reference" in text
    assert "1 min 02 s" in text
    assert "Verdict any" not in text


def test_models_that_were_not_measured(tmp_path: Path) -> None:
    folder = write_example_run(tmp_path / "run")
    (folder / "costs.tsv").unlink()

    text = Page(render_report(folder)).text

    assert text.count("not measured") == 2 * len(MODELS)


def test_nothing_but_the_two_files(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text('{"status": "running"}', encoding="utf-8")
    (folder / "scores.tsv").write_text("trait\tmodel\tsplit\tmetric\testimate\tse\tn\n", encoding="utf-8")

    text = Page(render_report(folder)).text

    for sentence in (
        "No model has scores yet.",
        "The run isn't finished: these are its results so far.",
        "There are no scores yet.",
        "No dispersion or bias was saved.",
        "There is nothing to show: it needs scores, and measured times.",
        "The run folder has no predictions.",
        "The run folder has no description of the cohort (cohort.json).",
        "The command wasn't saved.",
        "All files agree: no animal, marker or trait was left out.",
    ):
        assert sentence in text


def test_a_report_is_a_function_of_its_folder(report: Path, run_folder: Path) -> None:
    before = report.read_bytes()

    render_report(run_folder)

    assert report.read_bytes() == before


def test_the_public_face_is_light() -> None:
    code = "import sys, genialearn.report; print({'plotly', 'jinja2'} & set(sys.modules))"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "set()"
