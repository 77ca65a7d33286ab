"""The environment that every measured process gets; imports nothing that computes."""

from __future__ import annotations

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMBA_NUM_THREADS")
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings of one library that would make its users slower or faster than it is by itself."""


def fair_environment(threads: int) -> dict[str, str]:
    """Return this process's environment with so many threads for every library, and without tuning of one of them."""
    kept = {name: value for name, value in os.environ.items() if name not in TUNING}
    return kept | dict.fromkeys(THREADS, str(threads))
