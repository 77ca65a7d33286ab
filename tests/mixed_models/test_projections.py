"""Least squares on fixed effects, held to numpy's: as a full matrix and as a sparse one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from genialearn._arrays import FloatArray
from genialearn.mixed_models import projections
from genialearn.mixed_models.projections import Projection


@pytest.fixture(params=["full", "sparse"], autouse=True)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projections, "_SMALL", 0 if request.param == "sparse" else np.inf)


def incidence(*, confounded: bool) -> FloatArray:
    """Return a mean, herds, whose columns add up to it where all are there, and an age, shape (90, 5 or 6)."""
    rng = np.random.default_rng(1)
    herds = rng.integers(0, 4, 90)[:, None] == np.arange(0 if confounded else 1, 4)
    return np.column_stack([np.ones(90), herds, rng.uniform(20, 40, 90)]) * np.sqrt(rng.uniform(0.5, 2, (90, 1)))


def values() -> FloatArray:
    return 1000 + np.random.default_rng(2).standard_normal((90, 3))


@pytest.mark.parametrize("confounded", [False, True])
def test_fixed_parts_are_those_of_least_squares(confounded: bool) -> None:
    x = incidence(confounded=confounded)
    projection = Projection(sparse.csc_matrix(x))
    expected, _, rank, _ = np.linalg.lstsq(x, values())

    assert rank == projection.rank == 5
    np.testing.assert_allclose(x @ projection.coefficients(values()), x @ expected, rtol=1e-9)
    np.testing.assert_allclose(projection.remove(values()), values() - x @ expected, atol=1e-7)
    if not confounded:
        np.testing.assert_allclose(projection.coefficients(values()), expected, rtol=1e-7)


def test_of_confounded_effects_the_shortest_are_chosen() -> None:
    """In columns of unit length, as a penalty on them would have it."""
    x = incidence(confounded=True)
    lengths = np.linalg.norm(x, axis=0)
    expected = np.linalg.pinv(x / lengths) @ values() / lengths[:, None]

    np.testing.assert_allclose(Projection(sparse.csc_matrix(x)).coefficients(values()), expected, rtol=1e-5)


def test_a_column_does_not_depend_on_its_company() -> None:
    projection = Projection(sparse.csc_matrix(incidence(confounded=False)))

    np.testing.assert_array_equal(projection.remove(values())[:, :1], projection.remove(values()[:, :1]))


@pytest.mark.parametrize("column", [0.0, 2.0])
def test_one_column(column: float) -> None:
    projection = Projection(sparse.csc_matrix(np.full((90, 1), column)))
    left = values() - (values().mean(axis=0) if column else 0.0)

    np.testing.assert_allclose(projection.remove(values()), left, atol=1e-9)
