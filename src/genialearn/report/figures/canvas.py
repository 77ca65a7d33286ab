"""What all figures share: their frame, and text that plotly can't mistake for markup.

plotly reads some HTML in its labels (`<b>`, `<a>`), so every text of the user goes through `label`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from genialearn.report.figures.palette import INK, LINE, MUTED, SURFACE

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


@dataclass(frozen=True)
class Choice:
    """A selector above a figure."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A figure of the page: plotly figures, one for each combination of the choices.

    Parameters
    ----------
    name
        Its anchor in the page.
    title, caption
        Plain text.
    variants
        plotly figures as JSON objects, by the positions of the chosen options joined with hyphens (`0-2`); the one
        figure of a picture without choices has the empty name.
    choices
        The selectors above it.
    """

    name: str
    title: str
    caption: str
    variants: Mapping[str, dict[str, Any]]
    choices: tuple[Choice, ...] = field(default=())

    @property
    def height(self) -> int:
        """Height in pixels of the figure that is shown first."""
        return int(next(iter(self.variants.values()))["layout"]["height"])


def single(figure: go.Figure) -> dict[str, dict[str, Any]]:
    """Return the variants of a picture without choices."""
    return {"": as_json(figure)}


def as_json(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as a JSON object, without the template that plotly would add."""
    content: dict[str, Any] = figure.to_plotly_json()
    content["layout"].pop("template", None)
    return content


def label(text: object, *, longest: int = 60) -> str:
    """Return a text of the user as plotly shall show it: letter by letter, shortened where it is long."""
    words = " ".join(str(text).split())
    return html.escape(words if len(words) <= longest else words[: longest - 1] + "…", quote=False)


def hover(title: object, *lines: str) -> str:
    """Return the text of a tooltip: a title of the user in bold, then lines that are already safe."""
    return "<br>".join([f"<b>{label(title)}</b>", *lines])


def canvas(traces: Iterable[Any], *, height: int, axes: Mapping[str, Mapping[str, Any]], **more: Any) -> go.Figure:
    """Return a figure in the report's frame.

    Parameters
    ----------
    traces
        What it shows.
    height
        In pixels; its width is that of the page.
    axes
        What `axis` takes for each axis, by plotly's name of it (`xaxis`, `yaxis2`).
    more
        Settings of the layout.
    """
    layout = {
        "template": None,
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 16, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12.5, "color": INK},
        "hoverlabel": {
            "bgcolor": SURFACE,
            "bordercolor": LINE,
            "font": {"color": INK, "family": FONT},
            "align": "left",
        },
        "legend": legend(),
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": INK},
    }
    framed = {name: axis(**settings) for name, settings in axes.items()}
    return go.Figure(list(traces), layout=layout | framed | more)


def axis(title: str = "", **settings: Any) -> dict[str, Any]:
    """Return the settings of an axis: hairlines, no frame; `title` is plain text that is already safe."""
    frame = {
        "title": {"text": title, "font": {"size": 12.5, "color": MUTED}, "standoff": 12},
        "gridcolor": LINE,
        "linecolor": LINE,
        "zeroline": False,
        "automargin": True,
        "ticks": "",
    }
    return frame | settings


def legend(**settings: Any) -> dict[str, Any]:
    """Return the settings of a legend: one line above the figure."""
    place = {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}
    return place | {"itemsizing": "constant"} | settings
