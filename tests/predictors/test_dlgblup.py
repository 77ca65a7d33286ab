from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from cohorts_for_tests import TRAIT_NAMES, family_cohort, with_values
from dense_mixed_model import relationships
from genialearn.cohorts import Cohort
from genialearn.errors import MissingExtraError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors.dlgblup import DLGBLUP
from genialearn.predictors.gblup_multi import GBLUPMulti

torch = pytest.importorskip("torch")

FAST: dict[str, Any] = {"folds": 3, "members": 2, "max_epochs": 4, "batch_animals": 32, "threads": 1}


def cohort_with_a_curve(seed: int) -> Cohort:
    """Return animals whose second trait is a parabola of the first one's breeding value, and a third of its own."""
    cohort = family_cohort(500, 100, seed=21, n_sires=25)
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(relationships(cohort) + 1e-9 * np.eye(500))
    driver, own = (root @ rng.standard_normal((500, 2))).T
    genetic = np.column_stack([driver, driver**2 / np.sqrt(2), own])
    values = 50 + 3 * genetic + np.array([2.0, 3.0, 4.0]) * rng.standard_normal((500, 3))
    return Cohort.from_arrays(dosages(cohort.genotypes), values, animals=list(cohort.animals))


@cache
def parts_with_a_curve() -> tuple[Cohort, Cohort]:
    cohort = cohort_with_a_curve(5)
    return cohort.select(slice(0, 400)), cohort.select(slice(400, None))


@pytest.fixture
def cohort() -> Cohort:
    return family_cohort()


class TestCorrected:
    def test_it_finds_a_curve_that_gblup_has_no_place_for(self) -> None:
        train, test = parts_with_a_curve()
        observed = test.records.values
        plain, corrected = (
            [np.corrcoef(model.fit(train).predict(test)[:, t], observed[:, t])[0, 1] for t in range(3)]
            for model in (GBLUPMulti(), DLGBLUP(members=3, threads=1))
        )

        assert corrected[1] > plain[1] + 0.2
        np.testing.assert_allclose([corrected[0], corrected[2]], [plain[0], plain[2]], atol=0.05)

    def test_it_starts_at_gblup(self, cohort: Cohort) -> None:
        model = DLGBLUP(**{**FAST, "max_epochs": 1}, learning_rate=1e-8).fit(cohort)

        expected = GBLUPMulti().fit(cohort).predict(cohort)
        np.testing.assert_allclose(model.predict(cohort), expected, atol=1e-4 * np.nanstd(cohort.records.values))

    def test_members_are_trained_one_by_one(self, cohort: Cohort) -> None:
        assert 3 == len(DLGBLUP(**{**FAST, "members": 3}).fit(cohort).networks_)

    def test_another_seed_is_another_model(self, cohort: Cohort) -> None:
        one, other = (DLGBLUP(**FAST, seed=seed).fit(cohort).predict(cohort) for seed in (1, 2))

        assert not np.array_equal(one, other)


class TestAsPublished:
    def test_own_records_in_the_breeding_values_spread_predictions(self) -> None:
        """The network learns how records look like themselves, which no other animal's breeding values do."""
        slopes: dict[bool, list[float]] = {True: [], False: []}
        for out_of_fold, seed in [(form, seed) for form in slopes for seed in range(3)]:
            cohort = cohort_with_a_curve(seed)
            train, test = cohort.select(slice(0, 400)), cohort.select(slice(400, None))
            model = DLGBLUP(out_of_fold=out_of_fold, members=2, learning_rate=1e-3, threads=1).fit(train)
            predicted = model.predict(test)
            slopes[out_of_fold] += [np.polyfit(predicted[:, t], test.records.values[:, t], 1)[0] for t in range(3)]

        assert np.mean(slopes[False]) < np.mean(slopes[True])

    def test_there_is_one_network(self, cohort: Cohort) -> None:
        model = DLGBLUP(**FAST, out_of_fold=False).fit(cohort)

        assert 1 == len(model.networks_)
        assert np.isfinite(model.predict(cohort)).all()


@pytest.mark.parametrize("out_of_fold", [True, False])
class TestBothForms:
    def test_the_same_seed_is_the_same_to_the_byte(self, cohort: Cohort, out_of_fold: bool) -> None:
        one, same = (DLGBLUP(**FAST, out_of_fold=out_of_fold).fit(cohort).predict(cohort) for _ in range(2))

        assert one.tobytes() == same.tobytes()

    def test_animals_without_any_record(self, cohort: Cohort, out_of_fold: bool) -> None:
        values = cohort.records.values.copy()
        values[::5] = np.nan
        predicted = DLGBLUP(**FAST, out_of_fold=out_of_fold).fit(with_values(cohort, values)).predict(cohort)

        assert (150, len(TRAIT_NAMES)) == predicted.shape
        assert np.isfinite(predicted).all()

    def test_single_traits_as_base(self, cohort: Cohort, out_of_fold: bool) -> None:
        model = DLGBLUP(**FAST, base="gblup", out_of_fold=out_of_fold).fit(cohort)

        assert np.isfinite(model.predict(cohort)).all()
        assert not isinstance(model.base_, GBLUPMulti)


class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"folds": 1}, r"^dlgblup folds: expected a whole number of at least 2, found 1\.$"),
            ({"members": 0}, r"^dlgblup members: expected a whole number of at least 1, found 0\.$"),
            ({"learning_rate": 0.0}, r"^dlgblup learning_rate: expected a number from 1e-08 to 1, found 0\.0\.$"),
            ({"base": "gblop"}, r"^dlgblup base: expected a known name, found 'gblop'\. Did you mean gblup\?"),
        ],
    )
    def test_settings(self, cohort: Cohort, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            DLGBLUP(**settings).fit(cohort)

    def test_the_library_is_missing(self, cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)

        with pytest.raises(MissingExtraError, match=r"^model dlgblup: expected the library torch, found none\."):
            DLGBLUP().fit(cohort)
