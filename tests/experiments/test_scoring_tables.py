"""From constructed predictions to scores and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import FloatArray, as_ids
from genialearn.experiments import scoring
from genialearn.experiments.scoring import Judged
from genialearn.records import Trait
from genialearn.validation.splits import Split

N, N_SIRES = 300, 30


def folds(n: int, n_folds: int, *, repeat: int = 0) -> list[Split]:
    fold_of = (np.arange(n) + 7 * repeat) % n_folds
    return [
        Split(f"r{repeat}f{fold}", np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold), repeat)
        for fold in range(n_folds)
    ]


def judged(
    observed: FloatArray, splits: Sequence[Split], *, blocks: object = None, records: FloatArray | None = None
) -> Judged:
    n, n_traits = observed.shape
    animals = as_ids([f"cow{row}" for row in range(n)])
    return Judged(
        animals,
        [Trait(f"t{trait}") for trait in range(n_traits)],
        splits,
        observed if records is None else records,
        observed,
        np.where(np.isfinite(observed), 1.0, 0.0),
        {},
        {split.label: np.full(n_traits, 0.25) for split in splits},
        animals if blocks is None else as_ids(blocks),
        1,
    )


def by_split(predicted: FloatArray, splits: Sequence[Split]) -> dict[str, FloatArray]:
    return {split.label: predicted[split.test] for split in splits}


@pytest.fixture
def signal() -> FloatArray:
    """Genetic values of three traits, shape (animals, 3)."""
    return np.random.default_rng(3).normal(size=(N, 3))


def noisy(signal: FloatArray, noise: Sequence[float], seed: int) -> FloatArray:
    return signal + np.random.default_rng(seed).normal(size=signal.shape) * np.asarray(noise)


def test_verdicts_are_better_equal_and_worse_where_they_should_be(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(noisy(signal, [0.5, 0.5, 0.5], 4), splits, blocks=np.arange(N) % N_SIRES)
    predicted = {
        "gblup": by_split(noisy(signal, [2.0, 1.0, 0.4], 8), splits),
        "other": by_split(noisy(signal, [0.4, 1.0, 2.0], 9), splits),
    }

    table = scoring.comparison_table(judges, predicted, ["gblup"])

    assert ["better", "equal", "worse"] == list(table["verdict"])
    assert [1, -1] == list(np.sign(table["difference"])[[0, 2]])


def test_nothing_is_found_where_there_is_nothing(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(noisy(signal, [1.0] * 3, 4), splits)
    predicted = {
        name: by_split(noisy(signal, [1.0] * 3, seed), splits) for name, seed in (("gblup", 8), ("a", 9), ("b", 10))
    }

    table = scoring.comparison_table(judges, predicted, ["gblup"])

    assert {"equal"} == set(table["verdict"])


def test_the_same_predictions_are_equal_and_differ_by_nothing(signal: FloatArray) -> None:
    splits = folds(N, 3)
    predicted = by_split(noisy(signal, [1.0] * 3, 5), splits)

    table = scoring.comparison_table(judged(signal, splits), {"gblup": predicted, "twin": predicted}, ["gblup"])

    assert table[["difference", "se"]].abs().to_numpy().max() < 1e-12
    assert (table[["p", "p_holm"]] == 1).all(axis=None)
    assert {"equal"} == set(table["verdict"])


def test_p_is_corrected_over_the_traits_of_one_model_and_reference(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(noisy(signal, [0.5] * 3, 4), splits)
    predicted = {
        name: by_split(noisy(signal, [noise, noise, 1.0], seed), splits)
        for name, noise, seed in (("gblup", 1.2, 5), ("a", 1.0, 6), ("b", 1.5, 7))
    }

    table = scoring.comparison_table(judges, predicted, ["gblup", "b"])

    for _, part in table.groupby(["model", "reference"]):
        ranks = len(part) - np.argsort(np.argsort(part["p"].to_numpy()))
        expected = np.minimum(1, part["p"] * ranks)
        assert (part["p_holm"] >= expected - 1e-12).all()
        assert part["p_holm"].min() == pytest.approx(min(1, 3 * part["p"].min()))


def test_the_order_of_models_does_not_change_a_comparison(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(noisy(signal, [0.5] * 3, 4), splits)
    models = {name: by_split(noisy(signal, [1.0] * 3, seed), splits) for name, seed in (("gblup", 5), ("a", 6))}
    more = {**models, "b": by_split(noisy(signal, [1.0] * 3, 7), splits)}

    alone = scoring.comparison_table(judges, models, ["gblup"])
    together = scoring.comparison_table(judges, dict(reversed(more.items())), ["gblup"])

    pd.testing.assert_frame_equal(alone, together[together["model"] == "a"].reset_index(drop=True))


def test_a_shift_between_folds_does_not_count(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(noisy(signal, [0.5] * 3, 4), splits)
    model, reference = noisy(signal, [1.0] * 3, 5), noisy(signal, [1.0] * 3, 6)
    shifted = model.copy()
    for fold, split in enumerate(splits):
        shifted[split.test] += 100 * fold

    tables = [
        scoring.comparison_table(judges, {"gblup": by_split(reference, splits), "a": by_split(a, splits)}, ["gblup"])
        for a in (model, shifted)
    ]

    np.testing.assert_allclose(tables[0]["difference"], tables[1]["difference"], atol=1e-9)


def test_repeats_count_each_animal_once(signal: FloatArray) -> None:
    observed = noisy(signal, [0.5] * 3, 4)
    splits = [*folds(N, 3), *folds(N, 3, repeat=1)]
    predicted = {"gblup": by_split(noisy(signal, [1.0] * 3, 5), splits), "a": by_split(signal, splits)}

    pairs = scoring.pooled_pairs(judged(observed, splits), predicted["a"], predicted["gblup"], 0)

    assert N == pairs["animal"].nunique()
    assert pytest.approx(np.ones(N)) == pairs.groupby("animal")["weight"].sum().to_numpy()


def test_repeats_of_the_same_folds_change_no_score_and_no_verdict(signal: FloatArray) -> None:
    observed = noisy(signal, [0.5] * 3, 4)
    once = folds(N, 3)
    twice = [*once, *(replace(split, label=f"again-{split.label}", repeat=1) for split in once)]
    worse = noisy(signal, [1.0] * 3, 5)
    tables = [
        (scoring.score_table(judges, predicted), scoring.comparison_table(judges, predicted, ["gblup"]))
        for splits in (once, twice)
        for judges in [judged(observed, splits)]
        for predicted in [{"gblup": by_split(worse, splits), "a": by_split(signal, splits)}]
    ]

    (scores, comparisons), (scores_twice, comparisons_twice) = tables
    pd.testing.assert_frame_equal(
        scores.query("split == 'all'").reset_index(drop=True),
        scores_twice.query("split == 'all'").reset_index(drop=True),
    )
    pd.testing.assert_frame_equal(comparisons, comparisons_twice)


def test_a_trend_of_the_environment_is_no_bias(signal: FloatArray) -> None:
    """Training animals lived in a poor environment, tested ones in a rich one; predictions know the poor one."""
    split = Split("forward", np.arange(200), np.arange(200, N))
    environment = np.where(np.arange(N) < 200, 10.0, 20.0)[:, None]
    observed = signal + environment.mean()
    judges = judged(observed, [split], records=signal + environment)

    scores = scoring.score_table(judges, {"gblup": by_split(signal + 10.0, [split])}).query("split == 'forward'")

    errors = scores[scores["metric"].isin(["bias", "mse"])]
    assert pytest.approx(np.zeros(6), abs=1e-9) == errors["estimate"].to_numpy()


def test_only_splits_that_both_models_finished_are_compared(signal: FloatArray) -> None:
    splits = folds(N, 3)
    reference = by_split(noisy(signal, [1.0] * 3, 5), splits)
    model = {label: part for label, part in by_split(signal, splits).items() if label != "r0f1"}

    pairs = scoring.pooled_pairs(judged(signal, splits), model, reference, 0)

    assert 2 * N // 3 == len(pairs)


def test_a_trait_without_tested_records_has_no_row(signal: FloatArray) -> None:
    splits = folds(N, 3)
    signal[:, 1] = np.nan
    predicted = {name: by_split(noisy(np.zeros_like(signal), [1] * 3, seed), splits) for seed, name in enumerate("ab")}
    judges = judged(signal, splits)

    assert ["t0", "t2"] == list(scoring.comparison_table(judges, predicted, ["a"])["trait"])
    assert {"t0", "t2"} == set(scoring.score_table(judges, predicted)["trait"])


def test_scores_of_all_folds_are_pooled_or_averaged(signal: FloatArray) -> None:
    splits = folds(N, 3)
    observed, predicted = noisy(signal, [0.5] * 3, 4), noisy(signal, [1.0] * 3, 5)
    table = scoring.score_table(judged(observed, splits), {"a": by_split(predicted, splits)})
    scores = table.set_index(["trait", "split", "metric"])["estimate"]
    centred = [
        np.concatenate([values[split.test, 0] - values[split.test, 0].mean() for split in splits])
        for values in (observed, predicted)
    ]

    assert np.corrcoef(*centred)[0, 1] == pytest.approx(scores["t0", "all", "r"])
    assert scores["t0", "all", "r"] / 0.5 == pytest.approx(scores["t0", "all", "accuracy"])
    assert np.mean([scores["t0", split.label, "mse"] for split in splits]) == pytest.approx(scores["t0", "all", "mse"])


def test_wanted_directions_decide_who_is_at_the_top(signal: FloatArray) -> None:
    splits = folds(N, 3)
    judges = judged(signal, splits)
    falling = replace(judges, traits=[replace(trait, direction="lower") for trait in judges.traits])
    predicted = {"a": by_split(np.where(signal > 0, signal, 0.0), splits)}

    def top(judges: Judged) -> float:
        table = scoring.score_table(judges, predicted)
        return float(table.loc[table["metric"] == "top10", "estimate"].min())

    assert 1 == top(judges)
    assert top(falling) < 1
