"""Where results can't go: other people's folders, other runs, full disks."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from finished_run import SETTINGS, FinishedRun, genialearn_process
from genialearn import _files
from genialearn.experiments.runs import RunFolder

COMPARE = ("compare", "herd", *SETTINGS, "--out", "run")


@pytest.fixture
def run_folder(finished: FinishedRun, herd: Path) -> Path:
    """A copy of a finished run of `COMPARE`, in the test's own folder."""
    return Path(shutil.copytree(finished.folder, herd.parent / "run"))


@pytest.mark.usefixtures("run_folder")
def test_that_a_finished_run_is_not_touched(refused: Callable[..., str]) -> None:
    message = (
        "run: expected a new or unfinished run folder, found a finished one. "
        "Choose another --out, or replace it with --force."
    )
    assert message == refused(*COMPARE)


def _unfinished(run_folder: Path) -> None:
    folder = RunFolder(run_folder)
    folder.write_state(folder.read_state() | {"status": "running"})


OTHER_SETTINGS = {
    ("--seed", "2"): "seed",
    ("--split", "kfold:3"): "split",
    ("--model", "lightgbm"): "models",
    ("--trait", "milk"): "traits",
    ("--fixed", "herd"): "fixed effects",
    ("--seed", "2", "--split", "family"): "split, seed",
}


def test_that_another_run_is_not_resumed(run_folder: Path, refused: Callable[..., str]) -> None:
    _unfinished(run_folder)
    expected = {
        words: "run: expected the settings and inputs of the unfinished run there, "
        f"found a difference in {difference}. "
        "Repeat its command to resume it, choose another --out, or replace it with --force."
        for words, difference in OTHER_SETTINGS.items()
    }

    assert expected == {words: refused(*COMPARE, *words) for words in OTHER_SETTINGS}


def test_that_a_run_on_other_data_is_not_resumed(run_folder: Path, herd: Path, refused: Callable[..., str]) -> None:
    _unfinished(run_folder)
    (herd / "traits.tsv").write_text((herd / "traits.tsv").read_text().replace("cow001\t", "cow001\t1"))

    message = refused(*COMPARE)

    assert "found a difference in the file of traits. " in message


def test_that_another_version_does_not_resume(run_folder: Path, refused: Callable[..., str]) -> None:
    folder = RunFolder(run_folder)
    folder.write_state(folder.read_state() | {"status": "running", "genialearn": "0.0.9"})

    message = refused(*COMPARE)

    assert "found a difference in version of genialearn. " in message


@pytest.fixture
def notes(herd: Path) -> Path:
    """A folder with something that matters to somebody, beside the cohort."""
    folder = herd.parent / "notes"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    return folder


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("command", [("compare", "herd"), ("demo",)], ids=" ".join)
@pytest.mark.parametrize("run_file", ["", "not json", "[]", '{"settings": {}}'])
def test_that_a_folder_which_no_comparison_made_is_not_touched(
    run_file: str, command: tuple[str, ...], force: tuple[str, ...], notes: Path, refused: Callable[..., str]
) -> None:
    if run_file:
        (notes / "run.json").write_text(run_file)

    message = (
        "notes: expected a new folder, or one that a comparison made, found another folder. "
        "Choose another --out; nothing was changed."
    )
    assert message == refused(*command, "--out", "notes", *force)


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    ("out", "message"),
    [
        (
            "notes/thesis.txt",
            "notes/thesis.txt: expected a new folder, or one that a comparison made, found a file. "
            "Choose another --out; nothing was changed.",
        ),
        (
            "notes/thesis.txt/run",
            "notes/thesis.txt/run: expected a folder, found a file on the way to it. Choose another --out.",
        ),
    ],
)
def test_that_a_file_is_no_output_folder(out: str, message: str, refused: Callable[..., str]) -> None:
    assert message == refused("compare", "herd", "--out", out, "--force")


def test_that_a_cohort_is_no_output_folder(herd: Path, refused: Callable[..., str]) -> None:
    message = (
        "herd: expected a new folder, or one that a comparison made, found another folder. "
        "Choose another --out; nothing was changed."
    )
    assert message == refused("compare", "herd", "--out", "herd", "--force")


def test_that_a_folder_without_permission_is_refused(
    refused: Callable[..., str], notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != notes and access(path, mode))

    message = "notes/run: expected a folder that may be written to, found one that may not. Choose another --out."
    assert message == refused("compare", "herd", "--out", "notes/run")


@pytest.mark.usefixtures("notes")
def test_that_a_herd_is_not_simulated_over_something_else(refused: Callable[..., str]) -> None:
    message = refused("simulate", "notes", "--animals", "30")

    assert message.startswith("notes: expected a folder that is new or empty, found 1 ")


@pytest.mark.usefixtures("herd")
def test_that_a_disk_which_is_full_at_once_leaves_nothing(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.Path, "replace", full)

    message = (
        "run/run.json: no space left on device. "
        "Free some space, or write to another disk; nothing was left half written."
    )
    assert message == refused(*COMPARE, "--quiet")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 KiB: room for `run.json`, not for a cell's results."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        shutil.which("mount")
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a file system needs a right that this process lacks")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.usefixtures("herd")
def test_that_a_disk_without_room_for_results_ends_the_run_and_is_left_empty(tiny_disk: Path) -> None:
    answer = genialearn_process(*COMPARE[:-1], "disk/run", "--quiet", cwd=tiny_disk.parent)

    message = "no space left on device. Free some space, or write to another disk; nothing was left half written.\n"
    assert (3, "") == (answer.code, answer.out)
    assert f"error: disk/run/cells/gblup/all-records.parquet: {message}" == answer.err
    assert [] == list(tiny_disk.iterdir())


@pytest.mark.usefixtures("herd")
def test_that_a_limit_on_file_sizes_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    answer = genialearn_process(*COMPARE, "--quiet", cwd=tmp_path, preexec_fn=limit)

    message = "file too large. Raise the limit on file sizes, or write elsewhere; nothing was left half written.\n"
    assert (3, "") == (answer.code, answer.out)
    assert f"error: run/cells/gblup/all-records.parquet: {message}" == answer.err
    assert ["herd"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.usefixtures("run_folder")
def test_that_a_report_which_cannot_be_written_leaves_the_run_as_it_is(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.Path, "replace", full)

    message = (
        "run/report.html: no space left on device. "
        "Free some space, or write to another disk; nothing was left half written."
    )
    assert message == refused("report", "run")


def test_that_a_report_needs_a_run(notes: Path, refused: Callable[..., str]) -> None:
    message = (
        "notes: expected a run folder with run.json and scores.tsv, found no run.json and no scores.tsv. "
        "Run folders are written by: genialearn compare COHORT --out FOLDER."
    )
    assert message == refused("report", "notes")


def test_that_a_report_of_a_damaged_run_is_refused(notes: Path, refused: Callable[..., str]) -> None:
    (notes / "run.json").write_text(json.dumps({"settings": {}}))
    (notes / "scores.tsv").write_bytes(b"\x00\x01")

    message = (
        "notes/scores.tsv: line 1: expected text in UTF-8, found the byte 0x00. "
        "Is this a binary or compressed file, or text to be saved as UTF-8?"
    )
    assert message == refused("report", "notes")
