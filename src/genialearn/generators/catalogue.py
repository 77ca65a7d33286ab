"""The only place where names stand for generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genialearn._checks import check_known

if TYPE_CHECKING:
    from genialearn.contracts import GenotypeGenerator


@dataclass(frozen=True)
class Entry:
    """A generator that users can name.

    Parameters
    ----------
    module, attribute
        Where its class is; imported only when it is used.
    family
        "baseline", "copying", "pedigree" or "deep".
    summary
        One line for `--help` and the report.
    library, extra
        Optional library that it needs, and the group that installs it.
    """

    module: str
    attribute: str
    family: str
    summary: str
    library: str = ""
    extra: str = ""

    def load(self) -> Callable[..., GenotypeGenerator]:
        """Return the class."""
        loaded: Callable[..., GenotypeGenerator] = getattr(import_module(self.module), self.attribute)
        return loaded


CATALOGUE: Mapping[str, Entry] = {}


def make_generator(name: str, **settings: Any) -> GenotypeGenerator:
    """Return an unfitted generator; of the settings it takes those that it knows."""
    import inspect

    check_known("generator", name, CATALOGUE)
    generator = CATALOGUE[name].load()
    known = set(inspect.signature(generator).parameters)
    return generator(**{key: value for key, value in settings.items() if key in known})
