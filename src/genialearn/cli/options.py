"""Options that mean the same in every command, and the cohort that they describe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genialearn.cohorts import CohortFiles
from genialearn.errors import SettingError

_INPUT = "Input, where not in the cohort folder"
_RUNNING = "Running"

Folder = Annotated[
    Path | None, typer.Argument(help="Cohort folder: genotypes.bed/.bim/.fam, traits.tsv, ...", show_default=False)
]
BFile = Annotated[
    Path | None, typer.Option("--bfile", metavar="PREFIX", help="PLINK 1 fileset.", rich_help_panel=_INPUT)
]
Traits = Annotated[
    Path | None, typer.Option("--traits", metavar="FILE", help="One record per animal: id, traits.", rich_help_panel=_INPUT)
]
Records = Annotated[
    Path | None, typer.Option("--records", metavar="FILE", help="Repeated records: id, effects, traits.", rich_help_panel=_INPUT)
]
TraitNames = Annotated[
    list[str] | None,
    typer.Option("--trait", metavar="NAME", help="Trait to use; repeat for more. Default: all.", rich_help_panel=_INPUT),
]
TraitSettings = Annotated[
    Path | None,
    typer.Option("--trait-settings", metavar="FILE", help="traits.toml: unit, kind, fixed, ...", rich_help_panel=_INPUT),
]
Covariates = Annotated[
    Path | None, typer.Option("--covariates", metavar="FILE", help="id, covariates.", rich_help_panel=_INPUT)
]
Fixed = Annotated[
    str | None,
    typer.Option("--fixed", metavar="FORMULA", help="Fixed effects, e.g. 'C(herd_year) + age'.", rich_help_panel=_INPUT),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="id, a weight per trait.", rich_help_panel=_INPUT)
]
PedigreeFile = Annotated[
    Path | None,
    typer.Option("--pedigree", metavar="FILE", help="id sire dam birth_year sex.", rich_help_panel=_INPUT),
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result.", rich_help_panel=_RUNNING)]
Threads = Annotated[int, typer.Option("--threads", help="0 for all cores.", rich_help_panel=_RUNNING)]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.", rich_help_panel=_RUNNING)]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only errors and the result.", rich_help_panel=_RUNNING)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=_RUNNING)]


def cohort_files(
    folder: Path | None,
    *,
    bfile: Path | None,
    traits: Path | None,
    records: Path | None,
    trait: list[str] | None,
    trait_settings: Path | None,
    covariates: Path | None,
    fixed: str | None,
    weights: Path | None,
    pedigree: Path | None,
) -> CohortFiles:
    """Return the files that a command's options describe: those of the folder, each replaceable by an option."""
    given = {
        "bfile": bfile,
        "traits": traits,
        "records": records,
        "trait_settings": trait_settings,
        "covariates": covariates,
        "weights": weights,
        "pedigree": pedigree,
        "fixed": fixed,
        "trait_names": tuple(trait) if trait else None,
    }
    if folder is not None:
        return CohortFiles.in_folder(folder, **given)
    if bfile is None:
        raise SettingError("input", expected="a cohort folder, or --bfile and --traits", found="neither")
    return CohortFiles(**{name: value for name, value in given.items() if value is not None})
