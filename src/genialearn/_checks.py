"""Rules for what a user gives, one function a rule, each naming its argument."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

from genialearn.errors import SettingError, nearest_advice


def check_between(name: str, value: float, low: float, high: float) -> float:
    """Return `value` if low <= value <= high."""
    if not (_is_finite(value) and low <= value <= high):
        raise SettingError(name, expected=f"a number from {low:g} to {high:g}", found=str(value))
    return value


def check_at_least(name: str, value: int, least: int) -> int:
    """Return `value` if it is a whole number of at least `least`."""
    if not (_is_whole(value) and value >= least):
        raise SettingError(name, expected=f"a whole number of at least {least}", found=str(value))
    return int(value)


def check_known(name: str, value: str, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known words; the error suggests the nearest."""
    known = list(known)
    if value not in known:
        raise SettingError(name, expected="a known name", found=repr(value), advice=nearest_advice(str(value), known))
    return value


def _is_whole(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral)


def _is_finite(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
