from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.validation.splits import Split, SplitScheme, birth_years, blocks

SCHEMES = ["forward", "kfold", "kfold:3x2", "family", "family:3x2"]


@pytest.fixture
def cohort() -> Cohort:
    return family_cohort(n_sires=12)


def splits(text: str, cohort: Cohort, seed: int = 1) -> list[Split]:
    return SplitScheme.parse(text).splits(cohort, rng=np.random.default_rng(seed))


def sires(cohort: Cohort) -> np.ndarray:
    assert cohort.pedigree is not None
    return cohort.pedigree.sires_of(cohort.animals)


def born(cohort: Cohort, years: FloatArray) -> Cohort:
    """Return the cohort with other birth years, NaN where unknown."""
    assert cohort.pedigree is not None
    known = cohort.pedigree.birth_years.copy()
    known[cohort.pedigree.rows_of(cohort.animals)] = years
    return replace(cohort, pedigree=replace(cohort.pedigree, birth_years=known))


class TestParse:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("forward", SplitScheme("forward", fraction=0.2)),
            ("forward:0.1", SplitScheme("forward", fraction=0.1)),
            ("kfold", SplitScheme("kfold", folds=5, repeats=1)),
            ("kfold:10", SplitScheme("kfold", folds=10)),
            ("kfold:5x3", SplitScheme("kfold", folds=5, repeats=3)),
            ("family", SplitScheme("family", folds=5)),
            ("family:4", SplitScheme("family", folds=4)),
        ],
    )
    def test_words(self, text: str, expected: SplitScheme) -> None:
        assert expected == SplitScheme.parse(text)
        assert expected == SplitScheme.parse(str(expected))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("foreward", "split: expected a known name, found 'foreward'. Did you mean forward?"),
            ("", "split: expected a known name, found ''. Known are: family, forward, kfold."),
            (
                "forward:young",
                "split 'forward:young': expected forward:0.2, kfold:5, kfold:5x3 or family:5, found 'young'.",
            ),
            ("kfold:", "split 'kfold:': expected forward:0.2, kfold:5, kfold:5x3 or family:5, found ''."),
            ("kfold:5x", "split 'kfold:5x': expected forward:0.2, kfold:5, kfold:5x3 or family:5, found '5x'."),
            ("kfold:2.5", "split 'kfold:2.5': expected forward:0.2, kfold:5, kfold:5x3 or family:5, found '2.5'."),
            ("kfold:1", "split folds: expected a whole number of at least 2, found 1."),
            ("kfold:5x0", "split repeats: expected a whole number of at least 1, found 0."),
            ("family:-3", "split folds: expected a whole number of at least 2, found -3."),
            ("forward:1", "split fraction: expected a number between 0 and 1, found 1."),
            ("forward:0", "split fraction: expected a number between 0 and 1, found 0."),
            ("forward:nan", "split fraction: expected a number between 0 and 1, found nan."),
        ],
    )
    def test_errors(self, text: str, message: str) -> None:
        with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
            SplitScheme.parse(text)

    def test_a_scheme_made_by_hand_is_checked_too(self) -> None:
        with pytest.raises(SettingError, match="split folds: expected a whole number of at least 2, found 0"):
            SplitScheme("kfold", folds=0)


class TestSplit:
    def test_overlap_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match=r"^split a: expected no animal in both parts, found 2 in both\.$"):
            Split("a", np.array([0, 1, 2]), np.array([1, 2, 3]))

    @pytest.mark.parametrize(("train", "test", "empty"), [([], [1], "training"), ([1], [], "test")])
    def test_an_empty_part_is_refused(self, train: list[int], test: list[int], empty: str) -> None:
        message = (
            f"split a: expected {empty} animals, found none. "
            "Use another fraction or number of folds, or check the birth years."
        )
        with pytest.raises(AlignmentError, match=f"^{re.escape(message)}$"):
            Split("a", np.array(train, dtype=np.int64), np.array(test, dtype=np.int64))


class TestEveryScheme:
    @pytest.mark.parametrize("text", SCHEMES)
    def test_parts_are_disjoint_and_ascending(self, text: str, cohort: Cohort) -> None:
        for split in splits(text, cohort):
            assert not set(split.train) & set(split.test)
            assert np.all(np.diff(split.train) > 0)
            assert np.all(np.diff(split.test) > 0)

    @pytest.mark.parametrize("text", SCHEMES)
    def test_labels_differ(self, text: str, cohort: Cohort) -> None:
        labels = [split.label for split in splits(text, cohort)]

        assert len(labels) == len(set(labels))

    @pytest.mark.parametrize("text", SCHEMES)
    def test_the_order_of_animals_does_not_matter(self, text: str, cohort: Cohort) -> None:
        shuffled = cohort.select(np.random.default_rng(9).permutation(len(cohort)))

        for one, other in zip(splits(text, cohort), splits(text, shuffled), strict=True):
            assert set(cohort.animals[one.test]) == set(shuffled.animals[other.test])
            assert set(cohort.animals[one.train]) == set(shuffled.animals[other.train])

    @pytest.mark.parametrize("text", SCHEMES[1:])
    def test_the_seed_decides(self, text: str, cohort: Cohort) -> None:
        first, again, other = (splits(text, cohort, seed) for seed in (1, 1, 2))

        assert all(np.array_equal(a.test, b.test) for a, b in zip(first, again, strict=True))
        assert not all(np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))

    @pytest.mark.parametrize("text", SCHEMES[1:])
    def test_every_animal_is_tested_once_a_repeat(self, text: str, cohort: Cohort) -> None:
        made = splits(text, cohort)
        for repeat in range(SplitScheme.parse(text).repeats):
            tested = np.concatenate([split.test for split in made if split.repeat == repeat])
            np.testing.assert_array_equal(np.arange(len(cohort)), np.sort(tested))
        assert all(len(split.train) + len(split.test) == len(cohort) for split in made)


class TestForward:
    def test_whole_youngest_years_near_the_fraction(self, cohort: Cohort) -> None:
        (split,) = splits("forward", cohort)
        years = birth_years(cohort)

        assert years[split.train].max() < years[split.test].min()
        assert len(cohort) == len(split.train) + len(split.test)
        shares = [np.mean(years >= year) for year in np.unique(years)[1:]]
        assert min(abs(share - 0.2) for share in shares) == abs(len(split.test) / len(cohort) - 0.2)

    @settings(max_examples=50, deadline=None)
    @given(
        sizes=st.lists(st.integers(1, 20), min_size=2, max_size=8),
        fraction=st.floats(0.01, 0.99),
    )
    def test_no_other_year_is_nearer(self, sizes: list[int], fraction: float) -> None:
        years = np.repeat(2000.0 + np.arange(len(sizes)), sizes)
        whole = family_cohort()
        cohort = born(whole.select(slice(0, len(years))), years[:150])
        (split,) = SplitScheme("forward", fraction=fraction).splits(cohort, rng=np.random.default_rng(1))

        tail = np.cumsum(np.unique(years[:150], return_counts=True)[1][::-1])[:-1] / len(cohort)
        assert pytest.approx(np.abs(tail - fraction).min()) == abs(len(split.test) / len(cohort) - fraction)

    def test_unknown_birth_years_are_left_out(self, cohort: Cohort) -> None:
        years = birth_years(cohort)
        years[::10] = np.nan
        (split,) = splits("forward", born(cohort, years))

        expected = set(range(150)) - set(range(0, 150, 10))
        assert expected == {*split.train, *split.test}

    @pytest.mark.parametrize("without_pedigree", [True, False])
    def test_no_birth_year(self, cohort: Cohort, without_pedigree: bool) -> None:
        unknown = replace(cohort, pedigree=None) if without_pedigree else born(cohort, np.full(150, np.nan))

        with pytest.raises(
            AlignmentError,
            match=r"^split forward: expected birth years, found none\. "
            r"Give a pedigree with the column birth_year, or use --split kfold\.$",
        ):
            splits("forward", unknown)

    def test_one_birth_year(self, cohort: Cohort) -> None:
        with pytest.raises(
            AlignmentError,
            match=r"^split forward: expected animals of at least two birth years, "
            r"found only 2020: no training animals would be left\. Use --split kfold\.$",
        ):
            splits("forward", born(cohort, np.full(150, 2020.0)))


class TestFolds:
    def test_sizes_differ_by_one_at_most(self, cohort: Cohort) -> None:
        sizes = [len(split.test) for split in splits("kfold:7", cohort)]

        assert {21, 22} == set(sizes)

    def test_repeats_differ(self, cohort: Cohort) -> None:
        made = splits("kfold:5x3", cohort)

        expected = [(f"repeat{repeat + 1}-fold{fold + 1}", repeat) for repeat in range(3) for fold in range(5)]
        assert expected == [(split.label, split.repeat) for split in made]
        assert not np.array_equal(made[0].test, made[5].test)

    def test_too_many_folds(self, cohort: Cohort) -> None:
        with pytest.raises(
            AlignmentError, match=r"^split kfold:4: expected at least 4 animals, found 3\. Use fewer folds\.$"
        ):
            splits("kfold:4", cohort.select(slice(0, 3)))


class TestFamilies:
    @pytest.mark.parametrize("seed", range(5))
    def test_no_sire_has_progeny_on_both_sides(self, cohort: Cohort, seed: int) -> None:
        for split in splits("family:4", cohort, seed):
            assert not set(sires(cohort)[split.train]) & set(sires(cohort)[split.test])

    def test_folds_are_balanced_as_far_as_families_allow(self, cohort: Cohort) -> None:
        sizes = [len(split.test) for split in splits("family:3", cohort)]

        assert max(sizes) - min(sizes) <= np.unique(sires(cohort), return_counts=True)[1].max()

    def test_animals_of_unknown_sire_are_families_of_their_own(self, cohort: Cohort) -> None:
        assert cohort.pedigree is not None
        unknown = cohort.pedigree.sires.copy()
        unknown[:20] = -1
        half = replace(cohort, pedigree=replace(cohort.pedigree, sires=unknown))

        assert set(cohort.animals[:20]) == set(blocks(half)[:20])
        assert 20 + len(np.unique(sires(cohort)[20:])) == len(np.unique(blocks(half)))

    def test_too_few_families(self, cohort: Cohort) -> None:
        with pytest.raises(AlignmentError, match=r"^split family:13: expected at least 13 sire groups, found 12\."):
            splits("family:13", cohort)

    @pytest.mark.parametrize("without_pedigree", [True, False])
    def test_no_sires(self, cohort: Cohort, without_pedigree: bool) -> None:
        assert cohort.pedigree is not None
        fatherless = replace(cohort.pedigree, sires=np.full(len(cohort.pedigree), -1))

        with pytest.raises(
            AlignmentError,
            match=r"^split family: expected known sires, found none\. "
            r"Give a pedigree with the column sire, or use --split kfold\.$",
        ):
            splits("family", replace(cohort, pedigree=None if without_pedigree else fatherless))


class TestBlocks:
    def test_they_are_the_sires(self, cohort: Cohort) -> None:
        assert [f"sire {name}" for name in sires(cohort)] == list(blocks(cohort))

    def test_without_pedigree_every_animal_is_its_own(self, cohort: Cohort) -> None:
        assert list(cohort.animals) == list(blocks(replace(cohort, pedigree=None)))
