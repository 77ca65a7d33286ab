"""Every package's `__all__` is complete, sorted and true."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import genialearn

PACKAGES = [
    "genialearn",
    *(
        f"genialearn.{found.name}"
        for found in pkgutil.iter_modules(genialearn.__path__)
        if found.ispkg and hasattr(importlib.import_module(f"genialearn.{found.name}"), "__all__")
    ),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_that_public_names_are_sorted_and_exist(package: str) -> None:
    module = importlib.import_module(package)

    assert sorted(module.__all__, key=_kind_and_name) == module.__all__
    assert [] == [name for name in module.__all__ if not hasattr(module, name)]


def _kind_and_name(name: str) -> tuple[int, str]:
    """As ruff sorts: constants, then classes, then functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_that_public_names_say_what_they_are(package: str) -> None:
    module = importlib.import_module(package)
    public = [getattr(module, name) for name in module.__all__]

    undocumented = [item.__name__ for item in public if _is_code(item) and not inspect.getdoc(item)]
    assert [] == undocumented


def _is_code(item: object) -> bool:
    return inspect.isclass(item) or inspect.isfunction(item)


def test_that_the_package_names_everything_that_it_gives() -> None:
    assert sorted(genialearn._HOMES) == sorted(genialearn.__all__)


def test_that_names_lead_to_one_thing_in_a_fresh_process() -> None:
    program = "import genialearn\nfor name in genialearn.__all__: print(getattr(genialearn, name).__name__)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert genialearn.__all__ == ended.stdout.split()


def test_that_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'genialearn' has no attribute 'Gblup'$"):
        genialearn.Gblup  # noqa: B018


def test_that_a_type_checker_sees_what_is_imported_late() -> None:
    source = inspect.getsource(genialearn)

    for name, home in genialearn._HOMES.items():
        assert f"from {home} import" in source
        assert source.count(name) >= 3
