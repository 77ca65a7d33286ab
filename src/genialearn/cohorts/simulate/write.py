"""Writing a simulated herd as a cohort folder, which appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

from genialearn import _files
from genialearn.cohorts.simulate.herd import FIXED_EFFECTS, SimulatedHerd
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign
from genialearn.cohorts.simulate.truth import Truth
from genialearn.errors import SettingError
from genialearn.genotypes import fileset, write_bim, write_fam, write_vcf

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
    _files.write_table(folder / "traits.tsv", herd.traits, digits=DIGITS)
    _files.write_table(folder / "covariates.tsv", herd.covariates)
    _files.write_table(folder / "pedigree.tsv", herd.pedigree)
    write_definitions(folder, herd.definitions, fixed=FIXED_EFFECTS)
    write_truth(folder / "truth", herd.truth)


def write_definitions(folder: Path, traits: tuple[TraitDesign, ...], *, fixed: str) -> None:
    """Write `traits.toml`; `fixed` is the formula of all traits' fixed effects, none where it is empty."""
    _files.write_text(folder / "traits.toml", "\n".join(_definition(trait, fixed) for trait in traits))


def write_truth(folder: Path, truth: Truth) -> None:
    """Write what is known about simulated animals alone into a folder of its own."""
    folder.mkdir()
    _files.write_table(folder / "breeding_values.tsv", truth.breeding_values, digits=DIGITS)
    _files.write_table(folder / "genetic_values.tsv", truth.genetic_values, digits=DIGITS)
    _files.write_table(folder / "qtl.tsv", truth.qtl, digits=DIGITS)
    _files.write_json(folder / "parameters.json", truth.parameters)


def _write_animals_and_markers(prefix: Path, herd: SimulatedHerd) -> None:
    _, bim, fam = fileset(prefix)
    parents = herd.pedigree.set_index("id").loc[herd.genotypes.animals]
    sires, dams, sexes = (parents[name].to_numpy(dtype=object) for name in ("sire", "dam", "sex"))
    write_fam(fam, herd.genotypes.animals, sires=sires, dams=dams, sexes=sexes)
    write_bim(bim, herd.genotypes.markers)


def _definition(trait: TraitDesign, fixed: str) -> str:
    """Return the table of one trait in `traits.toml`."""
    entries = {
        "unit": trait.unit,
        "kind": trait.kind,
        "direction": trait.direction,
        "fixed": fixed,
        "group": trait.group,
    }
    said = {key: value for key, value in entries.items() if value}
    return "\n".join([f"[{trait.name}]", *(f'{key} = "{value}"' for key, value in said.items()), ""])
