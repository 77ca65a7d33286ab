from __future__ import annotations

import numpy as np
import pytest

from genialearn._checks import check_at_least, check_between, check_known
from genialearn.errors import SettingError
from messages import exactly


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.25), np.int64(1)])
def test_a_number_within_bounds_is_returned(value: float) -> None:
    assert value == check_between("share", value, 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), float("inf"), "half", None, True, [0.5]])
def test_anything_else_is_not_within_bounds(value: object) -> None:
    with pytest.raises(SettingError, match=exactly(f"share: expected a number from 0 to 1, found {value}.")):
        check_between("share", value, 0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2, 7, np.int32(3)])
def test_a_whole_number_is_returned_as_int(value: int) -> None:
    found = check_at_least("folds", value, 2)

    assert value == found
    assert int is type(found)


@pytest.mark.parametrize("value", [1, 2.5, 2.0, -3, True, float("inf"), float("nan"), "5", None])
def test_anything_else_is_not_a_whole_number_of_at_least(value: object) -> None:
    with pytest.raises(SettingError, match=exactly(f"folds: expected a whole number of at least 2, found {value}.")):
        check_at_least("folds", value, 2)  # type: ignore[arg-type]


def test_a_known_word_is_returned() -> None:
    assert check_known("model", "gblup", ["gblup", "forest"]) == "gblup"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("gblub", "model: expected a known name, found 'gblub'. Did you mean gblup?"),
        ("tea", "model: expected a known name, found 'tea'. Known are: forest, gblup."),
        (7, "model: expected a known name, found 7. Known are: forest, gblup."),
    ],
)
def test_an_unknown_word_is_answered_with_known_ones(value: str, message: str) -> None:
    with pytest.raises(SettingError, match=exactly(message)):
        check_known("model", value, (name for name in ("gblup", "forest")))
