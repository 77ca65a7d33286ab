"""The commands of artificial animals: `generate` and `judge`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genialearn.cli import options as opt
from genialearn.cli.display import Display
from genialearn.generators import CATALOGUE
from genialearn.report.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from genialearn._arrays import StrArray
    from genialearn.cohorts import CohortFiles

_GENERATORS = "; ".join(f"{name}: {entry.summary}" for name, entry in CATALOGUE.items())
Generator = Annotated[
    str, typer.Option("--model", metavar="NAME", help=f"Generator. {_GENERATORS}. auto: what suits the input.")
]


@opt.takes_cohort
def generate(
    *,
    files: opt.Files,
    model: Generator = "auto",
    animals: Annotated[
        int | None,
        typer.Option(
            "--animals", metavar="N", show_default=False, help="Artificial animals; default: as many as learned from."
        ),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(
            "--conditions",
            metavar="FILE",
            show_default=False,
            help="Values of traits asked for: id, then a column a trait; one row an artificial animal.",
        ),
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            "--holdout",
            metavar="SHARE|FILE",
            show_default=False,
            help="Animals to learn nothing from, so that judge has something to compare with: a share such as 0.5, "
            "sire families kept together, or a file with an identifier a line.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            metavar="NAME=VALUE",
            show_default=False,
            help="Setting of the generator; repeat for more. genialearn models and its name tells which there are.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Cohort folder of the artificial animals.")
    ] = Path("artificial"),
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            show_default=False,
            help="Keep a long training in this file, every minute; the same command run again goes on from it. For "
            "boltzmann, vae, gan, wgan-gp, wgan-gp-local and pca-diffusion.",
        ),
    ] = None,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Learn from animals, and draw artificial ones like them: a cohort folder of genotypes or haplotypes."""
    from genialearn.experiments.generation import read_conditions, read_holdout

    asked = None if conditions is None else read_conditions(conditions)
    left_out = None if holdout is None else read_holdout(holdout)
    wishes = Wishes(model, animals, asked, left_out, opt.settings_of(setting or []), checkpoint)
    draw(Display(quiet=quiet), files, wishes, out, seed=seed, threads=threads, force=force)


def judge(
    real: Annotated[
        Path, typer.Argument(metavar="REAL", help="Cohort folder, PLINK prefix or phased VCF that was learned from.")
    ],
    artificial: Annotated[
        Path, typer.Argument(metavar="ARTIFICIAL", help="The same of artificial animals, as generate writes it.")
    ],
    *,
    holdout: Annotated[
        Path | None,
        typer.Option(
            "--holdout",
            metavar="H",
            show_default=False,
            help="Real animals that weren't learned from: a cohort folder, PLINK prefix or VCF; or a file with "
            "identifiers of REAL, one a line. Default: holdout.txt in ARTIFICIAL.",
        ),
    ] = None,
    use: Annotated[
        bool,
        typer.Option(
            "--use",
            help="Also train genomic prediction on all artificial animals, and test it on real ones; REAL needs "
            "records. Takes as long as five fits of GBLUP to real animals and one to the artificial ones.",
        ),
    ] = False,
    out: opt.Results = Path("runs/judge"),
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Compare artificial animals with real ones: how faithful, how private; into a table and a page."""
    show(Display(quiet=quiet), real, artificial, out, holdout=holdout, use=use, seed=seed, threads=threads, force=force)


@dataclass(frozen=True)
class Wishes:
    """What artificial animals are asked to be: the arguments of `experiments.generation.generate` of these names."""

    model: str = "auto"
    animals: int | None = None
    conditions: pd.DataFrame | None = None
    holdout: float | StrArray | None = None
    settings: dict[str, Any] | None = None
    checkpoint: Path | None = None


def draw(
    display: Display, files: CohortFiles, wishes: Wishes, out: Path, *, seed: int, threads: int, force: bool
) -> None:
    """Learn from a cohort, write artificial animals, and say what they are."""
    from genialearn.cohorts import read_genotyped
    from genialearn.experiments.generation import generate as draw_animals
    from genialearn.experiments.generation import refuse_occupied

    refuse_occupied(out, force=force)
    with display.progress() as progress:
        progress("reading", 0, 100)
        found = draw_animals(
            read_genotyped(files),
            out,
            **vars(wishes),
            seed=seed,
            threads=threads,
            force=force,
            command=opt.command_line(),
            announce=lambda memory: display.say(memory.line()),
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )
    kind = "phased animals" if found.phased else "animals"
    display.result(
        f"{found.n_animals:,} artificial {kind} x {count(found.n_markers, 'marker')}, by {found.model} from "
        f"{count(found.n_training, 'animal')}"
    )
    if found.n_holdout:
        display.result(f"{count(found.n_holdout, 'animal')} left out, listed in {out / 'holdout.txt'}")
    display.result(f"results: {out}")


def show(
    display: Display,
    real: Path,
    artificial: Path,
    out: Path,
    *,
    holdout: Path | None = None,
    use: bool = False,
    seed: int,
    threads: int,
    force: bool,
) -> None:
    """Judge artificial animals, write the page, and say the main figures."""
    from genialearn.experiments.judgement import judge_folders
    from genialearn.report import render_judgement
    from genialearn.report.judgement import judgement_lines

    with display.progress() as progress:
        judge_folders(
            real,
            artificial,
            out,
            holdout=holdout,
            use=use,
            seed=seed,
            threads=threads,
            force=force,
            command=opt.command_line(),
            announce=lambda memory: display.say(memory.line()),
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )
    path = render_judgement(out)
    for line in judgement_lines(out):
        display.result(line)
    display.result(f"report: {path}")
