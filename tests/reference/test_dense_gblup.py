"""Against `dense_gblup.py`, which shares no line with genialearn and reads the same files by other means."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dense_gblup import Files, fit_files

from genialearn.cohorts import Cohort
from genialearn.genotypes import read_plink
from genialearn.predictors.gblup import GBLUP
from genialearn.records import read_records, with_covariates

HERE = Path(__file__).parent
COHORT = HERE / "cohort"
REAL_DATA = os.environ.get("GENIALEARN_REAL_DATA", "")
MOUSE_TRAITS = (
    "Obesity.BMI",
    "Obesity.BodyLength",
    "Obesity.EndNormalBW",
    "Biochem.Tot.Cholesterol",
    "Biochem.Glucose",
)


def assert_same_fit(cohort: Cohort, files: Files, *, tolerance: float) -> None:
    """Assert that GBLUP and the dense script agree on heritabilities and on every animal's breeding values."""
    model = GBLUP().fit(cohort)
    breeding_values = model.breeding_values(cohort)
    for column, trait in enumerate(cohort.traits):
        ids, expected = fit_files(files, trait.name)
        actual = breeding_values[:, column]

        assert ids == list(cohort.animals)
        assert pytest.approx(expected.heritability, abs=tolerance) == model.heritability_[column]
        assert np.corrcoef(expected.breeding_values, actual)[0, 1] > 0.999999
        scale = expected.breeding_values.std()
        np.testing.assert_allclose(actual, expected.breeding_values, atol=10 * tolerance * scale)


def test_simulated_cohort() -> None:
    files = Files(COHORT / "genotypes", COHORT / "traits.tsv", COHORT / "covariates.tsv", ["herd"], ["age"])
    records = with_covariates(read_records(files.traits), COHORT / "covariates.tsv").with_fixed("herd + age")

    assert_same_fit(Cohort(read_plink(files.prefix), records), files, tolerance=1e-5)


def test_the_script_runs_by_itself(tmp_path: Path) -> None:
    out = tmp_path / "milk.tsv"
    command = [sys.executable, HERE / "dense_gblup.py", COHORT / "genotypes", COHORT / "traits.tsv", "--trait", "milk"]
    run = subprocess.run([*command, "--out", out], check=True, capture_output=True, text=True)

    assert "heritability 0.3141" in run.stdout
    assert out.read_text().splitlines()[0] == "id\tmilk"


@pytest.mark.real
@pytest.mark.skipif(not REAL_DATA, reason="GENIALEARN_REAL_DATA names no folder")
def test_mice() -> None:
    """Heterogeneous-stock mice, 1,814 x 10,346 (Valdar et al. 2006, Nat Genet 38:879), sex as fixed effect."""
    folder = Path(REAL_DATA) / "mice_hs"
    table = folder / "pheno_bglr1814.tsv"
    files = Files(folder / "geno_bglr1814", table, table, ["GENDER"])
    records = read_records(table, names=MOUSE_TRAITS).with_fixed("GENDER")

    assert_same_fit(Cohort(read_plink(files.prefix), records), files, tolerance=1e-4)
