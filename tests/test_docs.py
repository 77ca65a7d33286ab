"""The code blocks of README and docs run as they stand, at a smaller size."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALLER = {
    "--animals 3000": "--animals 150",
    "--markers 5000": "--markers 300",
    "--split forward": "--model gblup --split forward",
    "--split kfold:3": "--split forward",
    "--replicates 3": "--replicates 1 --generations 2 --markers 300 --founders independent",
}


def blocks(language: str) -> list[object]:
    """Return every fenced block of a language, with the page's name as its id."""
    found = [
        (f"{page.name}-{number}", match)
        for page in PAGES
        for number, match in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S))
    ]
    return [pytest.param(text, id=name) for name, text in found]


@pytest.mark.parametrize("block", blocks("python"))
def test_python_block_runs(block: str, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("block", blocks("bash"))
def test_command_block_runs(block: str, tmp_path: Path) -> None:
    for words, fewer in SMALLER.items():
        block = block.replace(words, fewer)
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "genialearn"

        finished = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "120"},
        )

        assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
