"""Permanent environment, herds and covariances of animals as random effects, against full matrices."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from cohorts_for_tests import family_cohort, with_trait_columns, with_values
from dense_mixed_model import relationships
from dense_several_kernels import DenseSeveral
from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.linalg import operators
from genialearn.mixed_models import iterative
from genialearn.mixed_models.components import bounded_step
from genialearn.mixed_models.records import RandomEffect, RelatedEffect, patterns
from genialearn.mixed_models.several_kernels import fit_several_kernels
from genialearn.mixed_models.solvers import choose_solver
from genialearn.predictors.gblup import GBLUP
from genialearn.records import RecordTable, Trait
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonadditive import Epistasis

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


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_traits_of_constant_records_end_somewhere(value: float) -> None:
    cohort = simulated(5)
    model = fitted(with_values(cohort, np.full_like(cohort.records.values, value)), 20).models[0]

    np.testing.assert_allclose(value, model.adjusted)
    np.testing.assert_allclose(0.0, model.dual, atol=1e-8)


def parabola(seed: int, n_terms: int = 4) -> tuple[FloatArray, FloatArray]:
    """Return a slope and an average information of terms whose units differ by orders of magnitude."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n_terms + 2, n_terms)) * 10.0 ** rng.uniform(-2, 2, n_terms)
    information = root.T @ root
    return information @ (rng.standard_normal(n_terms) / np.sqrt(np.diag(information))), information


@pytest.mark.parametrize("seed", range(20))
class TestBoundedStep:
    def test_far_from_its_bounds_it_is_newtons(self, seed: int) -> None:
        score, information = parabola(seed)
        expected = np.linalg.solve(information, score)

        step = bounded_step(score, information, np.minimum(-2 * np.abs(expected), -1e-3))
        units = np.sqrt(np.diag(information))
        np.testing.assert_allclose(expected * units, step * units, rtol=1e-4, atol=1e-6)

    def test_it_obeys_its_bounds(self, seed: int) -> None:
        score, information = parabola(seed)
        free = np.linalg.solve(information, score)
        lowest = np.where(np.arange(4) % 2 == seed % 2, -0.5 * np.abs(free), -1e-9)
        units = np.sqrt(np.diag(information))

        step = bounded_step(score, information, lowest)
        assert np.all((step - lowest) * units >= -1e-9)
        assert np.any(free < lowest) == bool(np.any((free - step) * units < -1e-6))

    def test_it_is_the_highest_point_within_them(self, seed: int) -> None:
        """The slope there is 0 where no bound is in the way, and leads down beyond it elsewhere."""
        score, information = parabola(seed)
        units = np.sqrt(np.diag(information))
        lowest = -0.1 * np.abs(np.linalg.solve(information, score))

        step = bounded_step(score, information, lowest)
        slope = (score - information @ step) / units
        bound = (step - lowest) * units < 1e-6
        np.testing.assert_allclose(0.0, slope[~bound], atol=1e-4)
        assert np.all(slope[bound] < 1e-4)

    def test_the_likelihood_rises_along_it(self, seed: int) -> None:
        score, information = parabola(seed)
        rng = np.random.default_rng(seed)
        lowest = -np.abs(rng.standard_normal(4)) * rng.choice([0.0, 1e-3, 1.0], 4) / np.sqrt(np.diag(information))

        assert bounded_step(score, information, lowest) @ score >= 0

    def test_terms_that_are_nearly_the_same_share_it(self, seed: int) -> None:
        score, information = parabola(seed)
        twice = [0, 0, 1, 2, 3]
        step = bounded_step(score[twice], information[np.ix_(twice, twice)], np.full(5, -np.inf))
        expected, units = np.linalg.solve(information, score), np.sqrt(np.diag(information))

        together = np.append(step[0] + step[1], step[2:])
        np.testing.assert_allclose(expected * units, together * units, rtol=1e-3, atol=1e-5)


@cache
def epistatic(seed: int = 1) -> Cohort:
    """Return weighted records, some of them repeated, of a trait with additive and epistatic values."""
    base = with_trait_columns(family_cohort(400, 200, seed=7, n_sires=25), [0]).canonical()
    rng = np.random.default_rng(seed)
    kernels = operators.Dense(relationships(base)), operators.Dense(epistasis(base).matrix)
    values = sum(np.sqrt(s) * kernel.draws(1, rng)[:, 0] for s, kernel in zip((0.4, 0.6), kernels, strict=True))
    rows = np.sort(np.append(np.arange(400), rng.integers(0, 400, 80)))
    weights = rng.choice([0.5, 1.0, 2.0], (len(rows), 1))
    y = 10 + values[rows] + np.sqrt(0.4 / weights[:, 0]) * rng.standard_normal(len(rows))
    records = base.records.select(rows)
    return replace(base, records=replace(records, values=y[:, None], weights=weights))


def epistasis(cohort: Cohort) -> Epistasis:
    return Epistasis.of(relationships(cohort))


@cache
def fitted_with_epistasis() -> iterative.IterativeFits:
    cohort = epistatic()
    kernel = GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)
    return iterative.fit_trait_models(
        cohort, kernel, [None], rng=np.random.default_rng(1), probes=60, related={"epistasis": epistasis(cohort)}
    )


class TestRelatedEffects:
    @staticmethod
    def twin() -> DenseSeveral:
        cohort = epistatic()
        return DenseSeveral.of(cohort, 0, [relationships(cohort), epistasis(cohort).matrix])

    def test_variances_are_about_those_of_the_exact_solver(self) -> None:
        cohort = epistatic()
        kernels = [relationships(cohort), epistasis(cohort).matrix]
        expected = fit_several_kernels(cohort, kernels, ("genetic", "epistasis")).models[0].components
        components = fitted_with_epistasis().models[0].components
        assert expected is not None
        assert components is not None

        assert components.names == expected.names == ("genetic", "epistasis", "residual")
        differences = np.abs(expected.values - components.values)
        np.testing.assert_array_less(differences, 0.4 * expected.standard_errors)
        np.testing.assert_allclose(expected.standard_errors, components.standard_errors, rtol=0.15)
        assert expected.values[1] > 2 * expected.standard_errors[1]

    def test_values_are_those_of_the_mixed_model_equations(self) -> None:
        fits, twin = fitted_with_epistasis(), self.twin()
        model = fits.models[0]
        assert model.components is not None
        b, (additive, interactions) = twin.solved(model.components.values)

        np.testing.assert_allclose(additive, twin.kernels[0] @ model.dual, atol=1e-4)
        ratio = model.components.ratios[0]
        np.testing.assert_allclose(interactions, ratio * twin.kernels[1] @ model.dual, atol=1e-4)
        fixed_part = twin.records.x @ b
        assert pytest.approx(np.average(fixed_part, weights=twin.records.w), abs=1e-3) == model.mean
        np.testing.assert_allclose(twin.records.y - fixed_part + model.mean, model.adjusted, atol=1e-3)

    def test_without_a_fold_they_are_those_of_a_refit(self) -> None:
        fits, folds = fitted_with_epistasis(), np.arange(400) % 3
        components = fits.models[0].components
        assert components is not None

        _, (expected, _) = self.twin().without(folds == 1).solved(components.values)
        actual = relationships(epistatic()) @ fits.duals_without(folds, 1)[:, 0]
        np.testing.assert_allclose(expected, actual, atol=1e-4)

    @staticmethod
    def effect_and_matrix(kept: BoolArray) -> tuple[RelatedEffect, FloatArray]:
        """Return the effect on all records, and W^1/2 Z K Z' W^1/2 of some of them."""
        cohort = epistatic()
        effect = patterns(cohort)[0].with_related({"epistasis": epistasis(cohort)}).random[0]
        assert isinstance(effect, RelatedEffect)
        z = np.sqrt(cohort.records.weights[kept]) * np.eye(400)[cohort.record_rows[kept]]
        return effect, z @ epistasis(cohort).matrix @ z.T

    def test_products(self) -> None:
        effect, matrix = self.effect_and_matrix(np.full(480, True))
        values = np.random.default_rng(2).standard_normal((480, 3))

        np.testing.assert_allclose(matrix @ values, effect.times(values), atol=1e-10)

    def test_products_of_some_records(self) -> None:
        kept = np.random.default_rng(3).random(480) < 0.4
        effect, matrix = self.effect_and_matrix(kept)
        values = np.random.default_rng(2).standard_normal((int(kept.sum()), 3))

        np.testing.assert_allclose(matrix @ values, effect.select(np.flatnonzero(kept)).times(values), atol=1e-10)

    def test_they_stand_behind_other_random_effects(self) -> None:
        cohort = simulated(6)
        pattern = patterns(cohort)[0].with_related({"epistasis": epistasis(cohort)}).with_ratios(np.array([0.5, 1, 2]))
        kinds = [(effect.name, effect.ratio, type(effect)) for effect in pattern.random]

        assert kinds == [("animal", 0.5, RandomEffect), ("herd", 1, RandomEffect), ("epistasis", 2, RelatedEffect)]
        assert pytest.approx(3.5) == pattern.total_ratio


@pytest.mark.parametrize(("random", "fixed"), [("herd", "herd"), ("herd", "herd + C(year)"), ("region", "C(herd)")])
def test_a_random_effect_that_is_a_fixed_one_too(random: str, fixed: str) -> None:
    """Or is nested in one, as regions are in herds."""
    cohort = simulated(1)
    effects = cohort.records.effects
    regions = pd.DataFrame({"region": "r" + effects["herd"].str[-1], **effects})
    trait = Trait("milk", fixed=fixed, random=random)
    cohort = replace(cohort, records=replace(cohort.records, traits=(trait,), effects=regions))
    message = f"trait milk: random effect {random}: expected levels that differ where fixed effects are the same, found"

    with pytest.raises(AlignmentError, match=f"^{message}"):
        patterns(cohort)


def test_a_random_effect_of_one_level() -> None:
    cohort = simulated(1)
    alone = np.flatnonzero(cohort.records.effects["herd"] == "h3")
    records = replace(
        cohort.records,
        animals=cohort.records.animals[alone],
        values=cohort.records.values[alone],
        weights=cohort.records.weights[alone],
        effects=cohort.records.effects.iloc[alone],
        traits=(Trait("milk", random="herd"),),
    )

    with pytest.raises(AlignmentError, match=r"random effect herd: .* a mean and nothing else, tell already"):
        patterns(replace(cohort, records=records))
