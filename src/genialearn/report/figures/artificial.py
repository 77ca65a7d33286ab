"""Artificial animals beside real ones: structure, linkage, frequencies, neighbours and relationships."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from genialearn.report.figures.canvas import Picture, canvas, single
from genialearn.report.figures.palette import MUTED
from genialearn.report.judgement import Judgement
from genialearn.report.wording import count, significant

COLOURS = {"training": "#999999", "holdout": "#0077bb", "artificial": "#ee7733"}
WORDS = {"training": "learned from", "holdout": "real, held out", "artificial": "artificial"}
_HEAT = [[0, "rgba(74,127,181,0.04)"], [0.35, "rgba(74,127,181,0.45)"], [1, "rgba(16,58,104,1)"]]


def artificial_pictures(judgement: Judgement) -> list[Picture]:
    """Return the pictures that the folder has the content for."""
    portrait = judgement.portrait
    made = (
        _structure(portrait.get("components") or {}),
        _linkage(portrait.get("linkage") or {}),
        _frequencies(portrait.get("frequencies") or {}),
        _neighbours(judgement),
        _heat_maps(portrait.get("relationships") or {}),
        _pairs(portrait.get("relationships") or {}),
    )
    return [picture for picture in made if picture is not None]


def _structure(components: Mapping[str, Any]) -> Picture | None:
    if not components:
        return None
    shares = [f"{100 * share:.1f} % of the variance" for share in components["explained"]]
    traces = [
        go.Scatter(
            mode="markers",
            name=WORDS[name],
            x=[point[0] for point in components[name]],
            y=[point[1] for point in components[name]],
            marker={"size": 5, "color": COLOURS[name], "opacity": 0.55},
            hoverinfo="name",
        )
        for name in ("training", "holdout", "artificial")
    ]
    axes = {
        "xaxis": {"title": f"first principal component ({shares[0]})"},
        "yaxis": {"title": f"second ({shares[-1]})"},
    }
    caption = (
        f"{count(len(components['artificial']), 'animal')} of each kind on the axes of the animals held out. Orange "
        "points should lie where blue ones do, as densely, and in no other place."
    )
    return Picture("structure", "Structure", caption, single(canvas(traces, height=460, axes=axes)))


def _linkage(decay: Mapping[str, Any]) -> Picture | None:
    if not decay:
        return None
    kilobases = [distance / 1000 for distance in decay["distance"]]
    traces = [
        go.Scatter(
            mode="lines+markers",
            name=WORDS[name],
            x=kilobases,
            y=decay[name],
            line={"color": COLOURS[name], "width": 2, "dash": "dot" if name == "training" else "solid"},
            marker={"size": 5},
            hovertext=[
                f"{significant(x)} kb: r² {significant(y)}" for x, y in zip(kilobases, decay[name], strict=True)
            ],
            hoverinfo="text+name",
        )
        for name in ("training", "holdout", "artificial")
    ]
    axes = {"xaxis": {"title": "distance, kb", "type": "log"}, "yaxis": {"title": "mean r²", "rangemode": "tozero"}}
    caption = "Linkage disequilibrium: the squared correlation of dosages of two markers of a chromosome."
    return Picture("linkage", "Decay of linkage disequilibrium", caption, single(canvas(traces, height=380, axes=axes)))


def _frequencies(frequencies: Mapping[str, Any]) -> Picture | None:
    if not frequencies:
        return None
    traces = [
        go.Scatter(
            mode="lines", x=[0, 1], y=[0, 1], line={"color": MUTED, "width": 1}, hoverinfo="skip", showlegend=False
        ),
        go.Scatter(
            mode="markers",
            x=frequencies["real"],
            y=frequencies["artificial"],
            marker={"size": 4, "color": COLOURS["artificial"], "opacity": 0.5},
            hovertemplate="real %{x:.3f}, artificial %{y:.3f}<extra></extra>",
            showlegend=False,
        ),
    ]
    axes = {
        "xaxis": {"title": "frequency among animals held out", "range": [0, 1], "constrain": "domain"},
        "yaxis": {"title": "among artificial ones", "range": [0, 1], "scaleanchor": "x", "constrain": "domain"},
    }
    caption = f"{count(len(frequencies['real']), 'marker')}; the line is where both are the same."
    return Picture("frequencies", "Allele frequencies", caption, single(canvas(traces, height=460, axes=axes)))


_AATS = (
    ("adversarial_accuracy", "real", "held out, beside artificial ones"),
    ("adversarial_accuracy", "artificial", "artificial, beside those held out"),
    ("adversarial_accuracy_training", "real", "learned from, beside artificial ones"),
    ("adversarial_accuracy_training", "artificial", "artificial, beside those learned from"),
)


def _neighbours(judgement: Judgement) -> Picture | None:
    found = [(words, judgement.find(metric, side)) for metric, side, words in _AATS]
    shown = [(words, figure) for words, figure in found if figure is not None]
    if not shown:
        return None
    bars = go.Bar(
        orientation="h",
        x=[figure.value for _, figure in shown],
        y=[words for words, _ in shown],
        marker={
            "color": [COLOURS["artificial" if words.startswith("artificial") else "holdout"] for words, _ in shown]
        },
        error_x={"array": [figure.se for _, figure in shown], "color": MUTED, "thickness": 1.2},
        hovertemplate="%{x:.3f}<extra></extra>",
        width=0.62,
    )
    figure = canvas(
        [bars],
        height=250,
        axes={
            "xaxis": {"title": "share that is nearer to its own kind", "range": [0, 1]},
            "yaxis": {"autorange": "reversed"},
        },
        shapes=[{"type": "line", "x0": 0.5, "x1": 0.5, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": MUTED}}],
        showlegend=False,
    )
    caption = (
        "One half is where artificial and real are mixed. Above it for real animals: artificial ones are too far away; "
        "above it for artificial ones: they are crowded. Below it beside animals learned from: they are copies."
    )
    return Picture("neighbours", "Nearest neighbours", caption, single(figure))


def _heat_maps(relationships: Mapping[str, Any]) -> Picture | None:
    if not relationships:
        return None
    traces = [
        go.Heatmap(
            z=relationships[name]["matrix"],
            zmin=-0.2,
            zmax=1.0,
            colorscale=_HEAT,
            showscale=name == "artificial",
            colorbar={"thickness": 10, "len": 0.7, "outlinewidth": 0, "tickfont": {"color": MUTED}},
            xaxis=f"x{place}" if place > 1 else "x",
            yaxis=f"y{place}" if place > 1 else "y",
            hovertemplate="%{z:.2f}<extra></extra>",
        )
        for place, name in enumerate(("holdout", "artificial"), start=1)
    ]
    plain = {"showticklabels": False, "showgrid": False}
    figure = canvas(
        traces,
        height=430,
        axes={
            "xaxis": {"title": WORDS["holdout"], "domain": [0, 0.48], **plain},
            "yaxis": {"autorange": "reversed", **plain},
            "xaxis2": {"title": WORDS["artificial"], "domain": [0.52, 1], "anchor": "y2", **plain},
            "yaxis2": {"autorange": "reversed", "anchor": "x2", **plain},
        },
    )
    size = len(relationships["artificial"]["matrix"])
    caption = f"Genomic relationships of {count(size, 'animal')} of each kind, families beside each other."
    return Picture("relationships", "Relationships", caption, single(figure))


def _pairs(relationships: Mapping[str, Any]) -> Picture | None:
    if not relationships:
        return None
    edges = relationships["edges"]
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    traces = [
        go.Scatter(
            mode="lines",
            name=WORDS[name],
            x=middles,
            y=[max(share, 1e-7) for share in relationships[name]["share_of_pairs"]],
            line={"color": COLOURS[name], "width": 2, "shape": "hvh", "dash": "dot" if name == "training" else "solid"},
            hovertemplate="%{x:.2f}: %{y:.2e}<extra></extra>",
        )
        for name in ("training", "holdout", "artificial")
    ]
    axes: dict[str, dict[str, Any]] = {
        "xaxis": {"title": "genomic relationship of two animals of a kind"},
        "yaxis": {"title": "share of pairs", "type": "log", "range": [-6, 0]},
    }
    caption = "All pairs, on a logarithmic scale: families are the tail at the right."
    return Picture("pairs", "How related animals are", caption, single(canvas(traces, height=340, axes=axes)))
