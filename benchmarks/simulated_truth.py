"""Is simulated truth recovered? GBLUP's dispersion on additive herds, the hybrid's gains on non-linear ones.

    python benchmarks/simulated_truth.py runs/truth --architecture additive --seed 1 --seed 2 --seed 3
    python benchmarks/simulated_truth.py runs/truth --architecture nonlinear --animals 8000 --model hybrid

Prints, for each herd: the mean |z| of GBLUP's b1 against 1 over traits, and for each other model the verdicts against
GBLUP and the gain in r with the true genetic value, on traits with a planted link and on the others.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from genialearn.cohorts import CohortFiles
from genialearn.cohorts.simulate import simulate_cohort
from genialearn.experiments import compare, plan_comparison


def main() -> None:
    arguments = parse()
    for seed in arguments.seed or [1, 2, 3]:
        name = f"{arguments.architecture}-{arguments.animals}-{seed}"
        herd, run = arguments.folder / f"herd-{name}", arguments.folder / f"run-{name}"
        if not herd.exists():
            simulate_cohort(
                herd,
                animals=arguments.animals,
                markers=arguments.markers,
                architecture=arguments.architecture,
                seed=seed,
            )
        if not (run / "scores.tsv").exists():
            plan = plan_comparison(
                CohortFiles.in_folder(herd), models=["gblup", *arguments.model], split="forward", seed=seed
            )
            compare(plan, run)
        show(name, herd, run, arguments.model)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--architecture", default="additive")
    parser.add_argument("--animals", type=int, default=3000)
    parser.add_argument("--markers", type=int, default=5000)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--model", action="append", default=[])
    return parser.parse_args()


def show(name: str, herd: Path, run: Path, models: list[str]) -> None:
    scores = pd.read_table(run / "scores.tsv").query("split == 'all'")
    b1 = scores.query("model == 'gblup' and metric == 'b1'")
    z = (b1["estimate"] - 1) / b1["se"]
    print(f"{name}: gblup b1 mean |z| {z.abs().mean():.2f} (expected .80), mean z {z.mean():+.2f}, {len(z)} traits")
    linked = [link["target"] for link in json.loads((herd / "truth/parameters.json").read_text())["links"]]
    truth = scores.query("metric == 'r_genetic_value'").pivot(index="trait", columns="model", values="estimate")
    verdicts = pd.read_table(run / "comparisons.tsv")
    for model in models:
        counts = verdicts.query("model == @model")["verdict"].value_counts()
        print(f"  {model}: " + ", ".join(f"{word} {counts.get(word, 0)}" for word in ("better", "equal", "worse")))
        gain = truth[model] - truth["gblup"]
        others = gain.drop(linked)
        print(f"  gain in r with the genetic value: others {others.mean():+.3f} (lowest {others.min():+.3f})")
        for trait in linked:
            verdict = verdicts.query("model == @model and trait == @trait").iloc[0]
            print(
                f"    {trait}: {truth['gblup'][trait]:.3f} -> {truth[model][trait]:.3f} ({gain[trait]:+.3f}); "
                f"with records {verdict['difference']:+.3f}, {verdict['verdict']}"
            )
    costs = pd.read_table(run / "costs.tsv").groupby("model", sort=False).agg({"wall_s": "sum", "peak_rss_mib": "max"})
    print(costs.round(1).to_string(header=["wall s", "peak MiB"]))


if __name__ == "__main__":
    main()
