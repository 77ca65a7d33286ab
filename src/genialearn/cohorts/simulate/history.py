"""Recent history: generations of random mating in a population whose size is known for each of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genialearn.cohorts.simulate.meiosis import Couples, GeneticMap, offspring
from genialearn.cohorts.simulate.strands import Strands


def random_couples(sizes: list[int], rng: np.random.Generator) -> list[Couples]:
    """Return the couples of each generation after the first; the first half of a generation is male.

    Drawn once for the genome: all chromosomes pass through the same parents.
    """
    return [_couples(before, after, rng) for before, after in pairwise(sizes)]


def _couples(n_parents: int, n_children: int, rng: np.random.Generator) -> Couples:
    n_males = n_parents // 2
    return Couples(rng.integers(0, n_males, n_children), rng.integers(n_males, n_parents, n_children))


def pass_through(
    haplotypes: Strands, generations: list[Couples], genetic_map: GeneticMap, rng: np.random.Generator
) -> Strands:
    """Return the haplotypes of the last generation, on one chromosome.

    Parameters
    ----------
    haplotypes
        Of the first generation.
    generations
        The couples of each generation after it.
    genetic_map
        Of the sites.
    rng
        Source of randomness.
    """
    keys = rng.integers(0, 2**63 - 1, len(generations)).tolist()
    for couples, key in zip(generations, keys, strict=True):
        haplotypes = offspring(haplotypes, couples, genetic_map, key=key)
    return haplotypes
