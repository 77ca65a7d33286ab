"""`simulate` and its presets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "dlgblop"), "preset: expected a known name, found 'dlgblop'. Did you mean dlgblup?"),
        (
            ("--preset", "dlgblup", "--n-traits", "4"),
            "--n-traits: expected no such option with --preset dlgblup, found 4. "
            "Its traits are given: leave the option out, or use --preset herd.",
        ),
        (("--preset", "dlgblup", "--phased"), "--phased: expected no such option with --preset dlgblup, found True."),
        (("--preset", "dlgblup", "--architecture", "additive"), "--architecture: expected no such option"),
        (("--preset", "dlgblup", "--markers", "30"), "expected a whole number of at least 200, found 30"),
        (("--animals", "0"), "animals: expected a whole number of at least 20, found 0"),
    ],
)
def test_that_presets_refuse_what_they_lack(
    words: tuple[str, ...], message: str, tmp_path: Path, genialearn: Callable[..., object]
) -> None:
    answer = genialearn("simulate", str(tmp_path / "new"), *words)

    assert 3 == answer.code
    assert message in answer.err
    assert not (tmp_path / "new").exists()
