"""What `variance` can't estimate, and where it can't write."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from damage import Damage, all_of, edit_fields, overwrite

from finished_run import Answer
from genialearn import _files

VARIANCE = ("variance", "herd", "--out", "out", "--quiet")

COHORTS: dict[str, tuple[Damage, str]] = {
    "a trait with one record": (
        all_of(
            edit_fields("traits.tsv", 1, lambda field: "3.5", rows=slice(1)),
            edit_fields("traits.tsv", 1, lambda field: "NA", rows=slice(1, None)),
        ),
        "herd/traits.tsv: column milk: expected records that differ, found always 3.5. "
        "Leave this trait out with --trait, or check the column.",
    ),
    "a trait with fewer records than fixed effects": (
        edit_fields("traits.tsv", 1, lambda field: "NA", rows=slice(4, None)),
        "trait milk: expected at least three records more than fixed effects, found ",
    ),
    "markers of which none varies": (
        overwrite("genotypes.bed", b"\x6c\x1b\x01" + b"\xff" * 6000),
        "genotypes: expected at least one marker that varies among the training animals, found none. "
        "Train on more animals, or on another set of markers.",
    ),
    "a negative weight": (
        overwrite("weights.tsv", b"id\tmilk\ncow001\t1\ncow002\t-2\n"),
        "herd/weights.tsv: line 3: column milk: expected a positive weight, found '-2'. "
        "Leave the field empty where a record shouldn't count.",
    ),
}


@pytest.mark.parametrize("solver", ["exact", "iterative"])
@pytest.mark.parametrize("case", COHORTS)
def test_that_unusable_cohorts_are_refused(case: str, solver: str, herd: Path, refused: Callable[..., str]) -> None:
    spoil, message = COHORTS[case]
    spoil(herd)

    assert refused(*VARIANCE, "--solver", solver).startswith(message)


SETTINGS: dict[tuple[str, ...], str] = {
    ("--relationships", "vanraden3"): "relationships: expected a known name, found 'vanraden3'. "
    "Did you mean vanraden2?",
    ("--solver", "exakt"): "solver: expected a known name, found 'exakt'. Did you mean exact?",
    ("--seed", "-1"): "seed: expected a whole number of at least 0, found -1.",
    ("--threads", "-1"): "threads: expected a whole number of at least 0, found -1.",
}


@pytest.mark.usefixtures("herd")
@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_that_unusable_settings_are_refused(words: tuple[str, ...], refused: Callable[..., str]) -> None:
    assert SETTINGS[words] == refused(*VARIANCE, *words)


@pytest.mark.usefixtures("herd")
def test_that_too_little_memory_is_said_before_anything_is_fitted(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genialearn.experiments.machine.usable_memory_gib", lambda: 0.125)

    message = (
        "memory: expected about 0.3 GiB for the exact solver, found 0.1 GiB that this process may use. "
        "Use fewer animals or markers, or a machine with 1 GiB."
    )
    assert message == refused(*VARIANCE)


@pytest.mark.usefixtures("herd")
class TestOccupiedFolders:
    def test_that_results_are_not_replaced_unasked(
        self, genialearn: Callable[..., Answer], refused: Callable[..., str]
    ) -> None:
        genialearn(*VARIANCE)

        message = (
            "out: expected a new folder, found one that has results. Choose another --out, or replace it with --force."
        )
        assert message == refused(*VARIANCE)

    @pytest.mark.parametrize("force", [(), ("--force",)])
    @pytest.mark.parametrize("run_file", ["", "not json", "[]", '{"genialearn": "0.1.0", "settings": {}}'])
    def test_that_a_folder_of_something_else_is_not_touched(
        self, run_file: str, force: tuple[str, ...], tmp_path: Path, refused: Callable[..., str]
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "run.json").write_text(run_file)

        message = (
            "out: expected a new folder, or one of genialearn variance, found another folder. "
            "Choose another --out; nothing was changed."
        )
        assert message == refused(*VARIANCE, *force)

    def test_that_a_file_is_no_folder(self, tmp_path: Path, refused: Callable[..., str]) -> None:
        (tmp_path / "out").write_text("years of work")

        message = (
            "out: expected a new folder, or one of genialearn variance, found a file. "
            "Choose another --out; nothing was changed."
        )
        assert message == refused(*VARIANCE, "--force")

    def test_that_a_comparison_does_not_replace_it(
        self, genialearn: Callable[..., Answer], refused: Callable[..., str]
    ) -> None:
        genialearn(*VARIANCE)

        message = (
            "out: expected a new folder, or one that a comparison made, found another folder. "
            "Choose another --out; nothing was changed."
        )
        assert message == refused("compare", "herd", "--out", "out", "--force")

    def test_that_a_full_disk_leaves_the_old_results(
        self,
        genialearn: Callable[..., Answer],
        refused: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        genialearn(*VARIANCE)
        replace = Path.replace

        def full(path: Path, target: Path) -> Path:
            if path.name.startswith(".fixed_effects.tsv"):
                raise OSError(errno.ENOSPC, "No space left on device")
            return replace(path, target)

        monkeypatch.setattr(_files.Path, "replace", full)

        message = refused(*VARIANCE, "--force")

        assert message == (
            "out/.part/fixed_effects.tsv: no space left on device. "
            "Free some space, or write to another disk; nothing was left half written."
        )
