"""Descriptions of traits: `traits.toml`, one table a trait."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from genialearn import _files
from genialearn._checks import check_known
from genialearn.errors import FileFormatError, SettingError, nearest_advice
from genialearn.records.traits import Trait

KINDS = ("quantitative", "binary")
DIRECTIONS = ("higher", "lower", "optimum", "")

_KEYS = frozenset(item.name for item in fields(Trait)) - {"name"}


def read_trait_settings(path: Path | str) -> dict[str, Trait]:
    """Return the traits that a `traits.toml` describes, by name.

    Raises
    ------
    FileFormatError
        Where the file isn't TOML with a table of texts for each trait.
    SettingError
        Where a key, a kind or a direction is unknown.
    """
    return {name: Trait(name, **entry) for name, entry in trait_entries(path).items()}


def trait_entries(path: Path | str) -> dict[str, dict[str, Any]]:
    """Return what a `traits.toml` says about each trait, checked, and no more than it says."""
    try:
        content = tomllib.loads(_files.read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(
            str(path), expected="TOML", found=_lower_first(str(error)), advice='Write key = "text" below [trait].'
        ) from error
    for name, entry in content.items():
        _check_entry(f"{path}: [{name}]", entry)
    return content


def _check_entry(where: str, entry: object) -> None:
    if not isinstance(entry, dict):
        raise FileFormatError(where, expected="a table with keys such as unit, kind and fixed", found=repr(entry))
    for key, value in entry.items():
        if key not in _KEYS:
            raise SettingError(where, expected="a known key", found=key, advice=nearest_advice(key, _KEYS))
        if not isinstance(value, str):
            raise FileFormatError(f"{where} {key}", expected="a text", found=repr(value), advice="Put it in quotes.")
    check_known(f"{where} kind", entry.get("kind", KINDS[0]), KINDS)
    check_known(f"{where} direction", entry.get("direction", ""), DIRECTIONS)


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
