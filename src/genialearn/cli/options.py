"""Options that mean the same in every command, and the cohort that they describe."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from genialearn._checks import check_known
from genialearn.errors import SettingError

if TYPE_CHECKING:
    from genialearn.cohorts import CohortFiles

Files: TypeAlias = "CohortFiles"
"""A cohort's files, for annotations, which are evaluated when help is shown: the class would bring pandas with it."""

_INPUT = "Input, instead of the cohort folder's own files or beside them"
_RUNNING = "Running"


def _input(name: str, metavar: str, help_text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=help_text, rich_help_panel=_INPUT)


def _running(name: str, help_text: str, metavar: str | None = None) -> Any:
    return typer.Option(name, metavar=metavar, help=help_text, rich_help_panel=_RUNNING)


Seed = Annotated[int, _running("--seed", "Of everything random: the same seed gives the same result.", "N")]
Threads = Annotated[int, _running("--threads", "CPU cores to use; 0 for all that this job has.", "N")]
Force = Annotated[bool, _running("--force", "Replace what is in the output folder.")]
Quiet = Annotated[bool, _running("--quiet", "Print only the result, and errors.")]
Results = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the results.")]
Debug = Annotated[bool, _running("--debug", "Show the traceback of an error.")]

PRESETS = ("herd", "dlgblup")
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="What is simulated. herd: dairy cows with traits of a catalogue of 33; dlgblup: the published simulation "
        "of DLGBLUP, six traits, five of them linked to the first by a line or a curve.",
    ),
]
NTraits = Annotated[
    int | None,
    typer.Option(
        "--n-traits", metavar="N", help="Number of traits, 1 to 33.", show_default="all 33, or those of the design"
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        metavar="NAME",
        help="How genes make traits: additive; realistic: with a major gene and weak curved links between traits; "
        "nonlinear: with strong ones.",
        show_default="realistic",
    ),
]


def is_herd(preset: str, of_herds: Mapping[str, object]) -> bool:
    """Return whether the preset is the herd.

    Parameters
    ----------
    preset
        Its name.
    of_herds
        Options that only herds have, None where they weren't given.

    Raises
    ------
    SettingError
        Where the preset is unknown, or doesn't have an option that was given.
    """
    if check_known("preset", preset, PRESETS) == "herd":
        return True
    for name, value in of_herds.items():
        if value is not None:
            raise SettingError(
                name,
                expected=f"no such option with --preset {preset}",
                found=str(value),
                advice="Its traits are given: leave the option out, or use --preset herd.",
            )
    return False


def cohort_files(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="COHORT",
            help="Cohort folder: genotypes.bed/.bim/.fam and traits.tsv (or records.tsv), and where there are any "
            "pedigree.tsv, covariates.tsv, weights.tsv, traits.toml, haplotypes.vcf.gz. Or a phased VCF.",
            show_default=False,
        ),
    ] = None,
    bfile: Annotated[
        Path | None, _input("--bfile", "PREFIX", "Genotypes: PREFIX.bed, PREFIX.bim and PREFIX.fam (PLINK 1).")
    ] = None,
    traits: Annotated[
        Path | None, _input("--traits", "FILE", "Phenotypes, one row an animal: id, then a column a trait, NA if none.")
    ] = None,
    records: Annotated[
        Path | None, _input("--records", "FILE", "Phenotypes, repeated records: id, environment, effects, traits.")
    ] = None,
    trait: Annotated[
        list[str] | None, _input("--trait", "NAME", "Column to use as a trait; repeat for more. Default: all.")
    ] = None,
    trait_settings: Annotated[
        Path | None, _input("--trait-settings", "FILE", "Unit, kind, direction, fixed effects of each trait (TOML).")
    ] = None,
    covariates: Annotated[
        Path | None, _input("--covariates", "FILE", "What fixed effects may name: id, then a column each.")
    ] = None,
    fixed: Annotated[
        str | None, _input("--fixed", "FORMULA", "Fixed effects of all traits, beside a mean: 'C(herd_year) + age'.")
    ] = None,
    weights: Annotated[
        Path | None,
        _input("--weights", "FILE", "Relative precision of records such as DRP: id, then a column a trait."),
    ] = None,
    pedigree: Annotated[
        Path | None, _input("--pedigree", "FILE", "id, sire, dam, and where known birth_year and sex; 0 is unknown.")
    ] = None,
) -> Files:
    """Return the files that a command's options describe: those of the folder, each replaceable by an option."""
    from genialearn.cohorts import CohortFiles

    given: dict[str, Any] = {
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
        raise SettingError(
            "input",
            expected="a cohort folder, or --bfile and --traits",
            found="neither",
            advice="See --help for what a cohort folder holds.",
        )
    return CohortFiles(**{name: value for name, value in given.items() if value is not None})


def takes_cohort(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of `cohort_files`; it receives the answer as its argument `files`."""
    shared = inspect.signature(cohort_files, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters
    parameters = [*shared.values(), *(parameter for name, parameter in own.items() if name != "files")]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        command(files=cohort_files(**{name: given.pop(name) for name in shared}), **given)

    vars(with_options)["__signature__"] = inspect.Signature(parameters)
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def settings_of(words: list[str]) -> dict[str, Any]:
    """Return `NAME=VALUE` words as settings: numbers, true, false and none as such, anything else as text.

    Raises
    ------
    SettingError
        Where a word has no equals sign, or a name is given twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or not name.isidentifier() or name in found:
            raise SettingError(
                "--setting",
                expected="NAME=VALUE, each name once",
                found=word,
                advice="For instance --setting donors=50.",
            )
        found[name] = _value_of(text)
    return found


def _value_of(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def command_line() -> str:
    """Return the command line as it was given, for the record."""
    return shlex.join(["genialearn", *sys.argv[1:]])


def print_version(asked: bool) -> None:
    """Print the version and end, where `--version` was given."""
    if asked:
        print(f"genialearn {importlib.metadata.version('genialearn')}")
        raise typer.Exit
