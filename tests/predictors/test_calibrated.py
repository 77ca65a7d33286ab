from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_values
from genialearn import Cohort
from genialearn._arrays import FloatArray
from genialearn.errors import NotFittedError, SettingError
from genialearn.predictors.calibrated import Calibrated
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.inner_parts import spread_folds, youngest_animals

STATURE = 2


@cache
def simulated(n: int = 600, n_traits: int = 6, h2: float = 0.5) -> tuple[Cohort, FloatArray]:
    """Return unrelated animals with records, and their genetic values."""
    rng = np.random.default_rng(5)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.9, 100), (2 * n, 100)).astype(np.int8)
    genetic = dosages @ rng.standard_normal((100, n_traits))
    genetic = (genetic - genetic.mean(axis=0)) / genetic.std(axis=0) * np.sqrt(h2)
    records = 3.0 + genetic + rng.standard_normal(genetic.shape) * np.sqrt(1 - h2)
    return Cohort.from_arrays(dosages, 10 * records), 10 * (3.0 + genetic)


class TestIntervals:
    @pytest.mark.parametrize(
        "model",
        ["gblup", pytest.param("rkhs", marks=pytest.mark.slow), pytest.param("elastic-net", marks=pytest.mark.slow)],
    )
    @pytest.mark.parametrize("level", [0.5, 0.9])
    def test_they_hold_what_they_promise(self, model: str, level: float) -> None:
        cohort, genetic = simulated()
        half = np.arange(len(cohort)) < len(cohort) // 2
        fitted = fitted_on_half(model)
        low, high = fitted.interval(cohort.select(np.flatnonzero(~half)), level)
        within = (genetic[~half] > low) & (genetic[~half] < high)

        assert abs(within.mean() - level) < 0.05

    def test_of_averages_of_records(self) -> None:
        """Four records an animal of heritability .2, as repeated ones and as one of weight 4."""
        rng, n = np.random.default_rng(8), 600
        dosages = rng.binomial(2, rng.uniform(0.1, 0.9, 100), (2 * n, 100)).astype(np.int8)
        genetic = dosages @ rng.standard_normal((100, 6))
        genetic = (genetic - genetic.mean(axis=0)) / genetic.std(axis=0)
        records = genetic + rng.standard_normal(genetic.shape)
        cohort = Cohort.from_arrays(dosages, records, weights=np.full(records.shape, 4.0))
        fitted = Calibrated(model="gblup").fit(cohort.select(slice(0, n)))
        low, high = fitted.interval(cohort.select(slice(n, None)), 0.9)

        assert fitted.uncertainty_.heritabilities == pytest.approx(np.full(6, 0.5), abs=0.15)
        assert abs(np.mean((genetic[n:] > low) & (genetic[n:] < high)) - 0.9) < 0.05

    def test_they_are_around_the_predictions_of_the_model(self) -> None:
        cohort, _ = simulated()
        fitted = fitted_on_half("gblup")
        low, high = fitted.interval(cohort)

        np.testing.assert_allclose((low + high) / 2, fitted.predict(cohort))
        np.testing.assert_array_equal(fitted.predict(cohort), fitted.model_.predict(cohort))

    def test_of_a_binary_trait_they_are_probabilities(self) -> None:
        cohort = family_cohort()
        binary = [trait.kind == "binary" for trait in cohort.traits]
        low, high = Calibrated(model="gblup").fit(cohort).interval(cohort, 0.99)

        assert any(binary)
        assert low[:, binary].min() >= 0
        assert high[:, binary].max() <= 1
        assert (low < high).all()


@cache
def fitted_on_half(model: str) -> Calibrated:
    cohort, _ = simulated()
    return Calibrated(model=model).fit(cohort.select(np.arange(len(cohort) // 2)))


class TestHeldOut:
    def test_the_youngest_where_there_are_birth_years(self) -> None:
        """Whatever else is known: the errors are those of GBLUP without the youngest."""
        cohort = family_cohort().canonical()
        found = Calibrated(model="gblup", heritability=0.4).fit(cohort)
        rows = youngest_animals(cohort, np.ones(len(cohort), dtype=bool))

        assert expected_errors(cohort, [rows]) == pytest.approx(found.uncertainty_.error_variances)

    def test_all_folds_where_there_are_none(self) -> None:
        cohort = replace(family_cohort(), pedigree=None).canonical()
        found = Calibrated(model="gblup", heritability=0.4, folds=4, seed=7).fit(cohort)
        recorded = np.isfinite(cohort.records.values)
        folds = spread_folds(recorded, 4, seed=7)

        expected = expected_errors(cohort, [np.flatnonzero(folds == fold) for fold in range(4)])
        assert expected == pytest.approx(found.uncertainty_.error_variances)

    def test_a_trait_without_records_outside_is_as_uncertain_as_can_be(self) -> None:
        cohort = family_cohort().canonical()
        values = cohort.records.values.copy()
        rows = youngest_animals(cohort, np.ones(len(cohort), dtype=bool))
        values[np.setdiff1d(np.arange(len(cohort)), rows), STATURE] = np.nan
        found = Calibrated(model="gblup", heritability=0.4).fit(with_values(cohort, values))

        assert found.uncertainty_.error_variances[STATURE] >= found.uncertainty_.heritabilities[STATURE] > 0
        assert np.isfinite(found.predict(cohort)).all()


def expected_errors(cohort: Cohort, parts: list[np.ndarray]) -> FloatArray:
    """Return var(g) - 2 cov(y, p) + var(p) + (mean error)^2 in plain steps, var(g) by GBLUP, over that of records."""
    from genialearn.mixed_models.fits import adjusted_by_animal

    fits = GBLUP(heritability=0.4).fit_traits(cohort)
    records, weights = adjusted_by_animal(fits.models, len(cohort))
    predicted = np.full(records.shape, np.nan)
    for rows in parts:
        others = np.setdiff1d(np.arange(len(cohort)), rows)
        predicted[rows] = GBLUP().set_params(seed=1).fit(cohort.select(others)).predict(cohort.select(rows))
    held, out = np.concatenate(parts), []
    for trait in range(records.shape[1]):
        w, y = weights[:, trait], np.nan_to_num(records[:, trait])
        variance = np.cov(y, aweights=w, ddof=0)
        rows = held[w[held] > 0]
        p, own = predicted[rows, trait], w[rows]
        both = np.cov(y[rows], p, aweights=own, ddof=0)
        off = np.average(y[rows] - p, weights=own)
        genetic = fits.models[trait].variances.genetic
        out.append(max(genetic - 2 * both[0, 1] + both[1, 1] + off**2, 0.05 * genetic) / variance)
    return np.array(out)


class TestSettings:
    def test_the_model_gets_its_settings(self) -> None:
        cohort, _ = simulated()
        found = Calibrated(model="elastic-net", settings={"l1_ratio": 0.7}, heritability=0.5).fit(cohort)

        assert found.model_.l1_ratio == 0.7  # type: ignore[attr-defined]

    def test_an_unknown_model(self) -> None:
        with pytest.raises(SettingError, match=r"^calibrated model: expected .*found 'gbulp'"):
            Calibrated(model="gbulp").fit(family_cohort())

    def test_before_fit(self) -> None:
        with pytest.raises(NotFittedError, match="fit before predict"):
            Calibrated().predict(family_cohort())
