"""The figure of a selection experiment is drawn from its table."""

from __future__ import annotations

import itertools
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
import selection_figure


def test_means_stand_where_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, figures = ("gblup", "mine"), selection_figure.PANELS
    rows = [
        {"model": model, "generation": generation, "trait": "index", "figure": figure, "mean": level * generation}
        for (level, model), figure, generation in itertools.product(enumerate(models, 1), figures, range(3))
    ]
    pd.DataFrame(rows).assign(se=0.0, n=5).to_csv(tmp_path / "gain.tsv", sep="\t", index=False)
    monkeypatch.setattr(sys, "argv", ["selection_figure.py", str(tmp_path), str(tmp_path / "figure.svg")])
    selection_figure.main()

    tree = ET.parse(tmp_path / "figure.svg")
    lines = [line.get("points", "") for line in tree.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == len(models) * len(figures)
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in lines[:2]]
    assert heights[0][0] == heights[1][0]
    assert pytest.approx(2 * (heights[0][0] - heights[0][2]), abs=0.2) == heights[1][0] - heights[1][2]


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 6.6, [0, 2, 4, 6]), (0.66, 0.87, [0.7, 0.75, 0.8, 0.85])])
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert expected == selection_figure.ticks(low, high)
