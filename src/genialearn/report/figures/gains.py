"""The gain over the reference against the heritability of the trait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from genialearn.report.figures.canvas import Choice, Picture, as_json, canvas, hover, label
from genialearn.report.figures.palette import MUTED, SURFACE
from genialearn.report.results import Results
from genialearn.report.summaries import heritabilities
from genialearn.report.wording import decimal, is_missing, signed, significant

SYMBOLS = {"better": "triangle-up", "equal": "circle", "worse": "triangle-down"}
_ZERO = {"zeroline": True, "zerolinecolor": MUTED, "zerolinewidth": 1.5}
_SIZES = {"better": 12, "equal": 7, "worse": 12}


def gain_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return the difference in r from each reference against h2; None without comparisons or heritabilities."""
    h2 = heritabilities(results)
    gains = results.comparisons.assign(h2=results.comparisons["trait"].map(h2)).dropna(subset=["h2", "difference"])
    if gains.empty:
        return None
    references = tuple(name for name in results.references if name in set(gains["reference"]))
    variants = {
        str(place): _scatter(gains[gains["reference"] == reference], reference, colours)
        for place, reference in enumerate(references)
    }
    return Picture(
        "gain-by-heritability",
        "Difference in r, against heritability",
        "Each mark is one trait and model: above the line, the model predicts it better than the reference. "
        "The shape is the verdict: what looks better or worse may still be a difference of chance.",
        variants if len(references) > 1 else {"": variants["0"]},
        (Choice("Reference", references),) if len(references) > 1 else (),
    )


def _scatter(gains: pd.DataFrame, reference: str, colours: Mapping[str, str]) -> dict[str, Any]:
    shown = [model for model in colours if model in set(gains["model"])]
    marks = [_marks(gains[gains["model"] == model], model, colours[model]) for model in shown]
    keys = [_key(model, {"color": colours[model], "size": 9}, legendgroup=label(model)) for model in shown]
    return as_json(
        canvas(
            [*marks, *keys, *_verdict_keys()],
            height=460,
            axes={
                "xaxis": {"title": "heritability, h2"},
                "yaxis": {"title": f"difference in r from {label(reference)}", "tickformat": "+.2f"} | _ZERO,
            },
        )
    )


def _marks(gains: pd.DataFrame, model: str, colour: str) -> go.Scatter:
    verdicts = gains["verdict"]
    return go.Scatter(
        name=label(model),
        legendgroup=label(model),
        showlegend=False,
        mode="markers",
        x=gains["h2"].tolist(),
        y=gains["difference"].tolist(),
        marker={
            "color": colour,
            "symbol": [SYMBOLS[verdict] for verdict in verdicts],
            "size": [_SIZES[verdict] for verdict in verdicts],
            "opacity": [0.7 if verdict == "equal" else 1 for verdict in verdicts],
            "line": {"color": SURFACE, "width": 1},
        },
        hovertext=[_gain_hover(row) for row in gains.to_dict("records")],
        hoverinfo="text",
    )


def _gain_hover(row: Mapping[Any, Any]) -> str:
    error = "" if is_missing(row["se"]) else f" (standard error {significant(row['se'])})"
    return hover(
        row["trait"],
        f"{label(row['model'])}: {row['verdict']} than {label(row['reference'])}".replace("equal than", "equal to"),
        f"difference in r {signed(row['difference'])}{error}",
        f"corrected p {significant(row['p_holm'])}",
        f"h2 {decimal(row['h2'])}",
    )


def _verdict_keys() -> list[go.Scatter]:
    return [
        _key(verdict, {"color": MUTED, "symbol": symbol, "size": _SIZES[verdict]})
        for verdict, symbol in SYMBOLS.items()
    ]


def _key(name: str, marker: dict[str, Any], **settings: str) -> go.Scatter:
    """Return a trace without points, which explains a colour or a shape in the legend."""
    return go.Scatter(name=label(name), mode="markers", x=[None], y=[None], marker=marker, hoverinfo="skip", **settings)
