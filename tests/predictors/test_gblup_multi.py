from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti
from genialearn.records import RecordTable, Trait
from genialearn.relationships import GenomicScale

GENETIC = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
RESIDUAL = np.diag([0.5, 9.0, 1.0])


def simulated(seed: int) -> tuple[Cohort, FloatArray]:
    """Return a trait of h2 .67, one of .1 that is nearly the same genetically, one of its own; and breeding values."""
    base = family_cohort(500, 300, seed=6, n_sires=12).canonical()
    rng = np.random.default_rng(seed)
    kernel = GenomicScale.of(base.genotypes).operator(base.genotypes)
    genetic = kernel.draws(3, rng) @ np.linalg.cholesky(GENETIC).T
    values = genetic + rng.standard_normal((500, 3)) @ np.sqrt(RESIDUAL)
    values[rng.random(values.shape) < 0.2] = np.nan
    traits = tuple(Trait(name) for name in "abc")
    records = RecordTable(traits, base.animals, values, np.ones_like(values), pd.DataFrame(index=range(500)))
    return Cohort(base.genotypes, records, None), genetic


def test_a_trait_of_low_heritability_learns_from_its_relative_and_not_from_others() -> None:
    gains = []
    for seed in range(4):
        cohort, truth = simulated(seed)
        train, test = cohort.select(slice(0, 400)), cohort.select(slice(400, 500))
        one, all_ = GBLUP().fit(train).breeding_values(test), GBLUPMulti().fit(train).breeding_values(test)
        r = [[np.corrcoef(values[:, t], truth[400:, t])[0, 1] for t in range(3)] for values in (one, all_)]
        gains.append(np.subtract(r[1], r[0]))

    assert np.mean(gains, axis=0)[1] > 0.1
    assert np.abs(np.mean(gains, axis=0)[[0, 2]]).max() < 0.03


def test_correlations_are_found() -> None:
    found = np.mean([GBLUPMulti().fit(simulated(seed)[0]).genetic_correlations_ for seed in range(4)], axis=0)

    np.testing.assert_allclose(found, GENETIC, atol=0.2)


def test_both_solvers_agree_on_given_covariances() -> None:
    cohort, _ = simulated(1)
    settings = {"genetic_covariances": GENETIC, "residual_covariances": RESIDUAL}
    one = GBLUPMulti(solver="exact", **settings).fit(cohort).predict(cohort)
    other = GBLUPMulti(solver="iterative", **settings).fit(cohort).predict(cohort)

    np.testing.assert_allclose(other, one, atol=1e-4)


def test_given_covariances_are_used_as_they_are() -> None:
    model = GBLUPMulti(genetic_covariances=GENETIC, residual_covariances=RESIDUAL).fit(simulated(1)[0])

    np.testing.assert_array_equal(model.genetic_covariances_, GENETIC)
    np.testing.assert_allclose(model.heritability_, np.diag(GENETIC) / np.diag(GENETIC + RESIDUAL))
    assert not model.notes_


@pytest.mark.parametrize("given", [{"genetic_covariances": GENETIC}, {"residual_covariances": RESIDUAL}])
def test_only_one_kind_of_covariances_is_refused(given: dict[str, FloatArray]) -> None:
    with pytest.raises(SettingError, match=r"^gblup-multi covariances: expected genetic and residual ones, or neither"):
        GBLUPMulti(**given).fit(simulated(1)[0])  # type: ignore[arg-type]


def test_it_says_how_covariances_were_bent() -> None:
    model = GBLUPMulti().fit(family_cohort().select(slice(0, 120)))

    assert len(model.notes_) == 2
    assert model.notes_[0].startswith("genetic covariances: ")
    assert np.linalg.eigvalsh(model.genetic_covariances_).min() > 0
    assert np.linalg.eigvalsh(model.residual_covariances_).min() > 0


def test_traits_of_which_no_animal_has_both() -> None:
    cohort = family_cohort().select(slice(0, 120))
    values = cohort.records.values.copy()
    values[::2, 0], values[1::2, 1] = np.nan, np.nan
    model = GBLUPMulti().fit(with_values(cohort, values))

    assert np.isfinite(model.predict(cohort)).all()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(2), r"genetic_covariances: expected a symmetric matrix of 3 x 3, found an array of shape \(2, 2\)"),
        (np.arange(9.0).reshape(3, 3), r"genetic_covariances: expected a symmetric matrix of 3 x 3"),
        (np.diag([1.0, 1.0, -1.0]), "genetic_covariances: expected a positive definite matrix, found a smallest eig"),
    ],
)
def test_matrices_that_are_no_covariances_are_refused(matrix: FloatArray, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        GBLUPMulti(genetic_covariances=matrix, residual_covariances=RESIDUAL).fit(simulated(1)[0])


def test_random_effects_are_refused() -> None:
    cohort = family_cohort().select(slice(0, 120))
    traits = (replace(cohort.traits[0], random="herd"), *cohort.traits[1:])

    with pytest.raises(SettingError, match="gblup-multi: expected no random effects beside breeding values, found 1"):
        GBLUPMulti().fit(replace(cohort, records=replace(cohort.records, traits=traits)))
