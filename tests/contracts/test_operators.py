"""What every linear operator promises: it is a covariance matrix, known by its products."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray
from genialearn.linalg.operators import Dense, LinearOperator, Sum, as_matrix
from genialearn.relationships import GenomicRelationships, GenomicScale, PedigreeRelationships

TOLERANCE = 1e-5
"""Products of genotypes are float32 inside."""


def genomic(*, standardised: bool) -> GenomicRelationships:
    genotypes = family_cohort(60, 200).genotypes
    return GenomicScale.of(genotypes, standardised=standardised).operator(genotypes)


def pedigree() -> PedigreeRelationships:
    cohort = family_cohort(60, 200)
    assert cohort.pedigree is not None
    return PedigreeRelationships.of(cohort.pedigree, cohort.animals)


def dense() -> Dense:
    genotypes = family_cohort(60, 200).genotypes
    return Dense(GenomicScale.of(genotypes).relationships(genotypes))


OPERATORS: dict[str, tuple[Callable[[], LinearOperator], Callable[[], FloatArray]]] = {
    "dense": (dense, lambda: dense().matrix),
    "genomic": (lambda: genomic(standardised=False), lambda: dense().matrix),
    "genomic, standardised": (
        lambda: genomic(standardised=True),
        lambda: GenomicScale.of(family_cohort(60, 200).genotypes, standardised=True).relationships(
            family_cohort(60, 200).genotypes
        ),
    ),
    "pedigree": (pedigree, lambda: pedigree().as_matrix()),
    "sum": (
        lambda: Sum((genomic(standardised=False), pedigree()), (0.8, 0.2)),
        lambda: 0.8 * dense().matrix + 0.2 * pedigree().as_matrix(),
    ),
}
"""How to build one, and the matrix that it should equal."""


@cache
def built(name: str) -> tuple[LinearOperator, FloatArray]:
    make, expected = OPERATORS[name]
    return make(), expected()


@pytest.fixture(params=OPERATORS)
def pair(request: pytest.FixtureRequest) -> tuple[LinearOperator, FloatArray]:
    return built(str(request.param))


@pytest.mark.parametrize("columns", [1, 5, 60])
def test_products_are_those_of_the_matrix(pair: tuple[LinearOperator, FloatArray], columns: int) -> None:
    operator, expected = pair
    values = np.random.default_rng(columns).standard_normal((operator.shape[0], columns))

    np.testing.assert_allclose(operator.matmat(values), expected @ values, atol=TOLERANCE * 10)


def test_it_is_the_matrix(pair: tuple[LinearOperator, FloatArray]) -> None:
    operator, expected = pair

    assert operator.shape == expected.shape
    np.testing.assert_allclose(as_matrix(operator), expected, atol=TOLERANCE)
    np.testing.assert_allclose(operator.diagonal(), np.diag(expected), atol=TOLERANCE)


def test_it_is_symmetric_and_not_negative(pair: tuple[LinearOperator, FloatArray]) -> None:
    matrix = as_matrix(pair[0])

    np.testing.assert_allclose(matrix, matrix.T, atol=TOLERANCE)
    assert np.linalg.eigvalsh(matrix).min() > -TOLERANCE


def test_values_are_not_changed(pair: tuple[LinearOperator, FloatArray]) -> None:
    values = np.random.default_rng(1).standard_normal((pair[0].shape[0], 3))
    before = values.copy()
    pair[0].matmat(values)

    np.testing.assert_array_equal(values, before)


def test_draws_have_its_covariance(pair: tuple[LinearOperator, FloatArray]) -> None:
    operator, expected = pair
    if not hasattr(operator, "draws"):
        pytest.skip("draws nothing")
    drawn = operator.draws(20_000, np.random.default_rng(1))

    np.testing.assert_allclose(drawn @ drawn.T / drawn.shape[1], expected, atol=0.06)
