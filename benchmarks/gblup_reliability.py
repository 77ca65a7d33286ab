"""How near approximate reliabilities are to exact ones, and what they cost.

    python benchmarks/gblup_reliability.py FOLDER [--trait T6] [--animals 64] [--seed 2]

FOLDER is as in `gblup.py`. One trait is fitted; the reliabilities of all animals are estimated; those of some animals
drawn at random are computed exactly, as 1 - PEV / (s2g G_jj) with one solution each to a residual of 1e-8. They are
other animals than those that the approximation is calibrated on, but for chance.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from gblup_data import read_cohort, read_folder

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models import iterative
from genialearn.mixed_models.records import LowRankPreconditioner, RecordSystems, patterns
from genialearn.mixed_models.reliability import estimate_reliabilities
from genialearn.relationships import GenomicScale


def exact_reliabilities(cohort: Cohort, kernel: LinearOperator, h: float, animals: IntArray) -> FloatArray:
    """Return the reliabilities of some animals' breeding values for the only trait, shape (animals,)."""
    systems = RecordSystems(kernel, patterns(cohort) * len(animals))
    h_of = np.full(len(animals), h)
    units = np.zeros((len(cohort), len(animals)))
    units[animals, np.arange(len(animals))] = 1.0
    told = systems.to_contrasts(kernel.matmat(units), np.arange(len(animals)))

    def product(values: FloatArray, which: IntArray) -> FloatArray:
        return h * systems.product(values, which) + (1 - h) * values

    part = dominant_part(kernel, iterative.RANK, rng=np.random.default_rng(0))
    solved = conjugate_gradients(
        product, told, precondition=LowRankPreconditioner(systems, part, h_of), tolerance=1e-8
    ).checked("exact reliabilities")
    return np.asarray(h * np.einsum("ij,ij->j", told, solved) / kernel.diagonal()[animals])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trait", help="default: the middle one")
    parser.add_argument("--animals", type=int, default=64)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    names = list(read_folder(arguments.folder).records)
    cohort = read_cohort(arguments.folder, [arguments.trait or names[len(names) // 2]])
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    fits = iterative.fit_trait_models(cohort, kernel, [None], rng=np.random.default_rng(1))
    h = fits.models[0].variances.heritability
    started = time.perf_counter()
    found = estimate_reliabilities(cohort, kernel, fits.models, rng=np.random.default_rng(1))
    taken = time.perf_counter() - started
    animals = np.sort(np.random.default_rng(arguments.seed).choice(len(cohort), arguments.animals, replace=False))
    exact = exact_reliabilities(cohort, kernel, h, animals)
    error = found.values[animals, 0] - exact
    with_records = cohort.record_rows[np.isfinite(cohort.records.values).any(axis=1)]
    print(f"{cohort.traits[0].name}, h2 {h:.3f}, {len(cohort):,} animals: {taken:.0f} s")
    print(f"{len(animals)} animals, {np.isin(animals, with_records).sum()} of them with records:")
    r, rmse = np.corrcoef(found.values[animals, 0], exact)[0, 1], np.sqrt(np.mean(error**2))
    print(f"r {r:.4f}, mean error {error.mean():+.4f}, mean absolute error {np.abs(error).mean():.4f}")
    print(f"root mean square error {rmse:.4f}, stated {found.errors[0]:.4f}")


if __name__ == "__main__":
    main()
