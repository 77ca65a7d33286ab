"""Do BayesR and BayesC-pi predict as other tools' samplers do?

    python benchmarks/bayes_tools.py PREFIX TRAITS --out runs/tools --seed 1 --seed 2 --seed 3

PREFIX is a PLINK fileset, TRAITS a table of records, or nothing of both with `--simulate`: 800 unrelated animals x
3,000 markers, three traits of heritability .5, of 10, 100 and 1,000 loci. A random fifth is predicted from the others,
another one with each seed. BayesR and BayesC-pi sample as they do by themselves. The tools, as far as they are there:

- `gemma` on PATH: Bayesian sparse linear mixed model (Zhou, Carbonetto and Stephens 2013), 100,000 draws after 20,000;
- R's package BGLR (Perez and de los Campos 2014): BayesC, 5,000 draws after 1,000, with a share of effects that
  is believed to be about a half (`bglr`), or about 5 % (`bglr-few`), and ridge regression (`bglr-ridge`).

Printed, as markdown: r with records of the tested animals, or with true values where there are any; correlations with
the predictions of each tool; the share of variance explained; effects that aren't 0; seconds.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tables import markdown

from genialearn import Cohort, CohortFiles, make_predictor, read_cohort
from genialearn._arrays import FloatArray
from genialearn.contracts import HasHeritability
from genialearn.genotypes import dosages, write_plink

MODELS = ("gblup", "bayesr", "bayesc")

BGLR = {
    "bglr": "list(X = X, model = 'BayesC')",
    "bglr-few": "list(X = X, model = 'BayesC', probIn = 0.05, counts = 2)",
    "bglr-ridge": "list(X = X, model = 'BRR')",
}
"""What effects are believed to be, as R has it."""


class Found(NamedTuple):
    """Predictions of tested animals (animals, traits); share of variance and number of effects by trait; seconds."""

    values: FloatArray
    explained: FloatArray
    n_effects: FloatArray
    seconds: float


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
    found: dict[str, Found] = {}
    for name in MODELS:
        started = time.perf_counter()
        model = make_predictor(name, seed=seed, threads=arguments.threads).fit(train)
        assert isinstance(model, HasHeritability)
        n_effects = getattr(model, "diagnostics_", pd.DataFrame({"figure": []})).query("figure == 'n_effects'")
        found[name] = Found(
            model.predict(test),
            model.heritability_,
            n_effects["mean"].to_numpy() if len(n_effects) else np.full(len(cohort.traits), np.nan),
            time.perf_counter() - started,
        )
    records = np.full((len(cohort), len(cohort.traits)), np.nan)
    records[cohort.record_rows] = cohort.records.values
    records[tested] = np.nan
    folder = arguments.out / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    tools = {}
    if shutil.which("gemma"):
        tools["gemma"] = by_gemma(folder, cohort, records, tested, seed)
    if has_bglr():
        tools |= {
            name: by_bglr(folder, cohort, records, tested, seed=seed, prior=prior) for name, prior in BGLR.items()
        }
    found |= tools
    return [
        {
            "seed": seed,
            "trait": trait,
            "model": name,
            "r": correlation(own.values[:, t], judged[tested, t]),
            **{f"r to {tool}": correlation(own.values[:, t], tools[tool].values[:, t]) for tool in tools},
            "explained": own.explained[t],
            "effects": own.n_effects[t],
            "seconds": own.seconds,
        }
        for t, trait in enumerate(cohort.records.trait_names)
        for name, own in found.items()
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


def by_gemma(folder: Path, cohort: Cohort, records: FloatArray, tested: np.ndarray, seed: int) -> Found:
    """Return what GEMMA says, trait by trait."""
    started = time.perf_counter()
    write_plink(folder / "geno", cohort.genotypes)
    fam = pd.read_csv(folder / "geno.fam", sep=r"\s+", header=None, dtype=str).iloc[:, :5]
    pd.concat([fam, pd.DataFrame(records)], axis=1).to_csv(
        folder / "geno.fam", sep=" ", header=False, index=False, na_rep="NA"
    )
    values, explained, n_effects = (np.empty((n, records.shape[1])) for n in (len(tested), 1, 1))
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
        explained[0, trait], n_effects[0, trait] = hyper["pve"].mean(), hyper["n_gamma"].mean()
    return Found(values, explained[0], n_effects[0], time.perf_counter() - started)


def has_bglr() -> bool:
    """Return whether R has the package; `R_LIBS` may say where."""
    if not shutil.which("Rscript"):
        return False
    asked = subprocess.run(["Rscript", "-e", "library(BGLR)"], capture_output=True, check=False)
    return asked.returncode == 0


def by_bglr(folder: Path, cohort: Cohort, records: FloatArray, tested: np.ndarray, *, seed: int, prior: str) -> Found:
    """Return what BGLR says, trait by trait."""
    z = dosages(cohort.genotypes).astype(np.float64)
    z[z < 0] = np.nan
    z = np.nan_to_num(z - np.nanmean(z, axis=0))
    np.savetxt(folder / "x.csv", z[:, z.std(axis=0) > 0], fmt="%.4f", delimiter=",")
    np.savetxt(folder / "y.csv", records, delimiter=",")
    (folder / "bglr.R").write_text(R_SCRIPT.format(seed=seed, prior=prior))
    started = time.perf_counter()
    run(["Rscript", "bglr.R"], folder)
    told = np.loadtxt(folder / "told.csv", delimiter=",", ndmin=2)
    n_animals = len(cohort)
    return Found(told[:n_animals][tested], told[n_animals], told[n_animals + 1], time.perf_counter() - started)


R_SCRIPT = """suppressMessages(library(BGLR))
X <- as.matrix(read.csv("x.csv", header = FALSE))
Y <- as.matrix(read.csv("y.csv", header = FALSE))
Y[is.nan(Y)] <- NA
set.seed({seed})
told <- sapply(seq_len(ncol(Y)), function(t) {{
  fit <- BGLR(Y[, t], ETA = list({prior}), nIter = 6000, burnIn = 1000, verbose = FALSE, saveAt = "bglr_")
  share <- if (is.null(fit$ETA[[1]]$probIn)) 1 else fit$ETA[[1]]$probIn
  c(fit$yHat, var(fit$yHat) / (var(fit$yHat) + fit$varE), share * ncol(X))
}})
write.table(told, "told.csv", sep = ",", row.names = FALSE, col.names = FALSE)
"""


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
