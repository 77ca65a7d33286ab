"""Which models see what GBLUP doesn't, where the truth is known: a large locus, dominance, epistasis, or nothing.

    python benchmarks/rivals_truth.py runs/rivals --seed 1 --seed 2 --seed 3

Herds of Holstein demography with four traits of heritability .4 that have nothing to do with each other: genes that are
additive; a quarter of the variance in one locus; 30 % of the genetic variance dominance; 30 % products of pairs of
loci. The youngest fifth is predicted. Printed as markdown: r with true genetic values, mean of seeds, and its
difference to `gblup` with the standard error of seeds. A comparison that is there isn't repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from genialearn import CohortFiles, compare, plan_comparison
from genialearn.cohorts.simulate import simulate_cohort
from genialearn.predictors import CATALOGUE

TRAITS = {"additive": "", "large_locus": "", "dominance": "dominance = 0.3\n", "epistasis": "epistasis = 0.3\n"}
HERITABILITY = 0.4


def main() -> None:
    arguments = parse()
    found = [scores_of(arguments, seed).assign(seed=seed) for seed in arguments.seed or [1, 2, 3]]
    scores = pd.concat(found).query("metric == 'r_genetic_value' and split == 'all'")
    print(table(scores))


def scores_of(arguments: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return the scores of one herd; it is simulated and compared where that isn't done."""
    name = f"{arguments.animals}-{arguments.markers}-{seed}"
    herd, run = arguments.folder / f"herd-{name}", arguments.folder / f"run-{name}"
    if not (run / "scores.tsv").exists():
        if not herd.exists():
            design = arguments.folder / f"design-{name}.toml"
            design.parent.mkdir(parents=True, exist_ok=True)
            design.write_text(text_of_design())
            settings = {"animals": arguments.animals, "markers": arguments.markers}
            simulate_cohort(herd, design=design, architecture="additive", seed=seed, **settings)
        plan = plan_comparison(
            CohortFiles.in_folder(herd),
            models=arguments.model or ["all"],
            split="forward",
            seed=seed,
            threads=arguments.threads,
            budget_minutes=arguments.budget,
        )
        compare(plan, run)
    return pd.read_table(run / "scores.tsv")


def text_of_design() -> str:
    """Return the design: a gene of large effect makes a quarter of the variance of one trait, and nothing of others."""
    lines = ["[traits]", f"only = {list(TRAITS)}".replace("'", '"'), ""]
    for name, own in TRAITS.items():
        lines += [f"[traits.{name}]", f"heritability = {HERITABILITY}", "mean = 0.0", "deviation = 1.0", own]
    lines += ["[genes]", "major_gene = true", "on_chip = false", f"loadings = {{ large_locus = {0.25**0.5} }}"]
    return "\n".join(lines) + "\n"


def table(scores: pd.DataFrame) -> str:
    wide = scores.pivot_table(index="seed", columns=["model", "trait"], values="estimate")
    names = list(CATALOGUE)
    models = sorted({model for model, _ in wide}, key=lambda model: names.index(model.partition(":")[0]))
    lines = ["| model | " + " | ".join(TRAITS) + " |", "|---" * (len(TRAITS) + 1) + "|"]
    for model in models:
        cells = []
        for trait in TRAITS:
            difference = wide[model, trait] - wide["gblup", trait]
            error = difference.std(ddof=1) / len(difference) ** 0.5
            change = "" if model == "gblup" else f" ({difference.mean():+.3f} ± {error:.3f})"
            cells.append(f"{wide[model, trait].mean():.3f}{change}")
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--animals", type=int, default=4000)
    parser.add_argument("--markers", type=int, default=5000)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--model", action="append")
    parser.add_argument("--budget", type=float, help="minutes that a model may take")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
