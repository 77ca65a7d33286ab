from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from genialearn._arrays import FloatArray
from genialearn.mixed_models import shrinkage
from genialearn.mixed_models.shrinkage import shrunk


def drawn(seed: int, *, n: int = 500) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return true correlations, most of them 0, estimates and their standard errors."""
    rng = np.random.default_rng(seed)
    truth = np.where(rng.random(n) < 0.2, rng.normal(0, 0.4, n), 0.0)
    errors = rng.uniform(0.03, 0.3, n)
    return truth, truth + errors * rng.standard_normal(n), errors


def one_by_one(estimates: FloatArray, errors: FloatArray) -> FloatArray:
    """Return the same by the EM algorithm in loops over values and components."""
    deviations = shrinkage._DEVIATIONS
    shares = np.full(len(deviations), 1 / len(deviations))
    for _ in range(500):
        counts = np.zeros(len(deviations))
        counts[0] = 1.0
        out = []
        for value, error in zip(estimates, errors, strict=True):
            densities = [p * norm.pdf(value, 0, np.hypot(d, error)) for p, d in zip(shares, deviations, strict=True)]
            belongs = np.array(densities) / sum(densities)
            counts += belongs
            out.append(sum(b * d**2 / (d**2 + error**2) * value for b, d in zip(belongs, deviations, strict=True)))
        shares = counts / counts.sum()
    return np.array(out)


def test_it_is_the_em_algorithm_one_value_at_a_time() -> None:
    _, estimates, errors = drawn(1, n=12)

    np.testing.assert_allclose(shrunk(estimates, errors), one_by_one(estimates, errors), atol=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_chance_is_taken_away(seed: int) -> None:
    truth, estimates, errors = drawn(seed)
    found = shrunk(estimates, errors)

    assert np.mean((found - truth) ** 2) < 0.4 * np.mean((estimates - truth) ** 2)
    assert (np.abs(found) <= np.abs(estimates)).all()


def test_what_is_large_and_known_well_stays() -> None:
    _, estimates, errors = drawn(4)
    estimates[0], errors[0] = 0.7, 0.02

    assert shrunk(estimates, errors)[0] == pytest.approx(0.7, abs=0.01)


def test_values_that_are_all_chance_come_to_next_to_nothing() -> None:
    errors = np.full(100, 0.1)

    assert np.abs(shrunk(np.random.default_rng(5).normal(0, 0.1, 100), errors)).mean() < 0.02
