"""exp in single precision, for compiled loops that are to be vectorised."""

from __future__ import annotations

import numpy as np
from numba import njit

_LOG2_E = np.float32(1.4426950408889634)
_FARTHEST = np.float32(126.0)


@njit(inline="always")  # type: ignore[untyped-decorator]
def exp32(x: np.float32) -> np.float32:
    """Return exp(x) with a relative error below 3e-7 + 8e-8 |x|, in operations that vectorise."""
    doublings = x * _LOG2_E
    doublings = min(max(doublings, -_FARTHEST), _FARTHEST)
    whole = np.floor(doublings + np.float32(0.5))
    part = doublings - whole
    value = np.float32(1.5403530e-4)
    value = value * part + np.float32(1.3333558e-3)
    value = value * part + np.float32(9.6181291e-3)
    value = value * part + np.float32(5.5504109e-2)
    value = value * part + np.float32(2.4022651e-1)
    value = value * part + np.float32(6.9314718e-1)
    value = value * part + np.float32(1.0)
    power = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return np.float32(value * power)
