from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from genialearn.errors import FileFormatError
from genialearn.judging import METRICS
from genialearn.report import render_judgement
from genialearn.report.judgement import Judgement, judgement_lines, privacy
from genialearn.report.judgement_page import page

ROWS = {
    ("privacy_loss", "all"): (0.021, 0.002, 0.004),
    ("copies", "exact"): (0.0, 0.0, 0.0),
    ("copied_segments", "chromosome"): (0.25, 0.1, 0.01),
    ("membership", "auc"): (0.55, 0.5, 0.01),
    ("adversarial_accuracy", "real"): (0.6, 0.5, 0.02),
    ("linkage", "r"): (0.99, 0.98, 0.001),
    ("linkage", "gamma"): (0.9, 0.98, 0.001),
    ("fst", "all"): (float("nan"), 0.0, 0.1),
}


def portrait() -> dict[str, object]:
    sets = {name: [[0.1, 0.2], [0.3, -0.4]] for name in ("training", "holdout", "artificial")}
    kinship = {name: {"matrix": [[1.0, 0.2], [0.2, 1.0]], "share_of_pairs": [0.0, 1.0]} for name in sets}
    return {
        "components": {"explained": [0.2, 0.1], **sets},
        "linkage": {"distance": [1e4, 1e5], **{name: [0.4, 0.1] for name in sets}},
        "frequencies": {"real": [0.1, 0.5], "artificial": [0.12, 0.48]},
        "relationships": {"edges": [-0.4, 0.0, 0.4], **kinship},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [f"{m}\t{p}\t{v}\t{real}\t{se}".replace("nan", "") for (m, p), (v, real, se) in ROWS.items()]
    (tmp_path / "judgement.tsv").write_text("\n".join(["metric\tpart\tvalue\treal_against_real\tse", *lines, ""]))
    run = {
        "kind": "judge",
        "command": "genialearn judge herd <b>art</b>",
        "sets": {name: {"n_animals": n} for name, n in (("training", 1000), ("holdout", 900), ("artificial", 800))},
        "n_markers": 1500,
        "phased": True,
        "generator": {"model": "mosaic", "settings": {"neighbours": 50}},
        "versions": {"genialearn": "0.1.0"},
        "machine": {"cores": 2},
    }
    (tmp_path / "run.json").write_text(json.dumps(run))
    (tmp_path / "portrait.json").write_text(json.dumps(portrait()))
    return tmp_path


def test_verdicts_know_which_way_is_worse(folder: Path) -> None:
    judgement = Judgement.read(folder)
    verdicts = {(figure.metric, figure.part): figure.verdict for figure in judgement.figures}

    assert "as real" == verdicts["linkage", "r"]
    assert "worse" == verdicts["linkage", "gamma"]
    assert "worse" == verdicts["privacy_loss", "all"]
    assert "as real" == verdicts["copies", "exact"]
    assert "unknown" == verdicts["fst", "all"]
    assert set(ROWS) == set(verdicts)


def test_the_page_needs_nothing_else(folder: Path) -> None:
    path = render_judgement(folder)
    text = path.read_text(encoding="utf-8")

    assert folder / "report.html" == path
    assert [] == re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=", text)
    assert "&lt;b&gt;art&lt;/b&gt;" in text
    assert "Artificial animals by mosaic, beside real ones" in text
    for name in ("structure", "linkage", "neighbours", "frequencies", "relationships", "pairs"):
        assert f'<figure class="card" id="{name}"' in text
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, flags=re.DOTALL)[1])  # type: ignore[index]
    assert {"structure", "linkage", "neighbours", "frequencies", "relationships", "pairs"} == set(figures)


def test_pictures_without_content_are_left_out(folder: Path) -> None:
    (folder / "portrait.json").write_text("{}")
    text = page(Judgement.read(folder))

    assert 5 == text.count("The folder has no content for this picture.")
    assert '<figure class="card" id="neighbours"' in text


def test_words_in_the_terminal(folder: Path) -> None:
    first, *rest = judgement_lines(folder)

    assert first.startswith(
        "800 artificial animals against 900 real ones that weren't learned from, and 1,000 that were."
    )
    assert "of 7 figures are as good" in first
    assert len(ROWS) == len(rest)
    assert "linkage gamma\t0.900\treal 0.980\tse 0.001" in rest


def test_privacy_is_told_in_sentences(folder: Path) -> None:
    loss, copies, segments, guess = privacy(Judgement.read(folder))

    assert "Privacy loss is 0.021 (real animals in their place: 0.002), more than chance gives" in loss
    assert "None of the artificial ones are exact copies of one learned from." == copies
    assert segments.startswith("25 % of their chromosomes are")
    assert "AUC of 0.550" in guess


def test_other_folders_are_refused(folder: Path) -> None:
    (folder / "run.json").write_text('{"kind": "variance"}')
    with pytest.raises(FileFormatError, match="expected a folder of genialearn judge, found another one"):
        render_judgement(folder)


def test_every_metric_has_words() -> None:
    for metric in METRICS.values():
        assert metric.kind in ("faithful", "private")
        assert metric.description
        assert metric.source
