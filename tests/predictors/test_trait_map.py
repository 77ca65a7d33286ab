from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_hermitenorm, factorial
from sklearn.base import clone

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import NotFittedError, SettingError
from genialearn.predictors.trait_map import TraitMap

N_ANIMALS = 400


def breeding_values(n_animals: int = N_ANIMALS, n_traits: int = 3, *, seed: int = 1) -> FloatArray:
    """Return values of unequal spread and correlated between traits."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_animals, n_traits)) + 0.5 * rng.standard_normal((n_animals, 1))
    return np.asarray(values * np.array([1.0, 10.0, 0.1, 3.0, 1.0])[:n_traits])


def records_of(values: FloatArray, *, noise: float = 1.0, seed: int = 2) -> FloatArray:
    """Return mean, own breeding value and noise."""
    spread = values.std(axis=0)
    means = np.array([100.0, -5.0, 3.0, 0.0, 20.0])[: values.shape[1]]
    return np.asarray(means + values + noise * spread * np.random.default_rng(seed).standard_normal(values.shape))


def standardised(values: FloatArray) -> FloatArray:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


class TestWhatItLearns:
    def test_a_planted_curve(self) -> None:
        """The second trait rises with the square of the first trait's breeding value."""
        values = breeding_values()
        z = standardised(values)[:, 0]
        traits = records_of(values)
        traits[:, 1] += 10 * (z**2 - 1)
        newborn = breeding_values(seed=3)
        z_new = ((newborn - values.mean(axis=0)) / values.std(axis=0))[:, 0]
        corrections = TraitMap(degree=2).fit(values, traits).corrections(newborn)

        inside = np.abs(z_new) < 2
        np.testing.assert_allclose(corrections[inside, 1], 10 * (z_new**2 - 1)[inside], atol=4)
        assert np.corrcoef(corrections[inside, 1], z_new[inside] ** 2)[0, 1] > 0.97

    def test_a_planted_line(self) -> None:
        values = breeding_values()
        traits = records_of(values)
        traits[:, 2] += 0.2 * standardised(values)[:, 1]
        corrections = TraitMap().fit(values, traits).corrections(values)

        assert np.corrcoef(corrections[:, 2], values[:, 1])[0, 1] > 0.95
        slope = np.polyfit(standardised(values)[:, 1], corrections[:, 2], 1)[0]
        assert pytest.approx(0.2, rel=0.2) == slope

    def test_nothing_to_learn(self) -> None:
        """Corrections stay small beside the noise when every trait is its own breeding value and noise."""
        values = breeding_values()
        spread = [
            TraitMap().fit(values, records_of(values, seed=seed)).corrections(values).std(axis=0) / values.std(axis=0)
            for seed in range(100, 120)
        ]

        assert np.mean(spread) < 0.05

    def test_predictions_are_mean_own_value_and_correction(self) -> None:
        values = breeding_values()
        learned = TraitMap().fit(values, records_of(values))

        expected = learned.mean_ + values + learned.corrections(values)
        np.testing.assert_array_equal(expected, learned.predict(values))

    def test_corrections_are_nought_on_average(self) -> None:
        values = breeding_values()
        traits = records_of(values)
        traits[:, 1] += 10 * standardised(values)[:, 0] ** 2
        weights = np.random.default_rng(4).uniform(0.2, 3, traits.shape)
        corrections = TraitMap().fit(values, traits, weights=weights).corrections(values)

        np.testing.assert_allclose(np.average(corrections, axis=0, weights=weights), 0, atol=1e-9)

    def test_curves_are_level_outside_the_range(self) -> None:
        values = breeding_values()
        traits = records_of(values)
        traits[:, 1] += 30 * standardised(values)[:, 0] ** 2
        learned = TraitMap(degree=2).fit(values, traits)
        far = values[np.argmax(values[:, 0])] + np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
        steps = np.diff(learned.corrections(far)[:, 1])

        np.testing.assert_allclose(steps, steps[0], rtol=1e-9)


class TestReliabilities:
    """Half of the animals have breeding values of reliability .9, the others of .2; the second trait is a parabola."""

    @staticmethod
    def simulated(n: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        rng = np.random.default_rng(seed)
        true = rng.standard_normal((n, 2))
        reliabilities = np.where(np.arange(n) % 2, 0.9, 0.2)[:, None] * np.ones(2)
        error = np.sqrt(reliabilities * (1 - reliabilities)) * rng.standard_normal(true.shape)
        values = reliabilities * true + error
        genetic = np.column_stack([true[:, 0], true[:, 1] + true[:, 0] ** 2 - 1])
        return values, genetic + 0.5 * rng.standard_normal(true.shape), reliabilities, genetic

    def test_breeding_values_of_the_simulation_are_unbiased_and_as_reliable_as_said(self) -> None:
        values, _, reliabilities, genetic = self.simulated(20_000, 1)
        good = reliabilities[:, 0] > 0.5

        assert pytest.approx(0.9, abs=0.02) == np.corrcoef(values[good, 0], genetic[good, 0])[0, 1] ** 2
        assert pytest.approx(1.0, abs=0.06) == np.polyfit(values[~good, 0], genetic[~good, 0], 1)[0]

    def test_each_animal_is_shrunk_as_its_own_reliability_asks(self) -> None:
        values, traits, reliabilities, _ = self.simulated(20_000, 1)
        newborn, _, _, genetic = self.simulated(20_000, 2)
        learned = TraitMap(degree=2).fit(values, traits, reliabilities=reliabilities)
        plain = TraitMap(degree=2).fit(values, traits)
        predicted = learned.predict(newborn, reliabilities=reliabilities)[:, 1]
        without = plain.predict(newborn)[:, 1]

        errors = [np.mean((p - genetic[:, 1]) ** 2) for p in (predicted, without)]
        assert errors[0] < 0.95 * errors[1]
        for part in (reliabilities[:, 0] > 0.5, reliabilities[:, 0] < 0.5):
            assert pytest.approx(1.0, abs=0.08) == np.polyfit(predicted[part], genetic[part, 1], 1)[0]

    def test_equal_ones_change_nothing(self) -> None:
        values = breeding_values()
        traits = records_of(values)
        traits[:, 1] += 10 * standardised(values)[:, 0] ** 2
        half = np.full(values.shape, 0.5)

        expected = TraitMap().fit(values, traits).predict(values)
        actual = TraitMap().fit(values, traits, reliabilities=half).predict(values, reliabilities=half)
        np.testing.assert_allclose(actual, expected, rtol=1e-9)

    def test_the_shape_is_checked(self) -> None:
        message = (
            r"^TraitMap: expected breeding values and reliabilities of one shape, found \(400, 3\) and \(400, 2\)\.$"
        )
        with pytest.raises(SettingError, match=message):
            TraitMap().fit(breeding_values(), records_of(breeding_values()), reliabilities=np.ones((N_ANIMALS, 2)))


class TestOutOfFoldCorrections:
    def test_they_are_those_of_a_map_without_the_fold(self) -> None:
        values = breeding_values()
        traits, folds = records_of(values), np.arange(N_ANIMALS) % 5
        traits[:, 1] += 10 * standardised(values)[:, 0] ** 2
        learned = TraitMap(degree=2).fit(values, traits, folds=folds)
        changed = traits.copy()
        changed[folds == 0] = 1000 * np.random.default_rng(5).standard_normal((np.sum(folds == 0), 3))
        again = TraitMap(degree=2).fit(values, changed, folds=folds)

        inside = folds == 0
        centred = [m.out_of_fold_corrections_[inside] + m.mean_ for m in (learned, again)]
        np.testing.assert_allclose(centred[1], centred[0], rtol=1e-6, atol=1e-6)
        assert np.corrcoef(learned.out_of_fold_corrections_[:, 1], learned.corrections(values)[:, 1])[0, 1] > 0.98


class TestAgainstPlainComputations:
    """The same adaptive ridge regression, on the data instead of on sums of products."""

    CHOICES = (2.0, 4.0, 8.0, 16.0, 32.0)

    @staticmethod
    def terms(values: FloatArray, degree: int) -> FloatArray:
        z = standardised(values)
        inner = np.clip(z, *np.sort(z, axis=0)[[10, len(z) - 11]])
        columns = [
            z,
            *(eval_hermitenorm(k, z if k < 4 else inner) / np.sqrt(factorial(k)) for k in range(2, degree + 1)),
        ]
        return np.concatenate(columns, axis=1)

    @staticmethod
    def coefficients(x: FloatArray, y: FloatArray, w: FloatArray, strictness: FloatArray) -> FloatArray:
        """Minimise sum w (y - a - x b)^2 + sum w x^2 (q / t^2)^2 b^2, t^2 > 1 that of a term alone."""
        x, y = x - np.average(x, axis=0, weights=w), y - np.average(y, weights=w)
        sizes = w @ x**2
        t_squared = w.sum() * (w @ (x * y[:, None])) ** 2 / (sizes * (w @ y**2))
        kept = t_squared > 1
        x, ridge = x[:, kept], np.diag((sizes * (1e-9 + (strictness / t_squared) ** 2))[kept])
        b = np.zeros(len(kept))
        b[kept] = np.linalg.solve(x.T @ (w[:, None] * x) + ridge, x.T @ (w * y))
        return b

    def loss(self, x: FloatArray, y: FloatArray, w: FloatArray, folds: IntArray, strictness: FloatArray) -> float:
        """Return the squared error of each fold by the regression on the others."""
        total = 0.0
        for fold in np.unique(folds):
            out = folds == fold
            b = self.coefficients(x[~out], y[~out], w[~out], strictness)
            a = np.average(y[~out] - x[~out] @ b, weights=w[~out])
            total += float(w[out] @ (y[out] - a - x[out] @ b) ** 2)
        return total

    @pytest.mark.parametrize("degree", [1, 2, 3, 5])
    def test_choice_and_coefficients(self, degree: int) -> None:
        rng = np.random.default_rng(5)
        values = breeding_values(120)
        traits = records_of(values)
        traits[:, 1] += 6 * standardised(values)[:, 0] ** 2
        traits[rng.random(traits.shape) < 0.2] = np.nan
        weights, folds = rng.uniform(0.3, 3, traits.shape), rng.integers(0, 4, 120)
        learned = TraitMap(degree=degree).fit(values, traits, weights=weights, folds=folds)
        terms = self.terms(values, degree)
        is_line = np.arange(terms.shape[1]) < 3
        for t in range(3):
            known = np.isfinite(traits[:, t])
            x, w = terms[known], weights[known, t] / weights[known, t].mean()
            own = (traits - values)[known, t]
            y = own - np.average(own, weights=w)
            choices = [np.where(is_line, q, r) for q in self.CHOICES for r in self.CHOICES]
            losses = [self.loss(x, y, w, folds[known], q) for q in choices]
            best = choices[int(np.argmin(losses))]

            assert best[0] == learned.strictness_[t, 0]
            assert degree == 1 or best[-1] == learned.strictness_[t, 1]
            np.testing.assert_allclose(
                learned.coefficients_[:, t], self.coefficients(x, y, w, best), rtol=1e-6, atol=1e-9
            )


class TestInvariance:
    def test_units(self) -> None:
        values = breeding_values()
        traits = records_of(values)
        traits[:, 1] += 10 * standardised(values)[:, 0] ** 2
        factor, shift = np.array([1000.0, 0.01, 7.0]), np.array([5.0, -3.0, 1e4])

        expected = factor * TraitMap().fit(values, traits).predict(values) + shift
        actual = TraitMap().fit(factor * values, factor * traits + shift).predict(factor * values)
        np.testing.assert_allclose(actual / factor, expected / factor, rtol=1e-7)

    def test_weight_two_is_the_same_animal_twice(self) -> None:
        values = breeding_values(100)
        traits, folds = records_of(values), np.arange(100) % 5
        twice = TraitMap().fit(np.tile(values, (2, 1)), np.tile(traits, (2, 1)), folds=np.tile(folds, 2))
        weights = np.full_like(traits, 2.0)
        weighted = TraitMap().fit(values, traits, weights=weights, folds=folds)

        np.testing.assert_allclose(weighted.mean_, twice.mean_)

    def test_an_animal_without_a_record_has_no_say(self) -> None:
        values = breeding_values(100)
        traits = records_of(values)
        traits[50:, 1] = np.nan
        other = np.where(np.isnan(traits), 1e9, traits)
        weights = np.isfinite(traits).astype(float)

        expected = TraitMap().fit(values, traits).predict(values)
        np.testing.assert_array_equal(expected, TraitMap().fit(values, other, weights=weights).predict(values))

    def test_same_seed_same_folds(self) -> None:
        values = breeding_values(60)
        traits = records_of(values)
        one, same, other = (TraitMap(seed=seed).fit(values, traits).coefficients_ for seed in (1, 1, 2))

        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, other)


class TestEdges:
    def test_a_trait_without_genetic_variance(self) -> None:
        values = breeding_values()
        values[:, 1] = 0.0

        assert np.isfinite(TraitMap().fit(values, records_of(breeding_values())).predict(values)).all()

    @settings(max_examples=10, deadline=None)
    @given(n_traits=st.integers(1, 5), degree=st.integers(1, 4))
    def test_shapes(self, n_traits: int, degree: int) -> None:
        values = breeding_values(50, n_traits)
        learned = TraitMap(degree=degree).fit(values, records_of(values))

        assert (n_traits * degree, n_traits) == learned.coefficients_.shape
        assert (n_traits, 2) == learned.strictness_.shape
        assert (7, n_traits) == learned.predict(values[:7]).shape

    def test_clone(self) -> None:
        learned = TraitMap(degree=2, folds=3, seed=4).fit(breeding_values(), records_of(breeding_values()))

        assert learned.get_params() == clone(learned).get_params()

    def test_not_fitted(self) -> None:
        with pytest.raises(NotFittedError, match=r"^TraitMap: expected fit before predict, found a map that saw no"):
            TraitMap().corrections(breeding_values())

    def test_predict_before_fit(self) -> None:
        with pytest.raises(NotFittedError, match=r"^TraitMap: expected fit before predict, found a map that saw no"):
            TraitMap().predict(breeding_values())

    def test_degree_nought(self) -> None:
        with pytest.raises(SettingError, match=r"^TraitMap degree: expected a whole number of at least 1, found 0\."):
            TraitMap(degree=0).fit(breeding_values(), records_of(breeding_values()))

    def test_shapes_that_differ(self) -> None:
        message = "TraitMap: expected breeding values and traits of one shape, found (400, 3) and (400, 2)."
        with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
            TraitMap().fit(breeding_values(), breeding_values(n_traits=2))
