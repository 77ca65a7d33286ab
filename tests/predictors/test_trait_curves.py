from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from genialearn._arrays import FloatArray, StrArray
from genialearn.errors import NotFittedError
from genialearn.predictors.trait_map import TraitMap


def planted(n_animals: int, *, seed: int, curve: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Return breeding values of three traits and records; the second follows the first one's square."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_animals, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    records = values + 1.5 * rng.standard_normal(values.shape)
    records[:, 1] += curve * (values[:, 0] ** 2 - 1)
    return values, records


class TestCurves:
    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls) -> TraitMap:
        return TraitMap().fit(*planted(4000, seed=1))

    def test_one_for_every_pair(self, fitted: TraitMap) -> None:
        curves = fitted.curves(points=11)

        assert [(d, t) for t in range(3) for d in range(3)] == [(curve.driver, curve.target) for curve in curves]
        assert {11} == {len(curve.effects) for curve in curves}

    def test_the_planted_one_is_found_and_no_other(self, fitted: TraitMap) -> None:
        p = {(curve.driver, curve.target): curve.p for curve in fitted.curves()}

        assert p.pop((0, 1)) < 1e-12
        assert min(p.values()) > 0.05 / 8

    def test_it_is_within_its_band(self, fitted: TraitMap) -> None:
        curve = next(c for c in fitted.curves(points=201) if (c.driver, c.target) == (0, 1))
        middle = np.abs(curve.breeding_values) < 2
        truth = (curve.breeding_values**2 - 1)[middle]

        assert np.mean((curve.lower[middle] < truth) & (truth < curve.upper[middle])) > 0.8
        assert np.mean((curve.upper - curve.lower)[middle]) < 0.5
        assert np.all(curve.lower <= curve.effects)
        assert np.all(curve.effects <= curve.upper)

    def test_curves_add_up_to_corrections(self, fitted: TraitMap) -> None:
        values, _ = planted(4000, seed=1)
        curves = fitted.curves(points=2001)
        added = np.zeros_like(values)
        for curve in curves:
            added[:, curve.target] += np.interp(values[:, curve.driver], curve.breeding_values, curve.effects)

        np.testing.assert_allclose(added + fitted.intercepts_, fitted.corrections(values), atol=0.01)

    def test_not_fitted(self) -> None:
        with pytest.raises(NotFittedError, match=r"^TraitMap: expected fit before predict"):
            TraitMap().curves()

    def test_lines_only(self) -> None:
        learned = TraitMap(degree=1).fit(*planted(200, seed=1))

        assert {1.0} == {curve.p for curve in learned.curves()}


class TestCurvatureTest:
    def test_without_curves_p_values_are_uniform(self) -> None:
        """Also where the spread of records depends on the driver, which a plain F test takes for curvature."""
        p = []
        for seed in range(80):
            values, records = planted(300, seed=seed, curve=0.0)
            records[:, 2] += np.abs(values[:, 0]) * np.random.default_rng(1000 + seed).standard_normal(300)
            learned = TraitMap(degree=4).fit(values, records)
            p.append(learned.curvature_p_[0])

        assert kstest(np.array(p)[:, 1], "uniform").pvalue > 0.01
        assert np.mean(np.array(p)[:, 2] < 0.05) < 0.1

    def test_families_count_as_dependent(self) -> None:
        """Errors that whole families share, in families that differ in the driver: no curvature."""
        naive, clustered = [], []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            family = np.repeat(np.arange(60), 10)
            values = rng.standard_normal((60, 2))[family] + 0.3 * rng.standard_normal((600, 2))
            records = values + rng.standard_normal((60, 2))[family] + 0.5 * rng.standard_normal((600, 2))
            names: StrArray = np.array([f"sire{number}" for number in family], dtype=object)
            for p, families in ((naive, None), (clustered, names)):
                p.append(TraitMap(degree=3).fit(values, records, families=families).curvature_p_[0, 1])

        assert np.mean(np.array(naive) < 0.05) > 0.3
        assert np.mean(np.array(clustered) < 0.05) < 0.12
