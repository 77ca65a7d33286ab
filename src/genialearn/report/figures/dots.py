"""Dot plots: an estimate with its interval for each trait and model, traits down the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from genialearn.report.definitions import METRIC_LABELS
from genialearn.report.figures.canvas import Choice, Picture, as_json, canvas, hover, label, legend
from genialearn.report.figures.palette import BAND, LINE, MUTED, SURFACE
from genialearn.report.results import Results, Trait
from genialearn.report.summaries import heritabilities, pooled
from genialearn.report.wording import count, decimal, is_missing, significant

Z95 = 1.96
_TOP, _BOTTOM = 84, 12


@dataclass(frozen=True)
class Row:
    """One line of a dot plot: a trait, or the heading of a group of them."""

    text: str
    is_heading: bool = False


@dataclass(frozen=True)
class Scale:
    """What the horizontal axis means: its title, and the value that is right, where there is one."""

    title: str
    right: float | None = None


def accuracy_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return the scores by trait and model, one variant for each metric and order; None without scores."""
    scores = {metric: table for metric in METRIC_LABELS if len(table := pooled(results, metric))}
    return _dot_picture(
        results,
        colours,
        {metric: (table, Scale(METRIC_LABELS[metric])) for metric, table in scores.items()},
        name="accuracy-by-trait",
        title="Accuracy by trait and model",
        caption="Each dot is an estimate over the test animals; its line is the 95 % interval. "
        "Click a model in the legend to hide it, twice to see it alone.",
    )


def dispersion_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return dispersion and bias by trait and model; None without either."""
    panels = {
        "dispersion, b1": (pooled(results, "b1"), Scale("dispersion, b1 (1 is right)", 1.0)),
        "bias": (pooled(results, "bias"), Scale("bias, in genetic standard deviations (0 is right)", 0.0)),
    }
    return _dot_picture(
        results,
        colours,
        {name: panel for name, panel in panels.items() if len(panel[0])},
        name="dispersion-by-trait",
        title="Estimates by trait and model",
        caption="Dispersion below 1 means that predictions are spread too widely, above 1 too narrowly. Bias above 0 "
        "means that they are too high.",
    )


def _dot_picture(
    results: Results,
    colours: Mapping[str, str],
    panels: Mapping[str, tuple[pd.DataFrame, Scale]],
    **words: str,
) -> Picture | None:
    if not panels:
        return None
    orders = _orders(results)
    variants = {
        f"{place}-{order}": _dot_plot(scores, arrange(_scored(results, scores), scores), colours, scale)
        for place, (scores, scale) in enumerate(panels.values())
        for order, arrange in enumerate(orders.values())
    }
    metrics = tuple(METRIC_LABELS.get(name, name) for name in panels)
    return Picture(**words, variants=variants, choices=(Choice("Metric", metrics), Choice("Order", tuple(orders))))


def _scored(results: Results, scores: pd.DataFrame) -> list[Trait]:
    present = set(scores["trait"])
    return [trait for trait in results.traits if trait.name in present]


Arrange = Callable[[Sequence[Trait], pd.DataFrame], list[Row]]


def _orders(results: Results) -> dict[str, Arrange]:
    h2 = heritabilities(results)
    by_h2 = {"heritability": lambda traits, _scores: _descending(traits, h2)} if len(h2) else {}
    return {"group": _grouped, "estimate": _by_estimate, **by_h2, "name": _by_name}


def _grouped(traits: Sequence[Trait], _scores: pd.DataFrame) -> list[Row]:
    groups: dict[str, list[Row]] = {}
    for trait in traits:
        groups.setdefault(trait.group, []).append(Row(trait.name))
    if list(groups) == [""]:
        return groups[""]
    return [row for group, rows in groups.items() for row in (Row(group or "other", is_heading=True), *rows)]


def _by_estimate(traits: Sequence[Trait], scores: pd.DataFrame) -> list[Row]:
    return _descending(traits, scores.groupby("trait")["estimate"].mean())


def _descending(traits: Sequence[Trait], values: pd.Series[float]) -> list[Row]:
    return [Row(trait.name) for trait in sorted(traits, key=lambda trait: -values.get(trait.name, float("-inf")))]


def _by_name(traits: Sequence[Trait], _scores: pd.DataFrame) -> list[Row]:
    return [Row(trait.name) for trait in sorted(traits, key=lambda trait: trait.name.casefold())]


def _dot_plot(scores: pd.DataFrame, rows: list[Row], colours: Mapping[str, str], scale: Scale) -> dict[str, Any]:
    shown = [model for model in colours if model in set(scores["model"])]
    places = {row.text: place for place, row in enumerate(rows) if not row.is_heading}
    step = 0.8 / max(len(shown), 2)
    shifts = {model: (place - (len(shown) - 1) / 2) * step for place, model in enumerate(shown)}
    traces = [_dots(scores[scores["model"] == model], model, colours[model], places, shifts[model]) for model in shown]
    return as_json(
        canvas(
            [*_rules(scale, len(rows)), *traces],
            height=_TOP + _BOTTOM + len(rows) * max(22, 7 * len(shown) + 4),
            axes={"xaxis": _value_axis(scores, scale) | {"side": "top"}, "yaxis": _row_axis(rows)},
            margin={"l": 8, "r": 16, "t": _TOP, "b": _BOTTOM},
            legend=legend(yref="container", y=1, yanchor="top"),
            shapes=_bands(rows),
        )
    )


def _value_axis(scores: pd.DataFrame, scale: Scale) -> dict[str, Any]:
    """Return the settings of the horizontal axis, which outliers can't stretch: it tells how many lie beyond it."""
    low, high = _limits(scores, scale)
    beyond = int((~scores["estimate"].between(low, high)).sum())
    note = f"; {count(beyond, 'estimate')} beyond the axis" if beyond else ""
    padding = 0.04 * (high - low)
    return {"title": scale.title + note, "range": [low - padding, high + padding]}


def _limits(scores: pd.DataFrame, scale: Scale) -> tuple[float, float]:
    """Return the ends of the widest intervals, but at most three interquartile ranges from the quartiles."""
    estimates, half_widths = scores["estimate"], Z95 * scores["se"].fillna(0)
    first, third = (float(estimates.quantile(share)) for share in (0.25, 0.75))
    reach = 3 * (third - first) or float("inf")
    right = [] if scale.right is None else [scale.right]
    low = max(float((estimates - half_widths).min()), first - reach)
    high = min(float((estimates + half_widths).max()), third + reach)
    return min([low, *right]), max([high, *right])


def _rules(scale: Scale, n_rows: int) -> list[go.Scatter]:
    """Return the dashed line at the value that is right, where there is one."""
    ends = {"x": [scale.right, scale.right], "y": [-0.5, n_rows - 0.5]}
    line = {"color": MUTED, "width": 1.5, "dash": "dash"}
    rule = go.Scatter(mode="lines", line=line, hoverinfo="skip", showlegend=False, **ends)
    return [] if scale.right is None else [rule]


def _dots(scores: pd.DataFrame, model: str, colour: str, places: Mapping[str, int], shift: float) -> go.Scatter:
    half_widths = (Z95 * scores["se"]).tolist()
    return go.Scatter(
        name=label(model),
        mode="markers",
        x=scores["estimate"].tolist(),
        y=[places[trait] + shift for trait in scores["trait"]],
        error_x={"type": "data", "array": half_widths, "color": colour, "thickness": 1.3, "width": 0},
        marker={"color": colour, "size": 7.5, "line": {"color": SURFACE, "width": 1}},
        hovertext=[_dot_hover(row, model) for row in scores.to_dict("records")],
        hoverinfo="text",
    )


def _dot_hover(row: Mapping[Any, Any], model: str) -> str:
    interval = "" if is_missing(row["se"]) else f" ± {significant(Z95 * row['se'])}"
    animals = [] if is_missing(row["n"]) else [count(row["n"], "test animal")]
    return hover(row["trait"], f"{label(model)}: {decimal(row['estimate'])}{interval}", *animals)


def _row_axis(rows: list[Row]) -> dict[str, Any]:
    texts = [f"<b>{label(row.text)}</b>" if row.is_heading else label(row.text, longest=34) for row in rows]
    return {
        "range": [len(rows) - 0.5, -0.5],
        "tickvals": list(range(len(rows))),
        "ticktext": texts,
        "showgrid": False,
        "fixedrange": True,
        "ticklabelstandoff": 8,
    }


def _bands(rows: list[Row]) -> list[dict[str, Any]]:
    """Return a line above each heading, and a tint behind every other trait."""
    lines = [_line(place - 0.5) for place, row in enumerate(rows) if row.is_heading]
    return lines + [_band(place) for place, row in enumerate(rows) if place % 2 and not row.is_heading]


def _band(place: int) -> dict[str, Any]:
    span = {"xref": "x domain", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place + 0.5}
    return {"type": "rect", "layer": "below", "fillcolor": BAND, "line": {"width": 0}} | span


def _line(place: float) -> dict[str, Any]:
    span = {"xref": "x domain", "x0": 0, "x1": 1, "y0": place, "y1": place}
    return {"type": "line", "layer": "below", "line": {"color": LINE, "width": 1}} | span
