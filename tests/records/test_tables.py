from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genialearn.errors import FileFormatError, SettingError
from genialearn.records import tables
from messages import exactly

LOST = "Is this the right file, and was it written to its end?"
TABLE = "id\therd\tmilk\n007\tA 1\t1.5\n7\tB\t2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traits.tsv"


def read(path: Path, text: str | bytes, *, unique: bool = True) -> pd.DataFrame:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return tables.read_table(path, unique=unique)


def answer(path: Path, content: bytes) -> str:
    try:
        return f"{path}: {len(read(path, content))} rows"
    except FileFormatError as error:
        return str(error)


class TestReading:
    def test_every_field_is_text_and_every_row_knows_its_line(self, path: Path) -> None:
        table = read(path, TABLE)

        assert table.columns.tolist() == ["id", "herd", "milk"]
        assert table.to_numpy().tolist() == [["007", "A 1", "1.5"], ["7", "B", "2"]]
        assert table.index.tolist() == [2, 3]

    @pytest.mark.parametrize(
        "text",
        [
            TABLE.replace("\n", "\r\n"),
            TABLE.replace("\n", "\r"),
            "\ufeff" + TABLE,
            TABLE.rstrip(),
            TABLE + "\n\t\t\n  \n",
            "\n" + TABLE.replace("\n", "\n\n"),
            TABLE.replace("\t", " \t ").replace("\n", "  \n"),
            '"id"\t"herd"\t"milk"\n"007"\t"A 1"\t"1.5"\n"7"\t"B"\t2\n',
        ],
        ids=["CRLF", "CR", "mark", "no end", "blank end", "blank lines", "spaces", "quotes"],
    )
    def test_what_editors_and_other_programs_add_does_not_matter(self, path: Path, text: str) -> None:
        expected = read(path, TABLE).to_numpy().tolist()

        assert expected == read(path, text).to_numpy().tolist()

    @pytest.mark.parametrize(
        "field", ['5" pipe', "a,b", "#1", "\u2028", "a\x85b", "true", "NA", "1e5", "é", "'", "\\t", "\\"]
    )
    def test_fields_are_what_they_say(self, path: Path, field: str) -> None:
        assert [field.strip()] == read(path, f"id\tname\na\t{field}\n")["name"].tolist()

    def test_lines_are_counted_in_the_file(self, path: Path) -> None:
        assert read(path, "\nid\na\n\nb\n").index.tolist() == [3, 5]

    def test_repeated_ids_where_they_are_allowed(self, path: Path) -> None:
        assert read(path, "id\tmilk\na\t1\na\t2\n", unique=False)["id"].tolist() == ["a", "a"]

    def test_a_line_may_be_longer_than_a_block_of_the_reader(self, path: Path) -> None:
        long = "x" * 3_000_000

        assert [[long, "1"], ["short", "2"]] == read(path, f"id\tname\tmilk\na\t{long}\t1\nb\tshort\t2\n")[
            ["name", "milk"]
        ].to_numpy().tolist()

    def test_a_table_may_be_wide(self, path: Path) -> None:
        header = [f"band{column}" for column in range(2000)]

        table = read(path, "\t".join(["id", *header]) + "\na" + "\t0.5" * 2000 + "\n")

        assert ["id", *header] == table.columns.tolist()

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
    @given(
        st.lists(
            st.lists(st.text(st.characters(exclude_characters='\t\n\r"\0', codec="utf-8")), min_size=2, max_size=2),
            min_size=1,
        )
    )
    def test_any_text_comes_back_stripped(self, path: Path, rows: list[list[str]]) -> None:
        lines = [f"a{row}\t" + "\t".join(fields) for row, fields in enumerate(rows)]

        table = read(path, "\n".join(["id\tx\ty", *lines]))

        assert [[field.strip() for field in fields] for fields in rows] == table[["x", "y"]].to_numpy().tolist()


class TestRefusal:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", ": expected a header line and one row a record, found an empty file. " + LOST),
            ("\n \n", ": expected a header line and one row a record, found an empty file. " + LOST),
            ("id\tmilk\n", ": expected a header line and one row a record, found no row. " + LOST),
            (
                "animal\tmilk\na\t1\n",
                ": line 1: expected a tab-separated header with a column id, found the columns animal, milk. "
                "Name the column of the animals' identifiers id, and separate columns by tabs.",
            ),
            (
                "id,milk,fat\na,1,2\n",
                ": line 1: expected a tab-separated header with a column id, found the columns id,milk,fat. "
                "Name the column of the animals' identifiers id, and separate columns by tabs.",
            ),
            (
                "id\tmilk\n\na\t1\nb\n",
                ": line 4: expected 2 columns, found 1. Was the file saved by a spreadsheet, or with row names?",
            ),
            (
                "id\tmilk\n1\ta\t1\n",
                ": line 2: expected 2 columns, found 3. Was the file saved by a spreadsheet, or with row names?",
            ),
            (
                "id\tmilk\tmilk\na\t1\t2\n",
                ": line 1: expected every column once, found 1 repeated: milk. Rename or remove all but one.",
            ),
            (
                "id\t\tmilk\na\t1\t2\n",
                ": line 1: expected a name for every column, found none for column 2. Name the column, or remove it.",
            ),
            (
                "id\tmilk\na\t1\n\t2\n",
                ": line 3: expected an identifier in the column id, found ''. Name the animal, or remove the line.",
            ),
            (
                "id\tmilk\nNA\t1\n",
                ": line 2: expected an identifier in the column id, found 'NA'. Name the animal, or remove the line.",
            ),
            (
                "id\tmilk\n" + "a\t1\nb\t1\nc\t1\nd\t1\n" * 2,
                ": expected every id once, found 4 repeated: a, b, c, ... "
                "Leave one row an animal; repeated records have a table of their own (--records).",
            ),
            (
                b"id\tmilk\na\t\x00\n",
                ": line 2: expected text in UTF-8, found the byte 0x00. "
                "Is this a binary or compressed file, or text to be saved as UTF-8?",
            ),
        ],
    )
    def test_a_table_that_is_none(self, path: Path, content: str | bytes, message: str) -> None:
        with pytest.raises(FileFormatError, match=exactly(f"{path}{message}")):
            read(path, content)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
    @given(st.binary())
    def test_whatever_is_in_a_file_the_answer_is_a_table_or_a_message(self, path: Path, junk: bytes) -> None:
        for content in (junk, b"id\tmilk\n" + junk, b"id\na" + junk):
            assert answer(path, content).startswith(f"{path}: ")


class TestMissingValues:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "NA",
            "na",
            "Na",
            "NaN",
            "nan",
            "NAN",
            "-nan",
            ".",
            "-",
            "N/A",
            "n/a",
            "#N/A",
            "NULL",
            "null",
            "None",
            "<NA>",
        ],
    )
    def test_all_usual_spellings(self, path: Path, text: str) -> None:
        table = read(path, f"id\tmilk\na\t{text}\nb\t1\n")

        assert tables.missing(table["milk"]).tolist() == [True, False]
        np.testing.assert_array_equal([np.nan, 1], tables.numbers(path, table["milk"]))

    @pytest.mark.parametrize("text", ["0", "-9", "-1", "N", "no", "nil"])
    def test_what_could_be_a_value_is_one(self, text: str) -> None:
        assert tables.missing(pd.Series([text], dtype="str")).tolist() == [False]


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "number"),
        [("1", 1), ("-2.5", -2.5), ("+3", 3), (".5", 0.5), ("1e-3", 0.001), ("1E5", 1e5), ("-9", -9), ("9" * 30, 1e30)],
    )
    def test_numbers_in_every_notation(self, path: Path, text: str, number: float) -> None:
        table = read(path, f"id\tmilk\na\t{text}\n")

        np.testing.assert_allclose([number], tables.numbers(path, table["milk"]))

    @pytest.mark.parametrize(
        "text", ["abc", "1.5 kg", "inf", "-Infinity", "1e999", "0x10", "1_000", "TRUE", "1.2.3", "--1"]
    )
    def test_anything_else_is_refused(self, path: Path, text: str) -> None:
        table = read(path, f"id\tmilk\na\t1\nb\t{text}\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: line 3: column milk: expected a finite number or a missing value, found '{text}'. "
                "Correct it, or leave the field empty where it's unknown."
            ),
        ):
            tables.numbers(path, table["milk"])

    def test_the_first_is_shown_and_the_others_are_counted(self, path: Path) -> None:
        table = read(path, "id\tmilk\n" + "".join(f"a{row}\tbad{row}\n" for row in range(1235)))

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: line 2: column milk: expected a finite number or a missing value, "
                "found 'bad0' and 1,234 more. Do so."
            ),
        ):
            tables.numbers(path, table["milk"], advice="Do so.")

    def test_a_decimal_comma_is_recognised(self, path: Path) -> None:
        table = read(path, "id\tmilk\na\t-1,5\n")

        with pytest.raises(FileFormatError, match=r"found '-1,5'\. Write numbers with a decimal point\.$"):
            tables.numbers(path, table["milk"])


class TestNamedColumns:
    def test_each_name_once_in_the_order_asked_for(self, path: Path) -> None:
        assert tables.columns_named(path, read(path, TABLE), ["milk", "herd", "milk"]) == ["milk", "herd"]

    @pytest.mark.parametrize(
        ("name", "advice"),
        [("milc", "Did you mean milk?"), ("id", "Known are: herd, milk."), ("Q", "Known are: herd, milk.")],
    )
    def test_an_unknown_column_is_answered_with_known_ones(self, path: Path, name: str, advice: str) -> None:
        table = read(path, TABLE)

        with pytest.raises(SettingError, match=exactly(f"{path}: expected a column {name}, found none. {advice}")):
            tables.columns_named(path, table, [name])
