"""Against GEMMA: numbers stored in `gemma/`, made by `make_gemma_reference.py`."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from make_gemma_reference import markers_per_divisor

from cohorts_for_tests import with_values
from genialearn.cohorts import Cohort, CohortFiles, read_cohort
from genialearn.mixed_models.exact import record_patterns
from genialearn.mixed_models.multivariate import Covariances, multivariate_reml
from genialearn.predictors.gblup import GBLUP
from genialearn.relationships import GenomicScale

HERE = Path(__file__).parent


def stored(name: str, folder: Path = HERE / "gemma") -> list[dict[str, str]]:
    with (folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def cohort(fixed: str = "") -> Cohort:
    return read_cohort(CohortFiles.in_folder(HERE / "cohort", fixed=fixed))[0]


@pytest.fixture(scope="module")
def models() -> dict[str, GBLUP]:
    """GBLUP of the stored cohort by formula of fixed effects."""
    return {fixed: GBLUP().fit(cohort(fixed)) for fixed in ("", "herd + age")}


def trait_column(name: str) -> int:
    return [trait.name for trait in cohort().traits].index(name)


@pytest.mark.parametrize("row", stored("variances.tsv"), ids=lambda row: f"{row['trait']}-{row['fixed']}")
class TestVariances:
    def test_heritability(self, row: dict[str, str], models: dict[str, GBLUP]) -> None:
        heritability = models[row["fixed"]].heritability_[trait_column(row["trait"])]

        assert pytest.approx(float(row["h2"]), abs=5e-6) == heritability

    def test_share_of_variance_explained(self, row: dict[str, str], models: dict[str, GBLUP]) -> None:
        """GEMMA's pve is h2 d / (h2 d + 1 - h2), d the mean diagonal of G centred on the animals with a record."""
        column = trait_column(row["trait"])
        h2 = models[row["fixed"]].heritability_[column]

        d = mean_diagonal(column)
        assert pytest.approx(float(row["pve"]), abs=5e-6) == h2 * d / (h2 * d + 1 - h2)

    def test_standard_error(self, row: dict[str, str], models: dict[str, GBLUP]) -> None:
        """Se(pve) is that of h2 times the derivative of pve by h2, d / (h2 d + 1 - h2)^2."""
        column = trait_column(row["trait"])
        model = models[row["fixed"]]
        h2, d = model.heritability_[column], mean_diagonal(column)

        se = model.heritability_se_[column] * d / (h2 * d + 1 - h2) ** 2
        assert pytest.approx(float(row["pve_se"]), rel=0.01) == se


def mean_diagonal(column: int) -> float:
    """Return the mean diagonal of G after centring it on the animals with a record of the trait."""
    whole = cohort().canonical()
    known = np.isfinite(whole.records.values[:, column])
    relationships = GenomicScale.of(whole.genotypes).relationships(whole.genotypes)[np.ix_(known, known)]
    return float(np.mean(np.diag(relationships)) - relationships.mean())


@cache
def covariances(traits: str, fixed: str) -> Covariances:
    """Return the estimates for some traits, from the animals that have records of all of them."""
    whole = cohort(fixed).canonical()
    columns = [trait_column(name) for name in traits.split()]
    values = whole.records.values.copy()
    values[~np.isfinite(values[:, columns]).all(axis=1)] = np.nan
    relationships = GenomicScale.of(whole.genotypes).relationships(whole.genotypes)
    pattern = record_patterns(with_values(whole, values), relationships)[columns[0]]
    contrasts = pattern.spectrum.vectors.T @ values[np.ix_(pattern.records, columns)]
    return multivariate_reml(pattern.spectrum.values, contrasts)


@pytest.mark.parametrize(
    "row", stored("covariances.tsv"), ids=lambda row: "-".join(row[key] for key in ("traits", "fixed", "one", "other"))
)
class TestCovariances:
    def test_estimates(self, row: dict[str, str]) -> None:
        found, place = covariances(row["traits"], row["fixed"]), place_of(row)

        assert pytest.approx(float(row["vg"]) * divisor(), rel=1e-4) == found.genetic[place]
        assert pytest.approx(float(row["ve"]), rel=1e-4) == found.residual[place]

    def test_standard_errors(self, row: dict[str, str]) -> None:
        """GEMMA's are from the observed information."""
        found, place = covariances(row["traits"], row["fixed"]), place_of(row)

        assert pytest.approx(float(row["vg_se"]) * divisor(), rel=1e-4) == found.genetic_se[place]
        assert pytest.approx(float(row["ve_se"]), rel=1e-4) == found.residual_se[place]


def place_of(row: dict[str, str]) -> tuple[int, int]:
    names = row["traits"].split()
    return names.index(row["one"]), names.index(row["other"])


def divisor() -> float:
    """Return k/p, which turns GEMMA's genetic covariances to those of G."""
    p, k = markers_per_divisor()
    return k / p


@pytest.mark.parametrize("trait", ["milk", "fat", "stature"])
def test_breeding_values(trait: str, models: dict[str, GBLUP]) -> None:
    """GEMMA's are those of the animals with a record, centred on them."""
    predicted = dict(zip(cohort().animals, models[""].breeding_values(cohort())[:, trait_column(trait)], strict=True))
    pairs = [(float(row[trait]), predicted[row["id"]]) for row in stored("breeding_values.tsv") if row[trait] != "NA"]
    expected, actual = np.array(pairs).T

    assert np.corrcoef(expected, actual)[0, 1] > 0.999999
    np.testing.assert_allclose(actual - actual.mean(), expected - expected.mean(), atol=1e-5 * expected.std())


@pytest.mark.skipif(shutil.which("gemma") is None, reason="GEMMA isn't installed")
def test_the_script_makes_the_stored_numbers(tmp_path: Path) -> None:
    subprocess.run([sys.executable, HERE / "make_gemma_reference.py", tmp_path], check=True)

    for name in ("variances.tsv", "covariances.tsv", "breeding_values.tsv"):
        for expected, actual in zip(stored(name), stored(name, tmp_path), strict=True):
            assert expected.keys() == actual.keys()
            for column in expected:
                assert_same_text_or_number(expected[column], actual[column])


def assert_same_text_or_number(expected: str, actual: str) -> None:
    try:
        number = float(expected)
    except ValueError:
        assert expected == actual
    else:
        assert pytest.approx(number, rel=1e-4, abs=1e-6) == float(actual)
