"""What two shortcuts of GBLUP at scale lose or gain: the split likelihood, and the preconditioner.

    python benchmarks/gblup_shortcuts.py FOLDER [--trait T1 --trait T6] [--seed 2]

FOLDER is as in `gblup.py`. Printed are

- how far heritabilities are from those without a split, in standard errors: of the likelihood with the dominant part
  of G split off, and of that corrected to the whole likelihood's maximum, both with the same random vectors;
- iterations to a residual of 1e-6 by heritability and by eigenvectors in the preconditioner.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
from gblup_data import read_cohort

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models import iterative, stochastic
from genialearn.mixed_models.records import LowRankPreconditioner, RecordSystems, patterns
from genialearn.mixed_models.stochastic import Estimate, estimate_variances
from genialearn.relationships import GenomicScale

HERITABILITIES = 0.05, 0.275, 0.5
RANKS = 0, 128, 256, 512
ALWAYS, NEVER = 0, 10**9


def of_split(cohort: Cohort, kernel: LinearOperator, part: LowRank, seed: int) -> None:
    """Compare heritabilities with a split, and corrected ones, with those without."""
    columns = patterns(cohort)
    contrasts = [p.free(cohort.records.values[p.records, i][:, None])[:, 0] for i, p in enumerate(columns)]
    traits = list(zip((trait.name for trait in cohort.traits), columns, contrasts, strict=True))

    def estimates(split_from: int) -> list[Estimate]:
        with patch.object(stochastic, "DEFLATED_FROM", split_from):
            return estimate_variances(kernel, traits, rng=np.random.default_rng(seed), part=part)

    whole, corrected = estimates(NEVER), estimates(ALWAYS)
    with patch.object(stochastic._Batch, "corrected", lambda self, found, part: found):
        split = estimates(ALWAYS)
    errors = np.array([estimate.heritability_se for estimate in whole])
    for name, found in (("split", split), ("corrected", corrected)):
        pairs = zip(found, whole, strict=True)
        moved = np.array([own.variances.heritability - other.variances.heritability for own, other in pairs]) / errors
        print(f"{name}: largest difference {np.abs(moved).max():.3f} SE, mean {moved.mean():+.3f}", flush=True)


def of_preconditioner(cohort: Cohort, kernel: LinearOperator, part: LowRank) -> None:
    """Count iterations of the first trait at several heritabilities."""
    pattern = patterns(cohort)[0]
    systems = RecordSystems(kernel, [pattern] * len(HERITABILITIES))
    h = np.array(HERITABILITIES)
    contrasts = pattern.free(cohort.records.values[pattern.records, 0][:, None])[:, 0]

    def product(values: FloatArray, which: IntArray) -> FloatArray:
        return h[which] * systems.product(values, which) + (1 - h[which]) * values

    for rank in RANKS:
        own = LowRank(part.values[:rank], part.vectors[:, :rank])
        precondition = LowRankPreconditioner(systems, own, h) if rank else None
        solved = conjugate_gradients(product, systems.stacked([contrasts] * len(h)), precondition=precondition)
        iterations = "  ".join(f"h2 {at:g}: {n}" for at, n in zip(h, solved.iterations, strict=True))
        print(f"{rank} eigenvectors: {iterations}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trait", action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    cohort = read_cohort(arguments.folder, arguments.trait)
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    part = dominant_part(kernel, RANKS[-1], rng=np.random.default_rng(1))
    few = LowRank(part.values[: iterative.RANK], part.vectors[:, : iterative.RANK])
    of_split(cohort, kernel, few, arguments.seed)
    of_preconditioner(cohort, kernel, part)


if __name__ == "__main__":
    main()
