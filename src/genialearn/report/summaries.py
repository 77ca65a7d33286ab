"""Counts, sums and means over the tables of a run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from genialearn.report.results import Results

ALL_SPLITS = "all"


@dataclass(frozen=True)
class Tally:
    """How one model does against one reference: traits per verdict, and the mean difference in r."""

    model: str
    reference: str
    better: int
    equal: int
    worse: int
    mean_difference: float

    @property
    def compared(self) -> int:
        """Number of traits with a verdict."""
        return self.better + self.equal + self.worse


@dataclass(frozen=True)
class Cost:
    """What one model took: wall seconds of fit and predict over all splits, and the peak memory in MiB."""

    wall_s: float
    peak_rss_mib: float


def tallies(results: Results, reference: str) -> list[Tally]:
    """Return one tally for each model that was compared with `reference`, in the order of the models."""
    against = results.comparisons[results.comparisons["reference"] == reference]
    compared = set(against["model"])
    return [
        _tally(against[against["model"] == model], model, reference) for model in results.models if model in compared
    ]


def _tally(comparisons: pd.DataFrame, model: str, reference: str) -> Tally:
    better, equal, worse = (int((comparisons["verdict"] == word).sum()) for word in ("better", "equal", "worse"))
    return Tally(model, reference, better, equal, worse, float(comparisons["difference"].mean()))


def leader(tallied: list[Tally]) -> Tally:
    """Return the tally with most traits better less traits worse, then with the largest mean difference."""
    return max(tallied, key=lambda tally: (tally.better - tally.worse, tally.mean_difference))


def pooled(results: Results, metric: str) -> pd.DataFrame:
    """Return the scores of one metric over all test animals: those of the one split where there is only one."""
    scores = results.scores[(results.scores["metric"] == metric) & results.scores["estimate"].notna()]
    splits = scores["split"].unique()
    label = splits[0] if len(splits) == 1 else ALL_SPLITS
    return scores[scores["split"] == label].reset_index(drop=True)


def heritabilities(results: Results) -> pd.Series[float]:
    """Return h2 by trait, as estimated by the reference, else by the first model that has it: a mean over splits."""
    for model in (*results.references, *results.models):
        scores = results.scores[(results.scores["model"] == model) & (results.scores["metric"] == "h2")]
        estimates = scores.dropna(subset="estimate")
        if len(estimates):
            return _pooled_or_mean(estimates)
    return pd.Series(dtype="float64")


def _pooled_or_mean(scores: pd.DataFrame) -> pd.Series[float]:
    pooled_scores = scores[scores["split"] == ALL_SPLITS].set_index("trait")["estimate"]
    return pooled_scores.combine_first(scores.groupby("trait")["estimate"].mean())


def mean_scores(results: Results, metric: str = "r") -> pd.Series[float]:
    """Return the mean score of each model over the traits that every scored model has."""
    wide = pooled(results, metric).pivot(index="trait", columns="model", values="estimate").dropna()
    return wide.mean().reindex([model for model in results.models if model in wide.columns]).dropna()


def shared_traits(results: Results, metric: str = "r") -> int:
    """Return the number of traits that every scored model has a score of."""
    return len(pooled(results, metric).pivot(index="trait", columns="model", values="estimate").dropna())


def costs(results: Results) -> dict[str, Cost]:
    """Return what each model took, by name; models without measurements are absent."""
    return {model: _cost(rows) for model in results.models if len(rows := _rows_of(results, model))}


def _rows_of(results: Results, model: str) -> pd.DataFrame:
    return results.costs[results.costs["model"] == model]


def _cost(rows: pd.DataFrame) -> Cost:
    work = rows[rows["stage"].isin(["fit", "predict"])]
    return Cost(float(work["wall_s"].sum(min_count=1)), float(rows["peak_rss_mib"].max()))


def stage_costs(results: Results) -> pd.DataFrame:
    """Return wall_s, cpu_s (sums over splits), peak_rss_mib (maximum) and n_splits by model and stage."""
    rows = results.costs[results.costs["model"].isin(results.models)]
    grouped = rows.groupby(["model", "stage"], sort=False).agg(
        wall_s=("wall_s", "sum"),
        cpu_s=("cpu_s", "sum"),
        peak_rss_mib=("peak_rss_mib", "max"),
        n_splits=("split", "nunique"),
    )
    order = [(model, stage) for model in results.models for stage in dict.fromkeys(results.costs["stage"])]
    return grouped.reindex([pair for pair in order if pair in grouped.index]).reset_index()
