"""What networks of each body predict of animals never seen, beside GBLUP.

    python benchmarks/network_bodies.py --out runs/bodies
    python benchmarks/network_bodies.py --out runs/bodies --architecture additive --body local --body tabm
    python benchmarks/network_bodies.py --out runs/quick --animals 600 --markers 500 --traits 3 --founders independent

Herds are simulated, one a seed; the youngest fifth of the animals is predicted by models that know the others alone.
`network_bodies.tsv` has a row a herd, model and trait: `r`, with true genetic values, of which records have no part;
and the model's `seconds` to fit and predict. Printed, as markdown: by model the mean r over herds and traits, its gain
over GBLUP, the gain's standard error over herds, of how many herds and traits it is better, and the mean seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort, CohortFiles, read_cohort, read_truth
from genialearn.cohorts.simulate import HerdSettings, simulate_herd
from genialearn.cohorts.simulate.write import bed_file, write_herd
from genialearn.contracts import Predictor
from genialearn.experiments.machine import limited_threads
from genialearn.neural.bodies import BODIES
from genialearn.predictors import make_predictor
from genialearn.predictors.networks import Network
from genialearn.validation.splits import SplitScheme

REFERENCE = "gblup"


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tables = []
    for seed in range(1, arguments.seeds + 1):
        with tempfile.TemporaryDirectory() as folder, limited_threads(arguments.threads):
            tables.append(one_herd(Path(folder), arguments, seed))
        pd.concat(tables).to_csv(arguments.out / "network_bodies.tsv", sep="\t", index=False)
    print(f"{arguments.seeds} herds of {arguments.animals:,} cows x {arguments.markers:,} markers, ", end="")
    print(f"{arguments.architecture}, founders {arguments.founders}\n")
    print(markdown(gains(pd.concat(tables)), "{:.3f}"))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--body", action="append", choices=list(BODIES), help="all where none is named")
    parser.add_argument("--animals", type=int, default=3000)
    parser.add_argument("--markers", type=int, default=5000)
    parser.add_argument("--traits", type=int, default=8)
    parser.add_argument("--architecture", default="nonlinear")
    parser.add_argument("--founders", default="coalescent", help="coalescent or independent")
    parser.add_argument("--seeds", type=int, default=1, help="herds")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def one_herd(folder: Path, arguments: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return `herd model trait r seconds` of one herd."""
    cohort, truth = simulated(folder, arguments, seed)
    (split,) = SplitScheme("forward").splits(cohort, rng=np.random.default_rng(seed))
    training, youngest = cohort.select(split.train), cohort.select(split.test).without_records()
    models: dict[str, Predictor] = {REFERENCE: make_predictor(REFERENCE, seed=seed, threads=arguments.threads)}
    for body in arguments.body or BODIES:
        models[body] = Network(body=body, seed=seed, threads=arguments.threads)
    rows = []
    for name, model in models.items():
        start = time.perf_counter()
        predicted = model.fit(training).predict(youngest)
        seconds = time.perf_counter() - start
        correlations = correlations_of(predicted, truth[split.test])
        print(f"herd {seed}: {name} r {np.mean(correlations):.3f} in {seconds:.0f} s", flush=True)
        rows += [
            {"herd": seed, "model": name, "trait": trait, "r": r, "seconds": seconds}
            for trait, r in zip(cohort.records.trait_names, correlations, strict=True)
        ]
    return pd.DataFrame(rows)


def simulated(folder: Path, arguments: argparse.Namespace, seed: int) -> tuple[Cohort, FloatArray]:
    """Return a herd with records, and the true genetic values of the same animals and traits."""
    settings = HerdSettings(
        animals=arguments.animals,
        markers=arguments.markers,
        n_traits=arguments.traits,
        architecture=arguments.architecture,
        founders=arguments.founders,
        seed=seed,
    )
    herd = simulate_herd(settings, threads=arguments.threads, bed=bed_file(folder))
    write_herd(folder, herd)
    files = CohortFiles.in_folder(folder)
    cohort, _ = read_cohort(files, keep_unrecorded=True)
    values = read_truth(files)["genetic_values"]
    return cohort, values.loc[cohort.animals, list(cohort.records.trait_names)].to_numpy(dtype=np.float64)


def correlations_of(predicted: FloatArray, true: FloatArray) -> FloatArray:
    """Return r of each trait, 0 where a prediction doesn't vary, shape (traits,)."""
    return np.array(
        [np.corrcoef(*pair)[0, 1] if np.ptp(pair[0]) else 0.0 for pair in zip(predicted.T, true.T, strict=True)]
    )


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model, in the order of the table."""
    by_model = table.pivot_table(index=["herd", "trait"], columns="model", values="r", sort=False)
    gain = by_model.sub(by_model[REFERENCE], axis=0)
    of_herds = gain.groupby("herd").mean()
    return pd.DataFrame(
        {
            "r": by_model.mean(),
            "gain": gain.mean(),
            "se": of_herds.std() / np.sqrt(len(of_herds)),
            "better": [f"{(gain[model] > 0).sum()} of {len(gain)}" for model in gain],
            "seconds": table.groupby("model")["seconds"].mean(),
        }
    ).loc[list(dict.fromkeys(table["model"]))]


if __name__ == "__main__":
    main()
