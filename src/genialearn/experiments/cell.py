"""One cell: one model on one split, in a process of its own, with its costs by stage.

Run as ``python -m genialearn.experiments.cell FOLDER MODEL SPLIT``. The process reads the inputs that `run.json` names,
fits on the training animals, predicts the test animals without their records, and leaves a table and a JSON file.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn.cohorts import Cohort, read_cohort
from genialearn.contracts import HasHeritability, HasHistory, HasNotes, Predictor
from genialearn.errors import GenialearnError
from genialearn.experiments.runs import CellKey, RunFolder, files_from_settings
from genialearn.predictors import make_predictor
from genialearn.validation.splits import Split, SplitScheme

WHOLE = "whole"
"""The split on which GBLUP sees all records, to estimate fixed effects once."""


@dataclass
class Stopwatch:
    """Wall time, CPU time and peak memory of each stage."""

    stages: list[dict[str, float | str]] = field(default_factory=list)
    current: str = "start"

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block."""
        self.current = name
        wall, cpu = time.perf_counter(), _cpu_seconds()
        yield
        self.stages.append(
            {
                "stage": name,
                "wall_s": round(time.perf_counter() - wall, 3),
                "cpu_s": round(_cpu_seconds() - cpu, 3),
                "peak_rss_mib": round(peak_memory_mib(), 1),
            }
        )


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_memory_mib() -> float:
    """Return the highest resident memory of this process so far, plus that of its largest finished child, in MiB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    status = Path("/proc/self/status")
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024 + children
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2 + children


def run_splits(cohort: Cohort, settings: dict[str, Any]) -> list[Split]:
    """Return the splits of a run; the same in every process."""
    scheme = SplitScheme.parse(settings["split"])
    return scheme.splits(cohort, rng=np.random.default_rng([settings["seed"], 0]))


def run_cell(folder: RunFolder, key: CellKey) -> None:
    """Fit and predict one cell and write what it leaves; a failure is written too, and raised."""
    watch = Stopwatch()
    try:
        _run(folder, key, watch)
    except Exception as error:
        known = isinstance(error, GenialearnError)
        message = str(error) if known else f"{type(error).__name__}: {error}"
        facts = {"stage": watch.current, "error": type(error).__name__, "message": message}
        _files.write_json(folder.cell(key, "error.json"), facts)
        raise


def _run(folder: RunFolder, key: CellKey, watch: Stopwatch) -> None:
    settings = folder.read_state()["settings"]
    with watch.stage("read"):
        cohort, _ = read_cohort(files_from_settings(settings["files"]))
        train, test = _parts(cohort, settings, key.split)
    with watch.stage("fit"):
        model = make_predictor(key.model, seed=settings["seed"], threads=settings["threads"])
        model.fit(train)
    with watch.stage("predict"):
        predicted = model.predict(test.without_records())
    if not np.isfinite(predicted).all():
        raise GenialearnError(f"model {key.model}", expected="finite predictions", found="NaN or infinite ones")
    if key.split == WHOLE:
        table = _adjusted_table(model, cohort)
    else:
        table = pd.DataFrame(predicted, columns=cohort.records.trait_names).assign(id=test.animals)
    _files.write_parquet(folder.cell(key, "parquet"), table)
    _files.write_json(folder.cell(key, "json"), {**_facts(model), "stages": watch.stages, **_sizes(train)})


def _parts(cohort: Cohort, settings: dict[str, Any], label: str) -> tuple[Cohort, Cohort]:
    if label == WHOLE:
        return cohort, cohort.select(slice(0, 1))
    split = next(split for split in run_splits(cohort, settings) if split.label == label)
    return cohort.select(split.train), cohort.select(split.test)


def _adjusted_table(model: Predictor, cohort: Cohort) -> pd.DataFrame:
    """Return records without fixed effects and their weights, one row an animal: what predictions are judged by."""
    from genialearn.predictors.mixed import adjusted_by_animal

    values, weights = adjusted_by_animal(getattr(model, "models_"), len(cohort))
    names = cohort.records.trait_names
    columns = {("observed", name): values[:, t] for t, name in enumerate(names)}
    columns |= {("weight", name): weights[:, t] for t, name in enumerate(names)}
    table = pd.DataFrame({f"{kind}:{name}": column for (kind, name), column in columns.items()})
    return table.assign(id=cohort.canonical().animals)


def _facts(model: Predictor) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(model, HasHeritability):
        facts["heritability"] = [float(h) for h in model.heritability_]
        facts["heritability_se"] = [float(se) if np.isfinite(se) else None for se in model.heritability_se_]
    if isinstance(model, HasNotes):
        facts["notes"] = model.notes_
    if isinstance(model, HasHistory):
        facts["epochs"] = len(model.history_)
    return facts


def _sizes(train: Cohort) -> dict[str, int]:
    n_animals, n_markers = train.genotypes.shape
    return {"n_animals": n_animals, "n_markers": n_markers, "n_traits": len(train.traits)}


def main() -> int:
    """Run the cell that the command line names; its failure is in its error file."""
    folder, model, split = sys.argv[1:]
    try:
        run_cell(RunFolder(Path(folder)), CellKey(model, split))
    except GenialearnError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
