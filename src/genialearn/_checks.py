"""Rules for what a user gives, one function a rule, each naming its argument."""

from __future__ import annotations

import math
from collections.abc import Iterable

from genialearn.errors import SettingError, nearest_advice


def check_between(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if low <= value <= high."""
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingError(name, expected=f"a number from {low:g} to {high:g}", found=f"{value:g}")
    return value


def check_at_least(name: str, value: int, least: int) -> int:
    """Return `value` if it is a whole number of at least `least`."""
    if isinstance(value, bool) or int(value) != value or value < least:
        raise SettingError(name, expected=f"a whole number of at least {least}", found=str(value))
    return int(value)


def check_known(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known words; the error suggests the nearest."""
    known = list(known)
    if value not in known:
        raise SettingError(
            name, expected="a known name", found=repr(value), advice=nearest_advice(value, known)
        )
    return value
