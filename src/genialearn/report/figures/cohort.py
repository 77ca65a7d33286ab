"""Who the animals are: structure, relationships, holes in the records, allele frequencies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from genialearn.report.cohort_results import CohortResults, Histogram
from genialearn.report.figures.canvas import Picture, canvas, hover, label, single
from genialearn.report.figures.palette import MUTED, SEQUENTIAL, SINGLE, SURFACE
from genialearn.report.wording import count, is_missing, significant

MOST_POINTS = 4_000


def component_picture(cohort: CohortResults) -> Picture | None:
    """Return the animals along the first two principal components of their genotypes."""
    if cohort.components is None:
        return None
    animals = _thinned(cohort.components)
    years = pd.to_numeric(animals["birth_year"])
    figure = canvas(
        [_animals(animals, years)],
        height=420,
        axes={
            "xaxis": {"title": _component("first", cohort.variance_explained[:1])},
            "yaxis": {"title": _component("second", cohort.variance_explained[1:2])},
        },
    )
    caption = f"{count(len(animals), 'animal')}" + (", coloured by birth year." if years.notna().any() else ".")
    return Picture("principal-components", "Structure of the cohort", caption, single(figure))


def _thinned(animals: pd.DataFrame) -> pd.DataFrame:
    return animals.iloc[:: math.ceil(len(animals) / MOST_POINTS)]


def _component(which: str, share: tuple[float, ...]) -> str:
    return f"{which} principal component" + "".join(f" ({100 * value:.1f} % of the variance)" for value in share)


def _animals(animals: pd.DataFrame, years: pd.Series[float]) -> go.Scatter:
    birth = ["" if is_missing(year) else f"born {year:.0f}" for year in years]
    return go.Scatter(
        mode="markers",
        x=animals["first"].tolist(),
        y=animals["second"].tolist(),
        marker={"size": 6, "line": {"color": SURFACE, "width": 0.5}} | _year_colours(years),
        hovertext=[hover(animal, born) for animal, born in zip(animals["animal"], birth, strict=True)],
        hoverinfo="text",
    )


def _year_colours(years: pd.Series[float]) -> dict[str, Any]:
    if years.isna().all():
        return {"color": SINGLE, "opacity": 0.7}
    bar = {
        "title": {"text": "born", "font": {"size": 12.5}},
        "thickness": 10,
        "len": 0.7,
        "outlinewidth": 0,
        "tickformat": "d",
    }
    return {"color": [None if is_missing(year) else year for year in years], "colorscale": SEQUENTIAL, "colorbar": bar}


def relationship_picture(cohort: CohortResults) -> Picture | None:
    """Return the histograms of genomic relationships, of each animal with itself and with the others."""
    if cohort.diagonal is None or cohort.off_diagonal is None:
        return None
    figure = canvas(
        [_bars(cohort.off_diagonal), _bars(cohort.diagonal, xaxis="x2", yaxis="y2")],
        height=300,
        axes={
            "xaxis": {"title": "with each other (off-diagonal)", "domain": [0, 0.44]},
            "yaxis": {"title": "pairs"},
            "xaxis2": {"title": "with themselves (diagonal)", "domain": [0.56, 1], "anchor": "y2"},
            "yaxis2": {"title": "animals", "anchor": "x2"},
        },
        showlegend=False,
    )
    related = f" of {count(cohort.n_related, 'animal')}" if cohort.n_related else ""
    return Picture("relationships", "Genomic relationships", f"Relationships{related}.", single(figure))


def allele_frequency_picture(cohort: CohortResults) -> Picture | None:
    """Return the histogram of allele frequencies."""
    if cohort.allele_frequencies is None:
        return None
    figure = canvas(
        [_bars(cohort.allele_frequencies)],
        height=300,
        axes={"xaxis": {"title": "frequency of the counted allele"}, "yaxis": {"title": "markers"}},
    )
    caption = f"{count(sum(cohort.allele_frequencies.counts), 'marker')}."
    return Picture("allele-frequencies", "Allele frequencies", caption, single(figure))


def _bars(histogram: Histogram, **axes: str) -> go.Bar:
    edges = np.asarray(histogram.edges)
    texts = [
        f"{significant(low)} to {significant(high)}: {count(number)}"
        for low, high, number in zip(edges[:-1], edges[1:], histogram.counts, strict=True)
    ]
    return go.Bar(
        x=((edges[:-1] + edges[1:]) / 2).tolist(),
        y=list(histogram.counts),
        width=np.diff(edges).tolist(),
        marker={"color": SINGLE, "line": {"color": SURFACE, "width": 1}},
        hovertext=texts,
        textposition="none",
        hoverinfo="text",
        **axes,
    )


def hole_picture(cohort: CohortResults) -> Picture | None:
    """Return the share of animals with a record, by trait and bin of animals."""
    if cohort.holes is None:
        return None
    holes = cohort.holes
    figure = canvas(
        [_heat(holes)],
        height=110 + 18 * len(holes),
        axes={
            "xaxis": _names(list(holes.columns)) | {"side": "top"},
            "yaxis": _names(list(holes.index)) | {"autorange": "reversed"},
        },
    )
    caption = "Share of the animals of a bin that have a record of a trait: pale cells are holes."
    return Picture("holes", "Holes in the records", caption, single(figure))


def _names(names: list[str]) -> dict[str, Any]:
    texts = [label(name, longest=34) for name in names]
    return {"tickvals": list(range(len(names))), "ticktext": texts, "showgrid": False}


def _heat(holes: pd.DataFrame) -> go.Heatmap:
    shares = holes.to_numpy(dtype=float).tolist()
    texts = [
        [
            hover(trait, label(name), f"{100 * share:.0f} % recorded")
            for name, share in zip(holes.columns, row, strict=True)
        ]
        for trait, row in zip(holes.index, shares, strict=True)
    ]
    return go.Heatmap(
        z=shares,
        zmin=0,
        zmax=1,
        xgap=1.5,
        ygap=1.5,
        colorscale=[[0, "rgba(74,127,181,0.05)"], [1, "rgba(74,127,181,1)"]],
        colorbar={"tickformat": ".0%", "thickness": 10, "len": 0.7, "outlinewidth": 0, "tickfont": {"color": MUTED}},
        hovertext=texts,
        hoverinfo="text",
    )
