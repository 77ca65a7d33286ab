"""The design of a selection experiment: sizes, who is kept, what is aimed at; checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts.simulate import HerdSettings, TraitDesign, chosen_traits
from genialearn.cohorts.simulate.base_population import BasePopulation, herd_population
from genialearn.cohorts.simulate.dlgblup import CORRELATION, TRAITS, DLGBLUPSettings, dlgblup_population
from genialearn.cohorts.simulate.genome import Progress
from genialearn.errors import SettingError

PRESETS = ("dlgblup", "herd")
_DIRECTIONS = {"higher": 1.0, "lower": -1.0}
KEPT_MALES = 0.1
"""Share of the males that become sires, unless their number is given."""


@dataclass(frozen=True)
class SelectionDesign:
    """What is simulated and how it is bred.

    Parameters
    ----------
    preset
        "dlgblup" for the published simulation, "herd" for dairy traits.
    animals
        Born in each generation.
    base_animals
        Unrelated animals that it begins with; None for as many.
    markers
        On the chip.
    generations
        How many are born.
    males
        Share of the animals of a generation.
    sires, dams
        How many are kept of a generation, those of the highest index; None for a tenth of the males and all females.
    sire_generations, dam_generations
        From how many of the last generations parents come; one of generation g is g + 1 times as likely as one of 0.
    training_generations
        How many of the last recorded generations models learn from.
    n_traits, architecture
        Of the herd, as in `HerdSettings`.
    founders
        "coalescent" or "independent".
    weights
        Of traits in the index, for each genetic standard deviation of the base; None for those of the preset. Those
        that aren't named have none.
    seed
        Of everything.
    """

    preset: str = "dlgblup"
    animals: int = 5000
    base_animals: int | None = None
    markers: int = 10_000
    generations: int = 7
    males: float = 0.2
    sires: int | None = None
    dams: int | None = None
    sire_generations: int = 4
    dam_generations: int = 2
    training_generations: int = 3
    n_traits: int = 33
    architecture: str = "realistic"
    founders: str = "coalescent"
    weights: dict[str, float] | None = field(default=None)
    seed: int = 1

    def __post_init__(self) -> None:
        check_known("preset", self.preset, PRESETS)
        for name in ("generations", "sire_generations", "dam_generations", "training_generations"):
            check_at_least(name.replace("_", " "), getattr(self, name), 1)
        check_between("males", self.males, 0, 1)
        self._settings(self.animals)
        self._settings(self.n_base)
        fewest = min(self.animals, self.n_base)
        _check_parents("sires", self.sires, self.n_males(fewest), "males")
        _check_parents("dams", self.dams, fewest - self.n_males(fewest), "females")
        for name in self.weights or {}:
            check_known("weight", name, [trait.name for trait in self.traits])
        if not self.index_weights.any():
            raise SettingError(
                "weights",
                expected="a trait to be changed",
                found="none that is wanted higher or lower",
                advice="Give one a weight with --weight NAME=VALUE.",
            )

    @property
    def n_base(self) -> int:
        """Number of base animals."""
        return self.animals if self.base_animals is None else self.base_animals

    @property
    def n_animals(self) -> int:
        """Number of all animals that will have lived."""
        return self.n_base + self.generations * self.animals

    def n_males(self, n_animals: int) -> int:
        """Return the number of males in a generation of so many."""
        return round(self.males * n_animals)

    def n_sires(self, n_animals: int) -> int:
        """Return how many males are kept in a generation of so many animals."""
        return max(1, round(KEPT_MALES * self.n_males(n_animals))) if self.sires is None else self.sires

    def n_dams(self, n_animals: int) -> int:
        """Return how many females are kept in a generation of so many animals."""
        return n_animals - self.n_males(n_animals) if self.dams is None else self.dams

    @property
    def traits(self) -> tuple[TraitDesign, ...]:
        """What is recorded."""
        return TRAITS if self.preset == "dlgblup" else chosen_traits(self.n_traits)

    @cached_property
    def index_weights(self) -> FloatArray:
        """Weights of standardised genetic values in the index, shape (traits,).

        Of the published simulation w_i + rho sum over j of w_j, j other than i, with all w = 1; of the herd 1, -1 or 0
        by the direction that is wanted.
        """
        if self.weights is not None:
            return np.array([self.weights.get(trait.name, 0.0) for trait in self.traits])
        own = np.array([_DIRECTIONS.get(trait.direction, 0.0) for trait in self.traits])
        return own + CORRELATION * (own.sum() - own) if self.preset == "dlgblup" else own

    def population(self, rng: np.random.Generator, *, threads: int, progress: Progress) -> BasePopulation:
        """Return the base animals."""
        settings = self._settings(self.n_base)
        if isinstance(settings, DLGBLUPSettings):
            return dlgblup_population(settings, rng, threads=threads, progress=progress)
        return herd_population(settings, rng, threads=threads, progress=progress)

    def _settings(self, n_animals: int) -> DLGBLUPSettings | HerdSettings:
        if self.preset == "dlgblup":
            return DLGBLUPSettings(n_animals, self.markers, self.seed, self.founders)
        return HerdSettings(
            animals=n_animals,
            markers=self.markers,
            n_traits=self.n_traits,
            architecture=self.architecture,
            seed=self.seed,
            founders=self.founders,
        )


def _check_parents(name: str, value: int | None, most: int, which: str) -> None:
    if most < 1:
        raise SettingError(
            "males", expected="a share that leaves males and females", found=f"no {which}", advice="Change --males."
        )
    if value is not None and check_at_least(name, value, 1) > most:
        raise SettingError(
            name,
            expected=f"at most as many as there are {which} in a generation, {most:,}",
            found=f"{value:,}",
            advice="Keep fewer, or let more animals be born.",
        )
