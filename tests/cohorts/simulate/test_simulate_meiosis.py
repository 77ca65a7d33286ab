from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genialearn._arrays import ByteArray
from genialearn.cohorts.simulate import meiosis
from genialearn.cohorts.simulate.history import pass_through, random_couples
from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap
from genialearn.cohorts.simulate.strands import Strands

N_CHILDREN = 4000
MAP = GeneticMap(np.linspace(0, 1.5, 151), 1.5)
COUPLE = Couples(np.zeros(N_CHILDREN, dtype=np.int64), np.ones(N_CHILDREN, dtype=np.int64))


def labelled(n_animals: int, n_sites: int = 151) -> ByteArray:
    """Haplotypes that carry their own number at every site."""
    return np.repeat(np.arange(2 * n_animals, dtype=np.uint8)[:, None], n_sites, axis=1)


def by_planes(kernel: Callable[..., Strands], numbers: ByteArray, *arguments: Any, key: int) -> ByteArray:
    """Return what a kernel of alleles makes of numbers: their bits take the same way, since the key is the same."""
    planes = [kernel(Strands.of(numbers >> bit & 1), *arguments, key=key).alleles() << bit for bit in range(4)]
    return np.asarray(np.sum(planes, axis=0, dtype=np.uint8))


def offspring(parents: ByteArray, couples: Couples, genetic_map: GeneticMap, *, key: int) -> ByteArray:
    return by_planes(meiosis.offspring, parents, couples, genetic_map, key=key)


def gene_drop(founders: ByteArray, couples: Couples, genetic_map: GeneticMap, *, key: int) -> ByteArray:
    return by_planes(meiosis.gene_drop, founders, couples, genetic_map, key=key)


def plain_gamete(strands: ByteArray, genetic_map: GeneticMap, key: int) -> list[int]:
    """Return the gamete of one parent by SplitMix64 on plain integers, site by site: the kernel's slow twin."""
    word, weyl = 2**64 - 1, 0x9E3779B97F4A7C15

    def mixed(state: int) -> int:
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & word
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & word
        return state ^ (state >> 31)

    state = (mixed(key) + weyl) & word
    strand, crossovers = mixed(state) & 1, [0.0]
    while crossovers[-1] < genetic_map.length:
        state = (state + weyl) & word
        crossovers.append(crossovers[-1] - math.log(1 - (mixed(state) >> 11) / 2**53))
    passed = [sum(crossover <= position for crossover in crossovers[1:]) for position in genetic_map.positions]
    return [int(strands[(strand + count) % 2, site]) for site, count in enumerate(passed)]


def test_gametes_are_those_of_the_plain_twin() -> None:
    rng = np.random.default_rng(8)
    genetic_map = GeneticMap(np.sort(rng.random(40) * 2), 2.0)
    parents = rng.integers(0, 2, (4, 40), dtype=np.uint8)

    first = offspring(parents, Couples(np.array([0]), np.array([1])), genetic_map, key=77)

    assert first[0].tolist() == plain_gamete(parents[:2], genetic_map, 77)
    assert first[1].tolist() == plain_gamete(parents[2:], genetic_map, 77 ^ 0x94D049BB133111EB)


@pytest.fixture(scope="module")
def children() -> ByteArray:
    return offspring(labelled(2), COUPLE, MAP, key=11)


def test_a_child_gets_one_haplotype_of_each_parent(children: ByteArray) -> None:
    assert set(np.unique(children[0::2])) == {0, 1}
    assert set(np.unique(children[1::2])) == {2, 3}


def test_both_strands_are_passed_on_equally_often(children: ByteArray) -> None:
    assert np.mean(children[0::2, 75]) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(N_CHILDREN))
    assert np.corrcoef(children[0::2, 75], children[1::2, 75])[0, 1] == pytest.approx(0, abs=4 / np.sqrt(N_CHILDREN))


def test_crossovers_are_one_a_morgan(children: ByteArray) -> None:
    crossovers = np.sum(np.diff(children.astype(int), axis=1) != 0, axis=1)

    assert crossovers.mean() == pytest.approx(1.5, rel=0.03)
    assert crossovers.var() == pytest.approx(1.5, rel=0.06)


@pytest.mark.parametrize("distance", [10, 50, 100])
def test_recombination_follows_haldanes_map_function(children: ByteArray, distance: int) -> None:
    recombined = np.mean(children[:, 20] != children[:, 20 + distance])

    expected = (1 - np.exp(-2 * distance / 100)) / 2
    assert recombined == pytest.approx(expected, abs=4 * np.sqrt(expected / len(children)))


def test_the_key_decides_the_gametes() -> None:
    again, other = (offspring(labelled(2), COUPLE, MAP, key=key) for key in (11, 12))

    assert np.array_equal(again, offspring(labelled(2), COUPLE, MAP, key=11))
    assert np.mean(again[:, 75] == other[:, 75]) == pytest.approx(0.5, abs=0.05)


def test_children_of_the_same_couple_differ(children: ByteArray) -> None:
    assert len(np.unique(children[:200:2], axis=0)) > 50


def test_sites_at_the_ends_of_the_map_are_reached() -> None:
    edges = GeneticMap(np.array([0.0, 1.5]), 1.5)

    children = offspring(labelled(2, 2), COUPLE, edges, key=1)

    assert np.mean(children[:, 0] != children[:, 1]) == pytest.approx((1 - np.exp(-3)) / 2, abs=0.03)


@pytest.mark.parametrize(("dams", "expected"), [((1, 1), 0.5), ((1, 2), 0.25)], ids=["full sibs", "half sibs"])
def test_sibs_share_what_they_should(dams: tuple[int, int], expected: float) -> None:
    couples = Couples(np.zeros(4000, dtype=np.int64), np.tile(np.array(dams), 2000))

    drop = gene_drop(labelled(3), couples, MAP, key=5)
    first, second = drop[6::4], drop[8::4]
    paternal, maternal = np.mean(first == second), np.mean(drop[7::4] == drop[9::4])

    assert (paternal + maternal) / 2 == pytest.approx(expected, abs=0.02)


def test_a_gene_drop_is_mendelian_at_every_site() -> None:
    rng = np.random.default_rng(2)
    founders = rng.integers(0, 2, (40, 151), dtype=np.uint8)
    sires = np.array([rng.integers(0, i) for i in range(20, 200)])
    dams = np.array([rng.integers(0, i) for i in range(20, 200)])

    haplotypes = gene_drop(founders, Couples(sires, dams), MAP, key=3)

    animals = np.arange(20, 200)
    for parents, rows in ((sires, 2 * animals), (dams, 2 * animals + 1)):
        gametes = haplotypes[rows]
        assert np.all((gametes == haplotypes[2 * parents]) | (gametes == haplotypes[2 * parents + 1]))


def test_drift_of_random_mating_is_that_of_the_population_size() -> None:
    rng = np.random.default_rng(4)
    founders = np.repeat(np.arange(2) == 0, 20)[:, None].repeat(400, axis=1).astype(np.uint8)
    unlinked = GeneticMap(np.linspace(0, 400, 400), 400.0)

    haplotypes = pass_through(Strands.of(founders), random_couples([20] * 6, rng), unlinked, rng).alleles()

    heterozygosity = np.mean(2 * haplotypes.mean(axis=0) * (1 - haplotypes.mean(axis=0)))
    assert heterozygosity == pytest.approx(0.5 * (1 - 1 / 40) ** 5, rel=0.05)
