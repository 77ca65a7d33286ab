"""A comparison before it begins: everything read and checked, nothing written."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort, CohortFiles, Reconciliation, read_cohort, read_truth
from genialearn.contracts import RefusesCohorts
from genialearn.errors import AlignmentError, MissingExtraError, SettingError
from genialearn.experiments.cell import run_splits
from genialearn.experiments.description import describe_cohort
from genialearn.experiments.inputs import describe_inputs, files_as_settings, refuse_streams
from genialearn.experiments.machine import describe_machine, library_versions, usable_cores
from genialearn.experiments.runs import CellKey
from genialearn.mixed_models.memory import Sizes
from genialearn.mixed_models.records import patterns
from genialearn.mixed_models.solvers import choose_solver
from genialearn.predictors import CATALOGUE, REFERENCE, entry_of, make_predictor
from genialearn.predictors.memory import memory_bytes
from genialearn.records import design
from genialearn.validation.splits import Split, SplitScheme

EVERYTHING = "all"
"""Stands for all models that can be run."""

_LEAST_BUDGET, _MOST_BUDGET = 0.01, 100_000
"""Minutes."""

LEAST_RECORDS = 5
"""Training records of a trait without which no model of it can be fitted."""


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
    description
        What `cohort.json` will hold.
    """

    cohort: Cohort
    reconciliation: Reconciliation
    splits: Sequence[Split]
    models: Sequence[str]
    content: dict[str, Any]
    truths: dict[str, FloatArray]
    description: dict[str, Any]

    @property
    def threads(self) -> int:
        """How many threads each cell uses."""
        return int(self.content["settings"]["threads"])

    @property
    def budget_minutes(self) -> float | None:
        """How long a cell may take, None for as long as it does."""
        return cast("float | None", self.content["settings"]["budget_minutes"])

    @property
    def seed(self) -> int:
        """Seed of splits, models and bootstraps."""
        return int(self.content["settings"]["seed"])

    @property
    def cells(self) -> list[CellKey]:
        """Every model on every split, one split after the other, the reference first."""
        return [CellKey(model, split.label) for split in self.splits for model in self.models]

    @cached_property
    def memory_gib(self) -> float:
        """About how much memory the largest cell needs, that of GBLUP on all records among them."""
        sizes, solver = Sizes.of(self.cohort, patterns(self.cohort)), choose_solver(self.cohort)
        models = [make_predictor(model) for model in {REFERENCE, *self.models}]
        return max(memory_bytes(model, sizes, solver) for model in models) / 2**30

    @property
    def available_memory_gib(self) -> float:
        """How much memory this process may use."""
        return float(self.content["machine"]["memory_gib"])


def plan_comparison(
    files: CohortFiles,
    *,
    models: Sequence[str],
    split: str,
    budget_minutes: float | None = None,
    seed: int = 1,
    threads: int = 0,
    command: str = "",
) -> Plan:
    """Read and check everything that a comparison needs; nothing is written.

    Parameters
    ----------
    files
        The cohort's files.
    models
        Names from the catalogue, which settings may follow, as in `make_predictor`; the reference `gblup` is always
        added, and always first. "all" stands for every model that is installed and can take this cohort.
    split
        A scheme such as "forward:0.2".
    budget_minutes
        How long a model may take on a split before it is ended, which counts as a failure; the reference may take as
        long as it does.
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
    settings = _settings(
        files, models=models, split=split, seed=seed, threads=threads, budget_minutes=_checked_budget(budget_minutes)
    )
    refuse_streams(files)
    cohort, reconciliation = read_cohort(files)
    settings["models"], left_out = _all_replaced(cohort, settings["models"])
    _check_models_fit(cohort, settings["models"])
    splits = run_splits(cohort, settings)
    _check_formulas(cohort)
    _check_training_records(cohort, splits)
    truths = _truths(cohort, files)
    content = {
        "genialearn": importlib.metadata.version("genialearn"),
        "command": command,
        "settings": settings,
        "inputs": describe_inputs(files),
        "versions": library_versions(),
        "machine": describe_machine(),
        "cohort": {**_sizes(cohort), "name": _name(files), "simulated": bool(truths)},
        "traits": _described_traits(cohort),
        "left_out": left_out,
        "reconciliation": [asdict(finding) for finding in reconciliation.findings],
        "splits": [{"label": s.label, "n_train": len(s.train), "n_test": len(s.test)} for s in splits],
    }
    return Plan(cohort, reconciliation, splits, settings["models"], content, truths, describe_cohort(cohort))


def _settings(
    files: CohortFiles,
    *,
    models: Sequence[str],
    split: str,
    seed: int,
    threads: int,
    budget_minutes: float | None,
) -> dict[str, Any]:
    return {
        "models": _checked_models(models),
        "split": str(SplitScheme.parse(split)),
        "budget_minutes": budget_minutes,
        "seed": check_at_least("seed", seed, 0),
        "threads": check_at_least("threads", threads, 0) or usable_cores(),
        "files": files_as_settings(files),
    }


def _checked_models(models: Iterable[str]) -> list[str]:
    for name in models:
        if name != EVERYTHING:
            check_installed(name)
            make_predictor(name)  # its settings are known before anything runs
    return list(dict.fromkeys([REFERENCE, *models]))


def _checked_budget(minutes: float | None) -> float | None:
    return None if minutes is None else check_between("budget", minutes, _LEAST_BUDGET, _MOST_BUDGET)


def _all_replaced(cohort: Cohort, models: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the models with "all" replaced by those that can be run, and why others can't, by name."""
    if EVERYTHING not in models:
        return list(models), {}
    left_out = {}
    for name in CATALOGUE:
        try:
            check_installed(name)
            _check_models_fit(cohort, [name])
        except (MissingExtraError, SettingError) as error:
            left_out[name] = str(error)
    every = [name for name in CATALOGUE if name not in left_out]
    named = [part for name in models for part in (every if name == EVERYTHING else [name])]
    return list(dict.fromkeys(named)), left_out


def is_installed(model: str) -> bool:
    """Return whether the library of a model of the catalogue is there, if it needs one."""
    entry = entry_of(model)[1]
    return not entry.library or importlib.util.find_spec(entry.library) is not None


def check_installed(model: str) -> None:
    """Raise `MissingExtraError` where the library of a model of the catalogue isn't there."""
    name, entry = entry_of(model)
    if not is_installed(model):
        raise MissingExtraError.for_extra(entry.library, entry.extra, f"model {name}")


def _check_formulas(cohort: Cohort) -> None:
    """Raise `SettingError` where a formula of fixed effects can't be evaluated on the records that it is for."""
    recorded = np.isfinite(cohort.records.values)
    for formula in dict.fromkeys(trait.fixed for trait in cohort.traits):
        concerned = [trait.fixed == formula for trait in cohort.traits]
        rows = np.flatnonzero(recorded[:, concerned].any(axis=1))
        design(formula, cohort.records.effects.iloc[rows])


def _check_models_fit(cohort: Cohort, models: Iterable[str]) -> None:
    """Raise `SettingError` where a model needs what the cohort hasn't got, or can't take what it has."""
    for name in models:
        model = make_predictor(name)
        if "pedigree" in model.requires and cohort.pedigree is None:
            raise SettingError(
                f"model {entry_of(name)[0]}",
                expected="a pedigree",
                found="none",
                advice="Give one with --pedigree, or leave the model out.",
            )
        if isinstance(model, RefusesCohorts):
            model.refuse(cohort)


def _check_training_records(cohort: Cohort, splits: Iterable[Split]) -> None:
    """Raise `AlignmentError` where a split leaves too few records of a trait to learn from.

    One such trait would fail every model of the split, and with them all other traits.
    """
    recorded = np.isfinite(cohort.records.values)
    for split in splits:
        counts = recorded[np.isin(cohort.record_rows, split.train)].sum(axis=0)
        for trait, count in zip(cohort.traits, counts.tolist(), strict=True):
            if count < LEAST_RECORDS:
                raise AlignmentError(
                    f"split {split.label}: trait {trait.name}",
                    expected=f"at least {LEAST_RECORDS} records of training animals",
                    found=str(count),
                    advice="Leave the trait out with --trait, or use another --split.",
                )


def _truths(cohort: Cohort, files: CohortFiles) -> dict[str, FloatArray]:
    return {
        name: table.reindex(index=list(cohort.animals), columns=cohort.records.trait_names).to_numpy()
        for name, table in read_truth(files).items()
    }


def _sizes(cohort: Cohort) -> dict[str, int]:
    n_animals, n_markers = cohort.genotypes.shape
    return {"n_animals": n_animals, "n_markers": n_markers, "n_traits": len(cohort.traits)}


def _name(files: CohortFiles) -> str:
    source = files.bfile or files.haplotypes
    assert source is not None, "one of the two is there"
    return source.resolve().parent.name if source.name in ("genotypes", "haplotypes.vcf.gz") else source.name


def _described_traits(cohort: Cohort) -> list[dict[str, Any]]:
    counts = cohort.records.n_records.tolist()
    return [asdict(trait) | {"n_records": count} for trait, count in zip(cohort.traits, counts, strict=True)]
