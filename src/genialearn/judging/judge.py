"""One table for a set of artificial animals: every metric, beside what real animals get, with its standard error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least
from genialearn.judging.metrics import METRICS, Part
from genialearn.judging.samples import Animals, Samples

COLUMNS = ("metric", "part", "value", "real_against_real", "se")


def judge(
    training: Animals,
    holdout: Animals,
    artificial: Animals,
    *,
    rng: np.random.Generator,
    repeats: int = 5,
    most: int | None = None,
) -> pd.DataFrame:
    """Return every metric of artificial animals, beside its value between real animals.

    `real_against_real` is the same metric with real animals in the place of the artificial ones, disjoint from those
    that they are compared with: the training against the hold-out, the hold-out against the training. Metrics that need
    both (`privacy_loss`, `nearest_distance`, `membership`) see one half of the training in the place of the artificial
    animals, its other half as training, and half of the hold-out. So families that are all in the training or all in
    the hold-out make real animals as close to the training as they may make artificial ones.

    `se` is the standard error of `value`: the standard deviation over random halves of the animals of each set, drawn
    without replacement. Halves need no scaling, since the factor sqrt(m / (n - m)) is 1 for m = n / 2 animals of n
    (Shao and Wu 1989, doi:10.1214/aos/1176347263). A bootstrap would repeat animals and so spoil all nearest
    neighbours. The error of `real_against_real` is about as large. That of a maximum is a rough guide only.

    Parameters
    ----------
    training
        What the generator has learned from.
    holdout
        Animals of the same population that it hasn't seen.
    artificial
        What it has drawn. Where all three are phased, rows are haplotypes, else animals.
    rng
        Source of all randomness.
    repeats
        How many halves, at least 2.
    most
        How many animals of each set at most; the smallest set decides where it has fewer. None for 5,000, and above
        15,000 markers fewer, 1,500 at 50,000.

    Returns
    -------
    One row a part of a metric, in the order of `METRICS`: metric, part, value, real_against_real, se. NaN where a part
    isn't defined.

    Raises
    ------
    AlignmentError
        Where the marker maps don't fit.
    SettingError
        Where a set has fewer than 10 animals, or repeats are fewer than 2.
    """
    check_at_least("repeats", repeats, 2)
    samples = Samples.of(training, holdout, artificial, rng=rng, most=most)
    return judged(samples, rng=rng, repeats=repeats)


def judged(samples: Samples, *, rng: np.random.Generator, repeats: int = 5) -> pd.DataFrame:
    """Return what `judge` does, of samples."""
    seeds = dict(zip(METRICS, rng.integers(2**62, size=len(METRICS)).tolist(), strict=True))
    values = _values(dict.fromkeys(METRICS, samples), seeds)
    by_kind = {against: samples.real_in_place(against, rng) for against in ("holdout", "training", "both")}
    beside = _values({name: by_kind[metric.against] for name, metric in METRICS.items()}, seeds)
    spread = np.stack([_values(dict.fromkeys(METRICS, samples.half(rng)), seeds) for _ in range(repeats)])
    names = [(metric.name, part) for metric in METRICS.values() for part in metric.parts]
    table = pd.DataFrame(names, columns=list(COLUMNS[:2]))
    return table.assign(value=values, real_against_real=beside, se=spread.std(axis=0, ddof=1))[list(COLUMNS)]


def _values(samples: dict[str, Samples], seeds: dict[str, int]) -> FloatArray:
    """Return the parts of all metrics, in their order, shape (parts,)."""
    out = []
    for name, metric in METRICS.items():
        found = metric.score(samples[name], np.random.default_rng(seeds[name]))
        out += [found[part] for part in metric.parts]
    return np.array(out, dtype=np.float64)


def worse_by(table: pd.DataFrame) -> pd.Series[float]:
    """Return by how many standard errors of the difference each row of `judge` is worse than real against real.

    Both values have about the same standard error, so that of their difference is taken as sqrt(2) se. Where se is 0,
    any difference is infinitely many. NaN where the part isn't defined.
    """
    parts = [METRICS[name].parts[part] for name, part in zip(table["metric"], table["part"], strict=True)]
    pairs = table[["value", "real_against_real"]].to_numpy().tolist()
    worse = [_shortfall(part, *pair) for part, pair in zip(parts, pairs, strict=True)]
    difference, se = np.array(worse), np.sqrt(2) * table["se"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(difference == 0, 0.0, difference / se)
    return pd.Series(ratio, index=table.index, name="worse_by")


def _shortfall(part: Part, value: float, real: float) -> float:
    """Return by how much a value is worse than that of real animals; negative where it is better."""
    difference = value - real
    return {"higher": difference, "lower": -difference, "away": abs(difference)}[part.worse]
