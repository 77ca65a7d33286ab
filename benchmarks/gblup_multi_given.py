"""Time gblup-multi with covariances that are already estimated.

    genialearn variance --bfile FOLDER/geno --traits TRAITS --out ESTIMATES
    python benchmarks/gblup_multi_given.py FOLDER TRAITS ESTIMATES

FOLDER is as in `gblup.py`. The covariances are those of ESTIMATES/components.tsv. Printed are seconds and memory, and
the correlation with true values of animals without any record, beside that of the single-trait values in ESTIMATES.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.predictors.gblup_multi import GBLUPMulti


def covariance_matrix(components: pd.DataFrame, names: list[str], component: str) -> FloatArray:
    """Return one component as a matrix, shape (traits, traits)."""
    chosen = components[components["component"] == component]
    wide = chosen.pivot_table(index="trait", columns="other", values="estimate").reindex(index=names, columns=names)
    upper = wide.to_numpy()
    return np.where(np.isfinite(upper), upper, upper.T)


def correlations(values: pd.DataFrame, truth: pd.DataFrame, animals: pd.Index) -> pd.Series:
    """Return r with the truth by trait."""
    return values.loc[animals].corrwith(truth.loc[animals])


def main() -> None:
    """Fit, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("traits", type=Path)
    parser.add_argument("estimates", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    files = CohortFiles(bfile=arguments.folder / "geno", traits=arguments.traits)
    cohort, _ = read_cohort(files, keep_unrecorded=True)
    names = cohort.records.trait_names
    components = pd.read_csv(arguments.estimates / "components.tsv", sep="\t")
    model = GBLUPMulti(
        genetic_covariances=covariance_matrix(components, names, "genetic"),
        residual_covariances=covariance_matrix(components, names, "residual"),
    )
    train = cohort.select(np.unique(cohort.record_rows))
    model.fit(train)
    fitted = time.perf_counter()
    values = pd.DataFrame(model.breeding_values(cohort), index=cohort.animals, columns=names)
    print(f"{len(train):,} of {len(cohort):,} animals, {len(names)} traits, {model.solver_} solver")
    print(f"fit {fitted - started:.0f} s, all animals {time.perf_counter() - fitted:.0f} s more")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB, {model.iterations_} products")
    truth = pd.read_csv(arguments.folder / "tbv.tsv", sep="\t").astype({"IID": str}).set_index("IID")[names]
    single = pd.read_csv(arguments.estimates / "breeding_values.tsv", sep="\t", dtype={"id": str}).set_index("id")
    unrecorded = pd.Index(np.setdiff1d(cohort.animals.astype(str), train.animals.astype(str)))
    table = pd.DataFrame(
        {"gblup": correlations(single, truth, unrecorded), "gblup-multi": correlations(values, truth, unrecorded)}
    )
    print(table.round(4).to_string())
    print(table.mean().round(4).to_string())


if __name__ == "__main__":
    main()
