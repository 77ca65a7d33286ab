"""How GBLUP of all traits grows with the number of animals, every trait with holes of its own.

    python benchmarks/gblup_scale.py FOLDER --out runs/scale
    python benchmarks/gblup_scale.py FOLDER --out runs/scale --animals 113599 --memory-limit 5.1

FOLDER is a benchmark folder as in `gblup.py`. Its first animals (an eighth, a quarter, half and all of them, or
--animals) become a fileset of their own; of each trait 5 to 65 % of the records are taken out at random, on top of the
animals that are held out. Then `genialearn variance --no-reliabilities --joint` runs on it as a process of its own.

`scale.tsv` and `scale.md` in --out get one row a size: seconds by stage, memory as stated before and as measured, and
how far estimates are from the truth. `z` is (h2 - truth) / SE. Two truths are told: the variance of the true values
among these animals, and their genic variance, the sum over QTL of 2pq a^2. REML with relationships from thousands of
markers estimates the second; chance correlations between QTL make the first another one, by a tenth with 50 sires.
The same holds for genetic correlations.

With --memory-limit a run may use no more than so many GiB, pages of files counted, or is killed: for instance what
genialearn says first that it takes, and a tenth more. That needs a Linux memory control group that this user may make.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from fair_environment import fair_environment
from gblup_data import true_covariances
from processes import CommandError, Cost, measure
from tables import markdown

from genialearn._arrays import FloatArray
from genialearn.genotypes import read_plink, write_plink

HOLES = 0.05, 0.65
"""Share of records taken out of the first and of the last trait."""

GROUPS = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
"""Where memory control groups are, of the first and of the second version."""


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    total = len(read_plink(arguments.folder / "geno").animals)
    rows = []
    for size in arguments.animals or [total // 8, total // 4, total // 2, total]:
        cohort = arguments.out / f"herd-{size}"
        write_cohort(arguments.folder, cohort, size)
        rows.append(measured(arguments, cohort, size))
        table = pd.DataFrame(rows)
        table.to_csv(arguments.out / "scale.tsv", sep="\t", index=False)
        (arguments.out / "scale.md").write_text(markdown(table.round(3).T))
    print((arguments.out / "scale.md").read_text())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--animals", type=int, action="append", help="repeat for more sizes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=3 * 3600, metavar="SECONDS", help="of each run")
    parser.add_argument("--memory-limit", type=float, metavar="GIB", help="of each run")
    return parser.parse_args()


def write_cohort(folder: Path, cohort: Path, size: int) -> None:
    """Write the first animals as a cohort folder, unless it's there already."""
    if (cohort / "traits.tsv").exists():
        return
    cohort.mkdir(parents=True, exist_ok=True)
    genotypes = read_plink(folder / "geno")
    write_plink(cohort / "genotypes", genotypes.select(animals=np.arange(size)))
    records = pd.read_csv(folder / "pheno_train.tsv", sep="\t", dtype={"IID": str}).iloc[:size].set_index("IID")
    records = records.drop(columns="FID").rename_axis("id")
    shares = np.linspace(*HOLES, records.shape[1])
    kept = np.random.default_rng(1).random(records.shape) >= shares
    records.where(kept).to_csv(cohort / "traits.tsv", sep="\t", na_rep="NA")


def measured(arguments: argparse.Namespace, cohort: Path, size: int) -> dict[str, float]:
    """Return the row of one size."""
    out = arguments.out / f"estimates-{size}"
    with memory_group(arguments.memory_limit) as first_words:
        cost = run(arguments, cohort, out, first_words)
    told = json.loads((out / "run.json").read_text())
    row: dict[str, float] = {"animals": size, "training": told["cohort"]["n_training"], "wall_s": cost.wall_s}
    row |= {f"{stage['stage']}_s": stage["wall_s"] for stage in told["stages"]}
    row |= {"peak_mib": cost.peak_mib, "stated_mib": 1024 * told["memory_gib"]}
    return row | judged(arguments.folder, cohort, out, size)


def run(arguments: argparse.Namespace, cohort: Path, out: Path, first_words: list[str]) -> Cost:
    """Run the command after words that put it into a memory group."""
    command = [*first_words, sys.executable, "-m", "genialearn", "variance", str(cohort.resolve()), "--joint"]
    command += ["--no-reliabilities", "--quiet", "--force", "--out", str(out.resolve())]
    log = arguments.out / f"{out.name}.log"
    return measure(command, log=log, environment=fair_environment(arguments.threads), limit_s=arguments.limit)


@contextmanager
def memory_group(gib: float | None) -> Iterator[list[str]]:
    """Give the first words of a command that runs it within so much memory; none without a limit."""
    if gib is None:
        yield []
        return
    first, second = GROUPS
    parent, limit = (first, "memory.limit_in_bytes") if first.exists() else (second, "memory.max")
    group = parent / f"genialearn-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise CommandError(f"no memory control group can be made in {parent}: {error}") from error
    try:
        (group / limit).write_text(str(int(gib * 2**30)))
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        subprocess.run(["rmdir", str(group)], check=False)


def judged(folder: Path, cohort: Path, out: Path, size: int) -> dict[str, float]:
    """Return how far heritabilities, genetic correlations and breeding values are from the truth."""
    records = pd.read_csv(cohort / "traits.tsv", sep="\t", dtype={"id": str}).set_index("id")
    names, trained = list(records.columns), records.notna().any(axis=1).to_numpy()
    truth = pd.read_csv(folder / "tbv.tsv", sep="\t", dtype={"IID": str}, nrows=size).set_index("IID")[names]
    shown = pd.read_csv(folder / "pheno.tsv", sep="\t", nrows=size)[names].to_numpy()
    residual = np.var((shown - truth.to_numpy())[trained], axis=0)
    variance = pd.read_csv(out / "variance.tsv", sep="\t")
    row: dict[str, float] = {}
    for name, matrix in true_covariances(folder, truth.to_numpy(), trained).items():
        own = np.diag(matrix)
        z = ((variance["h2_scaled"] - own / (own + residual)) / variance["h2_se"]).to_numpy()
        row |= {f"h2_z_mean_{name}": z.mean(), f"h2_z_sd_{name}": z.std(ddof=1)}
        row[f"h2_within_2se_{name}"] = float(np.mean(np.abs(z) <= 2))
        row |= {f"rg_{key}_{name}": value for key, value in of_correlations(out, matrix).items()}
    values = pd.read_csv(out / "breeding_values.tsv", sep="\t", dtype={"id": str}).set_index("id")
    row["r_joint"] = float(values[~trained].corrwith(truth[~trained]).mean())
    return row


def of_correlations(out: Path, covariances: FloatArray) -> dict[str, float]:
    """Return the root mean square error of genetic correlations, their mean standard error, and the SD of z."""
    units = np.sqrt(np.diag(covariances))
    true = (covariances / np.outer(units, units))[np.triu_indices(len(covariances), 1)]
    table = pd.read_csv(out / "genetic_correlations.tsv", sep="\t")
    error = table["correlation"].to_numpy() - true
    z = error / table["se"].to_numpy()
    return {"rmse": float(np.sqrt(np.mean(error**2))), "se": float(table["se"].mean()), "z_sd": float(z.std(ddof=1))}


if __name__ == "__main__":
    main()
