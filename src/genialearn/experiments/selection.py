"""`select`: generations of animals bred by the predictions of several models, each replicate alike for all of them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts.simulate.demography import import_msprime
from genialearn.errors import GenialearnError, SettingError
from genialearn.experiments import machine, runs
from genialearn.experiments.engine import Failure, new_lifeline, run_in_process
from genialearn.experiments.memory import Memory
from genialearn.experiments.plan import check_installed
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.experiments.selection_cell import COLUMNS, CONTROLS, PROGRAM, label_of
from genialearn.experiments.selection_design import SelectionDesign
from genialearn.experiments.selection_memory import selection_memory
from genialearn.predictors import CATALOGUE, REFERENCE, entry_of, make_predictor

KIND = "select"
SELECTION, GAIN = "selection.tsv", "gain.tsv"
_KEYS = ["model", "generation", "trait", "figure"]
Progress = Callable[[str, int, int], None]
"""Called with what ended last, how many cells are done and how many there are."""


class SelectionFolder(RunFolder):
    """The folder of a selection experiment."""

    kind = KIND
    made_by = "genialearn select"
    files = (SELECTION, GAIN, runs.FAILURES, runs.REPORT, runs.RUN)

    @staticmethod
    def identity(content: dict[str, Any]) -> dict[str, Any]:
        """Return what must be the same for a run to be resumed, by the words that an error uses."""
        settings = content["settings"]
        return {
            **{name.replace("_", " "): value for name, value in settings["design"].items()},
            "models": settings["models"],
            "replicates": settings["replicates"],
            "version of genialearn": content["genialearn"],
        }


def select(
    out: Path | str,
    design: SelectionDesign | None = None,
    *,
    models: Sequence[str] = (REFERENCE,),
    replicates: int = 1,
    threads: int = 0,
    jobs: int = 0,
    force: bool = False,
    command: str = "",
    announce: Callable[[Memory], None] = lambda memory: None,
    progress: Progress = lambda what, done, total: None,
) -> Path:
    """Breed by each model's predictions, replicate by replicate, and write what comes of it.

    A cell is one model in one replicate. Those that an interrupted run finished aren't repeated; one that fails is
    reported in `failures.tsv`, and the others go on.

    Parameters
    ----------
    out
        The folder.
    design
        What is simulated and how it is bred; None for the defaults.
    models
        Names of predictors or controls; differences are taken to `gblup`, where it is among them.
    replicates
        How many times, each with other base animals and effects, the same for all models.
    threads
        How many are used in all; 0 for all cores. Results don't depend on it.
    jobs
        How many cells run at once, sharing the threads; 0 for as many as there are threads.
    force
        Whether an experiment that is there already is replaced.
    command
        The command line, for the record.
    announce
        Told what memory is needed, before anything is simulated.
    progress
        Told which cells have ended.

    Returns
    -------
    The folder.

    Raises
    ------
    InputError
        Where a setting is unusable, memory isn't enough, or `out` holds what can't be resumed or replaced.
    MissingExtraError
        Where a model's library, or msprime where founders are coalescent, isn't installed.
    GenialearnError
        Where no cell finished.
    """
    design, folder = design or SelectionDesign(), SelectionFolder(Path(out))
    folder.check_free(force=force)
    chosen = _checked_models(models)
    check_at_least("replicates", replicates, 1)
    if design.founders == "coalescent":
        import_msprime()
    n_threads = check_at_least("threads", threads, 0) or machine.usable_cores()
    n_cells = len(chosen) * replicates
    n_jobs = min(check_at_least("jobs", jobs, 0) or n_threads, n_cells)
    needed = selection_memory(design, chosen, n_jobs)
    content = _content(design, chosen, replicates, command=command) | {"memory_gib": round(needed.needed_gib, 3)}
    content["settings"] |= {"threads": n_threads, "jobs": n_jobs, "threads_of_a_cell": max(1, n_threads // n_jobs)}
    folder.check(content, force=force)
    announce(needed)
    needed.check()
    cells = [CellKey(model, label_of(number)) for number in range(1, replicates + 1) for model in chosen]
    with folder.held():
        folder.begin(content, force=force)
        failures = _run(folder, cells, n_jobs, progress)
        _finish(folder, cells, failures, content)
        progress("done", n_cells, n_cells)
    return folder.path


def _checked_models(models: Sequence[str]) -> list[str]:
    for name in models:
        if check_known("model", name.partition(":")[0], (*CATALOGUE, *CONTROLS)) not in CONTROLS:
            _refuse_pedigree_model(name)
            check_installed(name)
            make_predictor(name)
    return list(dict.fromkeys(models or (REFERENCE,)))


def _refuse_pedigree_model(name: str) -> None:
    if entry_of(name)[1].family == "pedigree":
        raise SettingError(
            f"model {name}",
            expected="a model of the markers",
            found="one of the pedigree alone",
            advice="Base animals have no known ancestors, so it couldn't begin; leave it out.",
        )


def _content(design: SelectionDesign, models: list[str], replicates: int, *, command: str) -> dict[str, Any]:
    weights = design.index_weights.tolist()
    return {
        "genialearn": importlib.metadata.version("genialearn"),
        "kind": KIND,
        "command": command,
        "settings": {"design": asdict(design), "models": models, "replicates": replicates, "seed": design.seed},
        "traits": [
            {"name": trait.name, "unit": trait.unit, "direction": trait.direction, "weight": weight}
            for trait, weight in zip(design.traits, weights, strict=True)
        ],
        "versions": machine.library_versions(),
        "machine": machine.describe_machine(),
    }


def _run(folder: RunFolder, cells: list[CellKey], n_jobs: int, progress: Progress) -> list[Failure]:
    """Run cells that aren't done yet, several at a time; where this is interrupted, all of them end."""
    threads = int(folder.read_state()["settings"]["threads_of_a_cell"])
    waiting = [key for key in cells if not folder.is_done(key)]
    done = len(cells) - len(waiting)
    progress("base animals", done, len(cells))
    with ThreadPoolExecutor(n_jobs) as pool, new_lifeline() as lifeline:
        running = {
            pool.submit(run_in_process, folder, key, threads=threads, program=PROGRAM, lifeline=lifeline): key
            for key in waiting
        }
        try:
            return _collected(running, done, len(cells), progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _collected(
    running: dict[Future[Failure | None], CellKey], done: int, total: int, progress: Progress
) -> list[Failure]:
    failures = []
    for ended, future in enumerate(as_completed(running), start=done + 1):
        failure = future.result()
        if failure is not None and failure.concerns_the_run:
            raise failure.as_error()
        failures += [failure] if failure else []
        progress(str(running[future]), ended, total)
    return failures


def _finish(folder: RunFolder, cells: list[CellKey], failures: list[Failure], content: dict[str, Any]) -> None:
    """Write the tables and the state of a finished run."""
    rows = [
        (f.key.model, f.key.split.rpartition("-")[2], f.stage, f.error, " ".join(f.message.split()))
        for f in sorted(failures, key=lambda failure: cells.index(failure.key))
    ]
    table = pd.DataFrame(rows, columns=["model", "replicate", "stage", "error", "message"])
    _files.write_table(folder.path / runs.FAILURES, table)
    if len(failures) == len(cells):
        raise GenialearnError(
            str(folder.path),
            expected="at least one model by which animals could be bred",
            found=f"{len(failures)} failures, the first of {failures[0].key}: {failures[0].message.rstrip('.')}",
            advice="See failures.tsv; repeat the command to try again.",
        )
    finished = [key for key in cells if folder.is_done(key)]
    table = pd.concat([pd.read_parquet(folder.cell(key, "parquet")) for key in finished], ignore_index=True)[COLUMNS]
    _files.write_table(folder.path / SELECTION, table)
    _files.write_table(folder.path / GAIN, summary(table))
    stages = [
        {"model": key.model, "replicate": int(key.split.rpartition("-")[2]), **stage}
        for key in finished
        for stage in folder.cell_facts(key)["stages"]
    ]
    folder.write_state({**content, "status": "finished", "stages": stages})
    folder.remove_cells()


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over replicates, and paired differences to `gblup` where it is among the models.

    Parameters
    ----------
    table
        `model replicate generation trait figure value`.

    Returns
    -------
    DataFrame
        `model generation trait figure mean se n difference difference_se`, in the order of the table; replicates
        without a value don't count, and one alone has no standard error.
    """
    means = _mean_and_error(table, "value").rename(columns={"count": "n"})
    reference = table.loc[table["model"] == REFERENCE].set_index([*_KEYS[1:], "replicate"])["value"]
    paired = pd.MultiIndex.from_frame(table[[*_KEYS[1:], "replicate"]])
    others = table.assign(difference=table["value"].to_numpy() - reference.reindex(paired).to_numpy())
    others.loc[others["model"] == REFERENCE, "difference"] = np.nan
    differences = _mean_and_error(others, "difference")
    means["difference"], means["difference_se"] = differences["mean"], differences["se"]
    return means.reset_index()


def _mean_and_error(table: pd.DataFrame, column: str) -> pd.DataFrame:
    groups = table.groupby(_KEYS, sort=False)[column]
    found = groups.agg(["mean", "std", "count"])
    found["se"] = found["std"] / np.sqrt(found["count"])
    return found[["mean", "se", "count"]]
