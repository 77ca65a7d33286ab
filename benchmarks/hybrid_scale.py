"""What the hybrid costs beyond GBLUP of all traits, at the size of a breed.

    genialearn simulate herd --animals 113599 --markers 50000 --seed 1
    python benchmarks/hybrid_scale.py herd

With `--true-covariances` GBLUP gets those that the herd was made with: the hybrid takes as long, and the time of their
estimation is saved. With `--first-tolerance 1e-4` GBLUP ends at a larger residual than 1e-6, where only what the hybrid
adds is of interest: it begins with less, and so takes no shorter.

Printed: seconds of reading, of multi-trait GBLUP (variances,
covariances, breeding values), of what the hybrid adds to it, of predicting everybody, and the peak memory. The floor of
what it adds is a product with the genotypes for each iteration of each system that is solved: one a fold, one with all
records and one a fold that judges it again.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from genialearn import CohortFiles, read_cohort
from genialearn._arrays import FloatArray
from genialearn.mixed_models import joint_fits
from genialearn.predictors.additive import AdditiveFit, JointFit, additive_fit
from genialearn.predictors.gblup_multi import GBLUPMulti
from genialearn.predictors.hybrids import Hybrid


def main() -> None:
    arguments = parse()
    clock = [time.perf_counter()]

    def told(what: str) -> None:
        clock.append(time.perf_counter())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{what}: {clock[-1] - clock[-2]:.0f} s, peak so far {peak:.2f} GiB", flush=True)

    cohort, _ = read_cohort(CohortFiles.in_folder(Path(arguments.folder)), keep_unrecorded=True)
    if arguments.animals:
        cohort = cohort.select(slice(0, arguments.animals))
    recorded = np.unique(cohort.record_rows[np.isfinite(cohort.records.values).any(axis=1)])
    training = cohort.select(recorded).canonical()
    told(f"reading {len(cohort):,} animals, {len(training):,} with records")
    if arguments.first_tolerance:
        joint_fits._BY_PRODUCTS = arguments.first_tolerance
    if arguments.true_covariances:
        genetic, residual = true_covariances(Path(arguments.folder), training.records.trait_names)
        model = GBLUPMulti(genetic_covariances=genetic, residual_covariances=residual, seed=1)
        first: AdditiveFit = JointFit.of(model, training)
    else:
        first = additive_fit(training, "auto", model="hybrid", heritability=None, seed=1)
    told(f"GBLUP of {len(cohort.traits)} traits together")
    hybrid = Hybrid(seed=1).fit_on(first, training)
    told("what the hybrid adds")
    predicted = hybrid.predict(cohort)
    told(f"predicting {len(predicted):,}")
    print(*hybrid.notes_, sep="\n")


def true_covariances(folder: Path, names: list[str]) -> tuple[FloatArray, FloatArray]:
    """Return genetic covariances as they came out, and residual ones as they were asked, shape (traits, traits)."""
    truth = json.loads((folder / "truth" / "parameters.json").read_text())
    order = [truth["traits"].index(name) for name in names]
    roots = np.sqrt([truth["genetic_variance"][name] for name in names])
    genetic = np.array(truth["genetic_correlations_realised"])[np.ix_(order, order)] * np.outer(roots, roots)
    return genetic, np.diag([truth["residual_variance"][name] for name in names])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--animals", type=int, default=0, help="only so many, the first ones; 0 for all")
    parser.add_argument("--true-covariances", action="store_true")
    parser.add_argument("--first-tolerance", type=float, default=0.0, help="residual that GBLUP ends at; 0 for its own")
    return parser.parse_args()


if __name__ == "__main__":
    main()
