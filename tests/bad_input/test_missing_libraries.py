from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MESSAGES = {
    "lightgbm": "model lightgbm: expected the library lightgbm, found none. "
    "Install it with: pip install 'genialearn[trees]'.",
    "network": "model network: expected the library torch, found none. "
    "Install it with: pip install 'genialearn[deep]'.",
}


@pytest.mark.parametrize(("model", "library"), [("lightgbm", "lightgbm"), ("network", "torch")])
def test_that_a_missing_library_is_named_with_how_to_install_it(
    model: str, library: str, herd: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    assert MESSAGES[model] == refused("compare", "herd", "--model", model, code=5)


def test_that_a_process_ends_with_five(herd: Path) -> None:
    program = "import sys; sys.modules['lightgbm'] = None; from genialearn.cli.app import main; main()"

    ended = subprocess.run(
        [sys.executable, "-c", program, "compare", "herd", "--model", "lightgbm"],
        cwd=herd.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (5, "", f"error: {MESSAGES['lightgbm']}\n") == (ended.returncode, ended.stdout, ended.stderr)
    assert ["herd"] == [path.name for path in herd.parent.iterdir()]
