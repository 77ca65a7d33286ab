"""The command line: each command parses, checks, and calls the library function of its name.

The library is imported by the commands, when they need it: help and misspelt options don't wait for numpy and pandas.
"""

from __future__ import annotations

import io
import math
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genialearn import _files
from genialearn.cli import options as opt
from genialearn.cli.artificial import generate, judge
from genialearn.cli.display import Display
from genialearn.cli.herds import N_TRAITS, Animals, HerdOptions, Markers, make_herd, simulate
from genialearn.cli.selection import select
from genialearn.errors import GenialearnError
from genialearn.generators import CATALOGUE as GENERATORS
from genialearn.predictors import CATALOGUE
from genialearn.predictors.catalogue import entry_of
from genialearn.report.wording import count, decimal

if TYPE_CHECKING:
    from genialearn.cohorts import Cohort, CohortFiles
    from genialearn.experiments import Plan
    from genialearn.experiments.estimation import Task

app = typer.Typer(
    name="genialearn",
    help="Genomic prediction of many traits at once, and an honest comparison with GBLUP.",
    epilog="Exit codes: 0 done, 2 unknown option, 3 unusable input, 4 no convergence, 5 a library to install, 1 other.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

DEFAULT_MODELS = ("gblup", "lightgbm", "network", "hybrid")
INTERRUPTED = 130
MOST_SPLITS = 5
"""Splits that are listed before a comparison begins."""

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model", metavar="NAME", show_default=False,
        help="Model to compare with gblup; repeat for more, or all. Settings may follow, as in "
        "network:body=local,width=32. genialearn models tells what there is, with a NAME its settings. "
        f"Default: {', '.join(DEFAULT_MODELS)}.",
    ),
]  # fmt: skip
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget", metavar="MINUTES", show_default="none",
        help="How long a model may take on a split; one that takes longer is ended and counts as failed.",
    ),
]  # fmt: skip
Split = Annotated[
    str,
    typer.Option(
        "--split", metavar="SCHEME",
        help="Who is predicted from whom. forward:SHARE: the youngest whole birth years, about that share of the "
        "animals, from all older ones, as in practice; kfold:K or kfold:KxREPEATS: random K-ths, each from the others; "
        "family:K: the same with paternal half-sib families kept together.",
    ),
]  # fmt: skip
Out = Annotated[
    Path,
    typer.Option("--out", metavar="FOLDER", help="Folder for the results; with an unfinished run in it, resumes that."),
]
Relationships = Annotated[
    str,
    typer.Option(
        "--relationships", metavar="NAME",
        help="Genomic relationships: vanraden1, or vanraden2 for markers of equal variance.",
    ),
]  # fmt: skip
Solver = Annotated[
    str,
    typer.Option(
        "--solver", metavar="NAME",
        help="exact: with matrices of animals by animals; iterative: without, for many animals; auto: the quicker.",
    ),
]  # fmt: skip
NoCovariances = Annotated[
    bool, typer.Option("--no-covariances", help="Leave out covariances and genetic correlations of pairs of traits.")
]
NoReliabilities = Annotated[
    bool, typer.Option("--no-reliabilities", help="Leave out the reliabilities of breeding values.")
]
Joint = Annotated[
    bool,
    typer.Option(
        "--joint",
        help="Breeding values and marker effects from the records of all traits jointly (gblup-multi), "
        "instead of trait by trait.",
    ),
]


@app.callback()
def _options_before_commands(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=opt.print_version, is_eager=True)
    ] = False,
) -> None:
    """Genomic prediction of many traits at once, and an honest comparison with GBLUP."""


@app.command()
def demo(
    *,
    out: Out = Path("runs/demo"),
    animals: Animals = 5000,
    markers: Markers = 5000,
    architecture: opt.Architecture = None,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate a herd with 33 traits, compare four models on it, draw artificial animals like it, and judge them."""
    from genialearn.cli.artificial import Wishes, draw, show
    from genialearn.cohorts import CohortFiles
    from genialearn.experiments.generation import PROVENANCE
    from genialearn.experiments.runs import RunFolder

    RunFolder(out).check_free(force=force)
    herd = out.with_name(f"{out.name}-herd")
    display = Display(quiet=quiet)
    settings = HerdOptions(animals, markers, N_TRAITS, architecture or "realistic", seed, phased=True)
    if settings.made(herd) and not force:
        display.say(f"taking the herd that was simulated before: {herd}")
    else:
        make_herd(display, herd, settings, threads=threads, force=force)
    files = CohortFiles.in_folder(herd)
    _compare(display, files, models=DEFAULT_MODELS, split="forward", seed=seed, threads=threads, out=out, force=force)
    artificial, judged = (out.with_name(f"{out.name}-{what}") for what in ("artificial", "judged"))
    if force or not (artificial / PROVENANCE).exists():
        draw(display, files, Wishes(holdout=0.5), artificial, seed=seed, threads=threads, force=force)
    show(display, herd, artificial, judged, seed=seed, threads=threads, force=True)


app.command()(simulate)


@app.command()
@opt.takes_cohort
def check(*, files: opt.Files, debug: opt.Debug = False) -> None:
    """Read a cohort, say what is in it and what doesn't fit together, and write nothing."""
    from genialearn.cohorts import read_cohort
    from genialearn.experiments.soundness import check_genotypes

    cohort, reconciliation = read_cohort(files, keep_unrecorded=True)
    display = Display()
    display.result(_sizes(cohort))
    for line in (*reconciliation.lines(), *check_genotypes(cohort)):
        display.result(f"  {line}")
    display.result("trait\tkind\trecords\tfixed effects")
    for item, n in zip(cohort.traits, cohort.records.n_records, strict=True):
        display.result(f"{item.name}\t{item.kind}\t{n}\t{item.fixed or 'mean'}")


@app.command()
@opt.takes_cohort
def compare(
    *,
    files: opt.Files,
    model: Models = None,
    split: Split = "kfold:5",
    budget: Budget = None,
    out: Out = Path("runs/compare"),
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Compare models with GBLUP on the same splits of a cohort; repeat the command to resume an interrupted run."""
    from genialearn.experiments.runs import RunFolder

    RunFolder(out).check_free(force=force)
    models = model or DEFAULT_MODELS
    display = Display(quiet=quiet)
    _compare(
        display, files, models=models, split=split, budget=budget, seed=seed, threads=threads, out=out, force=force
    )


@app.command()
def models(
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="Model or generator whose settings are asked for.")
    ] = "",
    *,
    debug: opt.Debug = False,
) -> None:
    """List the models that compare knows, and which need a library that isn't installed; with a name, its settings."""
    from genialearn.cli.explanation import explanation
    from genialearn.experiments.plan import is_installed

    display = Display()
    if name in GENERATORS:
        display.result(explanation(name, GENERATORS[name], f"generate --model {name} --setting SETTING=VALUE"))
        return
    if name:
        display.result(explanation(*entry_of(name), f"--model {name}:SETTING=VALUE,..."))
        return
    display.result("model\tkind\tinstalled\twhat it is")
    for each, entry in CATALOGUE.items():
        installed = "yes" if is_installed(each) else f"pip install 'genialearn[{entry.extra}]'"
        display.result(f"{each}\t{entry.family}\t{installed}\t{entry.summary}")


@app.command()
@opt.takes_cohort
def variance(
    *,
    files: opt.Files,
    out: opt.Results = Path("runs/variance"),
    relationships: Relationships = "vanraden1",
    solver: Solver = "auto",
    no_covariances: NoCovariances = False,
    no_reliabilities: NoReliabilities = False,
    joint: Joint = False,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Estimate heritabilities, breeding values and marker effects of all traits by GBLUP, into tables."""
    from genialearn.experiments.estimation import variance as estimate

    display = Display(quiet=quiet)
    with display.progress() as progress:
        estimates = estimate(
            files,
            out,
            relationships=relationships,
            solver=solver,
            covariances=not no_covariances,
            reliabilities=not no_reliabilities,
            joint=joint,
            seed=seed,
            threads=threads,
            force=force,
            command=opt.command_line(),
            announce=lambda task: _announce_task(display, task),
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )
    display.result("trait\th2\tse")
    for name, trait in zip(estimates.names, estimates.model.models_, strict=True):
        display.result(f"{name}\t{decimal(trait.variances.heritability)}\t{decimal(trait.heritability_se)}")
    display.result(f"results: {out}")


app.command()(generate)
app.command()(judge)
app.command()(select)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder that compare filled.")],
    *,
    debug: opt.Debug = False,
) -> None:
    """Write report.html of a run folder again, and print its headline."""
    _report(Display(), run)


def _compare(
    display: Display,
    files: CohortFiles,
    *,
    models: Sequence[str],
    split: str,
    seed: int,
    threads: int,
    out: Path,
    force: bool,
    budget: float | None = None,
) -> None:
    from genialearn.experiments import compare as run_comparison
    from genialearn.experiments import plan_comparison
    from genialearn.experiments.runs import RunFolder

    plan = plan_comparison(
        files,
        models=models,
        split=split,
        budget_minutes=budget,
        seed=seed,
        threads=threads,
        command=opt.command_line(),
    )
    folder = RunFolder(out)
    folder.check(plan.content, force=force)
    _announce(display, plan)
    try:
        with display.progress() as progress:
            run_comparison(plan, out, force=force, progress=progress)
    except KeyboardInterrupt:
        display.say("interrupted; repeat the command to resume it")
        raise typer.Exit(INTERRUPTED) from None
    _report(display, out)


def _announce(display: Display, plan: Plan) -> None:
    """Say what is about to be done, and what it takes."""
    display.say(_sizes(plan.cohort))
    for line in plan.reconciliation.lines():
        display.say(f"  {line}")
    for part in plan.splits[:MOST_SPLITS]:
        display.say(f"  {part.label}: {count(len(part.train), 'animal')} to learn from, {len(part.test):,} to predict")
    for name, why in plan.content["left_out"].items():
        display.say(f"  left out: {name}: {why}")
    if len(plan.splits) > MOST_SPLITS:
        display.say(f"  and {count(len(plan.splits) - MOST_SPLITS, 'more split')}")
    available = plan.available_memory_gib
    display.say(f"memory: about {plan.memory_gib:.1f} of {available:.1f} GiB; {count(len(plan.cells), 'cell')} to run")
    if plan.memory_gib > available:
        display.say(
            f"warning: gblup needs more memory than this process may use, and will most likely be killed. "
            f"Compare on fewer animals, or on a machine with {math.ceil(plan.memory_gib)} GiB."
        )


def _announce_task(display: Display, task: Task) -> None:
    """Say what is about to be estimated, and what it takes."""
    from genialearn.experiments.machine import usable_memory_gib

    display.say(f"{_sizes(task.cohort)}; {count(len(task.train), 'animal')} with records to learn from")
    for line in (*task.reconciliation.lines(), *task.notes):
        display.say(f"  {line}")
    available = usable_memory_gib()
    display.say(f"memory: about {task.memory_gib:.1f} of {available:.1f} GiB for the {task.solver} solver")


def _sizes(cohort: Cohort) -> str:
    n_animals, n_markers = cohort.genotypes.shape
    return f"{count(n_animals, 'animal')} x {count(n_markers, 'marker')} x {count(len(cohort.traits), 'trait')}"


def _report(display: Display, run: Path) -> None:
    from genialearn.report import headline, render_report

    path = render_report(run)
    display.result(headline(run))
    display.result(f"report: {path}")


def main() -> None:
    """Run the command line; errors become one message and the exit code of their kind."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may have letters that the terminal lacks
    try:
        app(prog_name="genialearn")
    except GenialearnError as error:
        _end(error, error)
    except OSError as error:
        _end(_files.os_error(error), error)
    except MemoryError as error:
        advice = "Use fewer animals or markers, or a larger machine."
        _end(GenialearnError("memory", expected="enough of it", found=str(error) or "too little", advice=advice), error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        _end(GenialearnError(f"unexpected {type(error).__name__}: {error}", advice="Repeat with --debug."), error)


def _end(message: GenialearnError, cause: Exception) -> None:
    """Print one line, after the traceback where it was asked for, and end with the exit code of the error."""
    if "--debug" in sys.argv:
        traceback.print_exception(cause)
    print("error:", "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(message)), file=sys.stderr)
    sys.exit(message.exit_code)
