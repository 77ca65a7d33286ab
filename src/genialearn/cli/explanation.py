"""What `genialearn models NAME` prints: a model's settings, their defaults, and what its docstrings say of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from genialearn.entry import Entry

_TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
"""Of a section of a docstring."""


def explanation(name: str, entry: Entry[Any], given: str) -> str:
    """Return what a model is, what can be set and how, and where it comes from.

    Parameters
    ----------
    name, entry
        Of its catalogue.
    given
        How a setting is given to it, with SETTING=VALUE in the place of one.
    """
    model = entry.load()
    text, sections = _sections(inspect.getdoc(model) or "")
    defaults = {key: known.default for key, known in inspect.signature(model).parameters.items()} | dict(entry.preset)
    settings = "\n".join(_described(model, defaults))
    parts = [f"{name}: {entry.summary}", text, f"Settings, as in {given}, with their defaults:", settings]
    if "References" in sections:
        parts.append(f"References\n{sections['References']}")
    return "\n\n".join(parts)


def _described(model: Any, defaults: Mapping[str, Any]) -> Iterator[str]:
    """Yield each setting and what is said of it by the class, or by the nearest that it inherits it from."""
    missing = dict(defaults)
    for each in inspect.getmro(model):
        for names, words in _entries(_sections(inspect.cleandoc(each.__doc__ or ""))[1].get("Parameters", "")):
            if known := [key for key in names if key in missing]:
                yield ", ".join(f"{key}={_shown(missing.pop(key))}" for key in known)
                yield words
    yield from (f"{key}={_shown(value)}" for key, value in missing.items())


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the sections of a docstring, and each section's text by title."""
    before, *rest = _TITLE.split(docstring)
    return before.strip(), {title: text.strip() for title, text in zip(rest[::2], rest[1::2], strict=True)}


def _entries(section: str) -> Iterator[tuple[list[str], str]]:
    """Yield the names that share a description, and the indented lines that follow them."""
    for part in re.split(r"\n(?=\S)", section):
        names, _, words = part.partition("\n")
        yield [key.strip() for key in names.split(",")], words


def _shown(value: Any) -> str:
    """Return a default as a user writes it: strings without quotes."""
    return value if isinstance(value, str) else repr(value)
