from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.linalg.operators import Dense
from genialearn.mixed_models.moments import haseman_elston


def relationships(n_animals: int, n_markers: int = 400) -> FloatArray:
    """Families of ten half sibs."""
    rng = np.random.default_rng(1)
    sires = np.repeat(rng.binomial(1, 0.5, (n_animals // 10, n_markers)), 10, axis=0)
    dosages = sires + rng.binomial(1, 0.5, (n_animals, n_markers))
    z = (dosages - 1.0) / np.sqrt(0.5)
    return z @ z.T / n_markers


def records(g: FloatArray, h2: list[float]) -> FloatArray:
    rng = np.random.default_rng(2)
    root = np.linalg.cholesky(g + 1e-6 * np.eye(len(g)))
    genetic, errors = root @ rng.standard_normal((len(g), len(h2))), rng.standard_normal((len(g), len(h2)))
    values = genetic * np.sqrt(h2) + errors * np.sqrt(1 - np.array(h2))
    return (values - values.mean(axis=0)) / values.std(axis=0)


def plain(g: FloatArray, z: FloatArray) -> float:
    """The regression of products of records on relationships, pair by pair."""
    products, squares = 0.0, 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            if i != j and np.isfinite(z[i] * z[j]):
                products += z[i] * z[j] * g[i, j]
                squares += g[i, j] ** 2
    return products / squares


def test_it_is_the_regression() -> None:
    g = relationships(200)
    values = records(g, [0.5, 0.5])
    values[::3, 1] = np.nan
    expected = [plain(g, values[:, trait]) for trait in range(2)]

    found = np.mean([haseman_elston(Dense(g), values, rng=np.random.default_rng(seed)) for seed in range(20)], axis=0)
    np.testing.assert_allclose(expected, found, rtol=0.05)


def test_it_finds_what_was_planted() -> None:
    g = relationships(1500)
    found = haseman_elston(Dense(g), records(g, [0.1, 0.4, 0.8]), rng=np.random.default_rng(1))

    np.testing.assert_allclose(found, [0.1, 0.4, 0.8], atol=0.15)


def test_it_stays_between_its_bounds() -> None:
    g = relationships(60)
    values = np.random.default_rng(3).standard_normal((60, 30))
    values[:, 0] = 0.0
    found = haseman_elston(Dense(g), values, rng=np.random.default_rng(1))

    assert pytest.approx(0.01) == found.min() == found[0]
    assert found.max() <= 0.99
