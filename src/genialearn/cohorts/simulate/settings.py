"""Settings of a simulation, checked once before anything is computed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts.simulate.architecture import ARCHITECTURES
from genialearn.cohorts.simulate.calling import Calling
from genialearn.cohorts.simulate.chip_map import read_chip_map
from genialearn.cohorts.simulate.demography import OTHER_BREEDS
from genialearn.cohorts.simulate.genome import FOUNDERS, GenomeDesign
from genialearn.cohorts.simulate.map import CHROMOSOME_LENGTHS
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
        Number of traits, 1 to 33; fewer than 33 are spread over the groups.
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
    """

    animals: int = 3000
    markers: int = 5000
    n_traits: int = 33
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

    def __post_init__(self) -> None:
        if self.chip_map:
            object.__setattr__(self, "markers", len(read_chip_map(Path(self.chip_map))))
        check_at_least("animals", self.animals, LEAST_ANIMALS)
        check_at_least("seed", self.seed, 0)
        check_known("architecture", self.architecture, ARCHITECTURES)
        check_known("founders", self.founders, FOUNDERS)
        check_between("selection", self.selection, 0, 1)
        _check_crossing(self.crossing, selection=self.selection)
        _check_sites("markers", self.markers)
        _check_sites("n_qtl", self.n_qtl)
        _check_n_traits(self.n_traits)
        if self.qtl_on_chip and self.n_qtl > self.markers:
            raise SettingError(
                "n_qtl",
                expected=f"at most {self.markers:,} QTL on a chip of as many markers",
                found=f"{self.n_qtl:,}",
                advice="Ask for fewer QTL, or leave them off the chip.",
            )

    @property
    def genome_design(self) -> GenomeDesign:
        """The part of the settings that concerns sites."""
        other_breeds = tuple(breed for breed, _ in self.crossing)
        return GenomeDesign(
            self.markers,
            self.n_qtl,
            self.founders,
            self.qtl_on_chip,
            phased=self.phased,
            other_breeds=other_breeds,
            calling=self.calling,
            chip=read_chip_map(Path(self.chip_map)) if self.chip_map else None,
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


def _check_sites(name: str, value: int) -> None:
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
