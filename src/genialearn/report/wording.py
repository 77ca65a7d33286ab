"""Numbers as people read them."""

from __future__ import annotations

import json
import math

MISSING = "–"


def count(number: float, noun: str = "", plural: str = "") -> str:
    """Return a whole number with separators, and its noun: `1 trait`, `3,000 animals`."""
    digits = f"{int(number):,}"
    return f"{digits} {noun if number == 1 else plural or noun + 's'}" if noun else digits


def decimal(number: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits, or a dash where it is missing."""
    return MISSING if is_missing(number) else f"{number:.{digits}f}"


def signed(number: float, digits: int = 3) -> str:
    """Return a difference with its sign: `+0.021`, `-0.003`; what rounds to nothing has none."""
    if is_missing(number):
        return MISSING
    return f"{number:.{digits}f}".lstrip("-") if round(number, digits) == 0 else f"{number:+.{digits}f}"


def significant(number: float | None, digits: int = 3) -> str:
    """Return a number with so many significant digits, or a dash where it is missing."""
    return MISSING if is_missing(number) else f"{number:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Return a time span in its two largest units: `0.4 s`, `8 min 12 s`, `2 h 05 min`."""
    if seconds is None or is_missing(seconds):
        return "not measured"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3599.5:
        return "{} min {:02d} s".format(*divmod(round(seconds), 60))
    return "{} h {:02d} min".format(*divmod(round(seconds / 60), 60))


def memory(mebibytes: float | None) -> str:
    """Return an amount of memory: `512 MiB`, `3.1 GiB`."""
    if mebibytes is None or is_missing(mebibytes):
        return "not measured"
    return f"{mebibytes:.0f} MiB" if mebibytes < 1023.5 else f"{mebibytes / 1024:.1f} GiB"


def setting(value: object) -> str:
    """Return any JSON value on one line: texts bare, lists of texts with commas."""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value) or MISSING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def listed(names: list[str]) -> str:
    """Return names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def is_missing(number: float | None) -> bool:
    """Return whether a number is absent, not a number or infinite."""
    return number is None or not math.isfinite(number)
