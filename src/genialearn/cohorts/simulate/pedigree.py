"""Pedigree: a cow population under artificial insemination, with overlapping generations.

Every year the heifers born two years before enter the herds and as many cows leave; the cows that stay calve by bulls
in their years of service, a few bulls much more used than the others. Mating is at random, except that nobody is mated
to its own parent. Daughters stay in the herds of their dams. Bulls are random sons of random cows, or, where there is a
breeder, the best of many sons of the best cows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.cohorts.simulate.meiosis import Couples

UNKNOWN = -1
LAST_BIRTH_YEAR = 2024
AGE_AT_CALVING = 2
"""Years from a female's birth to her first calf, and from a bull's birth to his service."""


@dataclass(frozen=True)
class HerdDesign:
    """How the population is run.

    Parameters
    ----------
    recorded_years
        How many of the last birth years are genotyped and recorded.
    earlier_years
        Birth years simulated before those.
    replacement
        Share of the cows replaced a year.
    service_years
        For how many years a bull is used.
    bulls_per_root_animal
        New bulls a year for each square root of a recorded animal: 9 for 3,000, 54 for 113,599.
    use_shape
        Shape of the gamma distribution of a bull's share of the inseminations; small means unequal.
    records_per_herd_year
        Recorded animals that share a herd and a year, on average.
    sons_per_bull
        Bull calves that a breeder chooses each new bull from.
    bull_dams
        Share of the cows, the best, that are their dams.
    crossing
        Pairs of another breed and the share of the heifers that its bulls beget: purebred bulls, unrelated to each
        other, new ones every year. Bulls of the population's own breed are sons of pure cows.
    """

    recorded_years: int = 10
    earlier_years: int = 5
    replacement: float = 0.3
    service_years: int = 3
    bulls_per_root_animal: float = 0.16
    use_shape: float = 2.0
    records_per_herd_year: float = 12.0
    sons_per_bull: int = 8
    bull_dams: float = 0.1
    crossing: tuple[tuple[str, float], ...] = ()

    def n_new_bulls(self, n_animals: int) -> int:
        """Return how many bulls enter service each year."""
        return max(2, round(self.bulls_per_root_animal * math.sqrt(n_animals)))

    def n_founding_cows(self, n_animals: int) -> int:
        """Return how many cows the population begins with."""
        return round(self.calves_a_year(n_animals)[0] / self.replacement)

    def n_founders(self, n_animals: int) -> int:
        """Return how many animals without known parents the population begins with."""
        n_cohorts = self.service_years + AGE_AT_CALVING
        return self.n_founding_cows(n_animals) + self.n_new_bulls(n_animals) * n_cohorts

    def most_animals(self, n_animals: int) -> int:
        """Return how many animals there are in the end where a breeder chooses bulls."""
        calves, sons = self.calves_a_year(n_animals), self.n_new_bulls(n_animals) * self.sons_per_bull
        return self.n_founders(n_animals) + sum(calves) + sons * len(calves)

    def n_other_bulls(self, n_animals: int) -> int:
        """Return how many bulls of each other breed are used in a year."""
        return max(2, self.n_new_bulls(n_animals) // 2)

    def n_herds(self, n_animals: int) -> int:
        """Return the number of herds."""
        return max(1, round(n_animals / (self.recorded_years * self.records_per_herd_year)))

    def calves_a_year(self, n_animals: int) -> list[int]:
        """Return the number of females born each year; the recorded years together have `n_animals`."""
        recorded = [len(part) for part in np.array_split(np.arange(n_animals), self.recorded_years)]
        return [max(recorded[0], 2)] * self.earlier_years + recorded


class Breeder(Protocol):
    """Who chooses bulls and their dams."""

    def born(self, couples: Couples) -> None:
        """Hear of animals that are born, in the order of their numbers; founders are known."""

    def index(self, animals: IntArray) -> FloatArray:
        """Return what animals are thought to be worth, shape (animals,)."""


@dataclass(frozen=True, eq=False)
class Population:
    """All animals, parents before children; numbers of animals are positions in these arrays.

    Parameters
    ----------
    sires, dams
        Numbers of the parents, `UNKNOWN` for founders, who come first, shape (animals,).
    birth_years
        Calendar years, shape (animals,).
    females
        Shape (animals,).
    herds
        Number of the herd, `UNKNOWN` for bulls, shape (animals,).
    recorded
        Whether the animal is genotyped and has records, shape (animals,).
    breeds
        Of the founders: 0 for the population's own breed, then those of `HerdDesign.crossing`, shape (founders,).
    """

    sires: IntArray
    dams: IntArray
    birth_years: IntArray
    females: BoolArray
    herds: IntArray
    recorded: BoolArray
    breeds: IntArray

    def __len__(self) -> int:
        return len(self.sires)

    @property
    def n_founders(self) -> int:
        """How many animals without known parents stand first."""
        return int(np.sum(self.sires == UNKNOWN))

    @property
    def couples(self) -> Couples:
        """The parents of each animal that isn't a founder."""
        return Couples(self.sires[self.n_founders :], self.dams[self.n_founders :])

    @property
    def with_ancestors(self) -> BoolArray:
        """Which animals are recorded or ancestors of recorded ones, shape (animals,)."""
        wanted = self.recorded.copy()
        for animal in range(len(self) - 1, self.n_founders - 1, -1):
            if wanted[animal]:
                wanted[self.sires[animal]] = wanted[self.dams[animal]] = True
        return wanted

    def select(self, animals: IntArray) -> Population:
        """Return some animals, in ascending order, with parents renumbered; their parents must be among them."""
        numbers = np.full(len(self) + 1, UNKNOWN)  # the last stands for an unknown parent
        numbers[animals] = np.arange(len(animals))
        return Population(
            numbers[self.sires[animals]],
            numbers[self.dams[animals]],
            self.birth_years[animals],
            self.females[animals],
            self.herds[animals],
            self.recorded[animals],
            self.breeds[animals[animals < self.n_founders]],
        )


@dataclass
class _Growing:
    """A population in the making: one list entry a group of animals born together."""

    breeder: Breeder | None
    sires: list[IntArray] = field(default_factory=list)
    dams: list[IntArray] = field(default_factory=list)
    years: list[IntArray] = field(default_factory=list)
    females: list[BoolArray] = field(default_factory=list)
    herds: list[IntArray] = field(default_factory=list)
    breeds: list[IntArray] = field(default_factory=list)
    pure: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    size: int = 0

    def found(self, n_animals: int, years: IntArray, *, female: bool, herds: IntArray, breed: int = 0) -> IntArray:
        """Add founders of a breed, and return their numbers."""
        self.breeds.append(np.full(n_animals, breed))
        self.pure = np.append(self.pure, np.full(n_animals, breed == 0))
        unknown = np.full(n_animals, UNKNOWN)
        return self.add(unknown, unknown, years, female=female, herds=herds)

    def add(self, sires: IntArray, dams: IntArray, years: IntArray, *, female: bool, herds: IntArray) -> IntArray:
        """Add a group and return the numbers of its animals."""
        self.sires.append(sires)
        self.dams.append(dams)
        self.years.append(years)
        self.females.append(np.full(len(sires), female))
        self.herds.append(herds)
        self.size += len(sires)
        return np.arange(self.size - len(sires), self.size)

    def parents_of(self, animals: IntArray) -> tuple[IntArray, IntArray]:
        return np.concatenate(self.sires)[animals], np.concatenate(self.dams)[animals]

    def herds_of(self, animals: IntArray) -> IntArray:
        return np.concatenate(self.herds)[animals]


def simulate_population(n_animals: int, rng: np.random.Generator, design: HerdDesign | None = None) -> Population:
    """Return `n_animals` recorded females and all their ancestors.

    Parameters
    ----------
    n_animals
        Number of recorded females, those of the last birth years.
    rng
        Source of randomness.
    design
        How the population is run; None for the defaults.
    """
    population = run_population(n_animals, rng, design)
    return population.select(np.flatnonzero(population.with_ancestors))


def run_population(
    n_animals: int, rng: np.random.Generator, design: HerdDesign | None = None, breeder: Breeder | None = None
) -> Population:
    """Return everybody who is born while a population runs; parameters are those of `simulate_population`.

    Where there is a breeder, bulls are the best of many sons of the best cows.
    """
    design = design or HerdDesign()
    calves, n_bulls = design.calves_a_year(n_animals), design.n_new_bulls(n_animals)
    growing = _Growing(breeder)
    start = LAST_BIRTH_YEAR - len(calves) + 1
    n_herds = design.n_herds(n_animals)
    cows = _found_cows(growing, design.n_founding_cows(n_animals), n_herds, start - AGE_AT_CALVING, rng)
    bulls, weights = _found_bulls(growing, n_bulls, start, design, rng)
    others = _found_other_bulls(growing, design.n_other_bulls(n_animals), start + np.arange(len(calves)), design)
    heifers: list[IntArray] = []
    for year, n_calves in enumerate(calves):
        active = slice(year * n_bulls, (year + design.service_years) * n_bulls)
        mated, n_sons = _mated(growing, cows, (n_calves, n_bulls), design, rng)
        sires = _mates(growing, mated, bulls[active], weights[active], rng)
        if design.crossing:
            sires[n_sons:] = _crossed(sires[n_sons:], others[:, year], design, rng)
        heifers.append(_born(growing, sires[n_sons:], mated[n_sons:], start + year, female=True))
        sons = _born(growing, sires[:n_sons], mated[:n_sons], start + year, female=False)
        bulls = np.append(bulls, _best(growing, sons, n_bulls))
        weights = np.append(weights, rng.gamma(design.use_shape, size=n_bulls))
        if len(heifers) >= AGE_AT_CALVING:
            cows = _replaced(cows, heifers[-AGE_AT_CALVING], rng)
    return _finished(growing, first_recorded=LAST_BIRTH_YEAR - design.recorded_years + 1)


def _found_cows(growing: _Growing, n_cows: int, n_herds: int, last_year: int, rng: np.random.Generator) -> IntArray:
    years = last_year - rng.integers(0, 4, n_cows)
    return growing.found(n_cows, years, female=True, herds=rng.integers(0, n_herds, n_cows))


def _found_bulls(
    growing: _Growing, n_bulls: int, start: int, design: HerdDesign, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Add the bulls of the first years, the oldest first, and their shares of the inseminations."""
    n_cohorts = design.service_years + AGE_AT_CALVING
    years = np.repeat(np.arange(start - n_cohorts, start), n_bulls)
    nowhere = np.full(len(years), UNKNOWN)
    return (
        growing.found(len(years), years, female=False, herds=nowhere),
        rng.gamma(design.use_shape, size=len(years)),
    )


def _found_other_bulls(growing: _Growing, n_bulls: int, years: IntArray, design: HerdDesign) -> IntArray:
    """Add the bulls of other breeds that are used in some years, and return them, shape (breeds, years, bulls)."""
    nowhere, born = np.full(len(years) * n_bulls, UNKNOWN), np.repeat(years - AGE_AT_CALVING, n_bulls)
    found = [
        growing.found(len(born), born, female=False, herds=nowhere, breed=breed)
        for breed in range(1, 1 + len(design.crossing))
    ]
    return np.array(found, dtype=np.int64).reshape(-1, len(years), n_bulls)


def _crossed(sires: IntArray, others: IntArray, design: HerdDesign, rng: np.random.Generator) -> IntArray:
    """Return sires of which some are exchanged for bulls of other breeds, shape (breeds, bulls)."""
    draws, shares = rng.random(len(sires)), [share for _, share in design.crossing]
    breed = np.searchsorted(np.cumsum(shares), draws, side="right")
    chosen = rng.integers(0, others.shape[1], len(sires))
    crossed = breed < len(shares)
    return np.where(crossed, others[np.minimum(breed, len(shares) - 1), chosen], sires)


def _mated(
    growing: _Growing, cows: IntArray, numbers: tuple[int, int], design: HerdDesign, rng: np.random.Generator
) -> tuple[IntArray, int]:
    """Return the dams of sons and then those of heifers, given how many heifers and bulls there shall be."""
    n_heifers, n_bulls = numbers
    if growing.breeder is None:
        order = rng.permutation(cows)
        dams = order[np.argsort(~growing.pure[order], kind="stable")][:n_bulls]  # pure cows first
        return np.concatenate([dams, order[~np.isin(order, dams)][:n_heifers]]), n_bulls
    best = _best(growing, cows, max(n_bulls, round(design.bull_dams * len(cows))))
    dams = rng.choice(best, n_bulls * design.sons_per_bull)
    return np.concatenate([dams, rng.permutation(cows)[:n_heifers]]), len(dams)


def _best(growing: _Growing, animals: IntArray, n_best: int) -> IntArray:
    """Return the animals that a breeder thinks most of; all of them without one."""
    if growing.breeder is None:
        return animals
    order = np.argsort(-growing.breeder.index(animals), kind="stable")
    return animals[order[:n_best]]


def _mates(
    growing: _Growing, dams: IntArray, bulls: IntArray, weights: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Return a bull for each dam, neither her sire nor her son."""
    sires = rng.choice(bulls, size=len(dams), p=weights / weights.sum())
    while len(wrong := np.flatnonzero(_are_parent_and_child(growing, sires, dams))):
        sires[wrong] = rng.choice(bulls, size=len(wrong))
    return sires


def _are_parent_and_child(growing: _Growing, sires: IntArray, dams: IntArray) -> BoolArray:
    by_her_sire = growing.parents_of(dams)[0] == sires
    by_her_son = growing.parents_of(sires)[1] == dams
    return np.asarray(by_her_sire | by_her_son)


def _born(growing: _Growing, sires: IntArray, dams: IntArray, year: int, *, female: bool) -> IntArray:
    herds = growing.herds_of(dams) if female else np.full(len(dams), UNKNOWN)
    if growing.breeder is not None:
        growing.breeder.born(Couples(sires, dams))
    growing.pure = np.append(growing.pure, growing.pure[sires] & growing.pure[dams])
    return growing.add(sires, dams, np.full(len(dams), year), female=female, herds=herds)


def _replaced(cows: IntArray, heifers: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the cows of the next year: the heifers, and those who stay."""
    return np.concatenate([rng.permutation(cows)[: len(cows) - len(heifers)], heifers])


def _finished(growing: _Growing, first_recorded: int) -> Population:
    years, females = np.concatenate(growing.years), np.concatenate(growing.females)
    return Population(
        np.concatenate(growing.sires),
        np.concatenate(growing.dams),
        years,
        females,
        np.concatenate(growing.herds),
        females & (years >= first_recorded),
        np.concatenate(growing.breeds),
    )


def animal_ids(n_animals: int, rng: np.random.Generator) -> StrArray:
    """Return identifiers in the form of French working numbers; they tell nothing about age."""
    numbers = 2_000_000_000 + 37 * rng.permutation(n_animals)
    return as_ids([f"FR{number}" for number in numbers.tolist()])


def pedigree_table(population: Population, ids: StrArray) -> pd.DataFrame:
    """Return `id sire dam birth_year sex`, unknown parents "0"."""
    known = np.append(ids, "0")
    return pd.DataFrame(
        {
            "id": ids,
            "sire": known[population.sires],
            "dam": known[population.dams],
            "birth_year": population.birth_years,
            "sex": np.where(population.females, "female", "male"),
        }
    )
