"""The input files of a run: described once, read by every cell, and the same for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genialearn import _files
from genialearn.cohorts import CohortFiles
from genialearn.errors import InputError


def describe_inputs(files: CohortFiles) -> list[dict[str, Any]]:
    """Return name, path, size, time of change and digest of every input file."""
    return [
        {"name": name, "path": str(path), **_signature(path), "sha256": _files.digest(path)}
        for name, path in files.paths().items()
    ]


def refuse_streams(files: CohortFiles) -> None:
    """Raise `InputError` where an input is a pipe: every cell reads it anew."""
    for path in files.paths().values():
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(
                str(path), expected="a file on disk", found="a pipe or device", advice="Write it to a file first."
            )


def _signature(path: Path) -> dict[str, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise _files.os_error(error, path) from error
    return {"bytes": found.st_size, "modified_ns": found.st_mtime_ns}


def check_unchanged(files: CohortFiles, described: list[dict[str, Any]]) -> None:
    """Raise `InputError` where a file isn't any more what `describe_inputs` saw."""
    paths = files.paths()
    for item in described:
        if any(item[name] != value for name, value in _signature(paths[item["name"]]).items()):
            raise InputError(
                str(paths[item["name"]]),
                expected="the file that the comparison began with",
                found="one that has changed since",
                advice="Begin again with another --out, or with --force.",
            )


def files_as_settings(files: CohortFiles) -> dict[str, Any]:
    """Return the cohort's files as JSON, paths absolute."""
    return {
        name: str(value.resolve()) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for name, value in vars(files).items()
        if value is not None
    }


def files_from_settings(settings: dict[str, Any]) -> CohortFiles:
    """Return the cohort's files from JSON."""
    given: dict[str, Any] = {name: Path(value) for name, value in settings.items() if name not in _NOT_PATHS}
    return CohortFiles(**given, trait_names=tuple(settings.get("trait_names", ())), fixed=settings.get("fixed"))


_NOT_PATHS = {"trait_names", "fixed"}
