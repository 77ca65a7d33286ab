"""The tables of scores: one row a trait, one cell a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genialearn.report.results import Results, Trait
from genialearn.report.summaries import heritabilities, pooled

MARKS = {"better": "▲", "equal": "=", "worse": "▼"}


@dataclass(frozen=True)
class Against:
    """The comparison of one model with one reference for one trait."""

    reference: str
    verdict: str
    mark: str
    difference: float
    p_holm: float


@dataclass(frozen=True)
class Cell:
    """The score of one model for one trait; None where there is none."""

    model: str
    estimate: float | None
    se: float | None = None
    against: tuple[Against, ...] = ()


@dataclass(frozen=True)
class Row:
    """The scores of all models for one trait."""

    trait: Trait
    n_test: float | None
    h2: float | None
    cells: tuple[Cell, ...]


def accuracy_rows(results: Results) -> list[Row]:
    """Return r by trait and model, each with its comparisons."""
    compared = _comparisons(results)
    return _rows(results, "r", lambda trait, model: tuple(compared.get((trait, model), [])))


def metric_rows(results: Results, metric: str) -> list[Row]:
    """Return the scores of a metric by trait and model."""
    return _rows(results, metric, lambda _trait, _model: ())


def _rows(results: Results, metric: str, against: Callable[[str, str], tuple[Against, ...]]) -> list[Row]:
    scores = pooled(results, metric)
    found = {(row["trait"], row["model"]): row for row in scores.to_dict("records")}
    n_test, h2 = scores.groupby("trait")["n"].max(), heritabilities(results)
    return [
        Row(
            trait,
            n_test.get(trait.name),
            h2.get(trait.name),
            tuple(_cell(found.get((trait.name, model)), model, against(trait.name, model)) for model in results.models),
        )
        for trait in results.traits
    ]


def _cell(score: dict[Any, Any] | None, model: str, against: tuple[Against, ...]) -> Cell:
    return Cell(model, score["estimate"], score["se"], against) if score else Cell(model, None)


def _comparisons(results: Results) -> dict[tuple[str, str], list[Against]]:
    found: dict[tuple[str, str], list[Against]] = {}
    for reference in results.references:
        rows: pd.DataFrame = results.comparisons[results.comparisons["reference"] == reference]
        for row in rows.to_dict("records"):
            mark = MARKS[row["verdict"]]
            against = Against(reference, row["verdict"], mark, row["difference"], row["p_holm"])
            found.setdefault((row["trait"], row["model"]), []).append(against)
    return found
