"""Whether artificial animals have the values of traits that they were asked for.

    python benchmarks/one_chromosome.py herd 14 herd14 --h2 0.8 0.7 0.6
    python benchmarks/artificial_conditions.py herd14 --out runs/conditions --generator matched-copying

DATA is a cohort folder with records of quantitative traits, phased where a generator needs that. Half of the animals
are learned from, families kept together where there is a pedigree. As many artificial animals are asked for all traits
at once, each for the records of a random animal learned from. Their values are what GBLUP of the other half, which no
generator has seen, predicts for them.

`conditions.tsv` has a row a generator, seed and trait: `slope`, of values on records asked for, its standard error, and
`slope_real`, that of the animals learned from, whose values and records are real: less than 1 by what heritability and
GBLUP lack. `ratio` is the one over the other: 1 where artificial animals follow as real ones do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from artificial_use import factory
from tables import markdown

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort, CohortFiles, read_genotyped
from genialearn.contracts import Predictor
from genialearn.experiments.generation import held_out
from genialearn.experiments.machine import limited_threads
from genialearn.predictors import make_predictor


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cohort = read_genotyped(CohortFiles.in_folder(arguments.data))
    out = held_out(cohort, 0.5, np.random.default_rng([1, 1]))
    training, holdout = cohort.select(~out), cohort.select(out)
    with limited_threads(arguments.threads):
        judge = make_predictor("gblup", seed=1).fit(holdout)
        table = pd.concat(
            asked(label, seed, training, judge, arguments.threads)
            for label in arguments.generator or ["matched-copying"]
            for seed in range(1, arguments.seeds + 1)
        )
    table.to_csv(arguments.out / "conditions.tsv", sep="\t", index=False)
    means = table.groupby(["generator", "trait"], sort=False).mean(numeric_only=True).drop(columns="seed")
    print(markdown(means.reset_index(), "{:.3f}", index=False))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--generator", action="append", metavar="NAME[:SETTING=VALUE,...]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def asked(label: str, seed: int, training: Cohort, judge: Predictor, threads: int) -> pd.DataFrame:
    """Return a row a trait of one generator and seed."""
    names = training.records.trait_names
    records = np.asarray(training.records.values)
    rng = np.random.default_rng([seed, 4])
    conditions = pd.DataFrame(records[rng.integers(0, len(records), len(training))], columns=names)
    drawn = factory(label, threads)(seed).fit(training).sample(len(conditions), conditions=conditions, rng=rng)
    artificial = Cohort.of_genotypes(drawn)
    found, real = judge.predict(artificial), judge.predict(training)
    rows = []
    for trait, name in enumerate(names):
        slope, se = slope_of(conditions[name].to_numpy(), found[:, trait])
        slope_real, _ = slope_of(records[:, trait], real[:, trait])
        rows.append(
            {"generator": label, "trait": name, "seed": seed, "slope": slope, "se": se}
            | {"slope_real": slope_real, "ratio": slope / slope_real}
        )
    return pd.DataFrame(rows)


def slope_of(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return the slope of y on x where both are known, and its standard error."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
    slope = float(x @ y / (x @ x))
    return slope, float(np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - 2) / (x @ x)))


if __name__ == "__main__":
    main()
