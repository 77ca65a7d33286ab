"""Accuracy of models trained on artificial animals, beside that of models trained on real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from genialearn.report.figures.canvas import Picture, canvas, hover, label, single
from genialearn.report.figures.palette import BAND, MUTED
from genialearn.report.usefulness import TraitUse
from genialearn.report.wording import decimal

_Z95 = 1.96


class _Kind(NamedTuple):
    """Whose accuracy a trace shows: its column, that of its standard error, and how it looks."""

    column: str
    error: str
    words: str
    colour: str
    symbol: str
    offset: float


_KINDS = (
    _Kind("real", "se_real", "real animals", "#0077bb", "circle", -0.22),
    _Kind("real_against_real", "", "the same, records made likewise", "#7c8797", "circle-open", 0.0),
    _Kind("artificial", "se", "artificial animals", "#ee7733", "circle", 0.22),
)


def use_picture(uses: Sequence[TraitUse]) -> Picture | None:
    """Return r by trait and training animals; None without traits."""
    if not uses:
        return None
    rows = list(range(len(uses)))
    axes = {
        "xaxis": {"title": "r with records of animals held out", "zeroline": True, "zerolinecolor": MUTED},
        "yaxis": {
            "tickvals": rows,
            "ticktext": [label(use.trait) for use in uses],
            "range": [len(uses) - 0.5, -0.5],
            "showgrid": False,
        },
    }
    bands = [
        {
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": row - 0.5, "y1": row + 0.5,
            "fillcolor": BAND, "line": {"width": 0}, "layer": "below",
        }
        for row in rows[::2]
    ]  # fmt: skip
    traces = [_trace(uses, kind) for kind in _KINDS]
    height = 110 + max(46 * len(uses), 90)
    caption = (
        "Each dot is a GBLUP's r, its line the 95 % interval over animals held out, families kept together. "
        "Differences are paired, so they are surer than the lines say: see the table. Grey are real animals whose "
        "records were made as those of the artificial ones: what is lost up to there isn't the genotypes' fault."
    )
    figure = canvas(traces, height=height, axes=axes, shapes=bands)
    return Picture("use-accuracy", "Trained on artificial animals, tested on real ones", caption, single(figure))


def _trace(uses: Sequence[TraitUse], kind: _Kind) -> go.Scatter:
    values = [getattr(use["r"], kind.column) for use in uses]
    errors = [getattr(use["r"], kind.error) for use in uses] if kind.error else None
    told = [decimal(value) for value in values]
    if errors is not None:
        told = [f"{value}, standard error {decimal(error)}" for value, error in zip(told, errors, strict=True)]
    return go.Scatter(
        mode="markers",
        name=kind.words,
        x=values,
        y=[row + kind.offset for row in range(len(uses))],
        marker={"size": 9, "color": kind.colour, "symbol": kind.symbol},
        error_x=None if errors is None else {"array": [_Z95 * e for e in errors], "thickness": 1.6, "width": 0},
        hovertext=[hover(use.trait, f"{kind.words}: {text}") for use, text in zip(uses, told, strict=True)],
        hoverinfo="text",
    )
