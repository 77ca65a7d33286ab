"""`generate`: fit a generator on a cohort, and write artificial animals as a cohort folder of their own."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn._arrays import BoolArray, StrArray, as_ids
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.contracts import GenotypeGenerator
from genialearn.errors import AlignmentError, FileFormatError, InputError, SettingError, examples
from genialearn.experiments import machine
from genialearn.experiments.costs import MemoryWatch, Stopwatch
from genialearn.experiments.memory import Memory
from genialearn.generators import CATALOGUE, make_generator
from genialearn.generators.memory import Sizes, needed_bytes
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix, write_plink, write_vcf
from genialearn.neural.checkpoints import CheckpointFile, Resumable
from genialearn.records import tables
from genialearn.records.pedigree import UNKNOWN

PROVENANCE = "generator.json"
"""Marks a folder of artificial animals, and says how they were made."""

AUTO = "auto"

HOLDOUT = "holdout.txt"
"""The training cohort's animals that the generator hasn't seen."""

Progress = Callable[[str, float], None]
_STAGES = {"fit": "learning", "sample": "drawing animals", "write": "writing"}


@dataclass(frozen=True)
class Generation:
    """What was generated.

    Parameters
    ----------
    folder
        Where the artificial animals are.
    model
        Name of the generator.
    n_training, n_holdout, n_animals, n_markers
        Animals learned from, left out, and drawn; columns of the genotypes.
    phased
        Whether haplotypes were drawn.
    """

    folder: Path
    model: str
    n_training: int
    n_holdout: int
    n_animals: int
    n_markers: int
    phased: bool


def generate(
    cohort: Cohort,
    out: Path | str,
    *,
    model: str,
    animals: int | None = None,
    conditions: pd.DataFrame | None = None,
    holdout: float | StrArray | None = None,
    settings: dict[str, Any] | None = None,
    seed: int = 1,
    threads: int = 0,
    force: bool = False,
    checkpoint: Path | str | None = None,
    command: str = "",
    announce: Callable[[Memory], None] = lambda memory: None,
    progress: Progress = lambda what, share: None,
) -> Generation:
    """Fit a generator and write artificial animals: genotypes, haplotypes where it knows them, and how they were made.

    Parameters
    ----------
    cohort
        Animals to learn from, phased where the generator needs that.
    out
        Cohort folder to write; it appears whole or not at all.
    model
        Name in `generators.CATALOGUE`, or "auto" for the one that suits the cohort.
    animals
        How many to draw; None for as many as are learned from, or as there are conditions.
    conditions
        Values of traits asked for, one row an animal.
    holdout
        Animals that the generator doesn't see: their identifiers, or the share of the cohort, families of a sire
        kept together where there is a pedigree. They are listed in `holdout.txt`, where `judge` looks for them.
    settings
        Of the generator, by name.
    seed
        Of everything random.
    threads
        How many; 0 for all cores.
    force
        Whether a folder of artificial animals that is there already is replaced.
    checkpoint
        File in which training is kept every minute, and from which it goes on where the file is there already; gone
        once the animals are written. For generators that learn step by step.
    command
        The command line, for the record.
    announce
        Told what memory is needed, before anything is learned.
    progress
        Told what runs.

    Raises
    ------
    InputError
        Where anything is unusable, `out` is occupied, or memory isn't enough; nothing is written then.
    """
    model = suitable(cohort) if model == AUTO else check_known("model", model, CATALOGUE)
    folder = Path(out)
    refuse_occupied(folder, force=force)
    n_threads = check_at_least("threads", threads, 0) or machine.usable_cores()
    rng = np.random.default_rng([check_at_least("seed", seed, 0), 4])
    left_out = held_out(cohort, holdout, rng)
    training = cohort.select(~left_out)
    n_animals = _number_of_animals(animals, conditions, len(training))
    generator = make_generator(model, settings, seed=seed, threads=n_threads)
    _refuse_unphased(generator, training, model)
    _refuse_unknown_traits(generator, conditions, training, model)
    learn = _learning(generator, checkpoint, model)
    needed = _memory(generator, Sizes.of(cohort, len(training), n_animals), model)
    announce(needed)
    needed.check()
    with MemoryWatch() as memory, machine.limited_threads(n_threads):
        watch = Stopwatch(lambda stage: progress(_STAGES[stage], 0.0), memory.peak_mib)
        with watch.stage("fit"):
            learn(training)
        with watch.stage("sample"):
            drawn = generator.sample(n_animals, conditions=conditions, rng=rng)
        with _files.whole_folder(folder) as part:
            with watch.stage("write"):
                _write(part, drawn, conditions, cohort.animals[left_out])
            story = {
                "kind": "generate",
                "command": command,
                "model": model,
                "settings": _plain_settings(generator),
                "seed": seed,
                "n_training": len(training),
                "n_holdout": int(left_out.sum()),
                "conditions": [] if conditions is None else list(conditions.columns),
                "versions": {"genialearn": importlib.metadata.version("genialearn"), **machine.library_versions()},
                "machine": machine.describe_machine(),
                "memory_gib": round(needed.needed_gib, 3),
                "stages": watch.stages,
                "peak_rss_mib": round(memory.peak_mib(), 1),
            }
            _files.write_json(part / PROVENANCE, story)
        if checkpoint is not None:
            Path(checkpoint).unlink(missing_ok=True)
        progress("done", 1.0)
    phased = isinstance(drawn, HaplotypeMatrix)
    return Generation(folder, model, len(training), int(left_out.sum()), n_animals, drawn.shape[1], phased)


def _learning(
    generator: GenotypeGenerator, checkpoint: Path | str | None, model: str
) -> Callable[[Cohort], GenotypeGenerator]:
    """Return how the generator is fitted: from scratch, or resumably with its state in a file."""
    if checkpoint is None:
        return generator.fit
    if not isinstance(generator, Resumable):
        raise SettingError(
            "checkpoint",
            expected="a generator that learns step by step, as boltzmann, vae or wgan-gp",
            found=model,
            advice="Leave --checkpoint out.",
        )
    return partial(generator.fit_resumably, checkpoints=partial(CheckpointFile, checkpoint))


def _memory(generator: GenotypeGenerator, sizes: Sizes, model: str) -> Memory:
    smaller = "Use fewer animals or markers, a smaller generator such as mosaic or copula"
    return Memory(needed_bytes(generator, sizes), f"for generator {model}", smaller)


def _write(
    part: Path, drawn: GenotypeMatrix | HaplotypeMatrix, conditions: pd.DataFrame | None, left_out: StrArray
) -> None:
    """Write the animals, what was asked of them, and who wasn't learned from."""
    if isinstance(drawn, HaplotypeMatrix):
        write_plink(part / "genotypes", drawn.genotypes())
        write_vcf(part / "haplotypes.vcf.gz", drawn)
    else:
        write_plink(part / "genotypes", drawn)
    if conditions is not None:
        asked = conditions.reset_index(drop=True)
        asked.insert(0, "id", drawn.animals)
        _files.write_table(part / "conditions.tsv", asked)
    if len(left_out):
        _files.write_text(part / HOLDOUT, "".join(f"{name}\n" for name in left_out))


def suitable(cohort: Cohort) -> str:
    """Return the generator that suits a cohort."""
    return "matched-copying" if cohort.haplotypes is not None else "copula"


def refuse_occupied(folder: Path, *, force: bool) -> None:
    """Raise `InputError` where something stands that isn't to be replaced: only artificial animals ever are."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = (folder / PROVENANCE).is_file()
    if not (force and ours):
        raise InputError(
            str(folder),
            expected="a folder that is new or empty",
            found="one of artificial animals" if ours else "another folder" if folder.is_dir() else "a file",
            advice="Choose another --out, or replace it with --force." if ours else "Choose another --out.",
        )


def held_out(cohort: Cohort, holdout: float | StrArray | None, rng: np.random.Generator) -> BoolArray:
    """Return who is left out of the training, shape (animals,).

    Raises
    ------
    SettingError
        Where a share isn't between 0 and 1, identifiers are unknown, or fewer than two animals would be left.
    """
    if holdout is None:
        return np.zeros(len(cohort), dtype=bool)
    if isinstance(holdout, float | int):
        if not 0 < holdout < 1:
            raise SettingError("holdout", expected="a share between 0 and 1", found=f"{holdout:g}")
        chosen = _families_of_share(cohort, float(holdout), rng)
    else:
        chosen = np.isin(cohort.animals.astype(str), holdout.astype(str))
        unknown = sorted(set(holdout) - set(cohort.animals))
        if unknown:
            raise AlignmentError(
                "holdout",
                expected="animals of the cohort",
                found=f"{len(unknown):,} others: {examples(unknown)}",
                advice="Write one identifier a line, as in the .fam file.",
            )
    if not chosen.any():
        raise SettingError(
            "holdout",
            expected="whole families of about that share",
            found="none so small",
            advice="Hold out a larger share, or name animals in a file.",
        )
    if len(cohort) - int(chosen.sum()) < 2:
        raise SettingError("holdout", expected="at least two animals left to learn from", found="fewer")
    return chosen


def _families_of_share(cohort: Cohort, share: float, rng: np.random.Generator) -> BoolArray:
    """Return whole sire families at random, about a share of the animals; without pedigree each is its own family."""
    families = np.arange(len(cohort)).astype(object)
    if cohort.pedigree is not None:
        sires = cohort.pedigree.sires_of(cohort.animals)
        families = as_ids([f"alone {row}" if sire == UNKNOWN else f"sire {sire}" for row, sire in enumerate(sires)])
    names, family_of = np.unique(families.astype(str), return_inverse=True)
    order = rng.permutation(len(names))
    sizes = np.bincount(family_of, minlength=len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    wanted = share * len(cohort)
    taken = order[before + sizes[order] / 2 <= wanted]
    return np.isin(family_of, taken)


def _number_of_animals(animals: int | None, conditions: pd.DataFrame | None, n_training: int) -> int:
    if conditions is None:
        return n_training if animals is None else check_at_least("animals", animals, 1)
    if animals not in (None, len(conditions)):
        raise SettingError(
            "animals",
            expected=f"as many as conditions, {len(conditions):,}",
            found=f"{animals:,}",
            advice="Leave --animals out: each row of the conditions is an animal.",
        )
    return len(conditions)


def _refuse_unphased(generator: GenotypeGenerator, training: Cohort, model: str) -> None:
    if generator.needs_haplotypes and training.haplotypes is None:
        raise InputError(
            f"generator {model}",
            expected="phased genotypes: haplotypes.vcf.gz in the cohort folder, or a phased VCF in its place",
            found="genotypes without phase",
            advice="Phase them, or use a generator that needs none, as copula and wgan-gp.",
        )


def _refuse_unknown_traits(
    generator: GenotypeGenerator, conditions: pd.DataFrame | None, training: Cohort, model: str
) -> None:
    """Raise `SettingError` before anything is learned where conditions can't be answered."""
    if conditions is None:
        return
    if not generator.conditional:
        raise SettingError(
            "conditions",
            expected=f"none: generator {model} knows no traits",
            found=f"values of {examples(conditions.columns)}",
            advice="Leave them out, or use vae, wgan-gp or pca-diffusion.",
        )
    for name in conditions.columns:
        check_known("condition", str(name), training.records.trait_names)


def _plain_settings(generator: GenotypeGenerator) -> dict[str, Any]:
    """Return the settings as JSON has them."""
    plain = (str, int, float, bool, type(None))
    found = {name: value for name, value in vars(generator).items() if not name.endswith("_") and name[0] != "_"}
    return {name: value if isinstance(value, plain) else str(value) for name, value in sorted(found.items())}


def read_holdout(words: Path | str) -> float | StrArray:
    """Return a share, or the identifiers in a file, one a line."""
    with contextlib.suppress(ValueError):
        return float(str(words))
    return as_ids([line.strip() for line in _files.lines_of(_files.read_text(words)) if line.strip()])


def read_conditions(path: Path) -> pd.DataFrame:
    """Return the values asked for: `id`, then a column a trait, one row an animal; identifiers are left out.

    Raises
    ------
    FileFormatError
        Where the table can't be read, a value isn't a number, or there is no trait.
    """
    table = tables.read_table(path)
    values = {name: tables.numbers(path, table[name]) for name in table.columns if name != "id"}
    if not values:
        raise FileFormatError(
            str(path), expected="a column a trait", found="id alone", advice="Name what is asked for."
        )
    return pd.DataFrame(values)
