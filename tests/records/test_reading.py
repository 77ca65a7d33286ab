from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from genialearn.errors import AlignmentError, FileFormatError, InputError, SettingError
from genialearn.records import RecordTable, Trait, read_records, with_covariates, with_weights
from messages import exactly

NAN = float("nan")
TABLE = "id\tmilk\tfat\therd\n007\t10\t\tA\n7\tNA\t4.5\tB\nc\t30\t5\tA\nd\t20\t5.5\t\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "traits.tsv").write_text(TABLE)
    return tmp_path / "traits.tsv"


def beside(path: Path, name: str, text: str) -> Path:
    path.with_name(name).write_text(text)
    return path.with_name(name)


class TestTraits:
    def test_named_traits_are_read_in_the_order_of_their_names(self, path: Path) -> None:
        records = read_records(path, names=["fat", "milk"])

        assert (Trait("fat"), Trait("milk")) == records.traits
        assert records.animals.tolist() == ["007", "7", "c", "d"]
        np.testing.assert_array_equal([[NAN, 10], [4.5, NAN], [5, 30], [5.5, 20]], records.values)
        np.testing.assert_array_equal(np.ones((4, 2)), records.weights)
        assert records.effects.to_dict("list") == {"herd": ["A", "B", "A", ""]}

    def test_only_selected_columns_are_checked(self, path: Path) -> None:
        path.write_text(path.read_text().replace("4.5", "inf").replace("5.5", "much"))

        assert read_records(path, names=["milk"]).trait_names == ["milk"]
        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: line 3: column fat: expected a finite number or a missing value, found 'inf' and 1 more. "
                "Select other columns with --trait, or write NA where there is no record."
            ),
        ):
            read_records(path, names=["milk", "fat"])

    def test_without_names_every_column_is_a_trait(self, path: Path) -> None:
        path.write_text("id\tmilk\thealth\na\t1\t0\nb\t2\t1\n")

        records = read_records(path)

        assert (Trait("milk"), Trait("health", kind="binary")) == records.traits
        assert records.effects.shape == (2, 0)

    def test_a_column_of_text_must_be_left_out_by_the_user(self, path: Path) -> None:
        with pytest.raises(
            FileFormatError, match=r"line 2: column herd: .*found 'A' and 2 more\. Select other columns"
        ):
            read_records(path)

    def test_an_unknown_trait_is_answered_with_the_nearest(self, path: Path) -> None:
        with pytest.raises(
            SettingError, match=exactly(f"{path}: expected a column milc, found none. Did you mean milk?")
        ):
            read_records(path, names=["milc"])

    def test_a_table_without_any_trait(self, path: Path) -> None:
        path.write_text("id\na\nb\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected a column for at least one trait, found none. "
                "Name the traits with --trait, or describe them in traits.toml."
            ),
        ):
            read_records(path)

    @pytest.mark.parametrize(
        ("fields", "found"), [(("", "NA"), "no record at all"), (("5", "5"), "always 5"), (("0.5", ""), "always 0.5")]
    )
    def test_a_trait_that_never_varies_is_refused(self, path: Path, fields: tuple[str, str], found: str) -> None:
        path.write_text("id\tmilk\na\t{}\nb\t{}\n".format(*fields))

        with pytest.raises(
            AlignmentError,
            match=exactly(
                f"{path}: column milk: expected records that differ, found {found}. "
                "Leave this trait out with --trait, or check the column."
            ),
        ):
            read_records(path)


class TestDescribedTraits:
    def test_those_that_are_described_are_read_as_described(self, path: Path) -> None:
        settings = beside(path, "traits.toml", '[fat]\nunit = "kg"\n\n[milk]\nfixed = "herd"\n\n[wool]\n')

        records = read_records(path, settings=settings)

        assert (Trait("milk", fixed="herd"), Trait("fat", unit="kg")) == records.traits

    def test_a_named_trait_needs_no_description(self, path: Path) -> None:
        settings = beside(path, "traits.toml", '[fat]\nunit = "kg"\n')

        assert (Trait("milk"),) == read_records(path, names=["milk"], settings=settings).traits

    def test_a_description_that_says_nothing_of_the_kind_leaves_it_to_the_records(self, path: Path) -> None:
        path.write_text("id\thealth\nascore\t0\nb\t1\n")

        for text, kind in (('unit = "score"', "binary"), ('kind = "quantitative"', "quantitative")):
            settings = beside(path, "traits.toml", f"[health]\n{text}\n")
            assert kind == read_records(path, settings=settings).traits[0].kind

    def test_a_binary_trait_has_records_0_and_1(self, path: Path) -> None:
        settings = beside(path, "traits.toml", '[fat]\nkind = "binary"\n')

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: column fat: expected 0 or 1, since its kind is binary, found 4.5, 5, 5.5. "
                "Recode it, or describe it as quantitative."
            ),
        ):
            read_records(path, settings=settings)

    def test_descriptions_of_other_traits_are_of_no_use(self, path: Path) -> None:
        settings = beside(path, "traits.toml", "[Milk]\n[wool]\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected a column such as Milk, wool, found the columns milk, fat, herd. "
                "Name the traits with --trait, or describe them in traits.toml."
            ),
        ):
            read_records(path, settings=settings)


class TestRepeatedRecords:
    TEXT = "id\tenvironment\tmilk\na\tE1\t10\nb\tE1\t11\na\tE2\t12\n"

    def test_an_animal_may_have_several(self, path: Path) -> None:
        path.write_text(self.TEXT)

        records = read_records(path, repeated=True)

        assert records.animals.tolist() == ["a", "b", "a"]
        assert records.trait_names == ["milk"]
        assert records.effects["environment"].tolist() == ["E1", "E1", "E2"]

    def test_but_only_where_the_user_says_so(self, path: Path) -> None:
        path.write_text(self.TEXT)

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected every id once, found 1 repeated: a. "
                "Leave one row an animal; repeated records have a table of their own (--records)."
            ),
        ):
            read_records(path, names=["milk"])


class TestWeights:
    @pytest.fixture
    def records(self, path: Path) -> RecordTable:
        return read_records(path, names=["milk", "fat"])

    def test_they_are_found_by_animal_and_trait(self, path: Path, records: RecordTable) -> None:
        table = beside(path, "weights.tsv", "id\tfat\twool\nd\t2\tx\nc\t\tx\n7\t0.5\tx\nz\t9\tx\n")

        weighted = with_weights(records, table)

        np.testing.assert_array_equal([[1, 1], [1, 0.5], [1, 1], [1, 2]], weighted.weights)
        np.testing.assert_array_equal([[10, NAN], [NAN, 4.5], [30, NAN], [20, 5.5]], weighted.values)
        np.testing.assert_array_equal(np.ones((4, 2)), records.weights)

    def test_each_record_of_an_animal_has_its_weight(self, path: Path) -> None:
        path.write_text(TestRepeatedRecords.TEXT)
        records = read_records(path, repeated=True)

        weighted = with_weights(records, beside(path, "weights.tsv", "id\tmilk\na\t3\nb\t2\n"))

        assert weighted.weights.tolist() == [[3], [2], [3]]

    @pytest.mark.parametrize(("text", "found"), [("0", "'0'"), ("-1", "'-1'")])
    def test_they_are_positive(self, path: Path, records: RecordTable, text: str, found: str) -> None:
        table = beside(path, "weights.tsv", f"id\tmilk\n007\t1\nc\t{text}\nd\t{text}\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{table}: line 3: column milk: expected a positive weight, found {found} and 1 more. "
                "Leave the field empty where a record shouldn't count."
            ),
        ):
            with_weights(records, table)

    @pytest.mark.parametrize(("text", "found"), [("id\tMilk\twool\n007\t1\t1\n", "Milk, wool"), ("id\n007\n", "none")])
    def test_a_table_of_other_traits_is_refused(self, path: Path, records: RecordTable, text: str, found: str) -> None:
        table = beside(path, "weights.tsv", text)

        with pytest.raises(
            AlignmentError,
            match=exactly(
                f"{table}: expected columns such as milk, fat, found {found}. "
                "Give every trait the name that it has among the records."
            ),
        ):
            with_weights(records, table)

    @pytest.mark.parametrize("add", [with_weights, with_covariates])
    def test_a_table_of_other_animals_is_refused(self, path: Path, records: RecordTable, add: object) -> None:
        table = beside(path, "other.tsv", "id\tmilk\nx\t1\ny\t1\n")

        with pytest.raises(
            AlignmentError,
            match=exactly(
                f"{table}: expected animals such as 007, 7, c, ..., found none of them among 2 such as x, y. "
                "Use the identifiers of the trait table."
            ),
        ):
            add(records, table)  # type: ignore[operator]


class TestCovariates:
    def test_they_are_found_by_animal_and_absent_ones_are_empty(self, path: Path) -> None:
        table = beside(path, "covariates.tsv", "id\tage\nd\t24\nz\t1\n007\t30\n")

        records = with_covariates(read_records(path, names=["milk"]), table)

        assert records.effects.columns.tolist() == ["fat", "herd", "age"]
        assert records.effects["age"].tolist() == ["30", "", "", "24"]
        assert records.effects["herd"].tolist() == ["A", "B", "A", ""]

    def test_each_record_of_an_animal_has_them(self, path: Path) -> None:
        path.write_text(TestRepeatedRecords.TEXT)
        table = beside(path, "covariates.tsv", "id\tsire\nb\tS\na\tT\n")

        records = with_covariates(read_records(path, repeated=True), table)

        assert records.effects["sire"].tolist() == ["T", "S", "T"]

    def test_a_column_that_is_there_already_is_refused(self, path: Path) -> None:
        table = beside(path, "covariates.tsv", "id\tfat\therd\n007\t1\tA\n")

        with pytest.raises(
            AlignmentError,
            match=exactly(
                f"{table}: expected columns that the trait table doesn't have, found both have fat, herd. "
                "Rename or remove one of them."
            ),
        ):
            with_covariates(read_records(path, names=["milk"]), table)


def test_an_absent_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "traits.tsv"

    with pytest.raises(InputError, match=exactly(f"{path}: no such file or directory. Check the name and the folder.")):
        read_records(path)


@pytest.mark.real
@pytest.mark.skipif("GENIALEARN_REAL_DATA" not in os.environ, reason="GENIALEARN_REAL_DATA isn't set")
def test_real_tables_are_read() -> None:
    folder = Path(os.environ["GENIALEARN_REAL_DATA"])

    mice = read_records(folder / "mice_hs" / "pheno_bglr1814.tsv", names=["Obesity.BMI", "Obesity.BodyLength"])
    milk = read_records(folder / "dairy_milk_usda" / "milk_records.tsv", names=["milk", "fat"], repeated=True)

    assert mice.values.shape == (1814, 2)
    assert milk.values.shape == (3397, 2)
    assert len(set(milk.animals)) < len(milk.animals)
