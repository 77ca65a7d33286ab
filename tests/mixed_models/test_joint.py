from __future__ import annotations

import numpy as np
import pytest
from kinds_of_records import COHORTS, plain

from cohorts_for_tests import with_values
from dense_mixed_model import full_rank, relationships
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import ConvergenceError
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import Dense
from genialearn.mixed_models import exact
from genialearn.mixed_models.joint import JointModel, JointSystem, Whitening
from genialearn.records import design


def covariance(n_traits: int, seed: int, units: FloatArray) -> FloatArray:
    loadings = np.random.default_rng(seed).standard_normal((n_traits, 3))
    return np.asarray((loadings @ loadings.T + np.eye(n_traits)) * np.outer(units, units))


def covariances(cohort: Cohort) -> tuple[FloatArray, FloatArray]:
    """Return S_g and S_e with strong correlations, in the units of the records."""
    units = np.nanstd(cohort.records.values, axis=0)
    return covariance(5, 1, units), covariance(5, 2, units)


def dense_solution(cohort: Cohort, genetic: FloatArray, residual: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
    """Return breeding values (animals, traits) and the fixed part of each trait's records, on the full matrix V."""
    records, g = cohort.records, relationships(cohort)
    row, trait = np.nonzero(np.isfinite(records.values))
    animal, root = cohort.record_rows[row], np.sqrt(records.weights[row, trait])
    same = row[:, None] == row[None, :]
    v = g[np.ix_(animal, animal)] * genetic[np.ix_(trait, trait)]
    v += same * residual[np.ix_(trait, trait)] / np.outer(root, root)
    blocks = []
    for t, definition in enumerate(cohort.traits):
        own = trait == t
        x = full_rank(design(definition.fixed, records.effects.iloc[row[own]]).dense())
        block = np.zeros((len(row), x.shape[1]))
        block[own] = x
        blocks.append(block)
    x = np.hstack(blocks)
    y = records.values[row, trait]
    inverse = np.linalg.inv(v)
    b = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
    projected = inverse @ (y - x @ b)
    values = np.stack([g[:, animal] @ (projected * genetic[trait, t]) for t in range(len(genetic))], axis=1)
    return values, [(x @ b)[trait == t] for t in range(len(genetic))]


def solve(cohort: Cohort, genetic: FloatArray, residual: FloatArray, rank: int = 8) -> tuple[FloatArray, JointModel]:
    kernel = Dense(relationships(cohort))
    part = dominant_part(kernel, rank, rng=np.random.default_rng(1))
    model = JointSystem(cohort, kernel, genetic, residual, part).solve(tolerance=1e-9)
    return kernel.matmat(model.coefficients), model


@pytest.mark.parametrize("name", COHORTS)
def test_it_is_the_dense_solution(name: str) -> None:
    cohort = COHORTS[name]()
    genetic, residual = covariances(cohort)
    units = np.sqrt(np.diag(genetic))
    expected, fixed_parts = dense_solution(cohort, genetic, residual)

    actual, model = solve(cohort, genetic, residual)

    np.testing.assert_allclose(actual / units, expected / units, atol=1e-6)
    for t, fixed_part in enumerate(fixed_parts):
        known = np.isfinite(cohort.records.values[:, t])
        x = design(cohort.traits[t].fixed, cohort.records.effects.iloc[known]).dense()
        np.testing.assert_allclose(x @ model.fixed[t] / units[t], fixed_part / units[t], atol=1e-5)
        mean = np.average(fixed_part, weights=cohort.records.weights[known, t])
        assert model.means[t] == pytest.approx(mean, abs=1e-5 * units[t])


def test_without_covariances_it_is_single_trait_gblup() -> None:
    cohort = plain()
    g = relationships(cohort)
    single = exact.fit_trait_models(cohort, g, [0.3, 0.5, 0.2, 0.6, 0.4]).models
    genetic = np.diag([model.variances.genetic for model in single])
    residual = np.diag([model.variances.residual for model in single])

    actual, _ = solve(cohort, genetic, residual)

    expected = g @ np.column_stack([model.dual for model in single])
    np.testing.assert_allclose(actual / expected.std(axis=0), expected / expected.std(axis=0), atol=1e-6)


def test_the_preconditioner_saves_iterations() -> None:
    cohort = plain()
    genetic, residual = covariances(cohort)

    assert solve(cohort, 5 * genetic, residual, rank=40)[1].iterations < 0.6 * (
        solve(cohort, 5 * genetic, residual, rank=1)[1].iterations
    )


def test_what_has_not_converged_is_an_error() -> None:
    cohort = plain()
    kernel = Dense(relationships(cohort))
    part = dominant_part(kernel, 1, rng=np.random.default_rng(1))
    system = JointSystem(cohort, kernel, *covariances(cohort), part)

    with pytest.raises(ConvergenceError, match=r"breeding values of all traits: expected .* after 2 iterations"):
        system.solve(max_iterations=2)


class TestWhitening:
    def test_it_whitens_what_is_observed(self) -> None:
        roots = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.0, 0.0, 0.0], [0.0, 3.0, 1.0]])
        covariance_, extra = covariance(3, 1, np.ones(3)), covariance(3, 2, np.ones(3))
        whitening = Whitening.of(roots, covariance_, extra)

        assert len(whitening.blocks) == 3
        for record, root in enumerate(roots):
            known = np.flatnonzero(root)
            block = covariance_[np.ix_(known, known)] / np.outer(root[known], root[known]) + extra[np.ix_(known, known)]
            factor = whitening.blocks[whitening.block_of[record]]
            np.testing.assert_allclose(
                factor[np.ix_(known, known)] @ block @ factor[np.ix_(known, known)].T, np.eye(len(known)), atol=1e-5
            )
            assert not factor[root == 0].any()
            assert not factor[:, root == 0].any()

    def test_products_are_those_of_the_blocks(self) -> None:
        roots = np.random.default_rng(1).integers(0, 3, (50, 4)).astype(np.float64)
        whitening = Whitening.of(roots, covariance(4, 1, np.ones(4)), np.zeros((4, 4)))
        values = np.random.default_rng(2).standard_normal((50, 4))
        blocks = whitening.blocks[whitening.block_of].astype(np.float64)

        np.testing.assert_allclose(whitening.times(values), np.einsum("rtu,ru->rt", blocks, values))
        np.testing.assert_allclose(whitening.times_transposed(values), np.einsum("rut,ru->rt", blocks, values))
        np.testing.assert_allclose(
            whitening.inverse_entries(2), np.einsum("rt,rtu->ru", blocks[:, :, 2], blocks[:, :, :3]), atol=1e-12
        )


@pytest.mark.parametrize("name", COHORTS)
def test_a_start_changes_how_long_it_takes_and_nothing_else(name: str) -> None:
    """From the solution of all records to that of fewer, as out of fold."""
    cohort = COHORTS[name]()
    genetic, residual = covariances(cohort)
    kernel = Dense(relationships(cohort))
    part = dominant_part(kernel, 8, rng=np.random.default_rng(1))
    whole = JointSystem(cohort, kernel, genetic, residual, part).solve(tolerance=1e-9)
    values = cohort.records.values.copy()
    values[::7] = np.nan
    system = JointSystem(with_values(cohort, values), kernel, genetic, residual, part)
    anew, started = system.solve(tolerance=1e-9), system.solve(tolerance=1e-9, start=whole.whitened)

    units = np.sqrt(np.diag(genetic))
    np.testing.assert_allclose(started.coefficients / units, anew.coefficients / units, atol=1e-6)
    assert system.solve(tolerance=1e-9, start=anew.whitened).iterations < anew.iterations / 2
