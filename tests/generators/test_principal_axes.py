"""Principal axes of haplotypes, and neighbours on them."""

from __future__ import annotations

import numpy as np

from genialearn.generators.principal_axes import AXES, PrincipalAxes, nearest_rows
from phased_cohorts import phased


def test_the_axes_are_those_of_a_singular_value_decomposition() -> None:
    rng = np.random.default_rng(1)
    frequencies = rng.uniform(0.05, 0.95, (3, 120))
    alleles = (rng.random((300, 120)) < frequencies[rng.integers(0, 3, 300)]).astype(np.int8)
    axes = PrincipalAxes.of(phased(alleles), rng)

    centred = alleles - alleles.mean(axis=0)
    expected = np.linalg.svd(centred, full_matrices=False)[2][:2]
    assert (120, AXES) == axes.axes.shape
    np.testing.assert_allclose(np.abs(expected @ axes.axes[:, :2]), np.eye(2), atol=1e-3)
    np.testing.assert_allclose(axes.scores(phased(alleles)), centred @ axes.axes, atol=1e-9)
    np.testing.assert_allclose(axes.scores_of(alleles), centred @ axes.axes, atol=1e-9)


def test_nearest_rows() -> None:
    places = np.random.default_rng(2).standard_normal((50, 4))
    distances = ((places[:, None] - places[None]) ** 2).sum(axis=2)

    np.testing.assert_array_equal(np.argsort(distances, axis=1)[:, :7], nearest_rows(places, 7))
    assert (50, 50) == nearest_rows(places, 80).shape
    some = np.arange(0, 50, 3)
    np.testing.assert_array_equal(some[np.argsort(distances[:, some], axis=1)[:, :7]], nearest_rows(places, 7, some))
