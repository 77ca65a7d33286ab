from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genialearn._arrays import as_ids, as_indices
from messages import exactly


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (["007", "7"], ["007", "7"]),
        ([7, 10**30], ["7", "1" + "0" * 30]),
        (np.array(["a", "bb"]), ["a", "bb"]),
        (pd.Series(["a", "b"], index=[5, 6]), ["a", "b"]),
        ((name for name in ()), None),
        ([], []),
    ],
)
def test_identifiers_are_texts_in_one_row(values: object, ids: list[str] | None) -> None:
    if ids is None:
        values, ids = tuple(values), []  # type: ignore[arg-type]

    found = as_ids(values)

    assert object == found.dtype
    assert (len(ids),) == found.shape
    assert ids == found.tolist()


@given(st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), st.lists(st.integers(-size, size - 1)))))
def test_indices_select_as_numpy_does(case: tuple[int, list[int]]) -> None:
    size, chosen = case
    things = list(range(size))

    assert [things[index] for index in chosen] == as_indices(np.array(chosen, dtype=np.int64), size).tolist()


@pytest.mark.parametrize(
    ("selection", "indices"),
    [
        (None, [0, 1, 2, 3]),
        (slice(None, None, -2), [3, 1]),
        (np.array([True, False, False, True]), [0, 3]),
        (np.array([False] * 4), []),
        ([], []),
        ([2, 2], [2, 2]),
    ],
)
def test_all_kinds_of_selection(selection: object, indices: list[int]) -> None:
    found = as_indices(selection, 4)  # type: ignore[arg-type]

    assert np.int64 == found.dtype
    assert indices == found.tolist()


def test_a_mask_of_another_length_is_refused() -> None:
    with pytest.raises(IndexError, match=exactly("a mask of shape (3,) can't select from 4 things")):
        as_indices(np.ones(3, dtype=bool), 4)


@pytest.mark.parametrize(("selection", "message"), [([4], "index 4 is out of bounds"), ([0.5], "must be of integer")])
def test_what_is_not_there_cannot_be_selected(selection: list[float], message: str) -> None:
    with pytest.raises(IndexError, match=message):
        as_indices(selection, 4)  # type: ignore[arg-type]
