"""Random numbers inside compiled loops, of which each row has a stream of its own.

A stream is SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195) from a state that depends on a key and
the number of the row, so that results depend neither on the order nor on the number of threads.
"""

from __future__ import annotations

import numba
import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2^-53


def new_key(rng: np.random.Generator) -> np.uint64:
    """Return a key for the streams of one loop."""
    return np.uint64(rng.integers(0, 2**63 - 1))


@numba.njit(inline="always", nogil=True)  # type: ignore[untyped-decorator]
def _mixed(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> _S30)) * _FIRST
    state = (state ^ (state >> _S27)) * _SECOND
    return np.uint64(state ^ (state >> _S31))


@numba.njit(inline="always", nogil=True)  # type: ignore[untyped-decorator]
def stream(key: np.uint64, row: int) -> np.uint64:
    """Return the first state of a row's stream."""
    return np.uint64(_mixed(key + _STEP * _mixed(np.uint64(row) + _STEP)))


@numba.njit(inline="always", nogil=True)  # type: ignore[untyped-decorator]
def following(state: np.uint64) -> np.uint64:
    """Return the next state of a stream."""
    return state + _STEP


@numba.njit(inline="always", nogil=True)  # type: ignore[untyped-decorator]
def uniform(state: np.uint64) -> float:
    """Return the number from 0 to below 1 that belongs to a state."""
    return np.float64(_mixed(state) >> _S11) * _TO_UNIT
