"""Observed against predicted, for one trait at a time, one panel a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from genialearn.report.figures.canvas import Choice, Picture, as_json, canvas, label
from genialearn.report.figures.palette import MUTED
from genialearn.report.results import Results, Trait

_PANELS_A_ROW = 4
_PANEL_HEIGHT = 300


def observation_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return a sample of the test animals, observed against predicted; None without predictions."""
    samples = dict(list(results.predictions.groupby("trait", observed=True)))
    traits = [trait for trait in results.traits if trait.name in samples]
    if not traits:
        return None
    return Picture(
        "observed-against-predicted",
        "Observed against predicted",
        "A sample of the test animals, one panel a model. On the dashed line, predicted equals observed.",
        {str(place): _panels(samples[trait.name], trait, colours) for place, trait in enumerate(traits)},
        (Choice("Trait", tuple(trait.name for trait in traits)),),
    )


def _panels(sample: pd.DataFrame, trait: Trait, colours: Mapping[str, str]) -> dict[str, Any]:
    models = [model for model in colours if model in set(sample["model"])]
    traces = [
        _points(sample[sample["model"] == model], model, colours[model], place) for place, model in enumerate(models)
    ]
    limits = [float(sample["predicted"].min()), float(sample["predicted"].max())]
    return as_json(
        canvas(
            traces,
            height=_PANEL_HEIGHT * _n_rows(len(models)),
            axes=_axes(len(models), trait),
            margin={"l": 8, "r": 16, "t": 24, "b": 24},
            showlegend=False,
            annotations=[_heading(model, place) for place, model in enumerate(models)],
            shapes=[_identity(limits, place) for place in range(len(models))],
        )
    )


def _n_rows(n_panels: int) -> int:
    return -(-n_panels // _PANELS_A_ROW)


def _suffix(place: int) -> str:
    return "" if place == 0 else str(place + 1)


def _points(sample: pd.DataFrame, model: str, colour: str, place: int) -> go.Scatter:
    return go.Scatter(
        name=label(model),
        mode="markers",
        x=_rounded(sample["predicted"]),
        y=_rounded(sample["observed"]),
        xaxis=f"x{_suffix(place)}",
        yaxis=f"y{_suffix(place)}",
        marker={"color": colour, "size": 4.5, "opacity": 0.5},
        hoverinfo="x+y",
    )


def _rounded(values: pd.Series[float]) -> list[float]:
    """Return values with five significant digits: finer than a pixel, and half the size in the page."""
    return [float(f"{value:.5g}") for value in values]


def _axes(n_panels: int, trait: Trait) -> dict[str, dict[str, Any]]:
    axes: dict[str, dict[str, Any]] = {}
    unit = f" ({label(trait.unit)})" if trait.unit else ""
    for place in range(n_panels):
        across, down = _domains(place, _n_rows(n_panels))
        suffix = _suffix(place)
        axes[f"xaxis{suffix}"] = {"title": "predicted", "domain": across, "anchor": f"y{suffix}"} | _matching(
            "x", place
        )
        title = f"observed{unit}" if place % _PANELS_A_ROW == 0 else ""
        axes[f"yaxis{suffix}"] = {"title": title, "domain": down, "anchor": f"x{suffix}"} | _matching("y", place)
    return axes


def _matching(axis_name: str, place: int) -> dict[str, str]:
    return {"matches": axis_name} if place else {}


def _domains(place: int, n_rows: int) -> tuple[Sequence[float], Sequence[float]]:
    row, column = divmod(place, _PANELS_A_ROW)
    top = 1 - row / n_rows
    left = column / _PANELS_A_ROW
    return [left + 0.15 / _PANELS_A_ROW, left + 1 / _PANELS_A_ROW], [top - 0.82 / n_rows, top - 0.06 / n_rows]


def _heading(model: str, place: int) -> dict[str, Any]:
    suffix = _suffix(place)
    where = {"xref": f"x{suffix} domain", "yref": f"y{suffix} domain", "x": 0, "y": 1.02}
    return {"text": f"<b>{label(model)}</b>", "showarrow": False, "xanchor": "left", "yanchor": "bottom"} | where


def _identity(limits: Sequence[float], place: int) -> dict[str, Any]:
    low, high = limits
    suffix = _suffix(place)
    ends = {"xref": f"x{suffix}", "yref": f"y{suffix}", "x0": low, "y0": low, "x1": high, "y1": high}
    return {"type": "line", "line": {"color": MUTED, "width": 1.2, "dash": "dash"}} | ends
