"""The machine of a run: what this process may use of it, and the versions of what computes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LIBRARIES = ("numpy", "scipy", "numba", "pandas", "scikit-learn", "torch", "lightgbm")
_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def describe_machine() -> dict[str, Any]:
    """Return system, cores and memory, for `run.json`."""
    return {"system": platform.platform(), "cores": usable_cores(), "memory_gib": round(usable_memory_gib(), 1)}


def usable_cores() -> int:
    """Return how many cores this process may use: where a scheduler gave it some of them, only those."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let products with genotypes and matrices use at most so many threads while the block runs.

    Where the environment allows fewer, as by OPENBLAS_NUM_THREADS, that remains.
    """
    import numba
    from threadpoolctl import threadpool_info, threadpool_limits

    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        blas = [item for item in threadpool_info() if item["user_api"] == "blas"]
        with threadpool_limits({item["prefix"]: min(threads, item["num_threads"]) for item in blas}):
            yield
    finally:
        numba.set_num_threads(before)


def usable_memory_gib() -> float:
    """Return the memory of the machine, or what the process's control group (job, container) may use of it."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_control_group_limits(Path("/proc/self/cgroup"), _CONTROL_GROUPS)]) / 2**30


def _control_group_limits(membership: Path, root: Path) -> Iterator[int]:
    """Give the memory limits in bytes of the groups that the membership file names, and of all groups around them."""
    rows = []
    with suppress(OSError):
        rows = membership.read_text(encoding="utf-8").splitlines()
    for row in rows:
        _, controllers, path = row.split(":", 2)
        if controllers == "":
            yield from _limits_around(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_around(root / "memory", path, "memory.limit_in_bytes")


def _limits_around(root: Path, path: str, name: str) -> Iterator[int]:
    innermost = root / path.lstrip("/")
    for group in (innermost, *innermost.parents):
        with suppress(OSError, ValueError):  # no such file, or the word "max"
            yield int((group / name).read_text(encoding="utf-8"))
        if group == root:
            break


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that compute, where they are installed."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in _LIBRARIES if _is_installed(name)
    }


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
