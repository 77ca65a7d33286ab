"""From predictions to scores and verdicts."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, StrArray
from genialearn.records import Trait
from genialearn.validation import tests
from genialearn.validation.metrics import BINARY, QUANTITATIVE, TRUTHS, Estimate, Metric, Slice, overall
from genialearn.validation.splits import Split

ALL = "all"

AFFECTED = 0.5
"""An animal is affected by a binary trait where the average of its records is above this."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What models are judged on.

    Parameters
    ----------
    animals
        The cohort's animals, shape (animals,).
    traits
        The traits.
    splits
        The splits, whose rows count in `animals`.
    records, observed, weights
        Records with and without fixed effects, NaN without record, and their weights, shape (animals, traits).
    truths
        True values by name, shape (animals, traits); NaN where unknown.
    heritabilities
        By GBLUP on each split's training records, shape (traits,).
    blocks
        What is resampled together, shape (animals,).
    seed
        Of the bootstrap.
    """

    animals: StrArray
    traits: Sequence[Trait]
    splits: Sequence[Split]
    records: FloatArray
    observed: FloatArray
    weights: FloatArray
    truths: Mapping[str, FloatArray]
    heritabilities: Mapping[str, FloatArray]
    blocks: StrArray
    seed: int


Predicted = Mapping[str, Mapping[str, FloatArray]]
"""Predictions (test animals, traits) by model and split label."""


def score_table(judged: Judged, predicted: Predicted) -> pd.DataFrame:
    """Return `scores.tsv`: every metric of every trait and model, by split and over all."""
    rows = [
        (trait.name, model, label, metric.name, estimate.value, estimate.se, estimate.n)
        for model, by_split in predicted.items()
        for column, trait in enumerate(judged.traits)
        for label, metric, estimate in _scores(judged, by_split, column, trait)
    ]
    return pd.DataFrame(rows, columns=["trait", "model", "split", "metric", "estimate", "se", "n"])


def _scores(
    judged: Judged, by_split: Mapping[str, FloatArray], column: int, trait: Trait
) -> Iterator[tuple[str, Metric, Estimate]]:
    splits = [split for split in judged.splits if split.label in by_split]
    parts = [(split, _observed_slice(judged, split, by_split[split.label][:, column], column)) for split in splits]
    yield from _metrics_of(parts, BINARY if trait.kind == "binary" else QUANTITATIVE)
    for name, truth in judged.truths.items():
        parts = [(split, _true_slice(truth[split.test, column], by_split[split.label][:, column])) for split in splits]
        yield from _metrics_of(parts, (TRUTHS[name],))


def _metrics_of(
    parts: Sequence[tuple[Split, Slice]], metrics: Sequence[Metric]
) -> Iterator[tuple[str, Metric, Estimate]]:
    filled = [(split, part) for split, part in parts if len(part)]
    for metric in metrics:
        for split, part in filled:
            yield split.label, metric, metric.score(part)
        if filled:
            yield ALL, metric, _over_repeats(metric, filled)


def _over_repeats(metric: Metric, parts: Sequence[tuple[Split, Slice]]) -> Estimate:
    """Return a metric over all folds, averaged over repeats; its standard error is that of one repeat.

    Repeats test the same animals again: they don't make them more.
    """
    repeats = sorted({split.repeat for split, _ in parts})
    each = [overall(metric, [part for split, part in parts if split.repeat == repeat]) for repeat in repeats]
    defined = [estimate for estimate in each if np.isfinite(estimate.value)]
    if len(defined) < 2:
        return (defined or each)[0]
    value, se = (float(np.mean([getattr(e, name) for e in defined])) for name in ("value", "se"))
    return Estimate(value, se, max(estimate.n for estimate in defined))


def _observed_slice(judged: Judged, split: Split, predicted: FloatArray, column: int) -> Slice:
    """Return predictions beside records without fixed effects, on the mean of the split's training records.

    Herds and years of training and test animals differ: predictions can only know the former.
    """
    observed = judged.observed[split.test, column] + _environment_of(judged, split, column)
    known = np.isfinite(observed)
    heritability = judged.heritabilities.get(split.label)
    return Slice(
        observed[known],
        predicted[known],
        judged.weights[split.test, column][known],
        float("nan") if heritability is None else float(heritability[column]),
        judged.traits[column].direction == "lower",
        judged.records[split.test, column][known] > AFFECTED,
    )


def _environment_of(judged: Judged, split: Split, column: int) -> float:
    """Return the mean fixed part of the training records minus that of all records."""
    fixed = judged.records[:, column] - judged.observed[:, column]
    weights = np.where(np.isfinite(fixed), judged.weights[:, column], 0.0)
    known = np.nan_to_num(fixed)
    if not weights[split.train].any():
        return 0.0
    return float(np.average(known[split.train], weights=weights[split.train]) - np.average(known, weights=weights))


def _true_slice(truth: FloatArray, predicted: FloatArray) -> Slice:
    known = np.isfinite(truth)
    return Slice(truth[known], predicted[known], np.ones(int(known.sum())))


def comparison_table(judged: Judged, predicted: Predicted, references: Sequence[str]) -> pd.DataFrame:
    """Return `comparisons.tsv`: each model against each reference on pooled test animals, corrected over traits."""
    rows = [
        row
        for reference in references
        if reference in predicted
        for model in predicted
        if model != reference
        for row in _compare(judged, predicted[model], predicted[reference], model, reference)
    ]
    columns = ["trait", "model", "reference", "metric", "difference", "se", "p", "p_holm", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _compare(
    judged: Judged,
    model: Mapping[str, FloatArray],
    reference: Mapping[str, FloatArray],
    model_name: str,
    reference_name: str,
) -> list[tuple[object, ...]]:
    compared = []
    for column, trait in enumerate(judged.traits):
        pooled = pooled_pairs(judged, model, reference, column)
        if len(pooled) < 4:
            continue
        words = (judged.seed, *(zlib.crc32(word.encode()) for word in (trait.name, model_name, reference_name)))
        comparison = tests.compare(
            pooled["observed"].to_numpy(),
            pooled["model"].to_numpy(),
            pooled["reference"].to_numpy(),
            blocks=pooled["block"].to_numpy(dtype=object),
            rng=np.random.default_rng(words),
            weights=pooled["weight"].to_numpy(),
            n=pooled["animal"].nunique(),
        )
        compared.append((trait.name, comparison))
    corrected = tests.holm(np.array([comparison.p for _, comparison in compared]))
    return [
        (name, model_name, reference_name, "r", c.difference, c.se, c.p, p_holm, tests.verdict(c, p_holm))
        for (name, c), p_holm in zip(compared, corrected.tolist(), strict=True)
    ]


def pooled_pairs(
    judged: Judged, model: Mapping[str, FloatArray], reference: Mapping[str, FloatArray], column: int
) -> pd.DataFrame:
    """Return the tested animals of one trait, each fold centred; an animal's weight is shared by its repeats.

    Columns: observed, model, reference, weight, block, animal. Only splits that both models finished count.
    """
    parts = []
    for split in judged.splits:
        if split.label not in model or split.label not in reference:
            continue
        observed, weights = judged.observed[split.test, column], judged.weights[split.test, column]
        known = np.isfinite(observed)
        if not known.any():
            continue
        triple = [observed[known], model[split.label][known, column], reference[split.label][known, column]]
        centred = [values - np.average(values, weights=weights[known]) for values in triple]
        parts.append(
            pd.DataFrame(dict(zip(("observed", "model", "reference"), centred, strict=True))).assign(
                weight=weights[known], block=judged.blocks[split.test][known], animal=judged.animals[split.test][known]
            )
        )
    if not parts:
        return pd.DataFrame()
    pooled = pd.concat(parts, ignore_index=True)
    pooled["weight"] /= pooled.groupby("animal")["animal"].transform("size")
    return pooled


def prediction_tables(judged: Judged, predicted: Predicted) -> Iterator[pd.DataFrame]:
    """Give `predictions.parquet` model by model and split by split: one row an animal and trait."""
    for model, by_split in predicted.items():
        for split in judged.splits:
            if split.label in by_split:
                yield _prediction_table(judged, model, split, by_split[split.label])


def _prediction_table(judged: Judged, model: str, split: Split, predicted: FloatArray) -> pd.DataFrame:
    names = [trait.name for trait in judged.traits]
    return pd.DataFrame(
        {
            "id": np.repeat(judged.animals[split.test], len(names)),
            "trait": np.tile(np.array(names, dtype=object), len(split.test)),
            "model": model,
            "split": split.label,
            "observed": judged.observed[split.test].ravel(),
            "predicted": predicted.ravel(),
            "weight": judged.weights[split.test].ravel(),
        }
    )
