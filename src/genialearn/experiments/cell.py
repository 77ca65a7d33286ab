"""One cell: one model on one split, in a process of its own, with its costs by stage.

The process reads the inputs that `run.json` names, fits on the training animals, predicts the test animals without
their records, and leaves a table and a JSON file. What it has to say meanwhile, it says in lines of JSON on the channel
that was its standard output: the stage that begins, and the failure that ends it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn.cohorts import Cohort, read_cohort
from genialearn.contracts import HasHeritability, HasHistory, HasNotes, HasTraitCurves, Predictor
from genialearn.errors import GenialearnError
from genialearn.experiments.costs import MemoryWatch, Stopwatch
from genialearn.experiments.inputs import check_unchanged, files_from_settings
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.predictors import REFERENCE, make_predictor
from genialearn.validation.splits import Split, SplitScheme

if TYPE_CHECKING:
    from genialearn.predictors.gblup import GBLUP

WHOLE = "all-records"
"""The split on which GBLUP sees all records, to estimate fixed effects once."""

WHOLE_CELL = CellKey(REFERENCE, WHOLE)
"""What comes first: it frees the records that all models are judged by of their fixed effects."""

Tell = Callable[[dict[str, Any]], None]
Work = Callable[[RunFolder, CellKey, Stopwatch], None]


def run_splits(cohort: Cohort, settings: dict[str, Any]) -> list[Split]:
    """Return the splits of a run; the same in every process."""
    scheme = SplitScheme.parse(settings["split"])
    return scheme.splits(cohort, rng=np.random.default_rng([settings["seed"], 0]))


def run_cell(folder: RunFolder, key: CellKey, tell: Tell, work: Work | None = None) -> bool:
    """Fit and predict one cell and write what it leaves; return whether it did.

    Parameters
    ----------
    folder, key
        Where and which.
    tell
        Called with {"stage": name} as a stage begins, and with a description of the error that ended the cell.
    work
        What is done instead, in cells of another command.
    """
    try:
        with MemoryWatch() as memory:
            (work or _run)(folder, key, Stopwatch(lambda stage: tell({"stage": stage}), memory.peak_mib))
    except Exception as error:
        tell(_description(error))
        return False
    return True


def _description(error: Exception) -> dict[str, Any]:
    name = type(error).__name__
    if not isinstance(error, GenialearnError):
        return {"error": name, "message": f"{name}: {error}"}
    parts = {part: getattr(error, part) for part in ("where", "expected", "found", "advice")}
    return {"error": name, "message": str(error), "parts": parts}


def _run(folder: RunFolder, key: CellKey, watch: Stopwatch) -> None:
    state = folder.read_state()
    settings = state["settings"]
    with watch.stage("read"):
        files = files_from_settings(settings["files"])
        check_unchanged(files, state["inputs"])
        cohort, _ = read_cohort(files)
        train, test = _parts(cohort, settings, key.split)
        model = make_predictor(key.model, seed=settings["seed"], threads=settings["threads"])
    with watch.stage("fit"):
        model.fit(train)
    with watch.stage("predict"):
        predicted = _checked(model.predict(test.without_records()), key)
    watch.announce("write")
    table = pd.DataFrame(predicted, columns=cohort.records.trait_names).assign(id=test.animals)
    if key.split == WHOLE:
        table = _adjusted_table(cast("GBLUP", model), cohort)
    _files.write_parquet(folder.cell(key, "parquet"), table)
    _files.write_json(folder.cell(key, "json"), {**_facts(model), "stages": watch.stages, **_sizes(train)})


def _parts(cohort: Cohort, settings: dict[str, Any], label: str) -> tuple[Cohort, Cohort]:
    if label == WHOLE:
        return cohort, cohort.select(slice(0, 1))
    split = next(split for split in run_splits(cohort, settings) if split.label == label)
    return cohort.select(split.train), cohort.select(split.test)


def _checked(predicted: np.ndarray, key: CellKey) -> np.ndarray:
    wrong = int(np.sum(~np.isfinite(predicted)))
    if wrong:
        raise GenialearnError(
            f"model {key.model}", expected="finite predictions", found=f"{wrong:,} that are NaN or infinite"
        )
    return predicted


def _adjusted_table(model: GBLUP, cohort: Cohort) -> pd.DataFrame:
    """Return what predictions are judged by, one row an animal: records with and without fixed effects, and weights."""
    from genialearn.mixed_models.adjustment import average_by_animal
    from genialearn.mixed_models.fits import adjusted_by_animal

    cohort = cohort.canonical()
    values, weights = adjusted_by_animal(model.models_, len(cohort))
    columns = {}
    for t, (name, fitted) in enumerate(zip(cohort.records.trait_names, model.models_, strict=True)):
        raw = cohort.records.values[fitted.records, t]
        columns[f"record:{name}"] = average_by_animal(fitted.animals, raw, fitted.weights, len(cohort))[0]
        columns[f"observed:{name}"] = values[:, t]
        columns[f"weight:{name}"] = weights[:, t]
    return pd.DataFrame(columns).assign(id=cohort.animals)


def _facts(model: Predictor) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(model, HasHeritability):
        facts["heritability"] = [float(h) for h in model.heritability_]
        facts["heritability_se"] = [float(se) if np.isfinite(se) else None for se in model.heritability_se_]
    if isinstance(model, HasNotes):
        facts["notes"] = model.notes_
    if isinstance(model, HasTraitCurves):
        facts["curves"] = model.trait_curves().to_dict("list")
    if isinstance(model, HasHistory):
        facts["epochs"] = len(model.history_)
    return facts


def _sizes(train: Cohort) -> dict[str, int]:
    n_animals, n_markers = train.genotypes.shape
    return {"n_animals": n_animals, "n_markers": n_markers, "n_traits": len(train.traits)}


def main(work: Work | None = None) -> int:
    """Run the cell that the command line names: FOLDER MODEL SPLIT."""
    folder, model, split = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return 0 if run_cell(RunFolder(Path(folder)), CellKey(model, split), _channel(), work) else 1


def _channel() -> Tell:
    """Take standard output for messages to the parent; what libraries print goes to standard error from now on."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=channel, flush=True)

    return tell


def _end_with_parent() -> None:
    """Wait until standard input ends: the parent holds its other end and never writes. Then end all that was started.

    So nothing goes on computing for a parent that was killed.
    """
    while os.read(0, 1):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
