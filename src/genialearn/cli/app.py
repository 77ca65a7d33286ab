"""The command line: each command parses, checks, and calls the library function of its name."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from genialearn import _files
from genialearn.cli import options as opt
from genialearn.cli.display import Display
from genialearn.cohorts import CohortFiles, read_cohort
from genialearn.errors import GenialearnError
from genialearn.experiments import compare as run_comparison
from genialearn.experiments import plan_comparison
from genialearn.experiments.runs import RunFolder
from genialearn.predictors import CATALOGUE

app = typer.Typer(
    name="genialearn",
    help="Genomic prediction of many traits at once, and an honest comparison with GBLUP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_ALL_MODELS = ["gblup", "lightgbm", "network", "hybrid"]
_MODEL_HELP = "Model to compare; repeat for more. " + "; ".join(f"{n}: {e.summary}" for n, e in CATALOGUE.items()) + "."
Model = Annotated[list[str] | None, typer.Option("--model", metavar="NAME", help=_MODEL_HELP, show_default=False)]
Split = Annotated[
    str,
    typer.Option(
        "--split", help="forward:SHARE (youngest birth years), kfold:K or kfold:KxREPEATS, family:K (sire groups)."
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder that the command fills.")]
Architecture = Annotated[
    str, typer.Option("--architecture", help="additive, realistic or nonlinear: links between traits.")
]


@app.command()
def demo(
    out: Out = Path("runs/demo"),
    animals: Annotated[int, typer.Option(help="Genotyped cows.")] = 3000,
    markers: Annotated[int, typer.Option(help="SNPs.")] = 5000,
    architecture: Architecture = "realistic",
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate a herd with 33 traits, compare four models on it, and show the report."""
    herd = out.with_name(f"{out.name}-herd")
    display = Display(quiet=quiet)
    _simulate(
        display, herd, animals=animals, markers=markers, n_traits=33, architecture=architecture, seed=seed, force=force
    )
    _compare(display, CohortFiles.in_folder(herd), _ALL_MODELS, "forward", seed, threads, out, force=force)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Cohort folder to write.")],
    animals: Annotated[int, typer.Option(help="Genotyped cows.")] = 3000,
    markers: Annotated[int, typer.Option(help="SNPs.")] = 5000,
    n_traits: Annotated[int, typer.Option(help="Traits, at most 33.")] = 33,
    architecture: Architecture = "realistic",
    seed: opt.Seed = 1,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate a dairy herd: genotypes, pedigree, records with holes, and the truth beside them."""
    _simulate(
        Display(quiet=quiet),
        folder,
        animals=animals,
        markers=markers,
        n_traits=n_traits,
        architecture=architecture,
        seed=seed,
        force=force,
    )


@app.command()
def check(
    folder: opt.Folder = None,
    bfile: opt.BFile = None,
    traits: opt.Traits = None,
    records: opt.Records = None,
    trait: opt.TraitNames = None,
    trait_settings: opt.TraitSettings = None,
    covariates: opt.Covariates = None,
    fixed: opt.Fixed = None,
    weights: opt.Weights = None,
    pedigree: opt.PedigreeFile = None,
    debug: opt.Debug = False,
) -> None:
    """Read a cohort, say what is in it and what doesn't fit together, and write nothing."""
    files = opt.cohort_files(
        folder,
        bfile=bfile,
        traits=traits,
        records=records,
        trait=trait,
        trait_settings=trait_settings,
        covariates=covariates,
        fixed=fixed,
        weights=weights,
        pedigree=pedigree,
    )
    cohort, reconciliation = read_cohort(files)
    display = Display()
    display.result(f"{len(cohort):,} animals x {cohort.genotypes.shape[1]:,} markers x {len(cohort.traits)} traits")
    for line in reconciliation.lines():
        display.result(f"  {line}")
    display.result("trait\tkind\trecords\tfixed effects")
    for item, n in zip(cohort.traits, cohort.records.n_records, strict=True):
        display.result(f"{item.name}\t{item.kind}\t{n}\t{item.fixed or 'mean'}")


@app.command()
def compare(
    folder: opt.Folder = None,
    model: Model = None,
    split: Split = "kfold:5",
    out: Out = Path("runs/compare"),
    bfile: opt.BFile = None,
    traits: opt.Traits = None,
    records: opt.Records = None,
    trait: opt.TraitNames = None,
    trait_settings: opt.TraitSettings = None,
    covariates: opt.Covariates = None,
    fixed: opt.Fixed = None,
    weights: opt.Weights = None,
    pedigree: opt.PedigreeFile = None,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Compare models with GBLUP on the same splits; repeat the command to resume it."""
    files = opt.cohort_files(
        folder,
        bfile=bfile,
        traits=traits,
        records=records,
        trait=trait,
        trait_settings=trait_settings,
        covariates=covariates,
        fixed=fixed,
        weights=weights,
        pedigree=pedigree,
    )
    _compare(Display(quiet=quiet), files, model or _ALL_MODELS, split, seed, threads, out, force=force)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Run folder of a comparison.")],
    debug: opt.Debug = False,
) -> None:
    """Write report.html of a run folder again, and print its headline."""
    _report(Display(), run)


def _simulate(
    display: Display,
    folder: Path,
    *,
    animals: int,
    markers: int,
    n_traits: int,
    architecture: str,
    seed: int,
    force: bool,
) -> None:
    from genialearn.cohorts.simulate import simulate_cohort

    display.say(f"simulating {animals:,} cows x {markers:,} markers x {n_traits} traits ({architecture}) into {folder}")
    with display.progress() as progress:
        simulate_cohort(
            folder,
            animals=animals,
            markers=markers,
            n_traits=n_traits,
            architecture=architecture,
            seed=seed,
            force=force,
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )


def _compare(
    display: Display,
    files: CohortFiles,
    models: list[str],
    split: str,
    seed: int,
    threads: int,
    out: Path,
    *,
    force: bool,
) -> None:
    plan = plan_comparison(
        files, models=models, split=split, seed=seed, threads=threads, command=shlex.join(["genialearn", *sys.argv[1:]])
    )
    RunFolder(out).check(plan.content, force=force)
    n_animals, n_markers = plan.cohort.genotypes.shape
    display.say(f"{n_animals:,} animals x {n_markers:,} markers x {len(plan.cohort.traits)} traits")
    for line in plan.reconciliation.lines():
        display.say(f"  {line}")
    for part in plan.splits[:5]:
        display.say(f"  {part.label}: {len(part.train):,} animals train, {len(part.test):,} test")
    available = plan.content["machine"]["memory_gib"]
    display.say(f"memory: about {plan.memory_gib:.1f} of {available:.0f} GiB; {len(plan.cells)} cells to run")
    with display.progress() as progress:
        run_comparison(plan, out, force=force, progress=progress)
    _report(display, out)


def _report(display: Display, run: Path) -> None:
    from genialearn.report import headline, render_report

    path = render_report(run)
    display.result(headline(run))
    display.result(f"report: {path}")


def main() -> None:
    """Run the command line; errors become one message and the exit code of their kind."""
    try:
        app()
    except GenialearnError as error:
        _end(error, error.exit_code)
    except OSError as error:
        _end(_files.os_error(error), 3)
    except KeyboardInterrupt:
        print("interrupted; repeat the command to resume it", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        _end(GenialearnError(f"unexpected {type(error).__name__}: {error}", advice="Repeat with --debug."), 1)


def _end(error: Exception, code: int) -> None:
    if "--debug" in sys.argv:
        raise error
    print(f"error: {error}", file=sys.stderr)
    sys.exit(code)
