from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest


def contents(folder: Path) -> dict[str, str]:
    """Return every entry of a folder, at any depth, with the digest of what it holds."""
    return {str(path.relative_to(folder)): _digest(path) for path in sorted(folder.rglob("*"))}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "not a file"


@pytest.fixture
def refused(genialearn: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command that must be refused: by one line of error, no other word, and nothing on disk changed.

    The answer is what the line says. Commands run in the test's own folder.
    """
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 3) -> str:
        before = contents(tmp_path)
        answer = genialearn(*words)

        assert (code, "") == (answer.code, answer.out)
        assert 1 == answer.err.count("\n")
        assert before == contents(tmp_path)
        return answer.err.removeprefix("error: ").rstrip("\n")

    return run
