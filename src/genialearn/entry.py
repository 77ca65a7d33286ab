"""What a catalogue has of a model: where its class is, and how it is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Generic, TypeVar

from genialearn._checks import check_at_least, check_known

Made = TypeVar("Made")


@dataclass(frozen=True)
class Entry(Generic[Made]):
    """A model that users can name.

    Parameters
    ----------
    module, attribute
        Where its class is; imported only when it is used.
    family
        What kind of model it is, in a word.
    summary
        One line for `--help` and the report.
    library, extra
        Optional library that it needs, and the group that installs it.
    preset
        Settings of the class that it is made with, unless others are given.
    """

    module: str
    attribute: str
    family: str
    summary: str
    library: str = ""
    extra: str = ""
    preset: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Callable[..., Made]:
        """Return the class."""
        loaded: Callable[..., Made] = getattr(import_module(self.module), self.attribute)
        return loaded

    def make(self, name: str, own: Mapping[str, Any], common: Mapping[str, Any]) -> Made:
        """Return an unfitted model.

        Parameters
        ----------
        name
            What errors call it.
        own
            Settings that it must know.
        common
            Settings of which it takes those that it knows, as seed and threads.

        Raises
        ------
        SettingError
            Where one of its own settings is unknown.
        """
        model = self.load()
        known = sorted(inspect.signature(model).parameters)
        for setting in own:
            check_known(f"setting of {name}", setting, known)
        if "seed" in own:
            check_at_least(f"seed of {name}", own["seed"], 0)
        return model(**{**{key: value for key, value in common.items() if key in known}, **self.preset, **own})
