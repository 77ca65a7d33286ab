from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.errors import FileFormatError
from genialearn.records import Pedigree, check_pedigree, read_pedigree
from messages import exactly

NAN = float("nan")
TEXT = """\
id\tsire\tdam\tbirth_year\tsex
calf\tbull\tcow\t2020\tF
bull\t0\tgranny\t2015\tmale
cow\tNA\t\t2016\t2
007\tbull\t0\t0\t
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "pedigree.tsv").write_text(TEXT)
    return tmp_path / "pedigree.tsv"


class TestReading:
    def test_parents_are_rows_and_those_without_a_row_are_added(self, path: Path) -> None:
        pedigree = read_pedigree(path)

        assert len(pedigree) == 5
        assert pedigree.ids.tolist() == ["calf", "bull", "cow", "007", "granny"]
        assert pedigree.sires.tolist() == [1, -1, -1, 1, -1]
        assert pedigree.dams.tolist() == [2, 4, -1, -1, -1]
        np.testing.assert_array_equal([2020, 2015, 2016, NAN, NAN], pedigree.birth_years)
        assert pedigree.sexes.tolist() == ["female", "male", "female", "", ""]

    def test_only_parents_are_needed(self, path: Path) -> None:
        path.write_text("dam\tid\tsire\ncow\tcalf\tbull\n")

        pedigree = read_pedigree(path)

        assert pedigree.ids.tolist() == ["calf", "bull", "cow"]
        assert np.isnan(pedigree.birth_years).all()
        assert pedigree.sexes.tolist() == [""] * 3

    @pytest.mark.parametrize("header", ["id\tfather\tmother\tbirthyear", "id\tpar1\tpar2\tbirth_year"])
    def test_synonyms(self, path: Path, header: str) -> None:
        path.write_text(f"{header}\ncalf\tbull\tcow\t2020\n")

        pedigree = read_pedigree(path)

        assert (pedigree.sires[0], pedigree.dams[0], pedigree.birth_years[0]) == (1, 2, 2020)

    @pytest.mark.parametrize(
        ("text", "sex"),
        [
            *((word, "male") for word in ("1", "m", "M", "male", "Male", "MALE")),
            *((word, "female") for word in ("2", "f", "F", "female", "Female")),
            *((word, "") for word in ("", "0", "NA", "nan", ".")),
        ],
    )
    def test_sexes_in_every_spelling(self, path: Path, text: str, sex: str) -> None:
        path.write_text(f"id\tsire\tdam\tsex\na\t0\t0\t{text}\n")

        assert [sex] == read_pedigree(path).sexes.tolist()


class TestQuestions:
    def test_rows_years_and_sires_of_any_animals(self, path: Path) -> None:
        pedigree = read_pedigree(path)
        animals = as_ids(["granny", "stranger", "calf", "007", "cow"])

        assert pedigree.rows_of(animals).tolist() == [4, -1, 0, 3, 2]
        np.testing.assert_array_equal([NAN, NAN, 2020, NAN, 2016], pedigree.birth_years_of(animals))
        assert pedigree.sires_of(animals).tolist() == ["0", "0", "bull", "bull", "0"]
        assert pedigree.sires_of(as_ids([])).tolist() == []

    def test_the_sire_may_be_in_the_first_row(self, path: Path) -> None:
        path.write_text("id\tsire\tdam\nbull\t0\t0\ncalf\tbull\t0\n")

        assert ["bull"] == read_pedigree(path).sires_of(as_ids(["calf"])).tolist()


class TestRefusal:
    @pytest.mark.parametrize(
        ("rows", "found"),
        [
            ("a\ta\t0", "a <- a"),
            ("a\tb\t0\nb\t0\ta", "a <- b <- a"),
            ("child\tx\t0\nx\t0\ty\ny\tz\t0\nz\tx\t0", "x <- y <- z <- x"),
            ("good\t0\t0\nchild\tgood\tx\nx\tgood\ty\ny\tgood\tx", "x <- y <- x"),
            (
                "\n".join(f"a{row}\ta{(row + 1) % 5}\t0" for row in range(5)),
                "a0 <- a1 <- a2 <- a3 <- a4 <- a0",
            ),
            (
                "\n".join(f"a{row}\ta{(row + 1) % 2000}\t0" for row in range(2000)),
                "a0 <- a1 <- a2 <- a3 <- a4 <- ... (2,000 animals) <- a0",
            ),
        ],
    )
    def test_an_animal_among_its_own_ancestors(self, path: Path, rows: str, found: str) -> None:
        path.write_text(f"id\tsire\tdam\n{rows}\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected no animal among its own ancestors, found a loop: {found}. "
                "Correct the parents of one of them."
            ),
        ):
            read_pedigree(path)

    @pytest.mark.parametrize(
        ("rows", "expected", "found"),
        [
            ("calf\tcow\t0\tF\ncow\t0\t0\tF", "no female as sire", "1: cow"),
            ("calf\t0\tbull\tF\nbull\t0\t0\tM", "no male as dam", "1: bull"),
        ],
    )
    def test_a_parent_of_the_wrong_sex(self, path: Path, rows: str, expected: str, found: str) -> None:
        path.write_text(f"id\tsire\tdam\tsex\n{rows}\n")

        with pytest.raises(
            FileFormatError,
            match=exactly(f"{path}: expected {expected}, found {found}. Correct the sex or the parentage."),
        ):
            read_pedigree(path)

    def test_an_animal_in_both_roles_unless_sexes_are_unknown_as_for_plants(self, path: Path) -> None:
        path.write_text("id\tsire\tdam\np\t0\t0\nx\tp\tq\ny\tq\tp\n")
        assert len(read_pedigree(path)) == 4

        path.write_text("id\tsire\tdam\tsex\np\t0\t0\t\nx\tp\tq\tF\ny\tq\tp\t\n")
        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected each animal as sire or as dam, found 2 used as both: p, q. "
                "Correct the parentage; for plants, leave the column sex out."
            ),
        ):
            read_pedigree(path)

    def test_an_animal_born_before_a_parent(self, path: Path) -> None:
        path.write_text(TEXT.replace("2015", "2021"))

        with pytest.raises(
            FileFormatError,
            match=exactly(
                f"{path}: expected no animal born before its parents, found 1: calf. "
                "Correct the birth years or the parentage."
            ),
        ):
            read_pedigree(path)

    def test_an_animal_born_in_the_year_of_its_parent_is_accepted(self, path: Path) -> None:
        path.write_text(TEXT.replace("2015", "2020"))

        assert len(read_pedigree(path)) == 5

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "id\tsire\na\t0\n",
                ": line 1: expected the columns id, sire and dam, each once, found id, sire. "
                "A sire may be called father or par1, a dam mother or par2.",
            ),
            (
                "id\tsire\tfather\tdam\na\t0\t0\t0\n",
                ": line 1: expected the columns id, sire and dam, each once, found id, sire, sire, dam. "
                "A sire may be called father or par1, a dam mother or par2.",
            ),
            (
                "id\tsire\tdam\na\t0\t0\na\t0\t0\n",
                ": expected every id once, found 1 repeated: a. "
                "Leave one row an animal; repeated records have a table of their own (--records).",
            ),
            (
                "id\tsire\tdam\na\t0\t0\n0\t0\t0\n",
                ": line 3: expected an animal, found the id 0, which stands for unknown parents. "
                "Remove the line, or rename the animal.",
            ),
            (
                TEXT.replace("2016", "2016-05-01"),
                ": line 4: column birth_year: expected a finite number or a missing value, found '2016-05-01'. "
                "Give the year alone, and leave it empty where unknown.",
            ),
            (
                TEXT.replace("male", "steer"),
                ": line 3: column sex: expected male, female, m, f, 1, 2 or nothing, found 'steer'. "
                "Leave it empty where unknown.",
            ),
        ],
    )
    def test_a_table_that_is_no_pedigree(self, path: Path, text: str, message: str) -> None:
        path.write_text(text)

        with pytest.raises(FileFormatError, match=exactly(f"{path}{message}")):
            read_pedigree(path)

    def test_pedigrees_made_in_memory_are_held_to_the_same(self) -> None:
        loop = Pedigree(as_ids(["a", "b"]), np.array([1, 0]), np.array([-1, -1]), np.full(2, np.nan), as_ids(["", ""]))

        with pytest.raises(FileFormatError, match=r"^here: .* found a loop: a <- b <- a\."):
            check_pedigree(loop, "here")
