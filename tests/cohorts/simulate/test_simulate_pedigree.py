from __future__ import annotations

import numpy as np
import pytest

from genialearn.cohorts.simulate import HerdDesign, Population, SimulatedHerd, simulate_population
from genialearn.cohorts.simulate.pedigree import AGE_AT_CALVING, LAST_BIRTH_YEAR
from genialearn.genotypes import dosages


@pytest.fixture(scope="module")
def population() -> Population:
    return simulate_population(2000, np.random.default_rng(1))


@pytest.mark.parametrize("n_animals", [20, 33, 500])
def test_as_many_animals_are_recorded_as_were_asked_for(n_animals: int) -> None:
    population = simulate_population(n_animals, np.random.default_rng(n_animals))

    assert population.recorded.sum() == n_animals
    assert population.females[population.recorded].all()


def test_parents_come_first_and_founders_before_all(population: Population) -> None:
    numbers = np.arange(len(population))

    assert np.all(population.sires < numbers)
    assert np.all(population.dams < numbers)
    assert np.all(population.sires[: population.n_founders] == -1)
    assert np.all(population.sires[population.n_founders :] >= 0)
    assert np.array_equal(population.sires == -1, population.dams == -1)


def test_sires_are_bulls_and_dams_are_cows_old_enough(population: Population) -> None:
    couples = population.couples
    born = population.birth_years[population.n_founders :]

    assert not population.females[couples.sires].any()
    assert population.females[couples.dams].all()
    assert np.all(born - population.birth_years[couples.sires] >= AGE_AT_CALVING)
    assert np.all(born - population.birth_years[couples.dams] >= AGE_AT_CALVING)


def test_nobody_is_mated_to_its_own_parent(population: Population) -> None:
    couples = population.couples

    assert np.all(population.sires[couples.dams] != couples.sires)
    assert np.all(population.dams[couples.sires] != couples.dams)


def test_daughters_stay_in_the_herds_of_their_dams(population: Population) -> None:
    daughters = np.flatnonzero(population.females & (population.sires >= 0))

    assert np.array_equal(population.herds[daughters], population.herds[population.dams[daughters]])
    assert np.all(population.herds[~population.females] == -1)


def test_recorded_animals_are_spread_over_the_last_birth_years(population: Population) -> None:
    years, counts = np.unique(population.birth_years[population.recorded], return_counts=True)

    assert years.tolist() == list(range(LAST_BIRTH_YEAR - 9, LAST_BIRTH_YEAR + 1))
    assert counts.max() - counts.min() <= 1


def test_bulls_have_many_daughters_and_some_far_more_than_others(population: Population) -> None:
    daughters = np.bincount(population.sires[population.recorded])
    used = daughters[daughters > 0]

    assert used.mean() > 15
    assert used.max() > 2 * used.mean()


def test_only_recorded_animals_and_their_ancestors_are_kept(population: Population) -> None:
    parents = np.union1d(population.sires, population.dams)

    assert np.all(population.recorded | np.isin(np.arange(len(population)), parents))


def test_the_design_is_followed() -> None:
    design = HerdDesign(recorded_years=4, earlier_years=2)

    population = simulate_population(200, np.random.default_rng(1), design)

    assert np.unique(population.birth_years[population.recorded]).tolist() == [2021, 2022, 2023, 2024]


def test_the_pedigree_table_lists_every_parent(herd: SimulatedHerd) -> None:
    pedigree = herd.pedigree

    assert list(pedigree.columns) == ["id", "sire", "dam", "birth_year", "sex"]
    assert pedigree["id"].is_unique
    assert set(pedigree["sire"]) | set(pedigree["dam"]) <= set(pedigree["id"]) | {"0"}
    assert set(herd.genotypes.animals) <= set(pedigree.loc[pedigree["sex"] == "female", "id"])


def test_genotypes_of_dams_and_daughters_never_exclude_each_other(herd: SimulatedHerd) -> None:
    row_of = {animal: row for row, animal in enumerate(herd.genotypes.animals)}
    recorded = herd.pedigree[herd.pedigree["id"].isin(row_of) & herd.pedigree["dam"].isin(row_of)]
    daughters = dosages(herd.genotypes)[recorded["id"].map(row_of)]
    dams = dosages(herd.genotypes)[recorded["dam"].map(row_of)]

    assert len(recorded) > 50
    assert np.abs(daughters - dams).max() == 1


def test_relationships_are_those_of_the_pedigree(breed: SimulatedHerd) -> None:
    copies = dosages(breed.genotypes).astype(float)
    frequencies = copies.mean(axis=0) / 2
    centred = copies - 2 * frequencies
    genomic = centred @ centred.T / np.sum(2 * frequencies * (1 - frequencies))
    sires = breed.pedigree.set_index("id").loc[breed.genotypes.animals, "sire"].to_numpy()
    same_sire = np.equal.outer(sires, sires) & ~np.eye(len(sires), dtype=bool)
    unrelated = ~same_sire & ~np.eye(len(sires), dtype=bool)

    assert genomic[same_sire].mean() - genomic[unrelated].mean() == pytest.approx(0.25, abs=0.06)
