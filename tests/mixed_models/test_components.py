"""Permanent environment and herds as random effects, against full matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.mixed_models import iterative
from genialearn.mixed_models.solvers import choose_solver
from genialearn.predictors.gblup import GBLUP
from genialearn.records import RecordTable, Trait
from genialearn.relationships import GenomicScale

GENETIC, PERMANENT, HERD, RESIDUAL = 0.5, 0.3, 0.4, 0.8
N_ANIMALS, N_HERDS = 200, 20


def simulated(seed: int, random: str = "animal + herd") -> Cohort:
    """Return up to four weighted records an animal in random herds."""
    base = family_cohort(N_ANIMALS, 250, seed=5, n_sires=12).canonical()
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(N_ANIMALS), rng.integers(1, 5, N_ANIMALS))
    herds = rng.integers(0, N_HERDS, len(rows))
    weights = rng.choice([0.5, 1.0, 2.0], (len(rows), 1))
    genetic = GenomicScale.of(base.genotypes).operator(base.genotypes).draws(1, rng)[:, 0]
    y = 10 + np.sqrt(GENETIC) * genetic[rows] + np.sqrt(PERMANENT) * rng.standard_normal(N_ANIMALS)[rows]
    y += np.sqrt(HERD) * rng.standard_normal(N_HERDS)[herds]
    y += np.sqrt(RESIDUAL / weights[:, 0]) * rng.standard_normal(len(rows))
    effects = pd.DataFrame({"herd": [f"h{herd}" for herd in herds], "year": rng.integers(0, 3, len(rows)).astype(str)})
    trait = Trait("milk", fixed="C(year)", random=random)
    return Cohort(base.genotypes, RecordTable((trait,), base.animals[rows], y[:, None], weights, effects), None)


class Dense:
    """The same model on full matrices."""

    def __init__(self, cohort: Cohort) -> None:
        records = cohort.records
        rows, herd = cohort.record_rows, pd.factorize(records.effects["herd"])[0]
        self.g = GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)
        self.z = np.eye(len(cohort))[rows]
        self.y = records.values[:, 0]
        self.x = np.column_stack([np.ones(len(rows)), pd.get_dummies(records.effects["year"]).to_numpy(float)[:, 1:]])
        q = np.eye(N_HERDS)[herd]
        self.terms = [self.z @ self.g @ self.z.T, self.z @ self.z.T, q @ q.T, np.diag(1 / records.weights[:, 0])]

    def projector(self, variances: FloatArray) -> tuple[FloatArray, float]:
        """Return P and the restricted log likelihood."""
        v = sum(s * term for s, term in zip(variances, self.terms, strict=True))
        inverse = np.linalg.inv(v)
        information = self.x.T @ inverse @ self.x
        p = inverse - inverse @ self.x @ np.linalg.solve(information, self.x.T @ inverse)
        logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
        return p, float(-0.5 * (logs + self.y @ p @ self.y))

    def reml(self) -> FloatArray:
        """Return the variances of highest likelihood, by a general search."""
        start = np.log([0.5, 0.3, 0.4, 0.8])
        found = minimize(lambda s: -self.projector(np.exp(s))[1], start, method="BFGS")
        return np.asarray(np.exp(found.x))


def fitted(cohort: Cohort, probes: int) -> iterative.IterativeFits:
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    return iterative.fit_trait_models(cohort, kernel, [None], rng=np.random.default_rng(1), probes=probes)


def test_variances_are_those_of_dense_reml() -> None:
    cohort = simulated(1)
    expected = Dense(cohort).reml()
    components = fitted(cohort, 300).models[0].components

    assert components is not None
    assert components.names == ("genetic", "animal", "herd", "residual")
    np.testing.assert_allclose(components.values, expected, atol=0.2 * components.standard_errors.min())


def test_values_are_those_of_the_dense_model() -> None:
    cohort = simulated(2)
    fits = fitted(cohort, 20)
    model, twin = fits.models[0], Dense(cohort)
    assert model.components is not None
    p, _ = twin.projector(model.components.values)

    expected = model.components.values[0] * twin.g @ twin.z.T @ p @ twin.y
    np.testing.assert_allclose(twin.g @ model.dual, expected, atol=1e-4)
    v = sum(s * term for s, term in zip(model.components.values, twin.terms, strict=True))
    fixed = np.linalg.lstsq(twin.x, twin.y - v @ p @ twin.y, rcond=None)[0]
    assert model.mean == pytest.approx(np.average(twin.x @ fixed, weights=cohort.records.weights[:, 0]), abs=1e-3)


def test_out_of_fold_values_are_those_of_refitting_without_the_fold() -> None:
    cohort = simulated(3)
    fits, twin = fitted(cohort, 20), Dense(cohort)
    folds = np.arange(N_ANIMALS) % 3
    components = fits.models[0].components
    assert components is not None

    actual = fits.out_of_fold_breeding_values(folds)[:, 0]
    for fold in range(3):
        kept = folds[cohort.record_rows] != fold
        part = Dense(cohort)
        part.x, part.y = twin.x[kept], twin.y[kept]
        part.terms = [term[np.ix_(kept, kept)] for term in twin.terms]
        p, _ = part.projector(components.values)
        expected = components.values[0] * twin.g @ twin.z[kept].T @ p @ part.y
        np.testing.assert_allclose(actual[folds == fold], expected[folds == fold], atol=1e-4)


def test_truth_is_within_its_intervals() -> None:
    """Standard errors are averaged over herds: one that is estimated low has a small one, as variances do."""
    found = [fitted(simulated(50 + seed), 20).models[0].components for seed in range(10)]
    values = np.array([components.values for components in found if components is not None])
    errors = np.array([components.standard_errors for components in found if components is not None])
    z = (values - [GENETIC, PERMANENT, HERD, RESIDUAL]) / np.sqrt(np.mean(errors**2, axis=0))

    assert len(z) == 10
    assert np.mean(np.abs(z) < 2) >= 0.85
    assert np.abs(np.mean(z, axis=0)).max() < 1.0


def test_an_effect_that_is_not_there_has_hardly_any_variance() -> None:
    cohort = simulated(4)
    rng = np.random.default_rng(1)
    effects = cohort.records.effects.assign(barn=rng.integers(0, 10, len(cohort.records.animals)).astype(str))
    traits = (replace(cohort.traits[0], random="animal + herd + barn"),)
    components = (
        fitted(replace(cohort, records=replace(cohort.records, traits=traits, effects=effects)), 20)
        .models[0]
        .components
    )

    assert components is not None
    assert components.values[3] < 2 * max(components.standard_errors[3], 0.01)


def test_gblup_takes_the_solver_that_knows_random_effects() -> None:
    cohort = simulated(5, random="herd")
    model = GBLUP().fit(cohort)

    assert choose_solver(cohort) == model.solver_ == "iterative"
    assert np.isfinite(model.predict(cohort)).all()


def test_a_heritability_can_not_be_given_beside_them() -> None:
    with pytest.raises(SettingError, match="trait milk heritability: expected none to be given where there are random"):
        GBLUP(heritability=0.3).fit(simulated(5))
