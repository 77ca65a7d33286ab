"""`genialearn variance`: variance components, breeding values and marker effects of all traits, in one go."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from genialearn import _files
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort, CohortFiles, Reconciliation, read_cohort
from genialearn.errors import InputError, SettingError
from genialearn.experiments import machine
from genialearn.experiments.costs import MemoryWatch, Stopwatch
from genialearn.experiments.estimates import Estimates, JointEstimates
from genialearn.experiments.inputs import describe_inputs, files_as_settings, refuse_streams
from genialearn.experiments.result_folder import ResultFolder
from genialearn.experiments.runs import RUN
from genialearn.mixed_models.covariances import CovarianceEstimates, estimate_covariances
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.joint_fits import JointFits
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.mixed_models.records import Pattern, patterns
from genialearn.mixed_models.reliability import Reliabilities, estimate_reliabilities
from genialearn.mixed_models.solvers import SOLVERS, choose_solver
from genialearn.mixed_models.variance import refuse_too_few
from genialearn.predictors.gblup import GBLUP, RELATIONSHIPS, kernel_of
from genialearn.predictors.gblup_multi import marker_effects_of, refuse_random_effects

Progress = Callable[[str, float], None]
"""Told what runs and what share of it is done."""

KIND = "variance"

_STAGES = {
    "read": "reading",
    "fit": "fitting",
    "predict": "breeding values of all animals",
    "covariances": "covariances of traits",
    "joint": "breeding values of all traits jointly",
    "reliabilities": "reliabilities",
    "write": "writing",
}

_NO_COVARIANCES = "covariances of traits are left out: some traits have random effects beside breeding values"


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be estimated, before it begins.

    Parameters
    ----------
    cohort
        All genotyped animals.
    train
        Those with records, in canonical order.
    reconciliation
        Who and what was dropped.
    solver
        "exact" or "iterative".
    notes
        What the user should know about the fixed effects.
    sizes
        What memory depends on.
    covariances, reliabilities, joint
        Whether they are estimated too.
    """

    cohort: Cohort
    train: Cohort
    reconciliation: Reconciliation
    solver: str
    notes: Sequence[str]
    sizes: Sizes
    covariances: bool
    reliabilities: bool
    joint: bool

    @property
    def memory_gib(self) -> float:
        """About how much memory is needed."""
        return self._gib(self.solver)

    def _gib(self, solver: str) -> float:
        asked = {"covariances": self.covariances, "reliabilities": self.reliabilities, "joint": self.joint}
        return needed_bytes(self.sizes, solver, **asked) / 2**30

    def check_memory(self, available_gib: float) -> None:
        """Raise `InputError` where the memory that this process may use isn't enough."""
        if self.memory_gib <= available_gib:
            return
        smaller = self.solver == "exact" and self._gib("iterative") <= available_gib
        other = "Use the iterative solver (--solver iterative)" if smaller else "Use fewer animals or markers"
        raise InputError(
            "memory",
            expected=f"about {self.memory_gib:.1f} GiB for the {self.solver} solver",
            found=f"{available_gib:.1f} GiB that this process may use",
            advice=f"{other}, or a machine with {math.ceil(self.memory_gib)} GiB.",
        )


def variance(
    files: CohortFiles,
    out: Path | str,
    *,
    relationships: str = "vanraden1",
    solver: str = "auto",
    covariances: bool = True,
    reliabilities: bool = True,
    joint: bool = False,
    seed: int = 1,
    threads: int = 0,
    force: bool = False,
    command: str = "",
    announce: Callable[[Task], None] = lambda task: None,
    progress: Progress = lambda what, share: None,
) -> Estimates:
    """Estimate variances by REML, breeding values of all genotyped animals and marker effects; write them to a folder.

    The model is fitted on the animals with at least one record, and allele frequencies are theirs. Breeding values of
    all animals follow from the marker effects.

    Parameters
    ----------
    files
        The cohort's files.
    out
        The folder.
    relationships, solver
        As in `GBLUP`.
    covariances, reliabilities
        Whether to estimate the covariances of all pairs of traits, and the reliabilities of all breeding values.
    joint
        Whether breeding values and marker effects are those of the joint model of all traits, given the covariances;
        fixed effects and reliabilities stay those of the single-trait models.
    seed
        Of everything random.
    threads
        How many; 0 for all cores.
    force
        Whether estimates that are there already are replaced; files of other origin stay.
    command
        The command line, for `run.json`.
    announce
        Told what is going to be done.
    progress
        Told what runs.

    Raises
    ------
    InputError
        Where anything is unusable or `out` is occupied; nothing is written then.
    ConvergenceError
        Where the iterative solver doesn't end.
    """
    settings = {
        **_settings(files, relationships=relationships, solver=solver, seed=seed, threads=threads),
        "covariances": covariances,
        "reliabilities": reliabilities,
        "joint": joint,
    }
    _refuse_joint_alone(settings)
    refuse_streams(files)
    folder = ResultFolder(Path(out), KIND)
    folder.check_free(force=force)
    with MemoryWatch() as memory, machine.limited_threads(settings["threads"]), folder.held():
        watch = Stopwatch(lambda stage: progress(_STAGES[stage], 0.0), memory.peak_mib)
        with watch.stage("read"):
            task = _task(files, settings)
            inputs = describe_inputs(files)
        if joint:
            refuse_random_effects(task.train)
        announce(task)
        task.check_memory(machine.usable_memory_gib())
        model = GBLUP(relationships=relationships, solver=task.solver, seed=seed)
        with watch.stage("fit"):
            fits = model.fit_traits(task.train, progress=progress)
        with watch.stage("predict"):
            estimates = Estimates(model, task.cohort, task.train, model.breeding_values(task.cohort))
        if task.covariances:
            with watch.stage("covariances"):
                estimates = replace(estimates, covariances=_covariances(task, model, fits))
        if joint:
            with watch.stage("joint"):
                estimates = replace(estimates, joint=_joint(task, estimates, fits))
        del fits
        if task.reliabilities:
            with watch.stage("reliabilities"):
                estimates = replace(estimates, reliabilities=_reliabilities(task, model))
        with folder.replaced() as part:
            with watch.stage("write"):
                tables = estimates.tables()
                for name, table in tables.items():
                    _files.write_table(part / name, table)
            found = {**_described(task), **_quality(estimates), "tables": list(tables)}
            run = {**_identity(settings, inputs, command), **found}
            _files.write_json(part / RUN, {**run, "stages": watch.stages, "peak_rss_mib": round(memory.peak_mib(), 1)})
        progress("done", 1.0)
    return estimates


def _settings(files: CohortFiles, *, relationships: str, solver: str, seed: int, threads: int) -> dict[str, Any]:
    return {
        "relationships": check_known("relationships", relationships, RELATIONSHIPS),
        "solver": check_known("solver", solver, SOLVERS),
        "seed": check_at_least("seed", seed, 0),
        "threads": check_at_least("threads", threads, 0) or machine.usable_cores(),
        "files": files_as_settings(files),
    }


def _covariances(task: Task, model: GBLUP, fits: TraitFits) -> CovarianceEstimates:
    kernel, part = kernel_of(fits, seed=model.seed)
    rng = np.random.default_rng([model.seed, 2])
    return estimate_covariances(task.train, kernel, model.models_, part, rng=rng)


def _refuse_joint_alone(settings: dict[str, Any]) -> None:
    if settings["joint"] and not settings["covariances"]:
        raise SettingError(
            "joint",
            expected="covariances of the traits, on which the joint model rests",
            found="--joint with --no-covariances",
            advice="Leave one of the two out.",
        )


def _joint(task: Task, estimates: Estimates, fits: TraitFits) -> JointEstimates:
    """Return breeding values of all animals, and marker effects, from the records of all traits jointly."""
    model, found = estimates.model, estimates.covariances
    assert found is not None
    kernel, part = kernel_of(fits, seed=model.seed)
    joint = JointFits.solved(task.train, kernel, part, found.predictive, found.residual.matrix).model
    effects = marker_effects_of(model, task.train, kernel, joint.coefficients)
    return JointEstimates(model.scale_.breeding_values(task.cohort.genotypes, effects), effects)


def _reliabilities(task: Task, model: GBLUP) -> Reliabilities:
    """Return reliabilities of all animals in the cohort's order; the order of the files doesn't matter to them."""
    cohort = task.cohort.canonical()
    kernel = model.scale_.operator(cohort.genotypes)
    found = estimate_reliabilities(cohort, kernel, model.models_, rng=np.random.default_rng([model.seed, 3]))
    row_of = {name: row for row, name in enumerate(cohort.animals)}
    return replace(found, values=found.values[[row_of[name] for name in task.cohort.animals]])


def _quality(estimates: Estimates) -> dict[str, Any]:
    """Return how far covariances were bent and reliabilities may be off."""
    quality: dict[str, Any] = {}
    if estimates.covariances is not None:
        bent = {"genetic": estimates.covariances.genetic, "residual": estimates.covariances.residual}
        quality["bending"] = {
            name: {"n_factors": matrix.n_factors, "largest_change_in_se": _number(matrix.largest_change)}
            for name, matrix in bent.items()
        }
    if estimates.reliabilities is not None:
        errors = zip(estimates.names, estimates.reliabilities.errors, strict=True)
        quality["reliability_errors"] = {name: _number(float(error)) for name, error in errors}
    return quality


def _number(value: float) -> float | None:
    """Return a number as JSON has it: none for NaN."""
    return round(value, 6) if math.isfinite(value) else None


def _task(files: CohortFiles, settings: dict[str, Any]) -> Task:
    """Read the cohort and check what the models need of it."""
    cohort, reconciliation = read_cohort(files, keep_unrecorded=True)
    train = cohort.select(np.unique(cohort.record_rows)).canonical()
    columns = patterns(train)
    random = any(trait.random for trait in train.traits)
    return Task(
        cohort,
        train,
        reconciliation,
        choose_solver(train) if settings["solver"] == "auto" else settings["solver"],
        [*_checked_effects(train, columns), *([_NO_COVARIANCES] if settings["covariances"] and random else [])],
        Sizes.of(train, columns, n_genotyped=len(cohort)),
        settings["covariances"] and not random,
        settings["reliabilities"],
        settings["joint"],
    )


def _checked_effects(train: Cohort, columns: Sequence[Pattern]) -> list[str]:
    """Return a note for each trait some of whose fixed effects can't be told apart; too few records are refused."""
    notes = []
    for trait, pattern in zip(train.traits, columns, strict=True):
        refuse_too_few(pattern.n_contrasts, f"trait {trait.name}")
        n_effects = len(pattern.effects.names)
        confounded = n_effects - pattern.projection.rank
        if confounded:
            notes.append(
                f"trait {trait.name}: {confounded:,} of {n_effects:,} fixed effects can't be told from the others; "
                f"they share one estimate, and breeding values don't depend on how"
            )
    return notes


def _identity(settings: dict[str, Any], inputs: list[dict[str, Any]], command: str) -> dict[str, Any]:
    return {
        "kind": KIND,
        "command": command,
        "settings": settings,
        "seed": settings["seed"],
        "inputs": inputs,
        "versions": {"genialearn": importlib.metadata.version("genialearn"), **machine.library_versions()},
        "machine": machine.describe_machine(),
    }


def _described(task: Task) -> dict[str, Any]:
    n_animals, n_markers = task.cohort.genotypes.shape
    return {
        "cohort": {
            "n_animals": n_animals,
            "n_training": len(task.train),
            "n_markers": n_markers,
            "n_traits": len(task.cohort.traits),
        },
        "traits": [asdict(trait) for trait in task.cohort.traits],
        "reconciliation": [asdict(finding) for finding in task.reconciliation.findings],
        "solver": task.solver,
        "memory_gib": round(task.memory_gib, 3),
        "notes": list(task.notes),
    }
