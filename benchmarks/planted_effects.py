"""Which models see what GBLUP doesn't, where effects of known kinds are planted on real genotypes?

    python benchmarks/planted_effects.py DATA --out runs/planted --set mice_hs --set soynam --seed 1 --seed 2 --seed 3

Real genotypes have the relationships, long haplotypes and inbreeding that tell non-additive variance apart or don't. On
those of a set, traits of heritability `HERITABILITY` are made of `LOCI` markers with normal effects: additive; more
than a quarter of the genetic variance in one locus; `SHARE` of the genetic variance in products of pairs of loci; and
where there are heterozygotes, that share in dominance. In one set and seed all have the same additive loci and effects,
so that what a model gains on one of them and not on `additive` comes of what was planted. Each seed has other loci,
effects, errors and folds (5-fold).

Printed as markdown: r with true genetic values, mean of folds and seeds, and in brackets its difference to `gblup` with
the standard error of folds that share training animals (Nadeau and Bengio 2003, Mach Learn 52:239); then by how much
that difference is larger than on `additive`, with the same error. What was compared isn't repeated.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from real_data import FOLDS, SETS, mean_and_error, ordered

from genialearn import CohortFiles, compare, plan_comparison
from genialearn.genotypes import dosages, read_plink

HERITABILITY = 0.5
LOCI = 200
PAIRS = 200
LARGE = 0.27
SHARE = 0.5
MODELS = (
    "gblup",
    "gblup-nonadditive",
    "rkhs",
    "arc-cosine",
    "bayesr:sweeps=600,burn_in=200",
    "lightgbm",
    "random-forest",
)


def main() -> None:
    arguments = parse()
    for name in arguments.set or ["mice_hs", "soynam"]:
        parts = [scores_of(arguments, name, seed).assign(seed=seed) for seed in arguments.seed or [1, 2, 3]]
        print(f"\n## {name}\n\n{table(pd.concat(parts))}")


def scores_of(arguments: argparse.Namespace, name: str, seed: int) -> pd.DataFrame:
    """Return `split trait model estimate`: r with true genetic values, compared where that isn't done."""
    prefix = arguments.data / name / SETS[name].prefix
    folder, run = arguments.out / f"{name}-{seed}", arguments.out / f"run-{name}-{seed}"
    if not (run / "scores.tsv").exists():
        values, records = planted(prefix, np.random.default_rng([seed, 2]))
        (folder / "truth").mkdir(parents=True, exist_ok=True)
        records.to_csv(folder / "traits.tsv", sep="\t", index_label="id")
        values.to_csv(folder / "truth" / "genetic_values.tsv", sep="\t", index_label="id")
        plan = plan_comparison(
            CohortFiles(bfile=prefix, traits=folder / "traits.tsv", truth=folder / "truth"),
            models=arguments.model or list(MODELS),
            split=f"kfold:{FOLDS}",
            seed=seed,
            threads=arguments.threads,
        )
        compare(plan, run)
    return pd.read_table(run / "scores.tsv").query("metric == 'r_genetic_value' and split != 'all'")


def planted(prefix: Path, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return genetic values and records of animals by trait."""
    genotypes = read_plink(prefix)
    m = dosages(genotypes).astype(float)
    m[m < 0] = np.nan
    frequencies = np.nanmean(m, axis=0) / 2
    m = np.where(np.isnan(m), 2 * frequencies, m)
    loci = rng.choice(np.flatnonzero(np.minimum(frequencies, 1 - frequencies) > 0.05), LOCI, replace=False)
    x = unit(m[:, loci])
    additive = unit(x @ rng.standard_normal(LOCI))
    values = {"additive": additive, "large_locus": mixed(additive, x[:, 0], LARGE)}
    first, second = (rng.integers(LOCI, size=PAIRS) for _ in range(2))
    values["epistasis"] = mixed(additive, (x[:, first] * x[:, second]) @ rng.standard_normal(PAIRS), SHARE)
    heterozygous = np.abs(m[:, loci] - 1) < 0.5
    if heterozygous.mean() > 0.1:
        values["dominance"] = mixed(additive, heterozygous @ rng.standard_normal(LOCI), SHARE)
    genetic = pd.DataFrame(values, index=genotypes.animals)
    errors = np.sqrt(1 / HERITABILITY - 1) * rng.standard_normal(genetic.shape)
    return genetic, genetic + errors


def mixed(additive: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Return values of variance 1, of which a share is what another part has that additive values don't explain."""
    rest = other - other.mean()
    rest = rest - additive * (additive @ rest) / (additive @ additive)
    return unit(np.sqrt(1 - share) * additive + np.sqrt(share) * unit(rest))


def unit(values: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and variance 1."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def table(scores: pd.DataFrame) -> str:
    wide = scores.pivot_table(index=["seed", "split"], columns=["model", "trait"], values="estimate", sort=False)
    traits = list(dict.fromkeys(wide.columns.get_level_values("trait")))
    models = ordered(wide.columns.get_level_values("model").unique())
    lines = ["| model | " + " | ".join(traits) + " |", "|---" * (len(traits) + 1) + "|"]
    for model in models:
        gain = wide[model] - wide["gblup"]
        cells = []
        for trait in traits:
            cell = f"{wide[model, trait].mean():.3f}"
            if model != "gblup":
                cell += " ({:+.3f} ± {:.3f})".format(*mean_and_error(gain[trait]))
                if trait != "additive":
                    cell += "; {:+.3f} ± {:.3f}".format(*mean_and_error(gain[trait] - gain["additive"]))
            cells.append(cell)
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", choices=list(SETS))
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--model", action="append")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
