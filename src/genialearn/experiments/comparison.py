"""`genialearn compare`: models x splits into a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genialearn.errors import GenialearnError
from genialearn.experiments.cell import WHOLE_CELL
from genialearn.experiments.engine import Failure, run_in_process
from genialearn.experiments.plan import Plan
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.predictors import REFERENCE

Progress = Callable[[str, int, int], None]
"""Called with what runs now, how many steps are done and how many there are."""


def compare(plan: Plan, out: Path | str, *, force: bool = False, progress: Progress | None = None) -> RunFolder:
    """Run a planned comparison and return its run folder.

    Cells that an interrupted run finished aren't repeated. A cell that fails is reported in `failures.tsv`; the others
    go on.

    Parameters
    ----------
    plan
        What to run, from `plan_comparison`.
    out
        The run folder.
    force
        Whether a run that is there already is replaced; files that no run wrote stay.
    progress
        Told what runs.

    Raises
    ------
    InputError
        Where `out` holds something that can't be resumed or replaced, an input changed meanwhile, or results can't be
        written.
    GenialearnError
        Where GBLUP can't be fitted on all records, or no cell at all finished.
    """
    folder = RunFolder(Path(out))
    steps = _Steps(progress, len(plan.cells) + 2)
    with folder.held():
        folder.begin(plan.content, force=force)
        _estimate_fixed_effects(folder, plan, steps)
        failures = _run_cells(folder, plan, steps)
        steps.next("scores and verdicts")
        _finish(folder, plan, failures)
        steps.next("done")
    return folder


class _Steps:
    """Counts steps, and tells of each as it begins."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def next(self, what: str) -> None:
        if self._progress is not None:
            self._progress(what, self._done, self._total)
        self._done += 1


def _estimate_fixed_effects(folder: RunFolder, plan: Plan, steps: _Steps) -> None:
    """Run the cell without which nothing can be judged; where it fails, nothing stays behind."""
    steps.next("fixed effects by gblup on all records")
    try:
        failure = _run_unless_done(folder, WHOLE_CELL, plan)
    except GenialearnError:
        folder.clear()
        raise
    if failure is not None:
        folder.clear()
        raise failure.as_error()


def _run_cells(folder: RunFolder, plan: Plan, steps: _Steps) -> list[Failure]:
    failures = []
    for key in plan.cells:
        steps.next(str(key))
        failure = _run_unless_done(folder, key, plan)
        failures += [failure] if failure else []
    return failures


def _run_unless_done(folder: RunFolder, key: CellKey, plan: Plan) -> Failure | None:
    if folder.is_done(key):
        return None
    budget = None if key.model == REFERENCE or plan.budget_minutes is None else 60 * plan.budget_minutes
    failure = run_in_process(folder, key, threads=plan.threads, seconds=budget)
    if failure is not None and failure.concerns_the_run:
        raise failure.as_error()
    return failure


def _finish(folder: RunFolder, plan: Plan, failures: list[Failure]) -> None:
    from genialearn.experiments import tables  # statistics are imported here, so that cells start without them

    tables.write_failures(folder, failures)
    if len(failures) == len(plan.cells):
        raise GenialearnError(
            str(folder.path),
            expected="at least one model that could be fitted",
            found=f"{len(failures)} failures, the first of {failures[0].key}: {failures[0].message.rstrip('.')}",
            advice="See failures.tsv; repeat the command to try again.",
        )
    tables.write_tables(folder, plan)
    folder.write_state({**plan.content, "status": "finished", "notes": tables.notes(folder, plan)})
    folder.remove_cells()
