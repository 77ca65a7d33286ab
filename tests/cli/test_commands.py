"""What commands print where, and what they hand on to the library."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from finished_run import FinishedRun
from genialearn.cli import app
from genialearn.cohorts import Cohort, CohortFiles, read_cohort
from genialearn.experiments.runs import RunFolder
from tiny_cohort import write_tiny_cohort


def test_version(genialearn: Callable[..., object]) -> None:
    answer = genialearn("--version")

    assert (0, "") == (answer.code, answer.err)
    assert f"genialearn {importlib.metadata.version('genialearn')}\n" == answer.out


def test_check_says_what_is_there(herd: Path, genialearn: Callable[..., object]) -> None:
    answer = genialearn("check", str(herd))

    assert (0, "") == (answer.code, answer.err)
    assert [
        "120 animals x 200 markers x 4 traits",
        "  every animal has genotype and records",
        "trait\tkind\trecords\tfixed effects",
        "milk\tquantitative\t120\therd",
        "fat\tquantitative\t120\therd",
        "health\tquantitative\t90\tmean",
        "conception\tbinary\t120\tmean",
    ] == answer.out.splitlines()


def test_check_says_what_does_not_fit_together(herd: Path, genialearn: Callable[..., object]) -> None:
    table = pd.read_csv(herd / "traits.tsv", sep="\t", dtype=str)
    table.loc[[0, 1], "id"] = ["bull7", "bull8"]
    table.to_csv(herd / "traits.tsv", sep="\t", index=False)

    answer = genialearn("check", str(herd), "--fixed", "1")

    _, reconciliation = read_cohort(CohortFiles.in_folder(herd, fixed="1"), keep_unrecorded=True)
    lines = answer.out.splitlines()
    assert "120 animals x 200 markers x 4 traits" == lines[0]
    assert [f"  {line}" for line in reconciliation.lines()] == lines[1:3]
    assert "bull7, bull8" in lines[1]
    assert "cow001, cow002" in lines[2]


def test_single_files_are_as_good_as_a_folder(tiny: Path, genialearn: Callable[..., object]) -> None:
    files = {
        "--bfile": tiny / "genotypes",
        "--traits": tiny / "traits.tsv",
        "--trait-settings": tiny / "traits.toml",
        "--covariates": tiny / "covariates.tsv",
        "--pedigree": tiny / "pedigree.tsv",
    }

    answer = genialearn("check", *(str(word) for pair in files.items() for word in pair))

    assert genialearn("check", str(tiny)) == answer


def test_options_replace_files_of_the_folder(herd: Path, genialearn: Callable[..., object]) -> None:
    other = herd.parent / "other.tsv"
    pd.read_csv(herd / "traits.tsv", sep="\t")[["id", "fat"]].to_csv(other, sep="\t", index=False)
    (herd / "traits.tsv").unlink()

    answer = genialearn("check", str(herd), "--traits", str(other), "--fixed", "C(herd)")

    assert "fat\tquantitative\t120\tC(herd)" == answer.out.splitlines()[-1]


def test_compare_says_first_what_it_takes_and_last_what_it_found(finished: FinishedRun) -> None:
    said, found = finished.answer.err.splitlines(), finished.answer.out.splitlines()
    steps = [
        "fixed effects by gblup on all records", "gblup on fold1", "hybrid on fold1", "gblup on fold2",
        "hybrid on fold2", "scores and verdicts", "done",
    ]  # fmt: skip
    progress = [f"{done}/6 {step}" for done, step in enumerate(steps)]

    assert [
        "120 animals x 200 markers x 4 traits",
        "  every animal has genotype and records",
        "  fold1: 60 animals to learn from, 60 to predict",
        "  fold2: 60 animals to learn from, 60 to predict",
    ] == said[:4]
    assert re.match(r"memory: about 0\.\d of \d+\.\d GiB; 4 cells to run$", said[4])
    assert progress == [re.sub(r"^\[ *\d+ s\] |, about \d+ s left$", "", line) for line in said[5:]]
    assert "tiny, simulated: 120 animals, 200 markers, 4 traits; split kfold:2." == found[0]
    assert found[1].startswith("hybrid against gblup: better on ")
    assert f"report: {finished.folder / 'report.html'}" == found[-1]


@pytest.fixture
def compare_once(tiny: Path, tmp_path: Path, cells_in_process: None, genialearn: Callable[..., object]) -> object:
    """Compare nothing but the reference, once."""

    def run(*words: str) -> object:
        return genialearn(
            "compare", str(tiny), "--model", "gblup", "--split", "forward", "--out", str(tmp_path / "run"), *words
        )

    return run


def test_that_quiet_leaves_only_the_result(compare_once: Callable[..., object]) -> None:
    answer = compare_once("--quiet")

    assert (0, "") == (answer.code, answer.err)
    assert answer.out.startswith("tiny, simulated: ")


def test_that_too_little_memory_is_said_before_anything_runs(
    compare_once: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genialearn.experiments.machine.usable_memory_gib", lambda: 0.125)

    said = compare_once().err.splitlines()

    assert [
        "memory: about 0.3 of 0.1 GiB; 1 cell to run",
        "warning: gblup needs more memory than this process may use, and will most likely be killed. "
        "Compare on fewer animals, or on a machine with 1 GiB.",
    ] == said[3:5]


def test_that_long_lists_of_splits_are_cut(
    tiny: Path, genialearn: Callable[..., object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("genialearn.experiments.compare", lambda *_, **__: None)
    monkeypatch.setattr(app, "_report", lambda *_: None)

    said = genialearn("compare", str(tiny), "--split", "kfold:4x2", "--out", str(tmp_path / "run")).err.splitlines()

    assert "  repeat2-fold1: 90 animals to learn from, 30 to predict" == said[6]
    assert "  and 3 more splits" == said[7]


def test_report_writes_the_page_again(finished: FinishedRun, tmp_path: Path, genialearn: Callable[..., object]) -> None:
    folder = Path(shutil.copytree(finished.folder, tmp_path / "run"))
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()

    answer = genialearn("report", str(folder))

    assert (0, "") == (answer.code, answer.err)
    assert finished.answer.out.splitlines()[:-1] == answer.out.splitlines()[:-1]
    assert len(before) == pytest.approx(len((folder / "report.html").read_bytes()), rel=0.01)


def test_simulate_writes_a_cohort_that_can_be_checked(tmp_path: Path, genialearn: Callable[..., object]) -> None:
    herd = tmp_path / "herd"

    answer = genialearn("simulate", str(herd), "--animals", "40", "--markers", "60", "--n-traits", "2", "--seed", "3")

    assert (0, "") == (answer.code, answer.out)
    first, *steps = answer.err.splitlines()
    assert f"simulating 40 cows x 60 markers x 2 traits (realistic) into {herd}" == first
    assert all(re.match(r"\[ +\d+ s\] \d+/100 [a-z ]+$", step.partition(", about")[0]) for step in steps)
    assert genialearn("check", str(herd)).out.startswith("40 animals x 60 markers x 2 traits\n")


def test_a_herd_is_simulated_by_its_design(tmp_path: Path, genialearn: Callable[..., object]) -> None:
    herd, design = tmp_path / "herd", tmp_path / "design.toml"
    design.write_text('[traits]\nonly = ["height", "milk_yield"]\n[traits.height]\nrepeatability = 0.6\nrecords = 2')

    answer = genialearn("simulate", str(herd), "--animals", "40", "--markers", "60", "--design", str(design), "--quiet")

    assert (0, "", "") == (answer.code, answer.out, answer.err)
    assert genialearn("check", str(herd)).out.startswith("40 animals x 60 markers x 2 traits\n")
    assert (herd / "records.tsv").read_text().startswith("id\tenvironment\therd_year\theight\tmilk_yield\n")


@pytest.fixture
def simulations(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the simulation of a herd was asked for; the tiny cohort takes its place."""
    asked: list[dict[str, object]] = []

    def simulate_cohort(folder: Path, *, progress: object, force: bool, **settings: object) -> None:
        asked.append({"folder": folder, "force": force, **settings})
        shutil.rmtree(folder, ignore_errors=True)
        write_tiny_cohort(folder)
        (folder / "truth" / "parameters.json").write_text(json.dumps(settings))
        progress("writing", 1.0)

    monkeypatch.setattr("genialearn.cohorts.simulate.simulate_cohort", simulate_cohort)
    return asked


def test_simulate_hands_on_what_was_asked(
    tmp_path: Path, genialearn: Callable[..., object], simulations: list[dict[str, object]]
) -> None:
    words = "--animals 50 --markers 70 --n-traits 5 --architecture additive --seed 9 --threads 2 --force --quiet"

    answer = genialearn("simulate", str(tmp_path / "herd"), *words.split())

    assert (0, "", "") == (answer.code, answer.out, answer.err)
    assert [
        {
            "folder": tmp_path / "herd", "force": True, "threads": 2,
            "animals": 50, "markers": 70, "n_traits": 5, "architecture": "additive", "seed": 9,
            "phased": False, "design": None,
        }
    ] == simulations  # fmt: skip


@pytest.fixture
def demo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cells_in_process: None,
    genialearn: Callable[..., object],
    simulations: list[dict[str, object]],
) -> Callable[..., object]:
    """The demonstration, of GBLUP alone on the tiny cohort."""
    monkeypatch.setattr(app, "DEFAULT_MODELS", ("gblup",))
    return lambda *words: genialearn("demo", "--animals", "200", "--out", str(tmp_path / "demo"), *words)


def test_demo_simulates_compares_and_reports(
    demo: Callable[..., object], simulations: list[dict[str, object]], tmp_path: Path
) -> None:
    answer = demo("--seed", "4")

    assert 0 == answer.code
    assert f"report: {tmp_path / 'demo' / 'report.html'}" in answer.out.splitlines()
    assert f"report: {tmp_path / 'demo-judged' / 'report.html'}" == answer.out.splitlines()[-1]
    assert (tmp_path / "demo-artificial" / "genotypes.bed").exists()
    [asked] = simulations
    assert (tmp_path / "demo-herd", 200, 33) == (asked["folder"], asked["animals"], asked["n_traits"])
    run = json.loads((tmp_path / "demo" / "run.json").read_text())
    assert ("forward:0.2", 4) == (run["settings"]["split"], run["settings"]["seed"])


def test_an_interrupted_demo_keeps_its_herd(
    demo: Callable[..., object], simulations: list[dict[str, object]], tmp_path: Path
) -> None:
    demo()
    folder = RunFolder(tmp_path / "demo")
    folder.write_state(folder.read_state() | {"status": "running"})

    again, forced = demo(), demo("--force")

    assert f"taking the herd that was simulated before: {tmp_path / 'demo-herd'}" == again.err.splitlines()[0]
    assert [0, 0] == [again.code, forced.code]
    assert [False, True] == [asked["force"] for asked in simulations]


def test_that_an_interrupt_is_no_error(
    tiny: Path, tmp_path: Path, genialearn: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genialearn.experiments.compare", interrupted)

    answer = genialearn("compare", str(tiny), "--model", "gblup", "--out", str(tmp_path / "run"))

    assert (130, "") == (answer.code, answer.out)
    assert "interrupted; repeat the command to resume it" == answer.err.splitlines()[-1]


UNEXPECTED = {
    MemoryError("Unable to allocate 9 GiB"): (
        1,
        "error: memory: expected enough of it, found Unable to allocate 9 GiB. "
        "Use fewer animals or markers, or a larger machine.\n",
    ),
    KeyError("x"): (1, "error: unexpected KeyError: 'x'. Repeat with --debug.\n"),
    OSError(30, "Read-only file system", "here"): (3, "error: here: read-only file system. Write to another path.\n"),
    KeyboardInterrupt(): (130, ""),
}


@pytest.mark.parametrize("error", UNEXPECTED, ids=lambda error: type(error).__name__)
def test_that_no_error_shows_a_traceback(
    error: BaseException, tiny: Path, genialearn: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> tuple[Cohort, object]:
        raise error

    monkeypatch.setattr("genialearn.cohorts.read_cohort", fail)
    answer = genialearn("check", str(tiny))

    assert (answer.code, answer.err) == UNEXPECTED[error]


def test_that_debug_shows_the_traceback_and_keeps_the_exit_code(genialearn: Callable[..., object]) -> None:
    answer = genialearn("check", "nowhere", "--debug")

    assert 3 == answer.code
    assert answer.err.startswith("Traceback (most recent call last):\n")
    assert answer.err.splitlines()[-1].startswith("error: nowhere: expected a cohort folder, found nothing. ")


def test_compare_takes_settings_of_a_model(compare_once: Callable[..., object], tmp_path: Path) -> None:
    asked = "gblup:relationships=vanraden2,heritability=.5"
    answer = compare_once("--model", asked, "--quiet")
    scores = pd.read_table(tmp_path / "run" / "scores.tsv").query("metric == 'r' and split == 'all'")
    wide = scores.pivot_table(index="trait", columns="model", values="estimate")

    assert (0, "") == (answer.code, answer.err)
    assert ["gblup", asked] == sorted(wide)
    assert (wide["gblup"] - wide[asked]).abs().max() > 1e-3


def test_a_setting_that_a_model_has_not_is_said_before_anything_runs(compare_once: Callable[..., object]) -> None:
    answer = compare_once("--model", "gblup:relationship=vanraden2")

    assert answer.code != 0
    assert (
        "setting of model gblup: expected a known name, found 'relationship'. Did you mean relationships" in answer.err
    )
