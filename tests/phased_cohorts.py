"""Small phased cohorts in families, for generators."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from genialearn._arrays import BoolArray, Int8Array, IntArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.genotypes import DenseGenotypes, HaplotypeMatrix, MarkerMap, dosages
from genialearn.records import Pedigree

N_SIRES = 4


def map_of(chromosome_sizes: list[int], spacing: int = 1_000_000) -> MarkerMap:
    """Return a map of evenly spaced markers, alleles C (counted) and T."""
    n_markers = sum(chromosome_sizes)
    return MarkerMap(
        as_ids([f"snp{column:04d}" for column in range(n_markers)]),
        as_ids(np.repeat(np.arange(1, len(chromosome_sizes) + 1), chromosome_sizes)),
        np.zeros(n_markers),
        np.concatenate([spacing * (1 + np.arange(size)) for size in chromosome_sizes]),
        as_ids(["C"] * n_markers),
        as_ids(["T"] * n_markers),
    )


def phased(alleles: object, markers: MarkerMap | None = None, prefix: str = "cow") -> HaplotypeMatrix:
    """Return animals cow000, cow001, ... with these alleles, shape (2 animals, markers)."""
    matrix = np.asarray(alleles, dtype=np.int8)
    names = as_ids([f"{prefix}{row:03d}" for row in range(len(matrix) // 2)])
    return HaplotypeMatrix.of(names, map_of([matrix.shape[1]]) if markers is None else markers, matrix)


@cache
def phased_cohort(n_animals: int = 40, sizes: tuple[int, ...] = (30, 20, 10), seed: int = 1) -> Cohort:
    """Return animals whose paternal haplotypes are gametes of four sires, neighbouring markers linked; read only."""
    rng = np.random.default_rng(seed)
    bulls = _linked(2 * N_SIRES, sum(sizes), rng)
    sires = rng.integers(0, N_SIRES, n_animals)
    strands = np.cumsum(rng.random((n_animals, sum(sizes))) < 0.05, axis=1) % 2
    paternal = np.where(strands == 0, bulls[2 * sires], bulls[2 * sires + 1])
    both = np.stack([paternal, _linked(n_animals, sum(sizes), rng)], axis=1).reshape(2 * n_animals, -1)
    haplotypes = phased(both, map_of(list(sizes)))
    return Cohort.of_genotypes(haplotypes, pedigree=_pedigree(haplotypes, sires))


def _linked(n_haplotypes: int, n_markers: int, rng: np.random.Generator) -> Int8Array:
    latent = rng.standard_normal((n_haplotypes, n_markers))
    for marker in range(1, n_markers):
        latent[:, marker] = 0.9 * latent[:, marker - 1] + 0.436 * latent[:, marker]
    return (latent < np.linspace(-0.8, 0.8, n_markers)).astype(np.int8)


def _pedigree(haplotypes: HaplotypeMatrix, sires: IntArray) -> Pedigree:
    n_animals = len(sires)
    return Pedigree(
        as_ids([*haplotypes.animals, *(f"bull{sire}" for sire in range(N_SIRES))]),
        np.concatenate([n_animals + sires, np.full(N_SIRES, -1)]),
        np.full(n_animals + N_SIRES, -1),
        np.full(n_animals + N_SIRES, np.nan),
        as_ids([""] * (n_animals + N_SIRES)),
    )


def without_phase(cohort: Cohort, missing: float = 0.0) -> Cohort:
    """Return the cohort with genotypes alone, a share of them missing."""
    values = dosages(cohort.genotypes)
    holes = np.random.default_rng(3).random(values.shape) < missing
    matrix = np.asfortranarray(np.where(holes, -1, values).astype(np.int8))
    return replace(cohort, genotypes=DenseGenotypes(cohort.animals, cohort.genotypes.markers, matrix), haplotypes=None)


def with_markers_reordered(cohort: Cohort, order: IntArray) -> Cohort:
    """Return the cohort with its markers in another order."""
    phases = None if cohort.haplotypes is None else cohort.haplotypes.select(markers=order)
    return replace(cohort, genotypes=cohort.genotypes.select(markers=order), haplotypes=phases)


def with_alleles_swapped(cohort: Cohort, swap: BoolArray) -> Cohort:
    """Return the cohort as a file would give it that counts the other allele at some markers."""
    phases = None if cohort.haplotypes is None else cohort.haplotypes.recoded(swap)
    return replace(cohort, genotypes=cohort.genotypes.recoded(swap), haplotypes=phases)
