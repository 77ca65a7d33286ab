"""A small population with linkage disequilibrium and families, and ways to cheat at imitating it."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import Int8Array, as_ids
from genialearn.genotypes import DenseGenotypes, HaplotypeMatrix, MarkerMap

CHROMOSOMES, MARKERS = 3, 100
N_SIRES, N_DAMS = 12, 80


def marker_map(n_chromosomes: int = CHROMOSOMES, n_markers: int = MARKERS) -> MarkerMap:
    total = n_chromosomes * n_markers
    return MarkerMap(
        as_ids([f"m{i}" for i in range(total)]),
        as_ids(np.repeat(np.arange(1, n_chromosomes + 1), n_markers)),
        np.zeros(total),
        np.tile(50_000 * np.arange(1, n_markers + 1), n_chromosomes),
        as_ids(["A"] * total),
        as_ids(["G"] * total),
    )


def mosaics(donors: Int8Array, n: int, n_switches: float, rng: np.random.Generator) -> Int8Array:
    """Return haplotypes that copy a donor and go on to another `n_switches` times on average, and at chromosomes."""
    switches = rng.random((n, donors.shape[1])) < n_switches / donors.shape[1]
    switches[:, ::MARKERS] = True
    stretch = np.cumsum(switches, axis=1) - 1
    chosen = rng.integers(0, len(donors), (n, stretch.max() + 1))
    return donors[np.take_along_axis(chosen, stretch, axis=1), np.arange(donors.shape[1])]


def gametes(parents: Int8Array, which: np.ndarray, rng: np.random.Generator) -> Int8Array:
    """Return one gamete of each named parent, with about one crossover a chromosome."""
    out = np.empty((len(which), parents.shape[1]), dtype=np.int8)
    for row, parent in enumerate(which):
        swaps = rng.random(parents.shape[1]) < 1 / MARKERS
        swaps[::MARKERS] = rng.random(CHROMOSOMES) < 0.5
        out[row] = parents[2 * parent + np.cumsum(swaps) % 2, np.arange(parents.shape[1])]
    return out


def offspring(n_animals: int, rng: np.random.Generator) -> Int8Array:
    """Return haplotypes of the offspring of 12 sires and 80 dams, shape (2 n_animals, markers)."""
    n_markers = CHROMOSOMES * MARKERS
    ancestors = (rng.random((16, n_markers)) < rng.beta(1.5, 1.5, n_markers)).astype(np.int8)
    founders = mosaics(ancestors, 2 * (N_SIRES + N_DAMS), 30, rng)
    sires = rng.integers(0, N_SIRES, n_animals)
    dams = N_SIRES + rng.integers(0, N_DAMS, n_animals)
    out = np.empty((2 * n_animals, n_markers), dtype=np.int8)
    out[0::2], out[1::2] = gametes(founders, sires, rng), gametes(founders, dams, rng)
    return out


def phased(alleles: Int8Array, prefix: str = "x", markers: MarkerMap | None = None) -> HaplotypeMatrix:
    ids = as_ids([f"{prefix}{i}" for i in range(len(alleles) // 2)])
    return HaplotypeMatrix.of(ids, marker_map() if markers is None else markers, alleles)


def unphased(dosages: Int8Array, prefix: str = "x", markers: MarkerMap | None = None) -> DenseGenotypes:
    ids = as_ids([f"{prefix}{i}" for i in range(len(dosages))])
    return DenseGenotypes(ids, marker_map() if markers is None else markers, np.asfortranarray(dosages))


def flipped(alleles: Int8Array, share: float, rng: np.random.Generator) -> Int8Array:
    """Return alleles of which a share is the other one."""
    return np.where(rng.random(alleles.shape) < share, 1 - alleles, alleles).astype(np.int8)


def crossed_over(training: Int8Array, rng: np.random.Generator) -> Int8Array:
    """Return as many haplotypes, each the left of one training haplotype and the right of another."""
    left, right = rng.permutation(len(training)), rng.permutation(len(training))
    places = rng.integers(1, training.shape[1], len(training))
    return np.where(np.arange(training.shape[1]) < places[:, None], training[left], training[right])


def chromosomes_shuffled(training: Int8Array, rng: np.random.Generator) -> Int8Array:
    """Return as many haplotypes, each with every chromosome of another training haplotype."""
    out = training.copy()
    for start in range(0, training.shape[1], MARKERS):
        out[:, start : start + MARKERS] = training[rng.permutation(len(training)), start : start + MARKERS]
    return out


def independent(training: Int8Array, rng: np.random.Generator) -> Int8Array:
    return (rng.random(training.shape) < training.mean(axis=0)).astype(np.int8)


def collapsed(honest: Int8Array, n_animals: int, noise: float, rng: np.random.Generator) -> Int8Array:
    """Return a few honest animals, repeated with a little noise."""
    few = honest[: 2 * n_animals]
    return flipped(np.tile(few, (len(honest) // len(few) + 1, 1))[: len(honest)], noise, rng)
