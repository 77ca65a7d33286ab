"""Does BayesR predict as GEMMA's Bayesian sparse linear mixed model does (Zhou, Carbonetto and Stephens 2013)?

    python benchmarks/bayes_gemma.py PREFIX TRAITS --out runs/gemma --seed 1 --seed 2 --seed 3

PREFIX is a PLINK fileset, TRAITS a table of records, or nothing of both with `--simulate`: 800 unrelated animals x
3,000 markers, three traits of heritability .5, of 10, 100 and 1,000 loci. A random fifth is predicted from the others,
another one with each seed; GEMMA samples 100,000 times after 20,000 (`-bslmm 1`), BayesR and BayesC-pi as they do
by themselves. Printed, as markdown: r with records of the tested animals, or with true values where there are any;
correlations of both tools' predictions; the share of variance explained; seconds. GEMMA must be on PATH.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown

from genialearn import Cohort, CohortFiles, make_predictor, read_cohort
from genialearn._arrays import FloatArray
from genialearn.genotypes import write_plink

MODELS = ("gblup", "bayesr", "bayesc")


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [row for seed in arguments.seed or [1, 2, 3] for row in compared(arguments, seed)]
    found = pd.DataFrame(rows).groupby(["trait", "model"], sort=False).mean(numeric_only=True).drop(columns="seed")
    print(markdown(found.reset_index(), "{:.3f}", index=False))


def compared(arguments: argparse.Namespace, seed: int) -> list[dict[str, object]]:
    """Return one row a trait and model."""
    cohort, judged = simulated(seed) if arguments.simulate else real(arguments)
    tested = np.sort(np.random.default_rng([seed, 1]).permutation(len(cohort))[: len(cohort) // 5])
    trained = np.setdiff1d(np.arange(len(cohort)), tested)
    train, test = cohort.select(trained), cohort.select(tested)
    predicted: dict[str, FloatArray] = {}
    explained: dict[str, FloatArray] = {}
    seconds: dict[str, float] = {}
    for name in MODELS:
        started = time.perf_counter()
        model = make_predictor(name, seed=seed, threads=arguments.threads).fit(train)
        predicted[name] = model.predict(test)
        explained[name] = model.heritability_  # type: ignore[attr-defined]
        seconds[name] = time.perf_counter() - started
    started = time.perf_counter()
    predicted["gemma"], explained["gemma"] = by_gemma(arguments.out / f"seed{seed}", cohort, tested, seed)
    seconds["gemma"] = time.perf_counter() - started
    return [
        {
            "seed": seed,
            "trait": trait,
            "model": name,
            "r": correlation(values[:, t], judged[tested, t]),
            "r to gemma": correlation(values[:, t], predicted["gemma"][:, t]),
            "explained": float(explained[name][t]),
            "seconds": seconds[name],
        }
        for t, trait in enumerate(cohort.records.trait_names)
        for name, values in predicted.items()
    ]


def simulated(seed: int) -> tuple[Cohort, FloatArray]:
    rng = np.random.default_rng(seed)
    frequencies = rng.uniform(0.1, 0.5, 3000)
    dosages = rng.binomial(2, frequencies, (800, 3000))
    z = (dosages - 2 * frequencies) / np.sqrt(2 * frequencies * (1 - frequencies))
    effects = np.zeros((3000, 3))
    for trait, n_loci in enumerate((10, 100, 1000)):
        effects[rng.permutation(3000)[:n_loci], trait] = rng.standard_normal(n_loci) * np.sqrt(0.5 / n_loci)
    values = z @ effects
    records = values + rng.standard_normal(values.shape) * np.sqrt(0.5)
    return Cohort.from_arrays(dosages, records, trait_names=["ten", "hundred", "thousand"]), values


def real(arguments: argparse.Namespace) -> tuple[Cohort, FloatArray]:
    cohort, _ = read_cohort(CohortFiles(bfile=arguments.prefix, traits=arguments.traits))
    values = np.full((len(cohort), len(cohort.traits)), np.nan)
    values[cohort.record_rows] = cohort.records.values
    return cohort, values


def correlation(one: FloatArray, other: FloatArray) -> float:
    known = np.isfinite(one) & np.isfinite(other)
    return float(np.corrcoef(one[known], other[known])[0, 1])


def by_gemma(folder: Path, cohort: Cohort, tested: np.ndarray, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return predictions of tested animals and the shares of variance explained, by GEMMA, trait by trait."""
    folder.mkdir(parents=True, exist_ok=True)
    write_plink(folder / "geno", cohort.genotypes)
    records = np.full((len(cohort), len(cohort.traits)), np.nan)
    records[cohort.record_rows] = cohort.records.values
    records[tested] = np.nan
    fam = pd.read_csv(folder / "geno.fam", sep=r"\s+", header=None, dtype=str).iloc[:, :5]
    pd.concat([fam, pd.DataFrame(records)], axis=1).to_csv(
        folder / "geno.fam", sep=" ", header=False, index=False, na_rep="NA"
    )
    values, explained = np.empty((len(tested), records.shape[1])), np.empty(records.shape[1])
    for trait in range(records.shape[1]):
        common = ["gemma", "-bfile", "geno", "-n", str(trait + 1)]
        sampled = ["-bslmm", "1", "-w", "20000", "-s", "100000", "-seed", str(seed), "-o", f"t{trait}"]
        run([*common, *sampled], folder)
        run([*common, "-gk", "1", "-o", f"k{trait}"], folder)
        parts = ["-epm", f"output/t{trait}.param.txt", "-emu", f"output/t{trait}.log.txt"]
        kin = ["-ebv", f"output/t{trait}.bv.txt", "-k", f"output/k{trait}.cXX.txt"]
        run([*common, *parts, *kin, "-predict", "1", "-o", f"p{trait}"], folder)
        told = pd.read_csv(folder / "output" / f"p{trait}.prdt.txt", header=None, na_values="NA")[0].to_numpy()
        values[:, trait] = told[tested]
        hyper = pd.read_csv(folder / "output" / f"t{trait}.hyp.txt", sep=r"\s+", engine="python")
        explained[trait] = hyper["pve"].mean()
    return values, explained


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", type=Path, nargs="?")
    parser.add_argument("traits", type=Path, nargs="?")
    parser.add_argument("--simulate", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
