"""Selection by generation: gain, variance, accuracy and inbreeding, a panel a trait and a line a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from genialearn.report.figures.canvas import Choice, Picture, as_json, canvas, hover, label
from genialearn.report.figures.palette import INK, MODEL_COLOURS, MUTED, REFERENCE_COLOUR
from genialearn.report.selection import ALL, CONTROLS, INDEX, REFERENCE, Selection, half_width
from genialearn.report.wording import count, significant

_COLUMNS, _PANEL, _GAP = 3, 200, 62
_TOP = 40
_OTHERS = MODEL_COLOURS[:-2]
_CONTROLS = dict(zip(CONTROLS, MODEL_COLOURS[-2:], strict=True))
_DASHES = {"random": "dot", "truth": "dash"}


class Line(NamedTuple):
    """Which line a panel has for each model.

    Parameters
    ----------
    heading
        Of the panel.
    trait, figure
        Which rows.
    column
        "mean" or "difference".
    right
        Where a value is right: a thin line is drawn there.
    """

    heading: str
    trait: str
    figure: str
    column: str = "mean"
    right: float | None = None


def selection_colours(models: Sequence[str]) -> dict[str, str]:
    """Return the colour of each model: grey for gblup, the end of the palette for controls, its rest for the others."""
    others = [model for model in models if model != REFERENCE and model not in CONTROLS]
    colours = {model: _OTHERS[place % len(_OTHERS)] for place, model in enumerate(others)}
    return {model: {REFERENCE: REFERENCE_COLOUR, **_CONTROLS, **colours}[model] for model in models}


def selection_pictures(selection: Selection) -> list[Picture]:
    """Return the pictures that the folder has the content for."""
    made = (_gain(selection), _variance(selection), _accuracy(selection), _inbreeding(selection))
    return [picture for picture in made if picture is not None]


def _gain(selection: Selection) -> Picture | None:
    shown = {"genetic gain": _by_trait(selection, "gain")}
    if selection.table["difference"].notna().any():
        shown["gain less that by gblup"] = _by_trait(selection, "gain", column="difference", right=0.0)
    return _picture(
        selection,
        shown,
        name="gain",
        title="Genetic gain",
        caption="Mean true genetic value of the animals born, less the base's, in genetic standard deviations of the "
        f"base. Bands are 95 % intervals over {count(selection.n_replicates, 'replicate')}; replicates are the same "
        "for all models, so the differences to gblup are surer than the gains.",
    )


def _variance(selection: Selection) -> Picture | None:
    shown = {
        "genetic variance": _by_trait(selection, "genetic_variance", right=1.0),
        "variance of breeding values": _by_trait(selection, "breeding_value_variance", index=False),
    }
    caption = (
        "Of the animals born, in genetic variances of the base. Breeding values are sums of the base's average "
        "effects: where a trait follows a curve they have less variance than genetic values from the start."
    )
    return _picture(selection, shown, name="variance", title="Variance", caption=caption)


def _accuracy(selection: Selection) -> Picture | None:
    shown = {
        "accuracy, r": _by_trait(selection, "accuracy"),
        "dispersion, b1": _by_trait(selection, "b1", right=1.0),
    }
    caption = (
        "Predicted against true genetic values of all animals born, before selection among them and before any of them "
        "had a record. b1 is the regression of true on predicted values: below 1, these are spread too widely."
    )
    return _picture(selection, shown, name="accuracy", title="Accuracy and dispersion of candidates", caption=caption)


def _inbreeding(selection: Selection) -> Picture | None:
    lines = [
        Line("inbreeding by pedigree", ALL, "inbreeding"),
        Line("by markers, to the base", ALL, "genomic_inbreeding"),
        Line("share of QTL fixed", ALL, "fixed_qtl"),
    ]
    caption = "Means of the animals born. By markers: what heterozygosity is lost of that expected in the base."
    return _picture(selection, {"": lines}, name="inbreeding", title="Inbreeding and loss of alleles", caption=caption)


def _by_trait(
    selection: Selection, figure: str, *, column: str = "mean", right: float | None = None, index: bool = True
) -> list[Line]:
    names = [*([INDEX] if index else []), *selection.traits]
    return [Line(name, name, figure, column, right) for name in names]


def _picture(selection: Selection, shown: Mapping[str, Sequence[Line]], **words: Any) -> Picture | None:
    panels = {name: [line for line in lines if _has_content(selection, line)] for name, lines in shown.items()}
    panels = {name: lines for name, lines in panels.items() if lines}
    if not panels:
        return None
    variants = {str(place): _grid(selection, lines) for place, lines in enumerate(panels.values())}
    if len(panels) == 1:
        return Picture(**words, variants={"": variants["0"]})
    return Picture(**words, variants=variants, choices=(Choice("Shown", tuple(panels)),))


def _has_content(selection: Selection, line: Line) -> bool:
    table = selection.table
    rows = (table["trait"] == line.trait) & (table["figure"] == line.figure)
    return bool(table.loc[rows, line.column].notna().any())


def _grid(selection: Selection, lines: Sequence[Line]) -> dict[str, Any]:
    colours = selection_colours(selection.models)
    n_rows = -(-len(lines) // _COLUMNS)
    height = _TOP + n_rows * (_PANEL + _GAP)
    traces: list[go.Scatter] = []
    axes: dict[str, dict[str, Any]] = {}
    notes: list[dict[str, Any]] = []
    for place, line in enumerate(lines):
        x, y = _domains(place, n_rows, height)
        number = "" if place == 0 else str(place + 1)
        whole = {"tickmode": "linear", "dtick": 1} if selection.last <= 12 else {}
        name = "generation" if place >= len(lines) - _COLUMNS else ""
        axes[f"xaxis{number}"] = {"title": name, "domain": x, "anchor": f"y{number}", "showgrid": False, **whole}
        axes[f"yaxis{number}"] = {"domain": y, "anchor": f"x{number}", "nticks": 5}
        notes.append(_heading(line, x, y))
        for model in selection.models:
            traces += _line(selection, line, model, colours[model], number)
    shapes = [shape for place, line in enumerate(lines) for shape in _rule(line, place, selection.last)]
    margin = {"l": 8, "r": 16, "t": _TOP, "b": 8}
    figure = canvas(traces, height=height, axes=axes, annotations=notes, shapes=shapes, margin=margin)
    figure.update_layout(legend={"y": 0.995, "yanchor": "top", "yref": "container"})
    return as_json(figure)


def _domains(place: int, n_rows: int, height: int) -> tuple[list[float], list[float]]:
    """Return the parts of the width and of the height that a panel has."""
    row, column = divmod(place, _COLUMNS)
    width = (1 - 0.05 * (_COLUMNS - 1)) / _COLUMNS
    left = column * (width + 0.05)
    inner = height - _TOP
    top = 1 - (row * (_PANEL + _GAP) + _GAP * 0.6) / inner
    return [left, left + width], [max(top - _PANEL / inner, 0.0), top]


def _heading(line: Line, x: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
    text = f"<b>{label(line.heading.replace('_', ' '), longest=34)}</b>"
    place = {"xref": "paper", "yref": "paper", "x": x[0], "y": y[1], "xanchor": "left", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": {"size": 12.5, "color": INK}, **place}


def _rule(line: Line, place: int, last: int) -> list[dict[str, Any]]:
    if line.right is None:
        return []
    number = "" if place == 0 else str(place + 1)
    ends = {"x0": 0, "x1": last, "y0": line.right, "y1": line.right}
    style = {"color": MUTED, "width": 1, "dash": "dot"}
    return [{"type": "line", "xref": f"x{number}", "yref": f"y{number}", "line": style, "layer": "below", **ends}]


def _line(selection: Selection, line: Line, model: str, colour: str, number: str) -> list[go.Scatter]:
    rows = selection.curve(model, line.trait, line.figure)
    rows = rows[rows[line.column].notna()]
    if rows.empty:
        return []
    axes = {"xaxis": f"x{number}", "yaxis": f"y{number}", "legendgroup": model}
    return [*_ribbon(rows, line, colour, axes), _mean(rows, line, model, colour, axes)]


def _ribbon(rows: pd.DataFrame, line: Line, colour: str, axes: Mapping[str, str]) -> list[go.Scatter]:
    """Return the 95 % interval as a band; nothing for one replicate."""
    errors = rows["se" if line.column == "mean" else "difference_se"]
    widths = pd.Series([half_width(se, n) for se, n in zip(errors, rows["n"], strict=True)], index=rows.index)
    known = widths.notna()
    if not known.any():
        return []
    rows, widths = rows[known], widths[known]
    high, low = rows[line.column] + widths, rows[line.column] - widths
    generations = rows["generation"].tolist()
    band = go.Scatter(
        x=generations + generations[::-1],
        y=high.tolist() + low.tolist()[::-1],
        mode="lines",
        fill="toself",
        fillcolor=_faint(colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **axes,
    )
    return [band]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _mean(rows: pd.DataFrame, line: Line, model: str, colour: str, axes: Mapping[str, str]) -> go.Scatter:
    values = rows[line.column].tolist()
    told = [
        hover(line.heading, f"{label(model)}, generation {int(generation)}: {significant(value)}")
        for generation, value in zip(rows["generation"], values, strict=True)
    ]
    return go.Scatter(
        name=label(model),
        x=rows["generation"].tolist(),
        y=values,
        mode="lines+markers",
        line={"color": colour, "width": 1.4 if model in CONTROLS else 2.2, "dash": _DASHES.get(model, "solid")},
        marker={"size": 4 if model in CONTROLS else 6},
        hovertext=told,
        hoverinfo="text",
        showlegend=axes["xaxis"] == "x",
        **axes,
    )
