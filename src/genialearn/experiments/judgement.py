"""`judge`: artificial animals against those that were learned from, and against others that weren't."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._checks import check_at_least
from genialearn.cohorts import Cohort, read_animals
from genialearn.errors import InputError
from genialearn.experiments import machine
from genialearn.experiments.costs import MemoryWatch, Stopwatch
from genialearn.experiments.generation import HOLDOUT, PROVENANCE, held_out, read_holdout
from genialearn.experiments.memory import JudgedSizes, Memory, judged_bytes
from genialearn.experiments.portrait import portrait
from genialearn.experiments.result_folder import ResultFolder
from genialearn.experiments.runs import RUN
from genialearn.experiments.usefulness import read_asked, shared_traits, usefulness
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix
from genialearn.judging import Samples
from genialearn.judging.judge import judged
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.mixed_models.records import patterns
from genialearn.mixed_models.solvers import choose_solver

KIND = "judge"
CONDITIONS = "conditions.tsv"
TABLE, PORTRAIT, USE = "judgement.tsv", "portrait.json", "usefulness.tsv"
Progress = Callable[[str, float], None]
_STAGES = {"read": "reading", "judge": "judging", "use": "predicting", "portray": "drawing", "write": "writing"}


def judge_folders(
    real: Path | str,
    artificial: Path | str,
    out: Path | str,
    *,
    holdout: Path | str | None = None,
    use: bool = False,
    seed: int = 1,
    threads: int = 0,
    force: bool = False,
    command: str = "",
    announce: Callable[[Memory], None] = lambda memory: None,
    progress: Progress = lambda what, share: None,
) -> pd.DataFrame:
    """Judge artificial animals, and write the table, what the page draws, and how it was done.

    Parameters
    ----------
    real
        Cohort folder, PLINK prefix or phased VCF that was learned from; animals of the hold-out in it are left out.
    artificial
        The same of artificial animals.
    out
        The folder.
    holdout
        Real animals that weren't learned from: as `real`, or a text file with identifiers of `real`, one a line;
        None for `holdout.txt` in the folder of artificial animals.
    use
        Whether genomic prediction is trained on them too, and tested on real animals, which need records; this fills
        `usefulness.tsv`.
    seed
        Of everything random.
    threads
        How many; 0 for all cores.
    force
        Whether a judgement that is there already is replaced.
    command
        The command line, for the record.
    announce
        Told what memory is needed, before anything is compared.
    progress
        Told what runs.

    Returns
    -------
    DataFrame
        `metric part value real_against_real se`, as in `judgement.tsv`.

    Raises
    ------
    InputError
        Where anything is unusable, `out` is occupied, or memory isn't enough; nothing is written then.
    """
    folder = ResultFolder(Path(out), KIND)
    folder.check_free(force=force)
    n_threads = check_at_least("threads", threads, 0) or machine.usable_cores()
    check_at_least("seed", seed, 0)
    with MemoryWatch() as memory, machine.limited_threads(n_threads), folder.held():
        watch = Stopwatch(lambda stage: progress(_STAGES[stage], 0.0), memory.peak_mib)
        with watch.stage("read"):
            training, others = _real(Path(real), _holdout_of(Path(artificial), holdout))
            drawn = read_animals(artificial)
            sets = dict(zip(("training", "holdout", "artificial"), (training, others, drawn), strict=True))
            asked = _asked(Path(artificial), drawn) if use else None
            if use:
                shared_traits(training, others, asked=asked, n_artificial=len(drawn))
            needed = _memory(training, others, drawn, use=use)
            announce(needed)
            needed.check()
            rng = np.random.default_rng([seed, 5])
            samples = Samples.of(*_phased_or_not(sets), rng=rng)
        with watch.stage("judge"):
            table = judged(samples, rng=rng)
        learned: dict[str, pd.DataFrame] = {}
        if use:
            with watch.stage("use"):
                rng = np.random.default_rng([seed, 7])
                learned[USE] = usefulness(training, others, drawn.genotypes, conditions=asked, rng=rng)
        with watch.stage("portray"):
            pictures = portrait(samples, rng=np.random.default_rng([seed, 6]))
        with folder.replaced() as part:
            with watch.stage("write"):
                for name, content in {TABLE: table, **learned}.items():
                    _files.write_table(part / name, content)
                _files.write_json(part / PORTRAIT, pictures)
            told = {
                "kind": KIND,
                "command": command,
                "seed": seed,
                "sets": {name: {"n_animals": len(animals)} for name, animals in sets.items()},
                "n_markers": len(samples.markers),
                "phased": samples.phased,
                "generator": _provenance(Path(artificial)),
                "paths": {"real": str(Path(real).resolve()), "artificial": str(Path(artificial).resolve())},
                "versions": {"genialearn": importlib.metadata.version("genialearn"), **machine.library_versions()},
                "machine": machine.describe_machine(),
                "memory_gib": round(needed.needed_gib, 3),
                "stages": watch.stages,
                "peak_rss_mib": round(memory.peak_mib(), 1),
                "tables": [TABLE, PORTRAIT, *learned],
            }
            _files.write_json(part / RUN, told)
        progress("done", 1.0)
    return table


def _memory(training: Cohort, holdout: Cohort, artificial: Cohort, *, use: bool) -> Memory:
    """Return what judging needs, and where they are used GBLUP on the animals learned from or the artificial ones."""
    needed = judged_bytes(JudgedSizes.of(training, holdout, artificial))
    if use:
        n_most, sizes = max(len(training), len(artificial)), Sizes.of(training, patterns(training))
        full = tuple(replace(pattern, n_records=n_most) for pattern in sizes.patterns)
        largest = replace(sizes, n_animals=n_most, n_genotyped=n_most, patterns=full)
        needed = max(needed, needed_bytes(largest, choose_solver(training)))
    return Memory(needed, "to judge", "Judge fewer animals or markers")


def _holdout_of(artificial: Path, given: Path | str | None) -> Path:
    if given is not None:
        return Path(given)
    usual = artificial / HOLDOUT
    if not usual.is_file():
        raise InputError(
            "holdout",
            expected="real animals that weren't learned from",
            found=f"no --holdout, and no {HOLDOUT} in {artificial}",
            advice="Generate with --holdout 0.5, or name other real animals with --holdout.",
        )
    return usual


def _real(real: Path, holdout: Path) -> tuple[Cohort, Cohort]:
    """Return the animals learned from, and those held out."""
    cohort = read_animals(real)
    if holdout.is_file() and not holdout.name.endswith((".vcf", ".vcf.gz")):
        left_out = held_out(cohort, read_holdout(holdout), np.random.default_rng(0))
        return cohort.select(~left_out), cohort.select(left_out)
    others = read_animals(holdout)
    common = np.isin(cohort.animals.astype(str), others.animals.astype(str))
    return (cohort.select(~common) if common.any() else cohort), others


def _asked(artificial: Path, drawn: Cohort) -> pd.DataFrame | None:
    """Return the values asked for of each artificial animal, shape (animals, traits); None where none were."""
    conditions = artificial / CONDITIONS
    return read_asked(conditions).reindex(drawn.animals) if conditions.is_file() else None


def _phased_or_not(
    sets: dict[str, Cohort],
) -> tuple[GenotypeMatrix | HaplotypeMatrix, GenotypeMatrix | HaplotypeMatrix, GenotypeMatrix | HaplotypeMatrix]:
    """Return the haplotypes of the three where all have them, else their genotypes."""
    training, holdout, artificial = sets.values()
    if training.haplotypes is None or holdout.haplotypes is None or artificial.haplotypes is None:
        return training.genotypes, holdout.genotypes, artificial.genotypes
    return training.haplotypes, holdout.haplotypes, artificial.haplotypes


def _provenance(artificial: Path) -> dict[str, Any]:
    """Return what the folder says of its generator; nothing where it says nothing."""
    with suppress(InputError, ValueError):
        told = json.loads(_files.read_text(artificial / PROVENANCE))
        if isinstance(told, dict):
            return {
                name: told[name] for name in ("model", "settings", "seed", "n_training", "conditions") if name in told
            }
    return {}
