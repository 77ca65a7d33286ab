"""Tables of a design file: every key is known, every value of its type and in its range, or the error says where."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from genialearn._checks import check_at_least, check_between, check_known
from genialearn.errors import SettingError, nearest_advice

_INFINITE = math.inf


@dataclass(frozen=True)
class Table:
    """One table of a design file.

    Parameters
    ----------
    where
        File and table, for messages.
    content
        As read.
    """

    where: str
    content: Mapping[str, Any]

    @classmethod
    def of(cls, where: str, content: object, keys: Iterable[str] | None = None) -> Table:
        """Return a table whose keys are all among those known, or any where None."""
        if not isinstance(content, dict):
            raise SettingError(
                where, expected="a table", found=repr(content), advice="Write it as [name], then key = value."
            )
        known = list(content) if keys is None else list(keys)
        for key in content:
            if key not in known:
                raise SettingError(where, expected="a known key", found=key, advice=nearest_advice(key, known))
        return cls(where, content)

    def number(self, key: str, low: float = -_INFINITE, high: float = _INFINITE) -> float | None:
        """Return a number within a range, None where there is none."""
        if key not in self.content:
            return None
        value = self.content[key]
        if not math.isinf(high):
            return float(check_between(f"{self.where} {key}", value, low, high))
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < low:
            least = "" if math.isinf(low) else f" of at least {low:g}"
            raise SettingError(f"{self.where} {key}", expected=f"a number{least}", found=repr(value))
        return float(value)

    def whole(self, key: str, least: int) -> int | None:
        """Return a whole number of at least `least`, None where there is none."""
        return check_at_least(f"{self.where} {key}", self.content[key], least) if key in self.content else None

    def flag(self, key: str) -> bool | None:
        """Return true or false, None where there is neither."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, bool):
            raise SettingError(f"{self.where} {key}", expected="true or false", found=repr(value))
        return value

    def text(self, key: str, known: Iterable[str] | None = None) -> str | None:
        """Return a text, one of those known if there are such, None where there is none."""
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise SettingError(f"{self.where} {key}", expected="a text", found=repr(value), advice="Put it in quotes.")
        return value if known is None else check_known(f"{self.where} {key}", value, known)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of different texts, None where there is none."""
        value = self.content.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise SettingError(
                f"{self.where} {key}",
                expected="a list of names",
                found=repr(value),
                advice='Write it as ["milk_yield", "height"].',
            )
        doubled = sorted({item for item in value if value.count(item) > 1})
        if doubled:
            raise SettingError(f"{self.where} {key}", expected="every name once", found=f"{doubled[0]} twice")
        return tuple(value)

    def required(self, key: str, why: str) -> None:
        """Raise an error where a key isn't there."""
        if key not in self.content:
            raise SettingError(self.where, expected=f"the key {key}", found="none", advice=why)

    def refused(self, key: str, why: str) -> None:
        """Raise an error where a key is there."""
        if key in self.content:
            raise SettingError(self.where, expected=f"no {key}", found=str(self.content[key]), advice=why)
