"""The command of simulated herds: `simulate`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from genialearn import _files
from genialearn._checks import check_at_least
from genialearn.cli import options as opt
from genialearn.cli.display import Display
from genialearn.errors import InputError
from genialearn.report.wording import count

N_TRAITS = 33

Animals = Annotated[int, typer.Option("--animals", metavar="N", help="Genotyped cows.")]
Markers = Annotated[int, typer.Option("--markers", metavar="N", help="SNPs on the chip.")]
Traits = Annotated[
    int | None,
    typer.Option(
        "--n-traits", metavar="N", show_default=False,
        help=f"Number of traits, 1 to {N_TRAITS}; all, or those of the design, if not given.",
    ),
]  # fmt: skip
Design = Annotated[
    Path | None,
    typer.Option(
        "--design", metavar="FILE", show_default=False,
        help="TOML file with other traits, heritabilities, correlations, repeated records, links or environments; "
        "docs/simulation.md shows one.",
    ),
]  # fmt: skip
Phased = Annotated[bool, typer.Option("--phased", help="Write haplotypes.vcf.gz as well: which allele came from whom.")]
Architecture = Annotated[
    str,
    typer.Option(
        "--architecture", metavar="NAME",
        help="How genes make traits: additive; realistic: with a major gene and weak curved links between traits; "
        "nonlinear: with strong ones.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class HerdOptions:
    """What a simulated herd is made of; the fields are named as in `truth/parameters.json`."""

    animals: int
    markers: int
    n_traits: int | None
    architecture: str
    seed: int
    phased: bool = False

    def made(self, folder: Path) -> bool:
        """Return whether these settings made the herd in a folder: it is then as good as a new one."""
        with contextlib.suppress(InputError, ValueError):
            found = json.loads(_files.read_text(folder / "truth" / "parameters.json"))
            return isinstance(found, dict) and found.get("design") is None and asdict(self).items() <= found.items()
        return False


def simulate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Cohort folder to write.")],
    *,
    animals: Animals = 3000,
    markers: Markers = 5000,
    n_traits: Traits = None,
    architecture: Architecture = "realistic",
    phased: Phased = False,
    design: Design = None,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate a dairy herd: genotypes, pedigree, records with holes, and the truth beside them."""
    settings = HerdOptions(animals, markers, n_traits, architecture, seed, phased)
    make_herd(Display(quiet=quiet), folder, settings, threads=threads, force=force, design=design)


def make_herd(
    display: Display,
    folder: Path,
    settings: HerdOptions,
    *,
    threads: int,
    force: bool,
    design: Path | None = None,
) -> None:
    """Simulate a herd into a folder, settings checked before anything else is done; `design` is a file."""
    from genialearn.cohorts.simulate import HerdSettings, read_design, simulate_cohort
    from genialearn.cohorts.simulate.write import refuse_occupied

    check_at_least("threads", threads, 0)
    designed = None if design is None else read_design(design)
    checked = HerdSettings(**asdict(settings), design=designed)
    refuse_occupied(folder, force=force)
    display.say(
        f"simulating {count(settings.animals, 'cow')} x {count(settings.markers, 'marker')} x "
        f"{count(len(checked.plan.traits), 'trait')} ({settings.architecture}) into {folder}"
    )
    with display.progress() as progress:
        simulate_cohort(
            folder,
            **asdict(settings),
            design=designed,
            threads=threads or None,
            force=force,
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )
