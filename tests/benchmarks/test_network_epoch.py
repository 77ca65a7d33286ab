from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "network_epoch.py"


def test_a_small_epoch(tmp_path: Path) -> None:
    sizes = ["--animals", "203", "--markers", "301", "--traits", "3", "--threads", "1", "--folder", str(tmp_path)]
    finished = subprocess.run([sys.executable, str(SCRIPT), *sizes], capture_output=True, text=True, check=True)

    assert "an epoch of 203 x 301 x 3: " in finished.stdout
    assert "decoding: " in finished.stdout
    assert [] == list(tmp_path.iterdir())
