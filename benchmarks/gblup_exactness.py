"""How exact the iterative solver is: against dense solutions, with a share of the records taken out at random.

    python benchmarks/gblup_exactness.py FOLDER [--holes 0.3] [--seed 1]

FOLDER is as in `gblup.py`. With some 2,000 animals and ten traits it takes a minute or two. Compared are

- heritabilities by stochastic REML with REML by eigendecomposition;
- breeding values of both at the same heritabilities;
- multi-trait breeding values given covariances, with a dense solution of all observed records;
- reliabilities with the prediction error variances of the dense single-trait model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from gblup_data import read_cohort

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import dominant_part
from genialearn.mixed_models import exact, iterative
from genialearn.mixed_models.covariances import estimate_covariances
from genialearn.mixed_models.joint import JointSystem
from genialearn.mixed_models.reliability import estimate_reliabilities
from genialearn.relationships import GenomicRelationships, GenomicScale


def report(what: str, values: dict[str, float]) -> None:
    """Print one comparison."""
    print(f"{what:<44}" + "  ".join(f"{name} {value:.3g}" for name, value in values.items()), flush=True)


def single_trait(cohort: Cohort, kernel: GenomicRelationships, g: FloatArray, seed: int) -> exact.ExactFits:
    """Compare variances, and breeding values at the same variances; return the exact models."""
    n_traits = len(cohort.traits)
    dense = exact.fit_trait_models(cohort, g, [None] * n_traits)
    own = iterative.fit_trait_models(cohort, kernel, [None] * n_traits, rng=np.random.default_rng(seed))
    h2 = np.array([[m.variances.heritability for m in fits.models] for fits in (dense, own)])
    errors = np.array([m.heritability_se for m in dense.models])
    report("h2, stochastic less dense", {"largest": np.abs(h2[1] - h2[0]).max(), "mean SE": errors.mean()})
    given = iterative.fit_trait_models(cohort, kernel, list(h2[0]), rng=np.random.default_rng(seed))
    values = [g @ np.column_stack([m.dual for m in fits.models]) for fits in (dense, given)]
    r = [np.corrcoef(values[0][:, t], values[1][:, t])[0, 1] for t in range(n_traits)]
    report("breeding values given h2", {"smallest r": min(r), "1 - r": 1 - min(r)})
    return dense


def all_traits(cohort: Cohort, kernel: GenomicRelationships, g: FloatArray, dense: exact.ExactFits, seed: int) -> None:
    """Compare multi-trait breeding values given covariances with a dense solution."""
    part = dominant_part(kernel, 128, rng=np.random.default_rng(seed))
    found = estimate_covariances(cohort, kernel, dense.models, part, rng=np.random.default_rng(seed))
    genetic, residual = found.genetic.matrix, found.residual.matrix
    own = g @ JointSystem(cohort, kernel, genetic, residual, part).solve().coefficients
    record, trait = np.nonzero(np.isfinite(cohort.records.values))
    animal, y = cohort.record_rows[record], cohort.records.values[record, trait]
    v = g[np.ix_(animal, animal)] * genetic[np.ix_(trait, trait)]
    v += (record[:, None] == record[None, :]) * residual[np.ix_(trait, trait)]
    x = np.eye(len(genetic))[trait]
    solved = np.linalg.solve(v, np.column_stack([x, y]))
    b = np.linalg.solve(x.T @ solved[:, :-1], x.T @ solved[:, -1])
    dual = solved[:, -1] - solved[:, :-1] @ b
    expected = np.stack([g[:, animal] @ (dual * genetic[trait, t]) for t in range(len(genetic))], axis=1)
    difference = np.abs(own - expected).max(axis=0) / expected.std(axis=0)
    report(f"multi-trait values, {len(y):,} records", {"largest difference in SD": difference.max()})


def reliabilities(
    cohort: Cohort, kernel: GenomicRelationships, g: FloatArray, dense: exact.ExactFits, seed: int
) -> None:
    """Compare approximate reliabilities with exact ones."""
    found = estimate_reliabilities(cohort, kernel, dense.models, rng=np.random.default_rng(seed))
    r, errors, means = [], [], []
    for t, model in enumerate(dense.models):
        h = model.variances.heritability
        image = g[:, model.animals] @ model.pattern.spectrum.vectors
        reduction = h * np.sum(image**2 / model.contrasts.relative_variances(h), axis=1)
        exact_ = reduction / np.diag(g)
        r.append(np.corrcoef(found.values[:, t], exact_)[0, 1])
        means.append(np.mean(found.values[:, t] - exact_))
        errors.append(np.sqrt(np.mean((found.values[:, t] - exact_) ** 2)))
    values = {"smallest r": min(r), "mean error": float(np.abs(means).max()), "RMSE": max(errors)}
    report("reliabilities of all animals", values | {"stated RMSE": float(found.errors.max())})


def main() -> None:
    """Compare, and print one line a comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--holes", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cohort = read_cohort(arguments.folder, holes=arguments.holes, seed=arguments.seed)
    print(f"{len(cohort):,} animals x {cohort.genotypes.shape[1]:,} markers x {len(cohort.traits)} traits")
    scale = GenomicScale.of(cohort.genotypes)
    kernel, g = scale.operator(cohort.genotypes), scale.relationships(cohort.genotypes)
    dense = single_trait(cohort, kernel, g, arguments.seed)
    all_traits(cohort, kernel, g, dense, arguments.seed)
    reliabilities(cohort, kernel, g, dense, arguments.seed)


if __name__ == "__main__":
    main()
