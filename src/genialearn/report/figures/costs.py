"""What a model costs against how well it predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from genialearn.report.figures.canvas import Picture, canvas, hover, label, single
from genialearn.report.results import Results
from genialearn.report.summaries import Cost, costs, mean_scores, shared_traits
from genialearn.report.wording import count, decimal, duration, memory

_LARGEST = 54
_TICKS = {
    0.1: "0.1 s", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 36_000: "10 h", 86_400 * 4: "4 d",
}  # fmt: skip


def cost_picture(results: Results, colours: Mapping[str, str]) -> Picture | None:
    """Return mean r against wall time, with peak memory as the area; None where nothing was measured."""
    means, took = mean_scores(results), costs(results)
    models = [model for model in colours if model in means.index and _is_measured(took.get(model))]
    if not models:
        return None
    return Picture(
        "cost-against-accuracy",
        "Cost against accuracy",
        f"Mean r over the {count(shared_traits(results), 'trait')} that every model has a score of, against the wall "
        "time of fit and predict; the area is the peak memory. Up and to the left is better.",
        single(_bubbles({model: (took[model], float(means[model])) for model in models}, colours)),
    )


def _is_measured(cost: Cost | None) -> bool:
    return cost is not None and cost.wall_s > 0


def _bubbles(points: Mapping[str, tuple[Cost, float]], colours: Mapping[str, str]) -> go.Figure:
    peaks = [cost.peak_rss_mib if cost.peak_rss_mib > 0 else 0.0 for cost, _ in points.values()]
    return canvas(
        [_bubble(model, cost, mean, colours[model], max(peaks)) for model, (cost, mean) in points.items()],
        height=430,
        axes={
            "xaxis": _time_axis([cost.wall_s for cost, _ in points.values()]),
            "yaxis": _accuracy_axis([mean for _, mean in points.values()]),
        },
        showlegend=False,
    )


def _bubble(model: str, cost: Cost, mean: float, colour: str, largest: float) -> go.Scatter:
    share = cost.peak_rss_mib / largest if cost.peak_rss_mib > 0 else 0.0
    size = max(8.0, _LARGEST * math.sqrt(share))
    return go.Scatter(
        name=label(model),
        mode="markers+text",
        x=[cost.wall_s],
        y=[mean],
        text=[f"<b>{label(model)}</b><br>{memory(cost.peak_rss_mib)}"],
        textposition="middle right",
        marker={"color": colour, "size": size, "opacity": 0.85, "line": {"width": 0}},
        hovertext=[hover(model, f"mean r {decimal(mean)}", duration(cost.wall_s), memory(cost.peak_rss_mib))],
        hoverinfo="text",
        cliponaxis=False,
    )


def _time_axis(seconds: list[float]) -> dict[str, Any]:
    low, high = math.log10(min(seconds)), math.log10(max(seconds))
    return {
        "title": "wall time, fit and predict over all splits (logarithmic)",
        "type": "log",
        "tickvals": list(_TICKS),
        "ticktext": list(_TICKS.values()),
        "range": [low - 0.35, high + 0.75],
    }


def _accuracy_axis(means: list[float]) -> dict[str, Any]:
    margin = max(0.35 * (max(means) - min(means)), 0.005)
    return {"title": "mean r", "tickformat": ".3f", "range": [min(means) - margin, max(means) + margin]}
