"""The command of simulated herds: `simulate`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

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
Design = Annotated[
    Path | None,
    typer.Option(
        "--design", metavar="FILE", show_default=False,
        help="TOML file with other traits, correlations, repeated records, links or environments, selection, crosses "
        "or another chip; docs/simulation.md shows one.",
    ),
]  # fmt: skip
Phased = Annotated[bool, typer.Option("--phased", help="Write haplotypes.vcf.gz as well: which allele came from whom.")]


@dataclass(frozen=True)
class HerdOptions:
    """What a simulated herd is made of; the fields are named as in `truth/parameters.json`."""

    animals: int = 3000
    markers: int = 5000
    n_traits: int | None = None
    architecture: str = "realistic"
    seed: int = 1
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
    preset: opt.Preset = "herd",
    animals: Annotated[
        int | None,
        typer.Option("--animals", metavar="N", help="Genotyped animals.", show_default="3000; dlgblup: 25000"),
    ] = None,
    markers: Annotated[
        int | None,
        typer.Option("--markers", metavar="N", help="SNPs on the chip.", show_default="5000; dlgblup: 10000"),
    ] = None,
    n_traits: opt.NTraits = None,
    architecture: opt.Architecture = None,
    phased: Phased = False,
    design: Design = None,
    seed: opt.Seed = 1,
    threads: opt.Threads = 0,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Simulate a dairy herd: genotypes, pedigree, records with holes, and the truth beside them."""
    display, sizes = Display(quiet=quiet), {"animals": animals, "markers": markers}
    of_herds = {
        "--n-traits": n_traits,
        "--architecture": architecture,
        "--phased": phased or None,
        "--design": design,
    }
    if opt.is_herd(preset, of_herds):
        known: dict[str, Any] = {name: size for name, size in sizes.items() if size is not None}
        settings = replace(
            HerdOptions(n_traits=n_traits, architecture=architecture or "realistic", seed=seed, phased=phased), **known
        )
        make_herd(display, folder, settings, threads=threads, force=force, design=design)
    else:
        _simulate_dlgblup(display, folder, sizes, seed=seed, threads=threads, force=force)


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
        f"simulating {count(settings.animals, 'cow')} x {count(checked.markers, 'marker')} x "
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


def _simulate_dlgblup(
    display: Display, folder: Path, sizes: Mapping[str, int | None], *, seed: int, threads: int, force: bool
) -> None:
    from genialearn.cohorts.simulate.dlgblup import DLGBLUPSettings
    from genialearn.cohorts.simulate.dlgblup_cohort import simulate_dlgblup
    from genialearn.cohorts.simulate.write import refuse_occupied

    check_at_least("threads", threads, 0)
    given: dict[str, Any] = {name: size for name, size in sizes.items() if size is not None}
    settings = DLGBLUPSettings(seed=seed, **given)
    refuse_occupied(folder, force=force)
    display.say(
        f"simulating {count(settings.animals, 'animal')} x {count(settings.markers, 'marker')} x 6 traits, the "
        f"published design of DLGBLUP, into {folder}"
    )
    with display.progress() as progress:
        simulate_dlgblup(
            folder,
            animals=settings.animals,
            markers=settings.markers,
            seed=seed,
            threads=threads or None,
            force=force,
            progress=lambda what, share: progress(what, round(100 * share), 100),
        )
