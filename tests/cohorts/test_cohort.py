from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, FileFormatError, SettingError
from genialearn.genotypes import MarkerMap, dosages
from genialearn.records import Pedigree, RecordTable, Trait
from messages import exactly

NAN = float("nan")
DOSAGES = np.array([[0, 1, 2], [2, NAN, 1], [1, 1, -1], [0, 0, 2]])
TRAITS = np.array([[1.5, 0], [NAN, 1], [3, NAN], [NAN, NAN]])


def a_cohort(**given: Any) -> Cohort:
    return Cohort.from_arrays(DOSAGES, TRAITS, animals=["d", "b", "c", "a"], **given)


def repeated() -> Cohort:
    """Return animals d, b, c, a with two records of b and of d, and none of a."""
    cohort = a_cohort()
    names = as_ids(["b", "d", "c", "b", "d"])
    values = np.arange(5.0).reshape(5, 1)
    return replace(cohort, records=RecordTable((Trait("milk"),), names, values, np.ones((5, 1))))


class TestFromArrays:
    def test_missing_dosages_and_records_are_nan(self) -> None:
        cohort = a_cohort()

        np.testing.assert_array_equal([[0, 1, 2], [2, -1, 1], [1, 1, -1], [0, 0, 2]], dosages(cohort.genotypes))
        np.testing.assert_array_equal(TRAITS, cohort.records.values)
        np.testing.assert_array_equal(np.ones((4, 2)), cohort.records.weights)
        assert (Trait("T1"), Trait("T2", kind="binary")) == cohort.traits
        assert cohort.animals.tolist() == ["d", "b", "c", "a"]
        assert cohort.genotypes.markers.names.tolist() == ["m1", "m2", "m3"]
        assert len(cohort) == 4
        assert cohort.pedigree is None

    def test_names_are_made_where_none_are_given(self) -> None:
        cohort = Cohort.from_arrays([[0], [1], [2]], [1, 2, 3])

        assert cohort.animals.tolist() == ["a1", "a2", "a3"]
        assert cohort.records.values.tolist() == [[1], [2], [3]]

    @pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.float32, object, bool])
    def test_numbers_of_any_kind(self, kind: type) -> None:
        cohort = Cohort.from_arrays(np.array([[0, 1], [1, 0]], dtype=kind), np.array([0, 1], dtype=kind))

        assert dosages(cohort.genotypes).tolist() == [[0, 1], [1, 0]]
        assert np.int8 == dosages(cohort.genotypes).dtype
        assert cohort.traits[0].kind == "binary"

    def test_everything_that_may_be_given(self) -> None:
        markers = MarkerMap.numbered(5).select([4, 0, 2])
        cohort = a_cohort(
            trait_names=["milk", "health"],
            markers=markers,
            covariates=pd.DataFrame({"herd": ["A", "B", None, "A"], "age": [1, 2.5, NAN, 4], 7: [1, 2, 3, 4]}),
            weights=np.array([[2, 1], [NAN, 3], [0.5, 0], [-1, NAN]]),
        )

        assert cohort.records.trait_names == ["milk", "health"]
        assert markers is cohort.genotypes.markers
        assert cohort.records.effects["herd"].tolist() == ["A", "B", "", "A"]
        assert cohort.records.effects["age"].tolist() == ["1.0", "2.5", "", "4.0"]
        assert cohort.records.effects["7"].tolist() == ["1", "2", "3", "4"]
        np.testing.assert_array_equal([[2, 1], [1, 3], [0.5, 1], [1, 1]], cohort.records.weights)

    def test_a_record_that_lacks_a_fixed_effect_does_not_count(self) -> None:
        cohort = a_cohort(covariates=pd.DataFrame({"herd": ["A", "B", None, "A"]}), fixed="herd")

        np.testing.assert_array_equal([[1.5, 0], [NAN, 1], [NAN, NAN], [NAN, NAN]], cohort.records.values)
        assert {"herd"} == {trait.fixed for trait in cohort.traits}

    def test_the_user_s_arrays_stay_as_they_are(self) -> None:
        values, weights = TRAITS.copy(), np.ones((4, 2))

        cohort = a_cohort(weights=weights)
        cohort.records.values[:] = 7
        cohort.records.weights[:] = 7

        np.testing.assert_array_equal(values, TRAITS)
        np.testing.assert_array_equal(np.ones((4, 2)), weights)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"dosages": [0, 1]}, "dosages: expected an array of shape (animals, markers), found shape (2,)."),
            ({"dosages": []}, "dosages: expected an array of shape (animals, markers), found shape (0,)."),
            (
                {"dosages": [[0, 1.4], [3, 2], [np.inf, 0.5], [0, 0]]},
                "dosages: expected 0, 1, 2, and NaN or -1 where missing, found 4 others: 0.5, 1.4, 3.0, ... "
                "Imputed dosages must be rounded to whole copies.",
            ),
            (
                {"traits": [[1, 2, 3, 4], [5, 6, 7, 8]]},
                "traits: expected an array of shape (4, traits) or (4,), found shape (2, 4).",
            ),
            ({"traits": np.ones(8)}, "traits: expected an array of shape (4, traits) or (4,), found shape (8,)."),
            (
                {"traits": np.ones((4, 0))},
                "traits: expected an array of shape (4, traits) or (4,), found shape (4, 0).",
            ),
            ({"traits": 5.0}, "traits: expected an array of shape (4, traits) or (4,), found shape ()."),
            ({"traits": [1, np.inf, 2, -np.inf]}, "traits: expected finite numbers or NaN, found 2 infinite."),
            (
                {"traits": ["high", 1, 2, 3]},
                "traits: expected an array of numbers, found texts or ragged lists. Put NaN where one is missing.",
            ),
            ({"animals": ["a", "b"]}, "animals: expected 4 different names, found 2, 2 of them different."),
            ({"animals": ["a", "b", "a", "c"]}, "animals: expected 4 different names, found 4, 3 of them different."),
            ({"trait_names": ["x", "y"]}, "trait_names: expected 1 different names, found 2, 2 of them different."),
            ({"markers": MarkerMap.numbered(3)}, "genotypes: expected dosages of shape (4, 3), found (4, 2)."),
            ({"weights": np.ones((4, 2))}, "weights: expected the shape of the traits, (4, 1), found (4, 2)."),
            (
                {"weights": [1, 0, NAN, -2]},
                "weights: expected a positive number for each record, found 3 others: 0.0, nan, -2.0. "
                "Let the record be NaN where it shouldn't count.",
            ),
            ({"covariates": pd.DataFrame({"age": [1, 2]})}, "covariates: expected 4 rows, one an animal, found 2."),
            (
                {"fixed": "age"},
                "fixed effects 'age': expected a column age among the covariates or in the trait table, found none. "
                "Add --covariates FILE.",
            ),
        ],
    )
    def test_what_fits_together_badly_is_refused(self, given: dict[str, Any], message: str) -> None:
        arguments = {"dosages": [[0, 1], [1, 2], [2, 0], [1, 1]], "traits": [1, 2, 3, 5], **given}

        with pytest.raises(SettingError, match=exactly(message)):
            Cohort.from_arrays(**arguments)

    def test_ragged_lists_are_no_array(self) -> None:
        with pytest.raises(SettingError, match=r"^dosages: expected an array of numbers, found texts or ragged"):
            Cohort.from_arrays([[0, 1], [2]], [1, 2])

    def test_a_pedigree_must_not_contradict_itself(self) -> None:
        own_sire = Pedigree(as_ids(["a"]), np.array([0]), np.array([-1]), np.array([NAN]), as_ids([""]))

        with pytest.raises(FileFormatError, match=r"^pedigree: expected no animal .* a loop: a <- a\."):
            a_cohort(pedigree=own_sire)


class TestInvariants:
    def test_animals_are_different(self) -> None:
        with pytest.raises(AlignmentError, match=exactly("cohort: expected 2 different animals, found 1.")):
            a_cohort().select(np.array([1, 1]))

    def test_records_belong_to_animals_of_the_cohort(self) -> None:
        cohort = a_cohort()
        others = replace(cohort.records, animals=as_ids(["z", "b", "y", "a"]))

        with pytest.raises(
            AlignmentError, match=exactly("cohort: expected records of genotyped animals, found 2 others: y, z.")
        ):
            replace(cohort, records=others)


class TestSelection:
    def test_animals_come_in_the_order_asked_for_with_their_records(self) -> None:
        part = repeated().select(np.array([3, 0, 1]))

        assert part.animals.tolist() == ["a", "d", "b"]
        assert part.records.animals.tolist() == ["d", "d", "b", "b"]
        assert part.records.values[:, 0].tolist() == [1, 4, 0, 3]
        assert part.record_rows.tolist() == [1, 1, 2, 2]
        np.testing.assert_array_equal([[0, 0, 2], [0, 1, 2], [2, -1, 1]], dosages(part.genotypes))

    @pytest.mark.parametrize("selection", [np.array([True, False, True, False]), slice(0, 4, 2), [0, 2]])
    def test_masks_and_slices_too(self, selection: Any) -> None:
        assert a_cohort().select(selection).animals.tolist() == ["d", "c"]

    def test_rows_of_records(self) -> None:
        assert repeated().record_rows.tolist() == [1, 0, 2, 1, 0]


class TestCanonicalForm:
    def test_animals_by_identifier_markers_by_map_first_alleles_counted(self) -> None:
        form = repeated().canonical()

        assert form.animals.tolist() == ["a", "b", "c", "d"]
        assert form.records.animals.tolist() == ["b", "b", "c", "d", "d"]
        assert form.records.values[:, 0].tolist() == [0, 3, 2, 1, 4]
        assert {"A"} == set(form.genotypes.markers.counted_alleles)
        np.testing.assert_array_equal([[2, 2, 0], [0, -1, 1], [1, 1, -1], [2, 1, 0]], dosages(form.genotypes))

    def test_the_order_of_animals_and_the_coding_of_markers_do_not_matter(self) -> None:
        cohort = repeated()
        other = cohort.select([2, 0, 3, 1])
        other = replace(other, genotypes=other.genotypes.recoded(np.array([True, False, True])))

        ours, theirs = cohort.canonical(), other.canonical()

        assert ours.animals.tolist() == theirs.animals.tolist()
        np.testing.assert_array_equal(dosages(ours.genotypes), dosages(theirs.genotypes))
        np.testing.assert_array_equal(ours.records.values, theirs.records.values)


def test_without_records_the_animals_and_traits_stay() -> None:
    bare = a_cohort(covariates=pd.DataFrame({"herd": list("ABAB")}), fixed="herd").without_records()

    assert bare.animals.tolist() == ["d", "b", "c", "a"]
    assert bare.records.trait_names == ["T1", "T2"]
    assert bare.records.values.shape == (0, 2)
    assert len(bare.records.effects) == 0
    assert bare.select([1]).animals.tolist() == ["b"]
