"""Simulating a cohort folder in one call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from genialearn import _files
from genialearn.cohorts.simulate.design import Design, read_design
from genialearn.cohorts.simulate.herd import simulate_herd
from genialearn.cohorts.simulate.settings import HerdSettings, threads_or_all
from genialearn.cohorts.simulate.write import bed_file, refuse_occupied, write_herd


@dataclass(frozen=True)
class SimulationSummary:
    """What was simulated.

    Parameters
    ----------
    folder
        Where the cohort is.
    n_animals, n_markers, n_traits, n_qtl
        Counts; animals are those genotyped.
    n_pedigree
        Animals in the pedigree, ungenotyped ancestors included.
    seconds
        Wall time of each stage.
    heritabilities
        Realised, by trait, on the scale of the records.
    """

    folder: Path
    n_animals: int
    n_markers: int
    n_traits: int
    n_qtl: int
    n_pedigree: int
    seconds: dict[str, float]
    heritabilities: dict[str, float]


def simulate_cohort(
    folder: Path | str,
    *,
    animals: int = 3000,
    markers: int = 5000,
    n_traits: int | None = None,
    architecture: str = "realistic",
    seed: int = 1,
    phased: bool = False,
    design: Design | Path | str | None = None,
    force: bool = False,
    progress: Callable[[str, float], None] | None = None,
    threads: int | None = None,
) -> SimulationSummary:
    """Simulate a cohort of dairy cows and write it as a cohort folder, which appears whole or not at all.

    Parameters
    ----------
    folder
        Where to write; new, empty, or replaced at the end if `force`.
    animals, markers, n_traits, architecture, seed, phased
        As in `HerdSettings`.
    design
        The design or its TOML file.
    force
        Replace what stands in `folder`.
    progress
        Called with the name of the stage and the fraction of it that is done.
    threads
        How many chromosomes are simulated at once; None for all processors. The files don't depend on it.

    Returns
    -------
    Counts, times and realised heritabilities.

    Raises
    ------
    SettingError
        Where a setting is out of range or `folder` is occupied.
    MissingExtraError
        Where msprime isn't installed.
    """
    settings = HerdSettings(
        animals=animals,
        markers=markers,
        n_traits=n_traits,
        architecture=architecture,
        seed=seed,
        phased=phased,
        design=read_design(design) if isinstance(design, Path | str) else design,
    )
    threads = threads_or_all(threads)
    folder = Path(folder)
    refuse_occupied(folder, force=force)
    clock = Clock(progress)
    with _files.whole_folder(folder) as temporary:
        herd = simulate_herd(settings, progress=clock, threads=threads, bed=bed_file(temporary))
        clock("writing", 0.0)
        write_herd(temporary, herd)
    clock("writing", 1.0)
    return SimulationSummary(
        folder,
        *herd.genotypes.shape,
        n_traits=len(herd.definitions),
        n_qtl=len(herd.truth.qtl),
        n_pedigree=len(herd.pedigree),
        seconds=clock.seconds(),
        heritabilities=herd.truth.heritabilities,
    )


@dataclass
class Clock:
    """Passes progress on and notes when each stage began and was last heard of."""

    progress: Callable[[str, float], None] | None
    marks: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, stage: str, fraction: float) -> None:
        """Note that a stage has come so far, and pass it on."""
        self.marks.append((stage, time.perf_counter()))
        if self.progress is not None:
            self.progress(stage, fraction)

    def seconds(self) -> dict[str, float]:
        """Return how long each stage took, from its first report to the first of the next stage."""
        starts = dict(reversed(self.marks))
        stages = sorted(starts, key=starts.__getitem__)
        ends = [*(starts[stage] for stage in stages[1:]), self.marks[-1][1]]
        return {stage: round(end - starts[stage], 3) for stage, end in zip(stages, ends, strict=True)}
