"""Settings of a simulation, checked once before anything is computed."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts.simulate.architecture import ARCHITECTURES
from genialearn.cohorts.simulate.calling import Calling
from genialearn.cohorts.simulate.chip_map import read_chip_map
from genialearn.cohorts.simulate.demography import OTHER_BREEDS
from genialearn.cohorts.simulate.design import Design
from genialearn.cohorts.simulate.genome_design import FOUNDERS, GenomeDesign
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
from genialearn.cohorts.simulate.plan import TraitPlan, trait_plan
from genialearn.cohorts.simulate.trait_catalogue import CATALOGUE
from genialearn.errors import SettingError

LEAST_ANIMALS = 20
DEFAULT_QTL = 800


@dataclass(frozen=True)
class HerdSettings:
    """What is simulated.

    Parameters
    ----------
    animals
        Number of genotyped and recorded females, at least 20.
    markers
        Number of markers on the chip, at least one for each of the 29 autosomes.
    n_traits
        Number of traits, 1 to 33; fewer than 33 are spread over the groups. None for those of the design, or all.
    architecture
        "additive", "realistic" or "nonlinear".
    seed
        Seed of everything.
    n_qtl
        Number of QTL, the DGAT1-like gene included, at least one for each autosome.
    qtl_on_chip
        Take the QTL from the markers instead of from sites of their own.
    founders
        "coalescent" for Holstein history (needs msprime), "independent" for founders in linkage equilibrium.
    phased
        Keep which allele came from the sire and which from the dam.
    selection
        Accuracy with which bulls and their dams are chosen by an index of all traits, 0 for no selection. Genetic
        values are then scaled on the founders.
    calling
        How true genotypes become called ones; haplotypes and QTL stay true.
    crossing
        Pairs of another breed ("jersey", "angus", "fleckvieh") and the share of the heifers that its bulls beget; not
        together with selection.
    chip_map
        A table of the chip's markers, as `read_chip_map` takes it: where they are, and how frequent; it decides the
        number of markers. Empty for evenly spaced markers of all frequencies.
    design
        What traits, genes and herds are like, where it isn't as usual; see `read_design`.
    """

    animals: int = 3000
    markers: int = 5000
    n_traits: int | None = None
    architecture: str = "realistic"
    seed: int = 1
    n_qtl: int = DEFAULT_QTL
    qtl_on_chip: bool = False
    founders: str = "coalescent"
    phased: bool = False
    selection: float = 0.0
    calling: Calling = field(default_factory=Calling)
    crossing: tuple[tuple[str, float], ...] = ()
    chip_map: str = ""
    design: Design | None = None

    def __post_init__(self) -> None:
        if self.design is not None:
            self._take_over(self.design)
        if self.chip_map:
            object.__setattr__(self, "markers", len(read_chip_map(Path(self.chip_map))))
        check_at_least("animals", self.animals, LEAST_ANIMALS)
        check_at_least("seed", self.seed, 0)
        check_known("architecture", self.architecture, ARCHITECTURES)
        check_known("founders", self.founders, FOUNDERS)
        check_between("selection", self.selection, 0, 1)
        _check_crossing(self.crossing, selection=self.selection)
        check_sites("markers", self.markers)
        self._check_qtl()
        if self.n_traits is not None:
            _check_n_traits(self.n_traits)
        if self.design is not None:
            self._check_environments(self.design.where, self.plan)

    @property
    def genome_design(self) -> GenomeDesign:
        """The part of the settings that concerns sites."""
        genes = None if self.design is None else self.design.genes
        n_qtl = self.n_qtl if genes is None or genes.qtl is None else genes.qtl
        on_chip = self.qtl_on_chip if genes is None or genes.on_chip is None else genes.on_chip
        return GenomeDesign(
            self.markers,
            n_qtl,
            self.founders,
            on_chip,
            phased=self.phased,
            other_breeds=tuple(breed for breed, _ in self.crossing),
            calling=self.calling,
            chip=read_chip_map(Path(self.chip_map)) if self.chip_map else None,
        )

    @property
    def plan(self) -> TraitPlan:
        """The part of the settings that concerns traits."""
        return trait_plan(self.design, n_traits=self.n_traits, architecture=self.architecture)

    def said(self) -> dict[str, Any]:
        """Return the settings by name, those that the design decides as it decides them, and not the design."""
        named = {name: value for name, value in asdict(replace(self, design=None)).items() if name != "design"}
        genome = self.genome_design
        decided = {"n_traits": len(self.plan.traits), "n_qtl": genome.n_qtl, "qtl_on_chip": genome.qtl_on_chip}
        return named | decided

    def _take_over(self, design: Design) -> None:
        """Set what the design says of the population and the chip."""
        said = {
            "selection": design.population.selection,
            "crossing": design.population.crossing,
            "chip_map": design.chip.chip_map,
            "calling": design.chip.calling,
        }
        for name, value in said.items():
            if value is not None:
                object.__setattr__(self, name, value)

    def _check_qtl(self) -> None:
        designed = self.design if self.design is not None and self.design.genes.qtl is not None else None
        name = "n_qtl" if designed is None else f"{designed.where}: [genes] qtl"
        genome = self.genome_design
        check_sites(name, genome.n_qtl)
        if genome.qtl_on_chip and genome.n_qtl > self.markers:
            raise SettingError(
                name,
                expected=f"at most {self.markers:,} QTL on a chip of as many markers",
                found=f"{genome.n_qtl:,}",
                advice="Ask for fewer QTL, or leave them off the chip.",
            )

    def _check_environments(self, where: str, plan: TraitPlan) -> None:
        n_herds = plan.herds.n_herds(self.animals)
        if plan.environments is not None and len(plan.environments) > n_herds:
            raise SettingError(
                f"{where}: [environments] n",
                expected=f"at most {n_herds}, the number of herds of {self.animals:,} animals",
                found=str(len(plan.environments)),
                advice="Ask for more animals, for fewer environments, or for fewer records_per_herd_year.",
            )


def _check_crossing(crossing: tuple[tuple[str, float], ...], *, selection: float) -> None:
    for breed, share in crossing:
        check_known("crossing", breed, OTHER_BREEDS)
        check_between(f"crossing {breed}", share, 0, 1)
    if sum(share for _, share in crossing) > 1:
        raise SettingError("crossing", expected="shares whose sum is at most 1", found=str(dict(crossing)))
    if len({breed for breed, _ in crossing}) < len(crossing):
        raise SettingError("crossing", expected="every breed once", found=", ".join(breed for breed, _ in crossing))
    if crossing and selection > 0:
        raise SettingError(
            "crossing",
            expected="a herd without selection",
            found=f"selection {selection:g}",
            advice="Ask for one or the other.",
        )


def check_sites(name: str, value: int) -> None:
    """Raise `SettingError` where there are fewer sites than chromosomes."""
    least = len(CHROMOSOME_LENGTHS)
    if value < least:
        raise SettingError(
            name,
            expected=f"a whole number of at least {least}",
            found=str(value),
            advice="There would be fewer markers than chromosomes."
            if name == "markers"
            else "There would be fewer QTL than chromosomes.",
        )
    check_at_least(name, value, least)


def _check_n_traits(n_traits: int) -> None:
    if not 1 <= n_traits <= len(CATALOGUE) or int(n_traits) != n_traits:
        raise SettingError(
            "n_traits",
            expected=f"a whole number from 1 to {len(CATALOGUE)}",
            found=str(n_traits),
            advice=f"The catalogue has {len(CATALOGUE)} traits; correlations and units are known for no others.",
        )


def threads_or_all(threads: int | None) -> int:
    """Return the number of threads asked for, or of processors that may be used."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return check_at_least("threads", threads, 1)
