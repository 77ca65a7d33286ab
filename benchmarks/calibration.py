"""How many true genetic values do intervals of 90 % hold?

    python benchmarks/calibration.py
    python benchmarks/calibration.py --architecture nonlinear --model bayesr --model lightgbm --animals 4000

Herds are simulated; the youngest fifth is predicted by models that know the others alone. Models with intervals of
their own (posterior, or members and animals held out) give those, others what `Calibrated` makes of their errors of
animals held out. Printed by model, as markdown: the share of true values plus mean that are held, mean over herds and
traits, its lowest and highest trait, and the mean width over two standard deviations of true values.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from network_bodies import simulated
from tables import markdown

from genialearn.experiments.machine import limited_threads
from genialearn.predictors import make_predictor
from genialearn.predictors.calibrated import Calibrated
from genialearn.validation.splits import SplitScheme

OWN = ("bayesr", "bayesc", "network")
"""Models with intervals of their own."""

OTHERS = (
    "gblup",
    "gblup-multi",
    "gblup-nonadditive",
    "rkhs",
    "arc-cosine",
    "elastic-net",
    "lasso",
    "lightgbm",
    "xgboost",
    "catboost",
    "random-forest",
    "extra-trees",
)


def main() -> None:
    arguments = parse()
    rows = []
    for seed in range(1, arguments.seeds + 1):
        with tempfile.TemporaryDirectory() as folder, limited_threads(arguments.threads):
            rows += one_herd(Path(folder), arguments, seed)
    table = pd.DataFrame(rows)
    by_trait = table.groupby(["model", "trait"], sort=False)[["held", "width"]].mean()
    print(f"{arguments.seeds} herds of {arguments.animals:,} x {arguments.markers:,}, {arguments.architecture}\n")
    grouped = by_trait.groupby("model", sort=False)
    shown = grouped["held"].agg(["mean", "min", "max"]).join(grouped["width"].mean())
    print(markdown(shown, "{:.2f}"))


def one_herd(folder: Path, arguments: argparse.Namespace, seed: int) -> list[dict[str, object]]:
    """Return `model trait held width` of one herd."""
    cohort, genetic = simulated(folder, arguments, seed)
    (split,) = SplitScheme("forward").splits(cohort, rng=np.random.default_rng(seed))
    training, youngest = cohort.select(split.train), cohort.select(split.test).without_records()
    # What training records have beside true values: fixed effects, on average.
    means = np.nanmean(training.records.values - genetic[split.train][training.record_rows], axis=0)
    rows: list[dict[str, object]] = []
    for name in arguments.model or (*OWN, *OTHERS):
        own = name in OWN
        model = make_predictor(name, seed=seed) if own else Calibrated(model=name, seed=seed)
        low, high = model.fit(training).interval(youngest)  # type: ignore[attr-defined]
        for trait, label in enumerate(cohort.records.trait_names):
            true = genetic[split.test, trait] + means[trait]
            held = np.mean((true > low[:, trait]) & (true < high[:, trait]))
            width = np.mean(high[:, trait] - low[:, trait]) / (2 * genetic[split.test, trait].std())
            rows.append({"model": name, "trait": label, "held": held, "width": width})
        print(f"herd {seed}: {name} {np.mean([row['held'] for row in rows if row['model'] == name]):.3f}", flush=True)
    return rows


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append")
    parser.add_argument("--animals", type=int, default=3000)
    parser.add_argument("--markers", type=int, default=3000)
    parser.add_argument("--traits", type=int, default=8)
    parser.add_argument("--architecture", default="additive")
    parser.add_argument("--founders", default="coalescent", help="coalescent or independent")
    parser.add_argument("--seeds", type=int, default=2, help="herds")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
