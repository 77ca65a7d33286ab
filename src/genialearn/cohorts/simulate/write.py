"""Writing a simulated herd as a cohort folder, which appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from genialearn import _files
from genialearn.cohorts.simulate.herd import SimulatedHerd
from genialearn.cohorts.simulate.record_tables import RecordTables
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign
from genialearn.cohorts.simulate.truth import Truth
from genialearn.errors import SettingError
from genialearn.genotypes import fileset, write_bim, write_fam, write_plink, write_vcf

DIGITS = 7


def refuse_occupied(folder: Path, *, force: bool) -> None:
    """Raise an error if something stands where the cohort folder shall be, unless it may be replaced.

    Only a folder that a simulation wrote may be replaced, whatever is asked for.

    Raises
    ------
    SettingError
        Where `folder` is a file, or a folder with content and not `force`, or one with content of another origin.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingError(str(folder), expected="a folder", found="a file", advice="Name another folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    simulated = (folder / "truth" / "parameters.json").is_file()
    if not (force and simulated):
        raise SettingError(
            str(folder),
            expected="a folder that is new or empty",
            found=f"{len(list(folder.iterdir()))} entries",
            advice="Name another folder, or replace it with --force." if simulated else "Name another folder.",
        )


def bed_file(folder: Path) -> Path:
    """Return where the genotypes of a cohort folder are."""
    return fileset(folder / "genotypes")[0]


def write_herd(folder: Path, herd: SimulatedHerd) -> None:
    """Write all files of a cohort folder but `bed_file`, where the genotypes are already."""
    _write_animals_and_markers(folder / "genotypes", herd)
    if herd.haplotypes is not None:
        write_vcf(folder / "haplotypes.vcf.gz", herd.haplotypes)
    _write_records(folder, herd.tables)
    _files.write_table(folder / "pedigree.tsv", herd.pedigree)
    write_definitions(folder, herd.definitions, herd.tables.fixed_effects, herd.tables.random_effects)
    truth = folder / "truth"
    write_truth(truth, herd.truth)
    if herd.origins:
        _write_origins(truth, herd)


def write_definitions(
    folder: Path,
    traits: tuple[TraitDesign, ...],
    fixed: Callable[[TraitDesign], str],
    random: Callable[[TraitDesign], str] = lambda trait: "",
) -> None:
    """Write `traits.toml`; `fixed` and `random` give a trait's formulas of effects, none where they are empty."""
    definitions = [_definition(trait, fixed(trait), random(trait)) for trait in traits]
    _files.write_text(folder / "traits.toml", "\n".join(definitions))


def write_truth(folder: Path, truth: Truth) -> None:
    """Write what is known about simulated animals alone into a folder of its own."""
    folder.mkdir()
    _files.write_table(folder / "breeding_values.tsv", truth.breeding_values, digits=DIGITS)
    _files.write_table(folder / "genetic_values.tsv", truth.genetic_values, digits=DIGITS)
    _files.write_table(folder / "qtl.tsv", truth.qtl, digits=DIGITS)
    _files.write_json(folder / "parameters.json", truth.parameters)
    if truth.slopes is not None:
        _files.write_table(folder / "slopes.tsv", truth.slopes, digits=DIGITS)


def _write_origins(folder: Path, herd: SimulatedHerd) -> None:
    """Write how many of its two alleles each animal has from each other breed, by marker and on average."""
    shares = {"id": herd.genotypes.animals}
    for breed, origin in herd.origins.items():
        write_plink(folder / f"origin_{breed}", origin.genotypes())
        sums = sum(block.sum(axis=1, dtype=np.int64) for _, block in origin.blocks())
        shares[breed] = sums.reshape(-1, 2).mean(axis=1) / len(origin.markers)
    _files.write_table(folder / "breeds.tsv", pd.DataFrame(shares), digits=DIGITS)


def _write_records(folder: Path, tables: RecordTables) -> None:
    if tables.records is not None:
        _files.write_table(folder / "records.tsv", tables.records, digits=DIGITS)
        return
    _files.write_table(folder / "traits.tsv", tables.traits, digits=DIGITS)
    _files.write_table(folder / "covariates.tsv", tables.covariates)
    if tables.weights is not None:
        _files.write_table(folder / "weights.tsv", tables.weights, digits=DIGITS)


def _write_animals_and_markers(prefix: Path, herd: SimulatedHerd) -> None:
    _, bim, fam = fileset(prefix)
    parents = herd.pedigree.set_index("id").loc[herd.genotypes.animals]
    sires, dams, sexes = (parents[name].to_numpy(dtype=object) for name in ("sire", "dam", "sex"))
    write_fam(fam, herd.genotypes.animals, sires=sires, dams=dams, sexes=sexes)
    write_bim(bim, herd.genotypes.markers)


def _definition(trait: TraitDesign, fixed: str, random: str) -> str:
    """Return the table of one trait in `traits.toml`."""
    entries = {
        "unit": trait.unit,
        "kind": trait.kind,
        "direction": trait.direction,
        "fixed": fixed,
        "random": random,
        "group": trait.group,
    }
    described = {key: value for key, value in entries.items() if value or key not in ("fixed", "random")}
    return "\n".join(
        [
            f"[{trait.name}]",
            *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in described.items()),
            "",
        ]
    )
