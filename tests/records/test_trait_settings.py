from __future__ import annotations

from pathlib import Path

import pytest

from genialearn.errors import FileFormatError, SettingError
from genialearn.records import Trait, read_trait_settings
from messages import exactly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traits.toml"


def test_what_is_described_is_read_and_the_rest_is_usual(path: Path) -> None:
    path.write_text(
        '[milk]\nunit = "kg"\nkind = "quantitative"\ndirection = "higher"\nfixed = "C(herd)"\ngroup = "production"\n'
        '\n[health]\nkind = "binary"\ndirection = ""\nrandom = ""\n\n["somatic cells"]\n'
    )

    assert {
        "milk": Trait("milk", "kg", "quantitative", "higher", "C(herd)", "", "production"),
        "health": Trait("health", kind="binary"),
        "somatic cells": Trait("somatic cells"),
    } == read_trait_settings(path)


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_nothing_described(path: Path, text: str) -> None:
    path.write_text(text)

    assert not read_trait_settings(path)


def test_line_endings_and_marks_do_not_matter(path: Path) -> None:
    path.write_bytes(b'\xef\xbb\xbf[milk]\r\nunit = "kg"\r\n')

    assert read_trait_settings(path)["milk"].unit == "kg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[milk]\nfixd = "age"\n', ": [milk]: expected a known key, found fixd. Did you mean fixed?"),
        (
            '[milk]\nwool = "age"\n',
            ": [milk]: expected a known key, found wool. Known are: direction, fixed, group, kind, random, unit.",
        ),
        ('[milk]\nkind = "binray"\n', ": [milk] kind: expected a known name, found 'binray'. Did you mean binary?"),
        (
            '[milk]\ndirection = "up"\n',
            ": [milk] direction: expected a known name, found 'up'. Known are: higher, lower, optimum.",
        ),
    ],
)
def test_unknown_words_are_answered_with_known_ones(path: Path, text: str, message: str) -> None:
    path.write_text(text)

    with pytest.raises(SettingError, match=exactly(f"{path}{message}")):
        read_trait_settings(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("milk = 3\n", ": [milk]: expected a table with keys such as unit, kind and fixed, found 3."),
        ("[milk]\nunit = 3\n", ": [milk] unit: expected a text, found 3. Put it in quotes."),
        ('[milk]\nfixed = ["age"]\n', ": [milk] fixed: expected a text, found ['age']. Put it in quotes."),
    ],
)
def test_what_is_no_description_is_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)

    with pytest.raises(FileFormatError, match=exactly(f"{path}{message}")):
        read_trait_settings(path)


@pytest.mark.parametrize("text", ["[milk\n", "[milk]\n[milk]\n", "milk: 3\n", "[milk]\nunit = kg\n"])
def test_what_is_no_toml_is_refused_with_the_place(path: Path, text: str) -> None:
    path.write_text(text)

    advice = r'Write key = "text" below \[trait\]\.'

    with pytest.raises(FileFormatError, match=rf"expected TOML, found [a-z].* \(at line \d, column \d+\)\. {advice}$"):
        read_trait_settings(path)


def test_a_binary_file_is_refused(path: Path) -> None:
    path.write_bytes(b"[milk]\n\x00")

    with pytest.raises(FileFormatError, match=r"traits\.toml: line 2: expected text in UTF-8, found the byte 0x00\."):
        read_trait_settings(path)
