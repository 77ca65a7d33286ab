"""The tables of a run folder, from the files that its cells left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from genialearn import _files
from genialearn._arrays import FloatArray
from genialearn.experiments import runs, scoring
from genialearn.experiments.cell import WHOLE_CELL
from genialearn.experiments.engine import Failure
from genialearn.experiments.plan import Plan
from genialearn.experiments.runs import RunFolder
from genialearn.predictors import REFERENCE, REFERENCES
from genialearn.validation.splits import blocks

COST_COLUMNS = ["model", "split", "stage", "wall_s", "cpu_s", "peak_rss_mib", "n_animals", "n_markers", "n_traits"]
CURVE_COLUMNS = [
    *("model", "split", "driver", "target", "share", "p", "p_holm", "breeding_value", "effect", "lower", "upper"),
]
COST_DIGITS = CURVE_DIGITS = 6


def write_tables(folder: RunFolder, plan: Plan) -> None:
    """Write everything but `run.json` and `failures.tsv`."""
    predicted = _predicted(folder, plan)
    judged = _judged(folder, plan)
    scores = [scoring.score_table(judged, predicted), _heritability_scores(folder, plan)]
    _files.write_table(folder.path / runs.SCORES, pd.concat(scores, ignore_index=True))
    comparisons = scoring.comparison_table(judged, predicted, REFERENCES)
    _files.write_table(folder.path / runs.COMPARISONS, comparisons)
    _write_predictions(folder, scoring.prediction_tables(judged, predicted))
    _files.write_table(folder.path / runs.COSTS, _costs(folder, plan), digits=COST_DIGITS)
    _files.write_table(folder.path / runs.CURVES, _curves(folder, plan), digits=CURVE_DIGITS)
    _files.write_json(folder.path / runs.COHORT, plan.description)


def _write_predictions(folder: RunFolder, tables: Iterator[pd.DataFrame]) -> None:
    """Write one row group a model and split: only one of them is in memory."""
    first = pa.Table.from_pandas(next(tables), preserve_index=False)
    with (
        _files.writing(folder.path / runs.PREDICTIONS, "wb") as handle,
        parquet.ParquetWriter(handle, first.schema) as writer,
    ):
        writer.write_table(first)
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, schema=first.schema, preserve_index=False))


def write_failures(folder: RunFolder, failures: Iterable[Failure]) -> None:
    """Write `failures.tsv`: one row a cell that left no predictions."""
    rows = [(f.key.model, f.key.split, f.stage, f.error, " ".join(f.message.split())) for f in failures]
    table = pd.DataFrame(rows, columns=["model", "split", "stage", "error", "message"])
    _files.write_table(folder.path / runs.FAILURES, table)


def notes(folder: RunFolder, plan: Plan) -> list[dict[str, str]]:
    """Return what fitted models have to tell, one entry a note."""
    return [
        {"model": key.model, "split": key.split, "note": note}
        for key in plan.cells
        if folder.is_done(key)
        for note in folder.cell_facts(key).get("notes", [])
    ]


def _predicted(folder: RunFolder, plan: Plan) -> dict[str, dict[str, FloatArray]]:
    names = plan.cohort.records.trait_names
    out: dict[str, dict[str, FloatArray]] = {model: {} for model in plan.models}
    for key in plan.cells:
        if folder.is_done(key):
            out[key.model][key.split] = pd.read_parquet(folder.cell(key, "parquet"))[names].to_numpy()
    return {model: by_split for model, by_split in out.items() if by_split}


def _judged(folder: RunFolder, plan: Plan) -> scoring.Judged:
    names = plan.cohort.records.trait_names
    whole = pd.read_parquet(folder.cell(WHOLE_CELL, "parquet")).set_index("id").loc[list(plan.cohort.animals)]
    heritabilities = {
        key.split: np.array(folder.cell_facts(key)["heritability"])
        for key in plan.cells
        if key.model == REFERENCE and folder.is_done(key)
    }
    return scoring.Judged(
        plan.cohort.animals,
        plan.cohort.traits,
        plan.splits,
        whole[[f"record:{name}" for name in names]].to_numpy(),
        whole[[f"observed:{name}" for name in names]].to_numpy(),
        whole[[f"weight:{name}" for name in names]].to_numpy(),
        plan.truths,
        heritabilities,
        blocks(plan.cohort),
        plan.seed,
    )


def _heritability_scores(folder: RunFolder, plan: Plan) -> pd.DataFrame:
    """Return the rows of metric h2: every model that estimates it, by split and averaged."""
    rows = [row for model in plan.models for row in _heritabilities(folder, plan, model)]
    return pd.DataFrame(rows, columns=["trait", "model", "split", "metric", "estimate", "se", "n"])


def _heritabilities(folder: RunFolder, plan: Plan, model: str) -> Iterator[tuple[Any, ...]]:
    keys = [key for key in plan.cells if key.model == model and folder.is_done(key)]
    facts = {key.split: folder.cell_facts(key) for key in keys}
    found = [(label, f["heritability"], f["heritability_se"]) for label, f in facts.items() if "heritability" in f]
    for column, name in enumerate(plan.cohort.records.trait_names):
        estimates = [(label, h2[column], se[column]) for label, h2, se in found]
        for label, h2, se in estimates:
            yield name, model, label, "h2", h2, se, np.nan
        if estimates:
            yield name, model, scoring.ALL, "h2", *_averages(estimates), np.nan


def _averages(estimates: Sequence[tuple[str, float, float | None]]) -> tuple[float, float]:
    errors = [se for _, _, se in estimates if se is not None]
    return float(np.mean([h2 for _, h2, _ in estimates])), float(np.mean(errors)) if errors else float("nan")


def _curves(folder: RunFolder, plan: Plan) -> pd.DataFrame:
    """Return the curves between traits that models have learned, one row a point."""
    tables = [
        pd.DataFrame({"model": key.model, "split": key.split, **curves})
        for key in plan.cells
        if folder.is_done(key) and (curves := folder.cell_facts(key).get("curves", {})).get("driver")
    ]
    return pd.concat(tables, ignore_index=True)[CURVE_COLUMNS] if tables else pd.DataFrame(columns=CURVE_COLUMNS)


def _costs(folder: RunFolder, plan: Plan) -> pd.DataFrame:
    rows = []
    for key in plan.cells:
        if folder.is_done(key):
            facts = folder.cell_facts(key)
            sizes = {name: facts[name] for name in ("n_animals", "n_markers", "n_traits")}
            rows += [{"model": key.model, "split": key.split, **stage, **sizes} for stage in facts["stages"]]
    return pd.DataFrame(rows, columns=COST_COLUMNS)
