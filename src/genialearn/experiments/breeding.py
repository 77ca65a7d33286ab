"""A breeding programme: generations born of selected parents, with their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray, StrArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.cohorts.simulate.base_population import BasePopulation
from genialearn.cohorts.simulate.genetic_model import GeneticValues
from genialearn.cohorts.simulate.lineage import Lineage, chromosome_keys
from genialearn.cohorts.simulate.meiosis import Couples
from genialearn.cohorts.simulate.residuals import correlated_residuals
from genialearn.cohorts.simulate.scales import Scales
from genialearn.experiments.selection_design import SelectionDesign
from genialearn.records import Pedigree, RecordTable, Trait

_GENOME, _GAMETES, _MATES, _RESIDUALS, _SUBSET = range(5)
"""Purposes of random streams: all models of a replicate have the same ones."""


@dataclass(frozen=True, eq=False)
class Generation:
    """Animals born together; the males come first.

    Parameters
    ----------
    animals
        Their numbers, shape (animals,).
    n_males
        How many of them are male.
    couples
        Their parents; of the base none.
    values
        Standardised true values.
    records
        Shape (animals, traits).
    """

    animals: IntArray
    n_males: int
    couples: Couples
    values: GeneticValues
    records: FloatArray


class Programme:
    """Generations of a population, from base animals on.

    Parameters
    ----------
    design
        Sizes and selection.
    replicate
        Its number: base animals, effects, gametes and residuals of a replicate are the same whoever selects.
    population
        The base, which `base_of` gives.
    threads
        How many chromosomes are passed on at once; the result doesn't depend on it.
    """

    def __init__(
        self, design: SelectionDesign, replicate: int, population: BasePopulation, *, threads: int = 1
    ) -> None:
        self.design, self.replicate, self.model = design, replicate, population.model
        self.scales = Scales.of(population.traits)
        keys = chromosome_keys(self._rng(_GAMETES, 0))
        self.lineage = Lineage(population.chromosomes, keys, most=design.n_animals, threads=threads)
        nobody = np.full(population.n_animals, -1)
        self.generations: list[Generation] = []
        self._enter(np.arange(population.n_animals), Couples(nobody, nobody))
        self._kept: list[tuple[IntArray, IntArray]] = []

    def _rng(self, purpose: int, generation: int) -> np.random.Generator:
        return random_stream(self.design, self.replicate, purpose, generation)

    @property
    def youngest(self) -> Generation:
        """Those born last."""
        return self.generations[-1]

    def breed(self, index: FloatArray) -> None:
        """Keep the best of the youngest generation as parents, and let the next one be born.

        Parameters
        ----------
        index
            Of the youngest, the higher the better, shape (animals,).
        """
        born, design = self.youngest, self.design
        males, females = index[: born.n_males], index[born.n_males :]
        sires = best(males, design.n_sires(len(index)))
        dams = best(females, design.n_dams(len(index))) + born.n_males
        self._kept.append((born.animals[sires], born.animals[dams]))
        rng = self._rng(_MATES, len(self.generations))
        couples = Couples(
            drawn_parents([kept[0] for kept in self._kept], design.sire_generations, design.animals, rng),
            drawn_parents([kept[1] for kept in self._kept], design.dam_generations, design.animals, rng),
        )
        self._enter(self.lineage.born(couples), couples)

    def _enter(self, animals: IntArray, couples: Couples) -> None:
        """Add a generation, whose records are taken at once, and looked at when models learn from them."""
        values = self.model.values(self.lineage.qtl_dosages(animals))
        rng = self._rng(_RESIDUALS, len(self.generations))
        residuals = correlated_residuals(self.design.traits, len(animals), rng)
        records = self.scales.records(values.genetic * self.scales.genetic + residuals * self.scales.residual)
        n_males = self.design.n_males(len(animals))
        self.generations.append(Generation(animals, n_males, couples, values, records))

    def true_values(self, generation: Generation) -> FloatArray:
        """Return total genetic values on the scale of the records, shape (animals, traits)."""
        return self.scales.expected_records(generation.values.genetic)

    def index(self, values: FloatArray) -> FloatArray:
        """Return the index of values on the scale of the records, shape (animals,)."""
        return np.asarray(((values - self.scales.means) / self.scales.additive_slopes) @ self.design.index_weights)

    def training_generations(self) -> range:
        """Return which generations models learn from when the youngest are candidates; of the base, the base itself."""
        youngest = len(self.generations) - 1
        return range(max(0, youngest - self.design.training_generations), max(youngest, 1))

    def training(self) -> Cohort:
        """Return the animals that models learn from, with their records."""
        return self._cohort([self._learned_from(place) for place in self.training_generations()], recorded=True)

    def candidates(self) -> Cohort:
        """Return the youngest animals, without records."""
        return self._cohort([(self.youngest, np.arange(len(self.youngest.animals)))], recorded=False)

    def _learned_from(self, place: int) -> tuple[Generation, IntArray]:
        """Return a generation and the rows that are learned from: of a large base only as many as are born later."""
        generation = self.generations[place]
        n_all, n_most = len(generation.animals), self.design.animals
        rows = np.arange(n_all)
        if n_all > n_most:
            rows = np.sort(self._rng(_SUBSET, 0).choice(n_all, n_most, replace=False))
        return generation, rows

    def _cohort(self, parts: Sequence[tuple[Generation, IntArray]], *, recorded: bool) -> Cohort:
        animals = np.concatenate([generation.animals[rows] for generation, rows in parts])
        records = np.concatenate([generation.records[rows] for generation, rows in parts])
        ids, keep = self._ids[animals], slice(None) if recorded else slice(0)
        table = RecordTable(
            self._traits,
            ids[keep],
            records[keep],
            np.ones_like(records[keep]),
            pd.DataFrame(index=range(len(ids[keep]))),
        )
        return Cohort(self.lineage.genotypes(animals, ids), table, self.pedigree())

    @cached_property
    def _ids(self) -> StrArray:
        width = len(str(self.design.n_animals))
        return as_ids([f"{number:0{width}d}" for number in range(self.design.n_animals)])

    @cached_property
    def _traits(self) -> tuple[Trait, ...]:
        return tuple(
            Trait(each.name, each.unit, "binary" if each.is_binary else "quantitative", each.direction)
            for each in self.design.traits
        )

    def pedigree(self) -> Pedigree:
        """Return the pedigree of all animals so far; generations stand for birth years."""
        sizes = [len(generation.animals) for generation in self.generations]
        sexes = [["male"] * each.n_males + ["female"] * (len(each.animals) - each.n_males) for each in self.generations]
        return Pedigree(
            self._ids[: sum(sizes)],
            np.concatenate([generation.couples.sires for generation in self.generations]),
            np.concatenate([generation.couples.dams for generation in self.generations]),
            np.repeat(np.arange(len(sizes), dtype=np.float64), sizes),
            as_ids([sex for listed in sexes for sex in listed]),
        )


def base_of(design: SelectionDesign, replicate: int, *, threads: int) -> BasePopulation:
    """Return the base animals of a replicate."""
    rng = random_stream(design, replicate, _GENOME, 0)
    return design.population(rng, threads=threads, progress=lambda stage, share: None)


def random_stream(design: SelectionDesign, replicate: int, purpose: int, generation: int) -> np.random.Generator:
    """Return a source of randomness that depends on nothing else."""
    return np.random.default_rng([design.seed, 8, replicate, purpose, generation])


def best(index: FloatArray, n: int) -> IntArray:
    """Return the rows of the `n` highest values, ascending; of equal ones the first."""
    return np.sort(np.argsort(-index, kind="stable")[:n])


def drawn_parents(kept: Sequence[IntArray], last: int, n_children: int, rng: np.random.Generator) -> IntArray:
    """Return a parent of each child, of one of the last generations, shape (children,).

    Parameters
    ----------
    kept
        Selected animals of each generation from the base on; one of generation g is drawn with probability
        proportional to g + 1.
    last
        How many generations may have children.
    n_children
        How many are drawn, the same animal any number of times.
    rng
        Source of randomness.
    """
    first = max(0, len(kept) - last)
    animals = np.concatenate(kept[first:])
    weights = np.repeat(np.arange(first, len(kept)) + 1.0, [len(each) for each in kept[first:]])
    cumulated = np.cumsum(weights)
    places = np.searchsorted(cumulated, rng.random(n_children) * cumulated[-1], side="right")
    return np.asarray(animals[places])
