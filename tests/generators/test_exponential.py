from __future__ import annotations

import numpy as np
from numba import njit

from genialearn._arrays import Float32Array
from genialearn.generators.exponential import exp32


@njit  # type: ignore[untyped-decorator]
def of_each(values: Float32Array) -> Float32Array:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = exp32(values[i])
    return out


def test_it_is_exp() -> None:
    values = np.linspace(-80, 80, 10_001).astype(np.float32)

    expected = np.exp(values.astype(np.float64))
    assert np.all(np.abs(of_each(values) / expected - 1) < 3e-7 + 8e-8 * np.abs(values))


def test_beyond_all_bounds_it_is_neither_infinite_nor_negative() -> None:
    found = of_each(np.array([-1e30, -200, 200, 1e30], dtype=np.float32))

    assert np.all(np.isfinite(found))
    assert np.all(found[:2] < 1e-37)
    assert np.all(found[2:] > 1e37)
