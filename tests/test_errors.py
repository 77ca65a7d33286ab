from __future__ import annotations

import inspect
import pickle
import re

import pytest

from genialearn import errors
from genialearn.errors import (
    AlignmentError,
    ConvergenceError,
    FileFormatError,
    GenialearnError,
    InputError,
    MissingExtraError,
    NotFittedError,
    SettingError,
    examples,
    install_advice,
    nearest_advice,
)

ALL = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, GenialearnError)
]  # a new class joins these tests by itself


def test_a_message_has_four_parts() -> None:
    error = FileFormatError(
        "herd.bim: line 1204", expected="6 columns", found="5", advice="Was the file saved by a spreadsheet?"
    )

    assert str(error) == "herd.bim: line 1204: expected 6 columns, found 5. Was the file saved by a spreadsheet?"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "herd."),
        ({"advice": "Look."}, "herd. Look."),
        ({"found": "none"}, "herd: found none."),
        ({"expected": "some"}, "herd: expected some."),
        ({"expected": "a", "found": "b, c, d, ..."}, "herd: expected a, found b, c, d, ..."),
        ({"found": "b, c, d, ...", "advice": "Look."}, "herd: found b, c, d, ... Look."),
    ],
)
def test_absent_parts_leave_no_trace(parts: dict[str, str], message: str) -> None:
    assert message == str(GenialearnError("herd", **parts))


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_the_way_between_processes(kind: type[GenialearnError]) -> None:
    error = kind("here", expected="this", found="that", advice="Do so.")

    copy = pickle.loads(pickle.dumps(error))

    assert kind is type(copy)
    assert (copy.where, copy.expected, copy.found, copy.advice) == ("here", "this", "that", "Do so.")
    assert str(error) == str(copy)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (GenialearnError, 1),
        (InputError, 3),
        (FileFormatError, 3),
        (AlignmentError, 3),
        (SettingError, 3),
        (NotFittedError, 1),
        (ConvergenceError, 4),
        (MissingExtraError, 5),
    ],
)
def test_exit_codes(kind: type[GenialearnError], code: int) -> None:
    assert code == kind.exit_code


def test_the_tree_in_the_documentation_is_complete() -> None:
    drawn = re.findall(r"\w+Error\b", str(errors.__doc__))

    assert sorted(kind.__name__ for kind in ALL) == sorted(drawn)


def test_a_missing_library_says_how_to_install_it() -> None:
    error = MissingExtraError.for_extra("torch", "deep", "model network")

    assert (
        str(error)
        == "model network: expected the library torch, found none. Install it with: pip install 'genialearn[deep]'."
    )
    assert install_advice("sim") == "Install it with: pip install 'genialearn[sim]'."


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("milc", ["fat", "milk"], "Did you mean milk?"),
        ("Milk", ["fat", "milk"], "Did you mean milk?"),
        ("wool", ["fat", "milk"], "Known are: fat, milk."),
        ("wool", [], ""),
    ],
)
def test_the_nearest_known_word_is_suggested(name: str, known: list[str], advice: str) -> None:
    assert advice == nearest_advice(name, known)


def test_a_thousand_known_words_are_not_listed() -> None:
    advice = nearest_advice("wool", [f"T{number:04d}" for number in range(1000)])

    assert advice.startswith("Known are: T0000, T0001, ")
    assert advice.endswith(", T0019, ...")


@pytest.mark.parametrize(
    ("items", "text"), [([], ""), ([1], "1"), (["a", "b", "c"], "a, b, c"), ("abcd", "a, b, c, ...")]
)
def test_at_most_three_examples(items: list[object], text: str) -> None:
    assert text == examples(items)
