"""Breeding programmes: who has children, and what stays the same whoever selects."""

from __future__ import annotations

import numpy as np
import pytest

from genialearn.cohorts.simulate.base_population import BasePopulation
from genialearn.experiments.breeding import Programme, base_of, best, drawn_parents
from genialearn.experiments.selection_design import SelectionDesign
from genialearn.records import check_pedigree

DESIGN = SelectionDesign(
    animals=60, base_animals=80, markers=240, generations=4, training_generations=2, founders="independent"
)


@pytest.fixture(scope="module")
def base() -> BasePopulation:
    return base_of(DESIGN, 1, threads=1)


def programme(base: BasePopulation, generations: int = 0, *, sign: float = 1.0) -> Programme:
    """A programme in which the true index is selected for, or against."""
    begun = Programme(DESIGN, 1, base)
    for _ in range(generations):
        begun.breed(sign * begun.index(begun.true_values(begun.youngest)))
    return begun


def test_parents_are_of_the_last_generations_and_of_their_sex(base: BasePopulation) -> None:
    bred = programme(base, 4)
    pedigree = bred.pedigree()
    check_pedigree(pedigree, "bred")

    born = pedigree.birth_years
    first = bred.youngest.animals[0]
    assert {0, 1, 2, 3} >= set(born[pedigree.sires[first:]].astype(int))
    assert {2, 3} >= set(born[pedigree.dams[first:]].astype(int))
    assert {"male"} == set(pedigree.sexes[pedigree.sires[80:]])
    assert {"female"} == set(pedigree.sexes[pedigree.dams[80:]])


def test_only_the_best_males_have_children(base: BasePopulation) -> None:
    bred = programme(base, 1)
    index = bred.index(bred.true_values(bred.generations[0]))[:16]

    assert set(best(index, 2)) == set(np.argsort(index)[-2:])
    assert set(best(index, 2)) >= set(bred.youngest.couples.sires)


def test_younger_parents_are_likelier() -> None:
    kept = [np.array([0, 1]), np.array([2, 3]), np.array([4, 5])]
    drawn = drawn_parents(kept, 2, 30_000, np.random.default_rng(1))

    shares = np.bincount(drawn, minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, [0, 0, 0.2, 0.2, 0.3, 0.3], atol=0.01)


def test_selection_moves_the_mean_of_a_scale_that_stays(base: BasePopulation) -> None:
    up, down = programme(base, 3), programme(base, 3, sign=-1.0)

    np.testing.assert_allclose(up.generations[0].values.genetic.var(axis=0), 1.0)
    assert up.youngest.values.genetic[:, 0].mean() > 0.5
    assert down.youngest.values.genetic[:, 0].mean() < -0.5
    np.testing.assert_allclose(up.scales.residual**2, 14.0)


def test_base_and_residuals_are_the_same_whoever_selects(base: BasePopulation) -> None:
    up, down = programme(base, 2), programme(base, 2, sign=-1.0)

    np.testing.assert_array_equal(up.generations[0].records, down.generations[0].records)
    for place in (1, 2):
        residuals = [each.generations[place].records - each.true_values(each.generations[place]) for each in (up, down)]
        np.testing.assert_allclose(*residuals, atol=1e-9)


def test_candidates_have_no_records_and_training_animals_are_older(base: BasePopulation) -> None:
    begun = programme(base)
    assert range(0, 1) == begun.training_generations()
    assert 60 == len(begun.training())  # of 80 base animals as many as are born later
    assert 0 == len(begun.candidates().records.animals)

    later = programme(base, 4)
    assert range(2, 4) == later.training_generations()
    training, candidates = later.training(), later.candidates()
    assert set(training.animals).isdisjoint(candidates.animals)
    assert (120, 60) == (len(training), len(candidates))
    assert {2.0, 3.0} == set(training.pedigree.birth_years_of(training.animals))  # type: ignore[union-attr]
    assert [trait.name for trait in DESIGN.traits] == candidates.records.trait_names


def test_threads_change_nothing(base: BasePopulation) -> None:
    other = Programme(DESIGN, 1, base_of(DESIGN, 1, threads=2), threads=2)
    other.breed(other.index(other.true_values(other.youngest)))

    np.testing.assert_array_equal(programme(base, 1).youngest.records, other.youngest.records)
