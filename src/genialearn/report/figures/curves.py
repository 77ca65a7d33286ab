"""Curves between traits, as small multiples: what the breeding value of one trait adds to another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from genialearn.report.figures.canvas import Choice, Picture, as_json, canvas, hover, label
from genialearn.report.figures.palette import INK, MUTED
from genialearn.report.results import Results
from genialearn.report.wording import decimal, significant

_COLUMNS, _MOST = 3, 12
_ROW_HEIGHT, _GAP_X, _GAP_Y = 220, 0.09, 106
_CAPTION = (
    "What the breeding value of one trait (the driver, horizontally, in its unit) adds to predictions of another one "
    "(vertically, in its unit), beyond the other\u2019s own breeding value; the band is one of 95 % at each point. "
    "Shown are pairs whose curve is more than a line, by tests that count families as dependent, corrected for all "
    "pairs; the surest first. A share of 0 means that the curve was found, but that it didn\u2019t improve predictions."
)


def curve_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return the curves of each model and split that found some; None without curves."""
    if results.curves.empty:
        return None
    units = {trait.name: trait.unit for trait in results.traits}
    groups = list(results.curves.groupby(["model", "split"], sort=False))
    names = tuple(f"{model}, {split}" for (model, split), _ in groups)
    variants = {
        str(place): _multiples(curves, colours.get(str(model), INK), units)
        for place, ((model, _), curves) in enumerate(groups)
    }
    if len(groups) == 1:
        return Picture("trait-curves", f"Found by {groups[0][0][0]}", _CAPTION, {"": variants["0"]})
    return Picture("trait-curves", "Found by each model", _CAPTION, variants, (Choice("Model and split", names),))


def _multiples(curves: pd.DataFrame, colour: str, units: Mapping[str, str]) -> dict[str, Any]:
    pairs = [pair for _, pair in curves.groupby(["driver", "target"], sort=False)]
    pairs = sorted(pairs, key=lambda pair: float(pair["p"].iloc[0]))[:_MOST]
    n_rows = -(-len(pairs) // _COLUMNS)
    traces: list[go.Scatter] = []
    axes: dict[str, dict[str, Any]] = {}
    titles: list[dict[str, Any]] = []
    for place, pair in enumerate(pairs):
        number = "" if place == 0 else str(place + 1)
        left, right, bottom, top = _frame(place, n_rows)
        driver, target = str(pair["driver"].iloc[0]), str(pair["target"].iloc[0])
        axes[f"xaxis{number}"] = {
            "title": label(_named(driver, units), longest=34), "domain": [left, right], "anchor": f"y{number}",
        }  # fmt: skip
        axes[f"yaxis{number}"] = {
            "title": "", "domain": [bottom, top], "anchor": f"x{number}", "zeroline": True, "zerolinecolor": MUTED,
        }  # fmt: skip
        traces += _curve(pair, colour, number, driver, target)
        titles.append(_title(pair, target, units, left, top))
    height = n_rows * (_ROW_HEIGHT + _GAP_Y)
    return as_json(canvas(traces, height=height, axes=axes, annotations=titles, showlegend=False))


def _frame(place: int, n_rows: int) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a panel, as shares of the figure."""
    row, column = divmod(place, _COLUMNS)
    width = (1 - _GAP_X * (_COLUMNS - 1)) / _COLUMNS
    left = column * (width + _GAP_X)
    gap = _GAP_Y / (n_rows * (_ROW_HEIGHT + _GAP_Y))
    height = 1 / n_rows
    return left, min(left + width, 1.0), 1 - (row + 1) * height + gap * 0.55, 1 - row * height - gap * 0.45


def _named(trait: str, units: Mapping[str, str]) -> str:
    unit = units.get(trait, "")
    return f"{trait}, {unit}" if unit else trait


def _title(pair: pd.DataFrame, target: str, units: Mapping[str, str], left: float, top: float) -> dict[str, Any]:
    p, share = float(pair["p_holm"].iloc[0]), float(pair["share"].iloc[0])
    return {
        "text": f"<b>{label(_named(target, units), longest=36)}</b><br>p {significant(p)}, share {decimal(share, 2)}",
        "xref": "paper", "yref": "paper", "x": left, "y": top, "xanchor": "left", "yanchor": "bottom",
        "align": "left", "showarrow": False, "font": {"size": 12, "color": INK},
    }  # fmt: skip


def _curve(pair: pd.DataFrame, colour: str, number: str, driver: str, target: str) -> list[go.Scatter]:
    x = pair["breeding_value"].tolist()
    place = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
    band = go.Scatter(
        x=x + x[::-1],
        y=pair["upper"].tolist() + pair["lower"].tolist()[::-1],
        fill="toself", fillcolor=colour, opacity=0.18, line={"width": 0}, mode="lines", hoverinfo="skip", **place,
    )  # fmt: skip
    told = [
        hover(target, f"{label(driver)} {significant(a)}", f"adds {significant(b)}")
        for a, b in zip(x, pair["effect"], strict=True)
    ]
    line = go.Scatter(
        x=x, y=pair["effect"].tolist(), mode="lines", line={"color": colour, "width": 2.2}, hovertext=told,
        hoverinfo="text", **place,
    )  # fmt: skip
    return [band, line]
