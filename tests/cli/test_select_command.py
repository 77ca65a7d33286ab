"""`select`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from genialearn.cli.selection import weights_of
from genialearn.errors import SettingError

SMALL = ("--animals", "40", "--markers", "210", "--generations", "2", "--founders", "independent", "--threads", "1")


def test_from_base_animals_to_the_page(tmp_path: Path, genialearn: Callable[..., object]) -> None:
    out = tmp_path / "out"
    words = ("select", *SMALL, "--model", "gblup", "--replicates", "1", "--weight", "sine=1", "--out", str(out))
    answer = genialearn(*words)

    assert 0 == answer.code
    assert "40 animals a generation x 210 markers x 6 traits, 2 generations x 1 replicate, by gblup" in answer.err
    assert "memory: about 0." in answer.err
    assert "1/1 gblup on replicate-1" in answer.err
    first, *_, last = answer.out.splitlines()
    assert first.startswith("After 2 generations the index has risen by ")
    assert f"report: {out / 'report.html'}" == last
    table = pd.read_csv(out / "gain.tsv", sep="\t")
    assert {1} == set(table["n"]) - {0}
    assert table["se"].isna().all()

    again = genialearn(*words)
    assert 3 == again.code
    assert "found a finished one. Choose another --out, or replace it with --force." in again.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "gblub"), "model: expected a known name, found 'gblub'. Did you mean gblup?"),
        (("--preset", "heard"), "preset: expected a known name, found 'heard'. Did you mean herd?"),
        (("--sires", "9"), "sires: expected at most as many as there are males in a generation, 8, found 9."),
        (("--markers", "28"), "markers: expected a whole number of at least 29, found 28."),
        (("--generations", "0"), "generations: expected a whole number of at least 1, found 0."),
        (("--replicates", "0"), "replicates: expected a whole number of at least 1, found 0."),
        (("--n-traits", "3"), "--n-traits: expected no such option with --preset dlgblup, found 3."),
        (("--weight", "sine"), "--weight: expected TRAIT=VALUE, each trait once, found sine."),
        (("--weight", "sign=1"), "weight: expected a known name, found 'sign'. Did you mean sine?"),
        (("--seed", "-1"), "seed: expected a whole number of at least 0, found -1."),
    ],
)
def test_wrong_words(words: tuple[str, ...], message: str, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    answer = genialearn("select", *SMALL, *words, "--out", str(tmp_path / "out"))

    assert 3 == answer.code
    assert message in answer.err
    assert not (tmp_path / "out").exists()


def test_weights_are_numbers() -> None:
    assert {"milk": 1.0, "fat": -0.5} == weights_of(["milk=1", "fat=-.5"])
    for words in (["milk=much"], ["milk=1", "milk=2"]):
        with pytest.raises(SettingError, match="--weight: expected TRAIT=VALUE, each trait once"):
            weights_of(words)
