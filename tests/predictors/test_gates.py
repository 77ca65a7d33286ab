from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray, StrArray, as_ids
from genialearn.predictors.gates import gates, shares

N_ANIMALS = 4000


def drawn(slopes: list[float], *, seed: int = 1) -> tuple[FloatArray, FloatArray, FloatArray, StrArray]:
    """Return errors that are so many times the corrections plus noise, corrections, weights and families."""
    rng = np.random.default_rng(seed)
    corrections = rng.normal(0, 0.3, (N_ANIMALS, len(slopes)))
    families = as_ids([f"f{number}" for number in rng.integers(0, 80, N_ANIMALS)])
    return corrections * slopes + rng.normal(size=corrections.shape), corrections, np.ones(corrections.shape), families


def test_gates_are_open_as_far_as_errors_say_and_shut_where_they_say_nothing() -> None:
    errors, corrections, weights, families = drawn([1.0, 0.5, 0.0, -1.0, 2.0])
    found = gates(errors, corrections, weights, 0.05, blocks=families)

    assert found[0] == pytest.approx(1, abs=0.15)
    assert found[1] == pytest.approx(0.5, abs=0.15)
    np.testing.assert_array_equal(found[2:], [0, 0, 1])


def test_shares_that_are_alike_are_pulled_together() -> None:
    errors, corrections, weights, families = drawn([0.6] * 6)
    alone = np.sum(errors * corrections, axis=0) / np.sum(corrections**2, axis=0)
    found = shares(errors, corrections, weights, blocks=families)

    assert np.ptp(found) < 0.7 * np.ptp(alone)
    assert found.mean() == pytest.approx(0.6, abs=0.06)


def test_shares_that_differ_are_left_apart() -> None:
    errors, corrections, weights, families = drawn([1, 0.6, 0, 0, 1, 1])

    np.testing.assert_allclose(shares(errors, corrections, weights, blocks=families), [1, 0.6, 0, 0, 1, 1], atol=0.2)


def test_a_trait_that_does_not_vary_has_no_say() -> None:
    errors, corrections, weights, families = drawn([0.7, 0.7, 0.7])
    rounding = np.random.default_rng(2).choice([-1e-20, 1e-20], N_ANIMALS)
    with_constant = np.column_stack([errors, rounding]), np.column_stack([corrections, rounding])
    found = shares(*with_constant, np.ones((N_ANIMALS, 4)), blocks=families)

    np.testing.assert_allclose(found[:3], shares(errors, corrections, weights, blocks=families), atol=0.1)
    assert gates(*with_constant, np.ones((N_ANIMALS, 4)), 0.05, blocks=families)[3] == 0
