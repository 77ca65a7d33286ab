"""Names that are markup, formulas or control characters: accepted as names, and never as anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from damage import edit_line

from finished_run import genialearn_process

SCRIPT = "<script>alert(1)</script>"


@pytest.mark.usefixtures("cells_in_process")
def test_that_a_trait_may_be_named_like_a_script_which_never_runs(
    herd: Path, genialearn: Callable[..., object]
) -> None:
    edit_line("traits.tsv", 1, lambda line: line.replace("milk", SCRIPT).replace("fat", '"; DROP TABLE cows'))(herd)
    (herd / "traits.toml").unlink()

    answer = genialearn("compare", str(herd), "--split", "forward", "--model", "gblup", "--out", str(herd / "run"))

    assert 0 == answer.code
    scores = pd.read_csv(herd / "run" / "scores.tsv", sep="\t")
    assert {SCRIPT, '"; DROP TABLE cows', "health", "conception"} == set(scores["trait"])
    page = (herd / "run" / "report.html").read_text(encoding="utf-8")
    assert SCRIPT not in page
    assert "alert(1)" in page


def test_that_control_characters_in_a_file_do_not_reach_the_terminal(herd: Path, refused: Callable[..., str]) -> None:
    edit_line("genotypes.fam", 1, lambda line: line.replace("cow001", "\x1b[2Jcow"))(herd)
    edit_line("genotypes.fam", 2, lambda line: line.replace("cow002", "\x1b[2Jcow"))(herd)

    message = (
        r"herd/genotypes.fam: expected every animal once, found 1 repeated: \x1b[2Jcow. "
        "Give each animal a name of its own."
    )
    assert message == refused("check", "herd")


def test_that_a_terminal_without_the_letters_of_a_name_gets_them_spelled_out(herd: Path) -> None:
    edit_line("traits.tsv", 1, lambda line: line.replace("fat", "fett \u2192 \u00e4"))(herd)

    environment = {**os.environ, "PYTHONIOENCODING": "latin-1:strict"}

    answer = genialearn_process("check", herd, "--trait", "fett \u2192 \u00e4", env=environment, errors="replace")

    assert (0, "") == (answer.code, answer.err)
    assert "\nfett \\u2192 " in answer.out
