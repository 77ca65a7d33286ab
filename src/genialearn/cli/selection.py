"""The command `select`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genialearn.cli import options as opt
from genialearn.cli.display import Display
from genialearn.errors import SettingError
from genialearn.predictors import CATALOGUE
from genialearn.report.wording import count

DEFAULT_MODELS = ("gblup", "random", "truth")
INTERRUPTED = 130

_MODELS = [name for name, entry in CATALOGUE.items() if entry.family != "pedigree"]
_SIZES = "Sizes"
_SELECTION = "Selection"


def _size(name: str, metavar: str, help_text: str, default: str = "") -> Any:
    return typer.Option(
        name, metavar=metavar, help=help_text, rich_help_panel=_SIZES, show_default=default if default else True
    )


def _scheme(name: str, metavar: str, help_text: str, default: str = "") -> Any:
    return typer.Option(
        name, metavar=metavar, help=help_text, rich_help_panel=_SELECTION, show_default=default if default else True
    )


def select(
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder for the results; with an unfinished run in it, resumes that."
        ),
    ] = Path("runs/select"),
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            show_default=False,
            help=f"By what parents are chosen; repeat for more. Models of compare ({', '.join(_MODELS)}); random: "
            f"no selection; truth: true genetic values. Default: {', '.join(DEFAULT_MODELS)}.",
        ),
    ] = None,
    preset: opt.Preset = "dlgblup",
    animals: Annotated[int, _size("--animals", "N", "Animals born in each generation.")] = 5000,
    base_animals: Annotated[
        int | None, _size("--base-animals", "N", "Unrelated animals to begin with.", "as many as --animals")
    ] = None,
    markers: Annotated[int, _size("--markers", "N", "SNPs on the chip.")] = 10_000,
    generations: Annotated[int, _size("--generations", "N", "Generations born of selected parents.")] = 7,
    replicates: Annotated[
        int, _size("--replicates", "N", "Repetitions with other base animals and effects, the same for all models.")
    ] = 10,
    n_traits: opt.NTraits = None,
    architecture: opt.Architecture = None,
    founders: Annotated[
        str,
        typer.Option(
            "--founders",
            metavar="NAME",
            help="coalescent: of Holstein history (needs msprime); independent: in linkage equilibrium, quicker.",
        ),
    ] = "coalescent",
    males: Annotated[float, _scheme("--males", "SHARE", "Share of the animals born that are male.")] = 0.2,
    sires: Annotated[
        int | None, _scheme("--sires", "N", "Males kept of each generation, the best.", "a tenth of them")
    ] = None,
    dams: Annotated[int | None, _scheme("--dams", "N", "Females kept of each generation, the best.", "all")] = None,
    sire_generations: Annotated[
        int, _scheme("--sire-generations", "N", "From how many of the last generations sires come.")
    ] = 4,
    dam_generations: Annotated[int, _scheme("--dam-generations", "N", "The same of dams.")] = 2,
    training_generations: Annotated[
        int, _scheme("--training-generations", "N", "How many of the last recorded generations models learn from.")
    ] = 3,
    weight: Annotated[
        list[str] | None,
        _scheme(
            "--weight",
            "TRAIT=VALUE",
            "Weight of a trait in the index, a genetic standard deviation of it; repeat for more, all others get 0.",
            "all alike; herd: 1, -1 or 0 by wanted direction",
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", metavar="N", help="Cells (one model in one replicate) run at once; 0: one a thread.",
            rich_help_panel="Running",
        ),
    ] = 0,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:  # fmt: skip
    """Breed simulated animals for some generations by the predictions of models, and see what each of them gains."""
    from genialearn.experiments.selection_design import SelectionDesign

    opt.is_herd(preset, {"--n-traits": n_traits, "--architecture": architecture})
    design = SelectionDesign(
        preset=preset,
        animals=animals,
        base_animals=base_animals,
        markers=markers,
        generations=generations,
        males=males,
        sires=sires,
        dams=dams,
        sire_generations=sire_generations,
        dam_generations=dam_generations,
        training_generations=training_generations,
        n_traits=33 if n_traits is None else n_traits,
        architecture="realistic" if architecture is None else architecture,
        founders=founders,
        weights=weights_of(weight) if weight else None,
        seed=seed,
    )
    running = {"models": model or DEFAULT_MODELS, "replicates": replicates, "jobs": jobs}
    _select(Display(quiet=quiet), out, design, **running, threads=threads, force=force)


def _select(display: Display, out: Path, design: Any, **given: Any) -> None:
    from genialearn.experiments.selection import select as run_selection
    from genialearn.report import render_selection
    from genialearn.report.selection import selection_lines

    display.say(
        f"{count(design.animals, 'animal')} a generation x {count(design.markers, 'marker')} x "
        f"{count(len(design.traits), 'trait')}, {count(design.generations, 'generation')} x "
        f"{count(given['replicates'], 'replicate')}, by {', '.join(given['models'])}"
    )
    try:
        with display.progress() as progress:
            run_selection(
                out,
                design,
                **given,
                command=opt.command_line(),
                announce=lambda memory: display.say(memory.line()),
                progress=progress,
            )
    except KeyboardInterrupt:
        display.say("interrupted; repeat the command to resume it")
        raise typer.Exit(INTERRUPTED) from None
    path = render_selection(out)
    for line in selection_lines(out):
        display.result(line)
    display.result(f"report: {path}")


def weights_of(words: list[str]) -> dict[str, float]:
    """Return `TRAIT=VALUE` words as weights.

    Raises
    ------
    SettingError
        Where a word has no equals sign or no number after it, or a trait is given twice.
    """
    found: dict[str, float] = {}
    for word in words:
        name, sign, text = word.partition("=")
        try:
            value = float(text)
        except ValueError:
            sign = ""
        if not sign or name in found:
            raise SettingError(
                "--weight",
                expected="TRAIT=VALUE, each trait once",
                found=word,
                advice="For instance --weight milk_yield=1.",
            )
        found[name] = value
    return found
