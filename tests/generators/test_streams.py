from __future__ import annotations

import numba
import numpy as np

from genialearn._arrays import FloatArray
from genialearn.generators.streams import following, new_key, stream, uniform


@numba.njit  # type: ignore[untyped-decorator]
def numbers(key: np.uint64, n_rows: int, n_numbers: int) -> FloatArray:
    out = np.empty((n_rows, n_numbers))
    for row in range(n_rows):
        state = stream(key, row)
        for i in range(n_numbers):
            state = following(state)
            out[row, i] = uniform(state)
    return out


def test_numbers_are_uniform_and_rows_independent() -> None:
    drawn = numbers(new_key(np.random.default_rng(1)), 200, 500)

    assert np.all((drawn >= 0) & (drawn < 1))
    np.testing.assert_allclose(np.bincount((10 * drawn.ravel()).astype(int)) / drawn.size, 0.1, atol=0.004)
    correlations = np.corrcoef(drawn)[np.triu_indices(200, 1)]
    np.testing.assert_allclose(correlations.std(), 1 / np.sqrt(500), rtol=0.05)


def test_rows_do_not_depend_on_their_number() -> None:
    key = new_key(np.random.default_rng(1))

    np.testing.assert_array_equal(numbers(key, 10, 3)[:4], numbers(key, 4, 3))


def test_keys_differ() -> None:
    rng = np.random.default_rng(1)

    assert not np.array_equal(numbers(new_key(rng), 1, 3), numbers(new_key(rng), 1, 3))
