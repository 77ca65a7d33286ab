"""Settings of a simulation, checked once before anything is computed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from genialearn._checks import check_at_least, check_known
from genialearn.cohorts.simulate.architecture import ARCHITECTURES
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

    def __post_init__(self) -> None:
        check_at_least("animals", self.animals, LEAST_ANIMALS)
        check_at_least("seed", self.seed, 0)
        check_known("architecture", self.architecture, ARCHITECTURES)
        check_known("founders", self.founders, FOUNDERS)
        check_sites("markers", self.markers)
        check_sites("n_qtl", self.n_qtl)
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
        return GenomeDesign(self.markers, self.n_qtl, self.founders, self.qtl_on_chip, self.phased)


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
