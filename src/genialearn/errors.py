"""Every error that genialearn raises on purpose.

::

    GenialearnError                exit 1
    ├── InputError                 exit 3   what the user gave can't be used
    │   ├── FileFormatError                 a file isn't what its name promises
    │   ├── AlignmentError                  parts of a cohort don't fit each other
    │   └── SettingError                    an option or argument is out of range or unknown
    ├── NotFittedError             exit 1   `predict` before `fit`
    ├── ConvergenceError           exit 4   a solver stopped before it was done
    └── MissingExtraError          exit 5   an optional library isn't installed

A message has four parts: where, what was expected, what was found, what to do::

    herd.bim: line 1204: expected 6 columns, found 5. Was the file saved by a spreadsheet?
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GenialearnError(Exception):
    """The root of all errors that genialearn raises on purpose.

    Parameters
    ----------
    where
        The file and line, argument or command that the message is about.
    expected, found
        What was needed there, and what came instead; both may be left out together.
    advice
        What the user can do about it: a full sentence.
    """

    exit_code = 1

    def __init__(self, where: str, *, expected: str = "", found: str = "", advice: str = "") -> None:
        self.where, self.expected, self.found, self.advice = where, expected, found, advice
        super().__init__(str(self))

    def __str__(self) -> str:
        facts = ", ".join(
            f"{word} {text}" for word, text in (("expected", self.expected), ("found", self.found)) if text
        )
        sentence = _sentence(f"{self.where}: {facts}" if facts else self.where)
        return f"{sentence} {self.advice}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.where, self.expected, self.found, self.advice))


def _sentence(text: str) -> str:
    return text if text.endswith("...") else f"{text}."


def _rebuild(kind: type[GenialearnError], where: str, expected: str, found: str, advice: str) -> GenialearnError:
    return kind(where, expected=expected, found=found, advice=advice)


class InputError(GenialearnError):
    """What the user gave can't be used."""

    exit_code = 3


class FileFormatError(InputError):
    """A file isn't what its name promises."""


class AlignmentError(InputError):
    """Parts of a cohort don't fit each other."""


class SettingError(InputError):
    """An option or argument is unknown or out of range."""


class NotFittedError(GenialearnError):
    """A model was asked to predict before it was fitted."""


class ConvergenceError(GenialearnError):
    """A solver stopped before it reached its tolerance."""

    exit_code = 4


class MissingExtraError(GenialearnError):
    """An optional library isn't installed."""

    exit_code = 5

    @classmethod
    def for_extra(cls, library: str, extra: str, purpose: str) -> MissingExtraError:
        """Return the error for a `library` of the optional group `extra`."""
        return cls(purpose, expected=f"the library {library}", found="none", advice=install_advice(extra))


def install_advice(extra: str) -> str:
    """Return the sentence that tells how to install an optional group of libraries."""
    return f"Install it with: pip install 'genialearn[{extra}]'."


def nearest_advice(name: str, known: Iterable[str]) -> str:
    """Return advice that names the known word nearest to `name`, or the known words; nothing where there are none."""
    known = sorted(word for word in known if word)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]}?"
    return _sentence(f"Known are: {examples(known, most=20)}") if known else ""


def examples(items: Iterable[object], *, most: int = 3) -> str:
    """Return at most `most` items as text, with an ellipsis where there are more."""
    listed = [str(item) for item in items]
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")
