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
    observed, weights
        Records without fixed effects, NaN without record, and their weights, shape (animals, traits).
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
    targets: list[tuple[FloatArray, FloatArray, tuple[Metric, ...]]] = [
        (judged.observed, judged.weights, BINARY if trait.kind == "binary" else QUANTITATIVE)
    ]
    targets += [(truth, np.ones_like(truth), (TRUTHS[name],)) for name, truth in judged.truths.items()]
    for target, weights, metrics in targets:
        parts = [
            _slice(judged, split, by_split[split.label][:, column], column, target=target, weights=weights)
            for split in splits
        ]
        filled = [(split.label, part) for split, part in zip(splits, parts, strict=True) if len(part)]
        for metric in metrics:
            for label, part in filled:
                yield label, metric, metric.score(part)
            if filled:
                yield ALL, metric, overall(metric, [part for _, part in filled])


def _slice(
    judged: Judged, split: Split, predicted: FloatArray, column: int, *, target: FloatArray, weights: FloatArray
) -> Slice:
    observed = target[split.test, column]
    known = np.isfinite(observed)
    heritability = judged.heritabilities.get(split.label)
    return Slice(
        observed[known],
        predicted[known],
        weights[split.test, column][known],
        float("nan") if heritability is None else float(heritability[column]),
        judged.traits[column].direction == "lower",
    )


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
    """Return the tested animals of one trait, each fold centred, each animal once (repeats averaged).

    Columns: observed, model, reference, weight, block. Only splits that both models finished count.
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
    pooled = pd.concat(parts)
    if not pooled["animal"].duplicated().any():
        return pooled
    return pooled.groupby("animal", sort=True).agg(
        {"observed": "mean", "model": "mean", "reference": "mean", "weight": "first", "block": "first"}
    )


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
