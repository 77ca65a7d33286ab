from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_values
from dense_mixed_model import relationships
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import HasTraitCurves
from genialearn.errors import SettingError
from genialearn.genotypes import dosages
from genialearn.mixed_models.exact import fit_trait_models
from genialearn.predictors.gates import gates, residual_shares, shares
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti
from genialearn.predictors.hybrids import Hybrid, enough_folds


def errors_and_corrections(slope: float, n_traits: int, *, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return errors that follow the corrections of 400 animals by a slope, and the corrections."""
    rng = np.random.default_rng(seed)
    corrections = rng.standard_normal((400, n_traits))
    return slope * corrections + rng.standard_normal((400, n_traits)), corrections


def gates_of(slope: float, n_traits: int = 1, *, level: float = 0.05, seed: int = 1) -> FloatArray:
    errors, corrections = errors_and_corrections(slope, n_traits, seed=seed)
    return gates(errors, corrections, np.ones_like(errors), level, blocks=np.arange(len(errors)))


class TestGates:
    @pytest.mark.parametrize("slope", [0.3, 0.6, 0.9])
    def test_they_open_as_far_as_the_errors_follow_the_corrections(self, slope: float) -> None:
        assert pytest.approx(slope, abs=0.03) == gates_of(slope, 40).mean()

    @pytest.mark.parametrize("n_traits", [1, 5])
    def test_without_a_connection_they_stay_shut(self, n_traits: int) -> None:
        """The chance that any of them opens is the level."""
        opened = [gates_of(0.0, n_traits, seed=seed).any() for seed in range(1000)]

        assert pytest.approx(0.05, abs=0.02) == np.mean(opened)

    @pytest.mark.parametrize(("slope", "expected"), [(3.0, 1.0), (-1.0, 0.0)])
    def test_limits(self, slope: float, expected: float) -> None:
        np.testing.assert_array_equal(np.full(3, expected), gates_of(slope, 3))

    def test_no_corrections(self) -> None:
        errors, corrections = errors_and_corrections(0.5, 2)
        corrections[:, 0] = 0.0
        shut, opened = gates(errors, corrections, np.ones_like(errors), 0.05, blocks=np.arange(len(errors)))

        assert shut == 0
        assert opened > 0

    def test_a_level_of_nought_never_opens(self) -> None:
        assert not gates_of(0.9, level=0.0).any()

    def test_animals_without_a_record_have_no_say(self) -> None:
        errors, corrections = errors_and_corrections(0.5, 2)
        weights = np.repeat((np.arange(400) < 300).astype(float)[:, None], 2, axis=1)

        expected = gates(errors[:300], corrections[:300], weights[:300], 0.05, blocks=np.arange(len(errors[:300])))
        errors[300:] = np.nan
        np.testing.assert_allclose(gates(errors, corrections, weights, 0.05, blocks=np.arange(len(errors))), expected)

    @pytest.mark.parametrize("factor", [1e-6, 1e6])
    def test_units(self, factor: float) -> None:
        errors, corrections = errors_and_corrections(0.5, 2)
        weights = np.random.default_rng(2).uniform(0.5, 2, errors.shape)

        expected = gates(errors, corrections, weights, 0.05, blocks=np.arange(len(errors)))
        np.testing.assert_allclose(
            gates(factor * errors, factor * corrections, factor * weights, 0.05, blocks=np.arange(len(errors))),
            expected,
        )


class TestShares:
    """How far to go from one model to another that is better in theory."""

    @staticmethod
    def of(slopes: list[float], noise: float, *, seed: int = 1) -> FloatArray:
        rng = np.random.default_rng(seed)
        differences = rng.standard_normal((500, len(slopes)))
        errors = np.array(slopes) * differences + noise * rng.standard_normal(differences.shape)
        return shares(errors, differences, np.ones_like(errors), blocks=np.arange(500))

    def test_without_information_it_is_all_the_way(self) -> None:
        assert np.mean([self.of([1.0, 1.0], 100, seed=seed) for seed in range(20)]) > 0.8

    def test_traits_that_differ_get_their_own(self) -> None:
        np.testing.assert_allclose(self.of([0.2, 0.5, 0.9, 0.0], 0.5), [0.2, 0.5, 0.9, 0.0], atol=0.06)

    def test_traits_that_may_be_alike_get_about_the_same(self) -> None:
        found = self.of([0.5] * 20, 3.0)

        assert pytest.approx(0.5, abs=0.12) == found.mean()
        assert found.std() < 0.1

    def test_where_the_second_is_worse_everywhere_it_is_left_out(self) -> None:
        np.testing.assert_array_equal(np.zeros(3), self.of([-0.5] * 3, 0.5))

    def test_one_trait(self) -> None:
        assert pytest.approx([0.6], abs=0.1) == self.of([0.6], 0.5)


def test_residual_shares() -> None:
    rng = np.random.default_rng(1)
    corrections, rest = rng.standard_normal((20_000, 2)), 2 * rng.standard_normal((20_000, 2))
    found = residual_shares(corrections + rest, corrections * [1.0, -1.0], np.array([5.0, 5.0]))

    np.testing.assert_allclose(found, [0.8, 1.0], atol=0.02)
    assert [0.5] == residual_shares(rest[:, :1], rest[:, :1], np.array([4.0]))


def cohort_with_a_curve(n_animals: int = 500, *, seed: int = 22) -> Cohort:
    """Return animals whose second trait is a parabola of the first one's breeding value, and a third of its own."""
    cohort = family_cohort(n_animals, 100, seed=21, n_sires=25)
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(relationships(cohort) + 1e-9 * np.eye(n_animals))
    driver, own = root @ rng.standard_normal((n_animals, 2)).T[0], root @ rng.standard_normal(n_animals)
    genetic = np.column_stack([driver, driver**2 / np.sqrt(2), own])
    values = 50 + 3 * genetic + np.array([1.0, 2.0, 3.0]) * rng.standard_normal((n_animals, 3))
    return Cohort.from_arrays(dosages(cohort.genotypes), values, animals=list(cohort.animals))


def test_as_many_folds_as_have_enough_animals_are_asked() -> None:
    few, many = np.arange(10) % 5, np.arange(60_000) % 6

    np.testing.assert_array_equal(few, enough_folds(few))
    np.testing.assert_array_equal(np.where(many < 2, many, -1), enough_folds(many))
    np.testing.assert_array_equal(np.arange(90_000) % 3 < 1, enough_folds(np.arange(90_000) % 3) >= 0)


@pytest.mark.parametrize(
    ("n_animals", "given", "expected"), [(49_999, 5, 5), (50_000, 5, 3), (50_000, 3, 3), (40, 7, 7)]
)
def test_many_animals_are_divided_into_three_folds(n_animals: int, given: int, expected: int) -> None:
    sizes = np.bincount(Hybrid(folds=given)._folds(n_animals))

    assert expected == len(sizes)
    assert np.ptp(sizes) <= 1


class TestHybrid:
    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls) -> tuple[Cohort, Hybrid]:
        cohort = cohort_with_a_curve()
        return cohort, Hybrid(base="gblup", degree=2, folds=5).fit(cohort.select(slice(0, 400)))

    def test_a_curve_opens_its_gate_only(self, fitted: tuple[Cohort, Hybrid]) -> None:
        _, model = fitted

        assert model.gate_[1] > 0.5
        assert model.gate_[0] == model.gate_[2] == 0

    def test_the_curve_improves_the_prediction(self, fitted: tuple[Cohort, Hybrid]) -> None:
        cohort, model = fitted
        test = cohort.select(slice(400, None))
        plain = GBLUP().fit(cohort.select(slice(0, 400))).predict(test)
        observed = test.records.values[:, 1]
        r_plain, r_hybrid = (np.corrcoef(observed, p[:, 1])[0, 1] for p in (plain, model.predict(test)))

        assert r_hybrid > r_plain + 0.1

    def test_a_shut_gate_leaves_gblup(self, fitted: tuple[Cohort, Hybrid]) -> None:
        cohort, model = fitted
        expected = GBLUP().fit(cohort.select(slice(0, 400))).predict(cohort)

        np.testing.assert_array_equal(expected[:, [0, 2]], model.predict(cohort)[:, [0, 2]])

    def test_notes_tell_which_gates_are_open(self, fitted: tuple[Cohort, Hybrid]) -> None:
        _, model = fitted

        assert [f"1 of 3 gates are open: T2 ({model.gate_[1]:.2f})"] == model.notes_

    def test_out_of_fold_values_are_exact(self, fitted: tuple[Cohort, Hybrid]) -> None:
        cohort, model = fitted
        train = cohort.select(slice(0, 400)).canonical()
        folds = np.random.default_rng(model.seed).permutation(400) % model.folds
        g = relationships(train)
        expected = fit_trait_models(train, g, [None] * 3).out_of_fold_breeding_values(folds)

        np.testing.assert_allclose(model.out_of_fold_, expected, atol=1e-12)

    def test_traits_without_a_link_open_no_gate(self) -> None:
        """Whatever their heritabilities; at a level of 5 % for all traits together."""
        whole = family_cohort(150, 200, seed=23, n_sires=20).canonical()
        root = np.linalg.cholesky(relationships(whole) + 1e-9 * np.eye(150))
        h2, rng, opened = np.array([0.1, 0.3, 0.5, 0.7]), np.random.default_rng(24), []
        for _ in range(10):
            genetic, residual = root @ rng.standard_normal((150, 4)), rng.standard_normal((150, 4))
            values = np.sqrt(h2) * genetic + np.sqrt(1 - h2) * residual
            model = Hybrid(folds=5).fit(Cohort.from_arrays(dosages(whole.genotypes), values))
            opened.append(model.gate_.any())

        assert np.mean(opened) <= 0.1

    def test_a_level_of_nought_is_gblup(self) -> None:
        cohort = family_cohort()

        expected = GBLUP().fit(cohort).predict(cohort)
        model = Hybrid(base="gblup", gate_level=0.0, folds=3).fit(cohort)
        np.testing.assert_array_equal(expected, model.predict(cohort))
        assert model.notes_ == ["0 of 5 gates are open"]

    def test_an_open_gate_keeps_a_probability_a_probability(self) -> None:
        cohort = family_cohort()
        model = Hybrid(gate_level=0.5, folds=3).fit(cohort)
        model.gate_ = np.ones(5)
        predicted = model.predict(cohort)[:, 4]

        assert 0 <= predicted.min() < predicted.max() <= 1

    def test_all_traits_together_are_the_base_unless_something_is_in_the_way(self) -> None:
        cohort = family_cohort()
        joint, alone = (model.fit(cohort).predict(cohort) for model in (GBLUPMulti(), GBLUP()))
        single = GBLUP(heritability=0.3).fit(cohort).predict(cohort)

        shut = {"gate_level": 0.0, "folds": 3}
        model = Hybrid(**shut).fit(cohort)
        expected = alone[:, :4] + model.joint_share_[:4] * (joint - alone)[:, :4]
        np.testing.assert_allclose(model.predict(cohort)[:, :4], expected, rtol=1e-9)
        assert model.joint_share_.any()
        np.testing.assert_array_equal(single, Hybrid(heritability=0.3, **shut).fit(cohort).predict(cohort))

    def test_curves_are_told_by_the_names_of_their_traits(self, fitted: tuple[Cohort, Hybrid]) -> None:
        _, model = fitted
        curves = model.trait_curves()

        assert {("T1", "T2")} == set(zip(curves["driver"], curves["target"], strict=True))
        assert 41 == len(curves)
        assert (curves["share"] == model.gate_[1] * model._opened[1]).all()
        assert isinstance(model, HasTraitCurves)

    def test_without_curves_the_table_is_empty(self) -> None:
        model = Hybrid(degree=1, folds=3).fit(family_cohort())

        assert [0, 9] == list(model.trait_curves().shape)

    def test_judged_by_some_folds_it_still_finds_the_curve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("genialearn.predictors.hybrids.ENOUGH_ANIMALS", 150)
        cohort = cohort_with_a_curve()
        model = Hybrid(degree=2).fit(cohort)

        assert [1.0, 1.0, 1.0] == list(model.joint_share_)
        assert model.gate_[1] > 0.5
        assert 300 > len(model.trait_map_.out_of_fold_corrections_) >= 150

    def test_solving_again_without_the_curve_improves_the_prediction(self) -> None:
        """To GBLUP the curve is noise, in the trait that has it."""
        gains = []
        for seed in range(3):
            cohort = cohort_with_a_curve(seed=100 + seed)
            train, test = cohort.select(slice(0, 400)), cohort.select(slice(400, None))
            r = [
                np.corrcoef(Hybrid(degree=2, backfit=again).fit(train).predict(test)[:, 1], test.records.values[:, 1])[
                    0, 1
                ]
                for again in (False, True)
            ]
            gains.append(r[1] - r[0])

        assert np.mean(gains) > 0

    def test_animals_without_any_record(self) -> None:
        cohort = family_cohort()
        values = cohort.records.values.copy()
        values[::5] = np.nan
        model = Hybrid(folds=3).fit(with_values(cohort, values))

        assert np.isfinite(model.predict(cohort)).all()
        assert cohort.records.values.shape == model.out_of_fold_.shape

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"folds": 1}, r"^hybrid folds: expected a whole number of at least 3, found 1\.$"),
            ({"base": "gblop"}, r"^hybrid base: expected a known name, found 'gblop'\. Did you mean gblup\?"),
            ({"gate_level": 0.6}, r"^hybrid gate_level: expected a number from 0 to 0\.5, found 0\.6\.$"),
            ({"degree": 0}, r"^TraitMap degree: expected a whole number of at least 1, found 0\.$"),
        ],
    )
    def test_settings(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            Hybrid(**settings).fit(family_cohort())
