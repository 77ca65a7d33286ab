from __future__ import annotations

import numpy as np

from genialearn.predictors.adaptive_ridge import Moments, error_covariance, fit_parts


def test_moments_of_parts_are_those_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    x, y, w = rng.standard_normal((20_000, 3)), rng.standard_normal(20_000), rng.uniform(0, 2, 20_000)
    folds = rng.integers(0, 3, 20_000)
    parts = [Moments.of(x, y, w, folds == fold) for fold in range(3)]
    whole = Moments.total(parts)

    np.testing.assert_allclose(whole.xx, x.T @ (w[:, None] * x))
    np.testing.assert_allclose((whole - parts[0]).xy, x[folds > 0].T @ (w * y)[folds > 0])


def test_an_empty_part_is_nought() -> None:
    x = np.ones((4, 2))

    assert Moments.of(x, np.ones(4), np.ones(4), np.zeros(4, dtype=bool)).n == 0


def test_the_error_covariance_is_that_of_repeated_samples() -> None:
    """Where terms are far above what is asked, penalties hardly matter and it is that of least squares."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((500, 2))
    lines = np.array([True, False])
    found, stated = [], []
    for _ in range(400):
        y = x @ [1.0, -2.0] + rng.standard_normal(500)
        parts = [Moments.of(x, y, np.ones(500), np.arange(500) % 5 == fold) for fold in range(5)]
        regression = fit_parts(parts, lines)
        found.append(regression.coefficients)
        stated.append(error_covariance(Moments.total(parts), regression, lines))

    np.testing.assert_allclose(np.cov(np.array(found).T), np.mean(stated, axis=0), atol=4e-4)
