"""The published design of DLGBLUP, simulated anew, with an honest hold-out.

    python benchmarks/dlgblup.py runs/dlgblup --seeds 10
    python benchmarks/dlgblup.py runs/dlgblup --seeds 10 --loci causal

Each replicate simulates 25,000 animals x 10,000 markers and six traits of heritability .30, five of which follow the
first one's genetic value along a line or a curve. A tenth of the animals is tested; no model sees their records. With
`--loci causal` the relationships are those at the loci that act alone, as in the published notebooks. Printed, as
markdown: r with the true genetic value and b1, their means over replicates, and the paired difference from single-trait
GBLUP with its standard error; what was published stands beside, whose GBLUP had seen the records of the tested animals.

Every replicate leaves a table in the folder, and is read from there when the command is repeated.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import Cohort, CohortFiles, read_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts.simulate.dlgblup_cohort import simulate_dlgblup
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.hybrids import Hybrid
from genialearn.predictors.trait_map import TraitMap

PUBLISHED = {
    "gblup": [0.97, 0.97, 0.83, 0.83, 0.96, 0.93],
    "DLGBLUP": [0.96, 0.97, 0.94, 0.90, 0.96, 0.95],
}
"""r of the released notebooks: one replicate at the loci that act; the tested animals' records were in GBLUP."""

TEST_SHARE = 0.1


def main() -> None:
    arguments = parse()
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    scores = pd.concat([scores_of(folder, arguments, seed) for seed in range(1, arguments.seeds + 1)])
    print(f"{arguments.seeds} replicates, {arguments.loci} loci, {arguments.animals:,} x {arguments.markers:,}\n")
    print(table(scores))


def scores_of(folder: Path, arguments: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return `seed model trait r b1 seconds` of one replicate, from the folder where they are known."""
    stem = f"{arguments.founders}-{arguments.animals}-{arguments.markers}-{seed}"
    known = folder / f"{stem}-{arguments.loci}.tsv"
    if known.exists():
        return pd.read_csv(known, sep="\t")
    herd = folder / stem
    if not herd.exists():
        simulate_dlgblup(
            herd, animals=arguments.animals, markers=arguments.markers, seed=seed, founders=arguments.founders
        )
    found = replicate(herd, causal=arguments.loci == "causal", seed=seed)
    found.to_csv(known, sep="\t", index=False)
    return found


def replicate(herd: Path, *, causal: bool, seed: int) -> pd.DataFrame:
    cohort, _ = read_cohort(CohortFiles.in_folder(herd))
    if causal:
        cohort = at_loci(cohort, pd.read_csv(herd / "truth" / "qtl.tsv", sep="\t"))
    truth = pd.read_csv(herd / "truth" / "genetic_values.tsv", sep="\t").set_index("id")
    order = np.random.default_rng([seed, 7]).permutation(len(cohort))
    n_test = round(TEST_SHARE * len(cohort))
    train, test = cohort.select(np.sort(order[n_test:])), cohort.select(np.sort(order[:n_test]))
    genetic = truth.loc[test.animals].to_numpy()
    rows = []
    for model, (predicted, seconds) in predictions(train, test).items():
        for trait, name in enumerate(cohort.records.trait_names):
            x, y = predicted[:, trait], genetic[:, trait]
            rows.append((seed, model, name, np.corrcoef(x, y)[0, 1], np.cov(x, y)[0, 1] / x.var(ddof=1), seconds))
    return pd.DataFrame(rows, columns=["seed", "model", "trait", "r", "b1", "seconds"])


def at_loci(cohort: Cohort, loci: pd.DataFrame) -> Cohort:
    """Return the cohort with the markers that act alone."""
    names = set(loci["marker"].astype(str))
    kept = np.flatnonzero([name in names for name in cohort.genotypes.markers.names])
    return replace(cohort, genotypes=cohort.genotypes.select(markers=kept))


def predictions(train: Cohort, test: Cohort) -> dict[str, tuple[FloatArray, float]]:
    """Return each model's breeding values of the tested animals, and seconds of fitting."""
    started = time.perf_counter()
    hybrid = Hybrid(seed=1).fit(train)
    seconds = time.perf_counter() - started
    base = hybrid.base_
    plain = GBLUP(heritability=list(base.heritability_)).fit(train)
    joint = base.breeding_values(test)
    started = time.perf_counter()
    records = train.canonical().records.values - base.mean_
    learned = TraitMap().fit(hybrid.out_of_fold_, records)
    mapping = time.perf_counter() - started
    return {
        "gblup": (plain.breeding_values(test), float("nan")),
        "gblup-multi": (joint, float("nan")),
        "TraitMap on out-of-fold values": (learned.predict(joint), mapping),
        "hybrid": (hybrid.breeding_values(test), seconds),
    }


def table(scores: pd.DataFrame) -> str:
    """Return means over replicates as markdown."""
    traits = list(dict.fromkeys(scores["trait"]))
    lines = ["| | " + " | ".join(traits) + " |", "|---" * (len(traits) + 1) + "|"]
    for model, values in PUBLISHED.items():
        lines.append(f"| published: {model}, r | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    by_seed = scores.pivot_table(index="seed", columns=["model", "trait"], values="r")
    slopes = scores.pivot_table(index="seed", columns=["model", "trait"], values="b1")
    for model in dict.fromkeys(scores["model"]):
        r = by_seed[model][traits]
        lines.append(f"| {model}, r | " + " | ".join(f"{value:.3f}" for value in r.mean()) + " |")
        if model != "gblup":
            gain = r - by_seed["gblup"][traits]
            errors = gain.std() / np.sqrt(len(gain))
            cells = [f"{mean:+.3f} ({error:.3f})" for mean, error in zip(gain.mean(), errors, strict=True)]
            lines.append(f"| {model}, gain over gblup | " + " | ".join(cells) + " |")
        lines.append(f"| {model}, b1 | " + " | ".join(f"{value:.2f}" for value in slopes[model][traits].mean()) + " |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--loci", choices=["all", "causal"], default="all")
    parser.add_argument("--animals", type=int, default=25_000)
    parser.add_argument("--markers", type=int, default=10_000)
    parser.add_argument("--founders", default="coalescent", help="coalescent or independent")
    return parser.parse_args()


if __name__ == "__main__":
    main()
