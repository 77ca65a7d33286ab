"""`genialearn compare`: models x splits into a run folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort, CohortFiles, Reconciliation, read_cohort, read_truth
from genialearn.errors import MissingExtraError
from genialearn.experiments import runs, scoring
from genialearn.experiments.cell import WHOLE, run_splits
from genialearn.experiments.description import describe_cohort
from genialearn.experiments.engine import Failure, run_in_process
from genialearn.experiments.runs import CellKey, RunFolder
from genialearn.predictors import CATALOGUE, REFERENCE
from genialearn.validation.splits import Split, SplitScheme, blocks

Progress = Callable[[str, int, int], None]
"""Called with what runs now, how many steps are done and how many there are."""

_LIBRARIES = ("numpy", "scipy", "numba", "pandas", "scikit-learn", "torch", "lightgbm")


@dataclass(frozen=True, eq=False)
class Plan:
    """A comparison that has been checked and could begin.

    Parameters
    ----------
    cohort
        The animals.
    reconciliation
        Who was dropped.
    splits
        Training and test animals.
    models
        Names, the reference first.
    content
        What `run.json` will hold.
    truths
        True values by name, animals x traits.
    """

    cohort: Cohort
    reconciliation: Reconciliation
    splits: Sequence[Split]
    models: Sequence[str]
    content: dict[str, Any]
    truths: dict[str, FloatArray]

    @property
    def threads(self) -> int:
        """How many threads each cell uses."""
        return int(self.content["settings"]["threads"])

    @property
    def cells(self) -> list[CellKey]:
        """Every model on every split, one split after the other, the reference first."""
        return [CellKey(model, split.label) for split in self.splits for model in self.models]

    @property
    def memory_gib(self) -> float:
        """About how much memory the largest cell needs: relationships, their eigenvectors and work space, float64."""
        n_animals, n_markers = self.cohort.genotypes.shape
        return (5 * 8 * n_animals**2 + 8 * n_animals * n_markers) / 2**30 + 0.3


def plan_comparison(
    files: CohortFiles, *, models: Sequence[str], split: str, seed: int = 1, threads: int = 0, command: str = ""
) -> Plan:
    """Read and check everything that a comparison needs; nothing is written.

    Parameters
    ----------
    files
        The cohort's files.
    models
        Names from the catalogue; the reference `gblup` is always added.
    split
        A scheme such as "forward:0.2".
    seed
        Of splits, models and bootstraps.
    threads
        Of each cell; 0 for all cores.
    command
        The command line, for the report.

    Raises
    ------
    InputError
        Where anything is unusable.
    MissingExtraError
        Where a model's library isn't installed.
    """
    names = _checked_models(models)
    scheme = SplitScheme.parse(split)
    check_at_least("seed", seed, 0)
    cohort, reconciliation = read_cohort(files)
    settings = {
        "models": names,
        "split": str(scheme),
        "seed": seed,
        "threads": check_at_least("threads", threads, 0) or os.cpu_count() or 1,
        "files": runs.files_as_settings(files),
    }
    splits = run_splits(cohort, settings)
    truths = _truths(cohort, files)
    content = _content(files, cohort, reconciliation, splits, settings, command, simulated=bool(truths))
    return Plan(cohort, reconciliation, splits, names, content, truths)


def _checked_models(models: Sequence[str]) -> list[str]:
    for name in models:
        check_known("model", name, CATALOGUE)
        library = CATALOGUE[name].library
        if library and importlib.util.find_spec(library) is None:
            raise MissingExtraError.for_extra(library, CATALOGUE[name].extra, f"model {name}")
    return list(dict.fromkeys([REFERENCE, *models]))


def _truths(cohort: Cohort, files: CohortFiles) -> dict[str, FloatArray]:
    return {
        name: table.reindex(index=list(cohort.animals), columns=cohort.records.trait_names).to_numpy()
        for name, table in read_truth(files).items()
    }


def _content(
    files: CohortFiles,
    cohort: Cohort,
    reconciliation: Reconciliation,
    splits: Sequence[Split],
    settings: dict[str, Any],
    command: str,
    *,
    simulated: bool,
) -> dict[str, Any]:
    n_animals, n_markers = cohort.genotypes.shape
    n_records = cohort.records.n_records
    return {
        "genialearn": importlib.metadata.version("genialearn"),
        "command": command,
        "settings": settings,
        "inputs": runs.describe_inputs(files),
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "memory_gib": _physical_memory_gib()},
        "cohort": {
            "name": files.bfile.resolve().parent.name if files.bfile.name == "genotypes" else files.bfile.name,
            "n_animals": n_animals,
            "n_markers": n_markers,
            "n_traits": len(cohort.traits),
            "simulated": simulated,
        },
        "traits": [asdict(t) | {"n_records": int(n)} for t, n in zip(cohort.traits, n_records, strict=True)],
        "reconciliation": [asdict(finding) for finding in reconciliation.findings],
        "splits": [{"label": s.label, "n_train": len(s.train), "n_test": len(s.test)} for s in splits],
    }


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _LIBRARIES if _is_installed(name)}


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _physical_memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def compare(plan: Plan, out: Path | str, *, force: bool = False, progress: Progress | None = None) -> RunFolder:
    """Run a planned comparison and return its run folder.

    Cells that an interrupted run finished aren't repeated. A cell that fails is reported in `failures.tsv`; the others
    go on.

    Raises
    ------
    InputError
        Where `out` holds something that can't be resumed or replaced.
    """
    report = progress or (lambda what, done, total: None)
    folder = RunFolder(Path(out))
    folder.begin(plan.content, force=force)
    whole = CellKey(REFERENCE, WHOLE)
    steps = [whole, *plan.cells]
    failures = []
    for done, key in enumerate(steps):
        report(str(key) if key != whole else "fixed effects by gblup on all records", done, len(steps) + 1)
        if not folder.is_done(key):
            failure = run_in_process(folder, key, threads=plan.threads)
            failures += [failure] if failure else []
        if key == whole and not folder.is_done(whole):
            raise _unusable(failures[-1])
    report("scores and verdicts", len(steps), len(steps) + 1)
    _write_tables(folder, plan, failures)
    folder.write_state({**plan.content, "status": "finished", "notes": _notes(folder, plan)})
    runs.remove_cells(folder, steps)
    report("done", len(steps) + 1, len(steps) + 1)
    return folder


def _unusable(failure: Failure) -> Exception:
    from genialearn.errors import InputError

    return InputError("fixed effects by gblup on all records", expected="a fitted model", found=failure.message)


def _notes(folder: RunFolder, plan: Plan) -> list[dict[str, str]]:
    return [
        {"model": key.model, "split": key.split, "note": note}
        for key in plan.cells
        if folder.is_done(key)
        for note in folder.cell_facts(key).get("notes", [])
    ]


def _write_tables(folder: RunFolder, plan: Plan, failures: Sequence[Failure]) -> None:
    predicted = _predicted(folder, plan)
    judged = _judged(folder, plan)
    scores = scoring.score_table(judged, predicted)
    scores = pd.concat([scores, _heritability_scores(folder, plan)], ignore_index=True)
    _files.write_table(folder.path / runs.SCORES, scores)
    comparisons = scoring.comparison_table(judged, predicted, [REFERENCE])
    _files.write_table(folder.path / runs.COMPARISONS, comparisons)
    _files.write_parquet(folder.path / runs.PREDICTIONS, scoring.prediction_table(judged, predicted))
    _files.write_table(folder.path / runs.COSTS, _costs(folder, plan))
    _files.write_table(folder.path / runs.FAILURES, _failures(failures))
    _files.write_json(folder.path / runs.COHORT, describe_cohort(plan.cohort))


def _predicted(folder: RunFolder, plan: Plan) -> dict[str, dict[str, FloatArray]]:
    names = plan.cohort.records.trait_names
    out: dict[str, dict[str, FloatArray]] = {model: {} for model in plan.models}
    for key in plan.cells:
        if folder.is_done(key):
            out[key.model][key.split] = pd.read_parquet(folder.cell(key, "parquet"))[names].to_numpy()
    return {model: by_split for model, by_split in out.items() if by_split}


def _judged(folder: RunFolder, plan: Plan) -> scoring.Judged:
    names = plan.cohort.records.trait_names
    whole = pd.read_parquet(folder.cell(CellKey(REFERENCE, WHOLE), "parquet")).set_index("id")
    whole = whole.loc[list(plan.cohort.animals)]
    heritabilities = {
        key.split: np.array(folder.cell_facts(key)["heritability"])
        for key in plan.cells
        if key.model == REFERENCE and folder.is_done(key)
    }
    return scoring.Judged(
        plan.cohort.animals,
        plan.cohort.traits,
        plan.splits,
        whole[[f"observed:{name}" for name in names]].to_numpy(),
        whole[[f"weight:{name}" for name in names]].to_numpy(),
        plan.truths,
        heritabilities,
        blocks(plan.cohort),
        int(plan.content["settings"]["seed"]),
    )


def _heritability_scores(folder: RunFolder, plan: Plan) -> pd.DataFrame:
    """Return the rows of metric h2: every model that estimates it, by split and averaged."""
    rows = []
    for model in plan.models:
        keys = [key for key in plan.cells if key.model == model and folder.is_done(key)]
        facts = [(key.split, folder.cell_facts(key)) for key in keys]
        found = [(label, f["heritability"], f["heritability_se"]) for label, f in facts if "heritability" in f]
        for column, name in enumerate(plan.cohort.records.trait_names):
            estimates = [(label, h2[column], se[column]) for label, h2, se in found]
            rows += [(name, model, label, "h2", h2, se, np.nan) for label, h2, se in estimates]
            if estimates:
                rows.append((name, model, scoring.ALL, "h2", *_averages(estimates), np.nan))
    return pd.DataFrame(rows, columns=["trait", "model", "split", "metric", "estimate", "se", "n"])


def _averages(estimates: Sequence[tuple[str, float, float | None]]) -> tuple[float, float]:
    errors = [se for _, _, se in estimates if se is not None]
    return float(np.mean([h2 for _, h2, _ in estimates])), float(np.mean(errors)) if errors else float("nan")


def _costs(folder: RunFolder, plan: Plan) -> pd.DataFrame:
    rows = []
    for key in plan.cells:
        if folder.is_done(key):
            facts = folder.cell_facts(key)
            sizes = {name: facts[name] for name in ("n_animals", "n_markers", "n_traits")}
            rows += [{"model": key.model, "split": key.split, **stage, **sizes} for stage in facts["stages"]]
    columns = ["model", "split", "stage", "wall_s", "cpu_s", "peak_rss_mib", "n_animals", "n_markers", "n_traits"]
    return pd.DataFrame(rows, columns=columns)


def _failures(failures: Sequence[Failure]) -> pd.DataFrame:
    rows = [(f.key.model, f.key.split, f.stage, f.error, " ".join(f.message.split())) for f in failures]
    return pd.DataFrame(rows, columns=["model", "split", "stage", "error", "message"])
