"""Which two haplotypes make an animal."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import Int8Array
from genialearn.generators.mating import Mating
from genialearn.generators.principal_axes import PrincipalAxes
from genialearn.genotypes import HaplotypeMatrix
from phased_cohorts import phased

N_MARKERS = 200


def haplotypes(populations: list[int] | np.ndarray, seed: int) -> Int8Array:
    """Return haplotypes of populations 0 and 1, whose frequencies differ."""
    rng = np.random.default_rng(seed)
    frequencies = np.random.default_rng(0).uniform(0.1, 0.9, (2, N_MARKERS))
    return (rng.random((len(populations), N_MARKERS)) < frequencies[np.asarray(populations)]).astype(np.int8)


def mating_of(panel: HaplotypeMatrix) -> Mating:
    return Mating.of(panel, PrincipalAxes.of(panel, np.random.default_rng(1)))


def alike(order: np.ndarray, populations: np.ndarray) -> float:
    """Return how many animals have both haplotypes from one population."""
    both = populations[order].reshape(-1, 2)
    return float(np.mean(both[:, 0] == both[:, 1]))


def test_animals_of_two_populations_stay_apart() -> None:
    panel = phased(haplotypes(np.repeat([0, 1], 200), seed=1))
    populations = np.random.default_rng(2).integers(0, 2, 600)
    drawn = haplotypes(populations, seed=3)

    order = mating_of(panel).order(drawn, np.random.default_rng(4))

    assert list(range(600)) == sorted(order)
    assert alike(order, populations) > 0.9


def test_where_parents_mate_at_random_so_do_drawn_haplotypes() -> None:
    mixed = np.random.default_rng(5).integers(0, 2, 2000)
    populations = np.random.default_rng(2).integers(0, 2, 2000)
    mating = mating_of(phased(haplotypes(mixed, seed=1)))

    order = mating.order(haplotypes(populations, seed=3), np.random.default_rng(4))

    assert abs(alike(order, populations) - 0.5) < 0.06


def test_a_single_animal_and_identical_haplotypes() -> None:
    panel = phased(np.tile(haplotypes([0], seed=1), (6, 1)))
    mating = mating_of(panel)

    assert {0, 1} == set(mating.order(haplotypes([0, 1], seed=2), np.random.default_rng(1)))
