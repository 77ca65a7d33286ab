from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray
from genialearn.mixed_models.convergence import effective_sample_size, split_r_hat


def autoregressive(correlation: float, *, seed: int = 1, chains: int = 4, sweeps: int = 5000) -> FloatArray:
    rng = np.random.default_rng(seed)
    draws = np.empty((chains, sweeps))
    draws[:, 0] = rng.standard_normal(chains)
    for sweep in range(1, sweeps):
        noise = np.sqrt(1 - correlation**2) * rng.standard_normal(chains)
        draws[:, sweep] = correlation * draws[:, sweep - 1] + noise
    return draws


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_correlated_draws_are_worth_fewer(correlation: float) -> None:
    expected = 20_000 * (1 - correlation) / (1 + correlation)

    assert effective_sample_size(autoregressive(correlation)) == pytest.approx(expected, rel=0.15)


def test_chains_that_tell_the_same_have_settled() -> None:
    assert split_r_hat(autoregressive(0.5)) == pytest.approx(1, abs=0.005)


def test_chains_in_different_places_and_chains_that_wander_have_not() -> None:
    apart = autoregressive(0.5) + np.arange(4)[:, None]
    drifting = autoregressive(0.5, chains=1) + np.linspace(0, 3, 5000)

    assert split_r_hat(apart) > 1.3
    assert split_r_hat(drifting) > 1.2
    assert effective_sample_size(apart) < 50


def test_what_does_not_vary_has_settled() -> None:
    assert split_r_hat(np.ones((2, 10))) == 1
    assert effective_sample_size(np.ones((2, 10))) == 20
