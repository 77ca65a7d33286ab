from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_records_repeated, with_values
from genialearn._arrays import BoolArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.predictors.inner_parts import recorded_traits, spread_folds, stopping_folds
from genialearn.records import Pedigree
from genialearn.validation.splits import birth_years

YEARS = 2015.0 + np.repeat(np.arange(6), [30, 30, 30, 30, 20, 10])
EVERYTHING = np.ones((150, 2), dtype=bool)


def born_in(years: Iterable[float]) -> Cohort:
    """Return the family cohort with other birth years, of unknown parents."""
    cohort, unknown = family_cohort(), np.full(150, -1)
    sexes = np.full(150, "female", dtype=object)
    return replace(cohort, pedigree=Pedigree(cohort.animals, unknown, unknown, np.array(list(years)), sexes))


def without_birth_years() -> list[Cohort]:
    return [replace(family_cohort(), pedigree=None), born_in(np.full(150, np.nan)), born_in(np.full(150, 2015.0))]


def some_recorded(share: float) -> BoolArray:
    """Return which animals have a record of which of two traits; some have none."""
    return np.random.default_rng(1).random((150, 2)) < share


class TestStoppingFolds:
    def test_the_first_is_of_the_youngest_exactly(self) -> None:
        """The last two of six years are a fifth of the animals."""
        folds = stopping_folds(born_in(YEARS), EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal(YEARS >= 2019, folds == 0)

    def test_so_it_is_in_any_order_of_the_animals(self) -> None:
        order = np.random.default_rng(3).permutation(150)
        folds = stopping_folds(born_in(YEARS[order]), EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal(YEARS[order] >= 2019, folds == 0)

    def test_of_real_families_too(self) -> None:
        years = birth_years(family_cohort())
        folds = stopping_folds(family_cohort(), EVERYTHING, 5, seed=1)

        assert years[folds != 0].max() < years[folds == 0].min()
        assert 15 < np.sum(folds == 0) < 45

    def test_only_animals_with_a_record_are_of_the_youngest(self) -> None:
        recorded = EVERYTHING.copy()
        recorded[YEARS >= 2019] = False
        recorded[-1, 1] = True
        folds = stopping_folds(born_in(YEARS), recorded, 5, seed=1)

        expected = (YEARS == 2018) | (np.arange(150) == 149)
        np.testing.assert_array_equal(expected, folds == 0)

    def test_animals_of_unknown_birth_year_are_not_of_the_youngest(self) -> None:
        unknown = np.arange(150) % 10 == 0
        folds = stopping_folds(born_in(np.where(unknown, np.nan, YEARS)), EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal((YEARS >= 2019) & ~unknown, folds == 0)

    def test_older_animals_are_spread_over_the_other_folds(self) -> None:
        folds = stopping_folds(born_in(YEARS), EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal([30] * 5, np.bincount(folds))
        for fold in range(1, 5):
            assert {2015, 2016, 2017, 2018} == set(YEARS[folds == fold])

    def test_so_are_older_records_of_a_rare_trait(self) -> None:
        """The youngest are the first animals."""
        recorded, rare = EVERYTHING.copy(), [33, 70, 107, 148]
        recorded[:, 1] = np.isin(np.arange(150), rare)

        for seed in range(4):
            folds = stopping_folds(born_in(YEARS[::-1]), recorded, 5, seed=seed)
            assert [1, 2, 3, 4] == sorted(folds[rare])

    @pytest.mark.parametrize("older", [15, 75])
    def test_whole_years_that_would_leave_few_are_not_held_out(self, older: int) -> None:
        """Two generations, of which the younger one has half of the animals or more."""
        folds = stopping_folds(born_in(2015.0 + (np.arange(150) >= older)), EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal(spread_folds(EVERYTHING, 5, seed=1), folds)

    @pytest.mark.parametrize("place", range(3))
    def test_without_birth_years_all_are_spread(self, place: int) -> None:
        """They are missing, unknown or all the same."""
        folds = stopping_folds(without_birth_years()[place], EVERYTHING, 5, seed=1)

        np.testing.assert_array_equal(spread_folds(EVERYTHING, 5, seed=1), folds)

    @pytest.mark.parametrize("n_folds", [2, 3, 5, 10])
    @pytest.mark.parametrize("share", [1.0, 0.6, 0.05])
    def test_no_fold_is_empty(self, n_folds: int, share: float) -> None:
        for cohort in (born_in(YEARS), *without_birth_years()):
            folds = stopping_folds(cohort, some_recorded(share), n_folds, seed=1)

            np.testing.assert_array_equal(np.arange(n_folds), np.unique(folds))

    def test_the_seed_makes_them_but_for_the_youngest(self) -> None:
        def drawn(cohort: Cohort, seed: int) -> IntArray:
            return stopping_folds(cohort, EVERYTHING, 5, seed=seed)

        for cohort in (born_in(YEARS), *without_birth_years()):
            np.testing.assert_array_equal(drawn(cohort, 1), drawn(cohort, 1))
            assert not np.array_equal(drawn(cohort, 1), drawn(cohort, 2))
        np.testing.assert_array_equal(drawn(born_in(YEARS), 1) == 0, drawn(born_in(YEARS), 2) == 0)


class TestSpreadFolds:
    def test_records_of_a_rare_trait_are_in_many_folds(self) -> None:
        recorded = np.ones((100, 2), dtype=bool)
        recorded[5:, 1] = False
        folds = spread_folds(recorded, 5, seed=1)

        assert [0, 1, 2, 3, 4] == sorted(folds[:5])
        np.testing.assert_array_equal(np.bincount(folds), [20] * 5)

    def test_animals_without_records_come_last(self) -> None:
        """So that those with records are spread evenly too."""
        recorded = np.arange(100)[:, None] % 4 == 0
        folds = spread_folds(recorded, 5, seed=1)

        np.testing.assert_array_equal([5] * 5, np.bincount(folds[recorded[:, 0]]))
        np.testing.assert_array_equal([20] * 5, np.bincount(folds))


def test_an_animal_has_a_trait_that_any_of_its_records_has() -> None:
    """The first animal has two records, each of another trait; the second has none."""
    cohort = with_records_repeated(family_cohort(), np.where(np.arange(150) == 0, 2, 1))
    values = np.ones((151, 5))
    values[0], values[1], values[2] = [1, np.nan, np.nan, 1, np.nan], [np.nan, 1, np.nan, 1, np.nan], np.nan
    found = recorded_traits(with_values(cohort, values))

    np.testing.assert_array_equal([[1, 1, 0, 1, 0], [0] * 5, [1] * 5], found[:3])
