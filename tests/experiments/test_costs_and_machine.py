from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genialearn.experiments import costs, machine
from genialearn.experiments.costs import MemoryWatch, Stopwatch


def test_a_stopwatch_measures_each_stage() -> None:
    announced: list[str] = []
    watch = Stopwatch(announced.append, lambda: 12.34)

    with watch.stage("sleep"):
        time.sleep(0.05)
    with watch.stage("work"):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    sleep, work = watch.stages
    assert announced == ["sleep", "work"] == [sleep["stage"], work["stage"]]
    assert sleep["wall_s"] >= 0.05 > sleep["cpu_s"]
    assert work["cpu_s"] >= 0.05
    assert 12.3 == sleep["peak_rss_mib"]


def test_a_stage_that_fails_is_not_counted() -> None:
    watch = Stopwatch(lambda stage: None, lambda: 0.0)

    with pytest.raises(ValueError, match="no"), watch.stage("fit"):
        raise ValueError("no")

    assert [] == watch.stages


def test_the_peak_stays_when_memory_is_given_back() -> None:
    before = costs.own_peak_mib()
    memory = np.ones(100 * 2**17)
    del memory

    assert costs.own_peak_mib() - before + 100 * (before > costs.own_peak_mib() - 80) > 80


def test_descendants_are_found_at_any_depth() -> None:
    parents = {2: 1, 3: 2, 4: 3, 5: 9, 6: 1}

    assert {2, 3, 4, 6} == costs._descendants(1, parents)
    assert set() == costs._descendants(5, parents)


def test_memory_of_children_is_added() -> None:
    with MemoryWatch() as memory:
        before = memory.peak_mib()
        program = "import time; memory = bytearray(80 * 2**20); print(1, flush=True); time.sleep(60)"
        with subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            time.sleep(4 * costs.INTERVAL)
            child.kill()

        assert 80 < memory.peak_mib() - before < 200


def test_without_children_there_is_nothing_to_add() -> None:
    assert 0 == costs.descendants_mib()
    assert not costs._has_children()


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """A file system of control groups: a job of 4 MiB inside a slice of 2 MiB, and version 1 beside it."""
    files = {
        "slice/job/memory.max": str(4 * 2**20),
        "slice/memory.max": str(2 * 2**20),
        "free/memory.max": "max",
        "memory/old/memory.limit_in_bytes": "1048576",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{content}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("membership", "expected"),
    [
        ("0::/slice/job", [4 * 2**20, 2 * 2**20]),
        ("0::/free", []),
        ("0::/gone/away", []),
        ("0::/", []),
        ("4:cpu,memory:/old\n3:cpuset:/slice", [2**20]),
    ],
)
def test_limits_of_control_groups(membership: str, expected: list[int], groups: Path, tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text(f"{membership}\n")

    assert expected == list(machine._control_group_limits(tmp_path / "cgroup", groups))


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [] == list(machine._control_group_limits(tmp_path / "none", tmp_path))
    monkeypatch.setattr(machine, "_control_group_limits", lambda *_: [3 * 2**30])

    assert min(3, machine.usable_memory_gib()) == machine.usable_memory_gib()


def test_the_machine_and_its_libraries_are_described() -> None:
    described = machine.describe_machine()

    assert machine.usable_cores() == described["cores"]
    assert described["memory_gib"] > 0
    assert np.__version__ == machine.library_versions()["numpy"]
