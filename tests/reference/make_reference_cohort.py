"""Write the cohort in `cohort/` that genialearn, GEMMA and the dense script are compared on.

    python tests/reference/make_reference_cohort.py

300 cows of 10 sires, 500 markers with 2 % missing genotypes, three traits (the second and third with holes), and as
fixed effects a herd (factor) and an age (covariate).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.cohorts import Cohort  # noqa: E402
from genialearn.genotypes.plink import write_plink  # noqa: E402

TRAITS = ("milk", "fat", "stature")


def write_tables(cohort: Cohort, folder: Path) -> None:
    """Write `traits.tsv` and `covariates.tsv`."""
    records = cohort.records
    rows = ["\t".join(["id", *TRAITS])]
    for animal, values in zip(cohort.animals, records.values[:, : len(TRAITS)], strict=True):
        rows.append("\t".join([animal, *("NA" if np.isnan(value) else f"{value:.6g}" for value in values)]))
    (folder / "traits.tsv").write_text("\n".join(rows) + "\n")
    rows = ["id\therd\tage"]
    effects = records.effects[["herd", "age"]].to_numpy()
    rows += [f"{animal}\t{herd}\t{age}" for animal, (herd, age) in zip(cohort.animals, effects, strict=True)]
    (folder / "covariates.tsv").write_text("\n".join(rows) + "\n")


def main() -> None:
    """Write the cohort."""
    cohort = family_cohort(300, 500, seed=20, n_sires=10)
    folder = HERE / "cohort"
    folder.mkdir(exist_ok=True)
    write_plink(folder / "genotypes", cohort.genotypes)
    write_tables(cohort, folder)


if __name__ == "__main__":
    main()
