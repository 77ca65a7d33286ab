from __future__ import annotations

from pathlib import Path

import pytest

from genialearn.errors import FileFormatError
from genialearn.report.figures.use import use_picture
from genialearn.report.usefulness import COLUMNS, beside, read_uses, use_words

ROWS = (
    ("milk", "r", "0.5", "0.3", "0.45", "0.04", "0.03", "drawn", "200", "1600"),
    ("milk", "r_difference", "", "-0.2", "-0.05", "0.02", "", "drawn", "200", "1600"),
    ("fat <b>", "r", "0.4", "0.38", "0.4", "0.04", "0.03", "asked", "150", "1200"),
    ("fat <b>", "r_difference", "", "-0.02", "0", "0.02", "", "asked", "150", "1200"),
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "usefulness.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in (COLUMNS, *ROWS)))
    return path


def test_a_table_is_read_by_trait(table: Path) -> None:
    milk, fat = read_uses(table)

    assert ("milk", "drawn", 200, 1600) == (milk.trait, milk.records, milk.n, milk.n_artificial)
    assert (0.5, 0.3, 0.45, 0.04, 0.03) == tuple(vars(milk["r"]).values())
    assert (True, False) == (milk.is_worse, fat.is_worse)
    assert ("(0.400)", "–") == (beside(fat["r"]), beside(fat["h2"]))
    assert () == read_uses(table.with_name("absent.tsv"))


def test_words(table: Path) -> None:
    both = read_uses(table)

    assert use_words(both) == (
        "Trained on artificial animals, GBLUP predicts real records with r = 0.340, trained on the real ones that "
        "these come from with 0.450, or 0.425 where their records are made likewise, means over 2 traits. A trait had "
        "records of 1,200 to 1,600 artificial and 150 to 200 real animals. In 1 of 2 traits r is lower than of real "
        "ones by more than three standard errors."
    )
    assert " likewise. A trait had records of 1,200 artificial and 150 real animals. In 0 of 1 " in use_words(both[1:])


def test_the_picture(table: Path) -> None:
    picture = use_picture(read_uses(table))
    assert picture is not None
    [figure] = picture.variants.values()

    assert ["milk", "fat &lt;b&gt;"] == figure["layout"]["yaxis"]["ticktext"]
    real, likewise, artificial = figure["data"]
    assert ([0.5, 0.4], [0.45, 0.4], [0.3, 0.38]) == (real["x"], likewise["x"], artificial["x"])
    assert [1.96 * 0.04] * 2 == artificial["error_x"]["array"]
    assert "error_x" not in likewise
    assert use_picture(()) is None


def test_repeated_rows_are_refused(table: Path) -> None:
    table.write_text(table.read_text() + "\t".join(ROWS[0]) + "\n")
    with pytest.raises(FileFormatError, match="line 6: expected one row for each trait x figure, found another"):
        read_uses(table)
