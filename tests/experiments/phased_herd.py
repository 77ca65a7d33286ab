"""A small phased herd in a folder, and what is drawn from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genialearn._arrays import Int8Array, as_ids
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, write_plink, write_vcf

N_ANIMALS, N_MARKERS, N_SIRES = 48, 60, 6


def alleles_of(n_haplotypes: int, rng: np.random.Generator) -> Int8Array:
    """Return mosaics of eight founders, some ten crossovers each."""
    founders = rng.random((8, N_MARKERS)) < rng.uniform(0.2, 0.8, N_MARKERS)
    source = np.empty((n_haplotypes, N_MARKERS), dtype=np.int64)
    source[:, 0] = rng.integers(0, 8, n_haplotypes)
    for column in range(1, N_MARKERS):
        new = rng.random(n_haplotypes) < 0.15
        source[:, column] = np.where(new, rng.integers(0, 8, n_haplotypes), source[:, column - 1])
    return founders[source, np.arange(N_MARKERS)].astype(np.int8)


def phased_herd(seed: int = 1, n_animals: int = N_ANIMALS, name: str = "cow") -> HaplotypeMatrix:
    """Return animals on three chromosomes."""
    alleles = alleles_of(2 * n_animals, np.random.default_rng([seed, 7]))
    markers = MarkerMap(
        as_ids([f"s{column:02d}" for column in range(N_MARKERS)]),
        as_ids([1 + column // 20 for column in range(N_MARKERS)]),
        np.zeros(N_MARKERS),
        np.tile(50_000 * np.arange(1, 21), 3),
        as_ids(["A", "C", "G"] * 20),
        as_ids(["T"] * N_MARKERS),
    )
    return HaplotypeMatrix.of(as_ids([f"{name}{row:02d}" for row in range(n_animals)]), markers, alleles)


def large_herd(n_animals: int = 200, n_markers: int = 3000) -> HaplotypeMatrix:
    """Return random alleles on ten chromosomes: what memory depends on is their number."""
    per_chromosome = n_markers // 10
    markers = MarkerMap(
        as_ids([f"s{column:04d}" for column in range(n_markers)]),
        as_ids(np.repeat(np.arange(1, 11), per_chromosome)),
        np.zeros(n_markers),
        np.tile(50_000 * np.arange(1, per_chromosome + 1), 10),
        as_ids(["A"] * n_markers),
        as_ids(["T"] * n_markers),
    )
    alleles = np.random.default_rng(3).integers(0, 2, (2 * n_animals, n_markers), dtype=np.int8)
    return HaplotypeMatrix.of(as_ids([f"cow{row:03d}" for row in range(n_animals)]), markers, alleles)


def write_phased_herd(folder: Path, *, traits: bool = False, pedigree: bool = False) -> HaplotypeMatrix:
    """Write a cohort folder, and return its haplotypes."""
    herd = phased_herd()
    folder.mkdir()
    write_plink(folder / "genotypes", herd.genotypes())
    write_vcf(folder / "haplotypes.vcf.gz", herd)
    if traits:
        milk = herd.alleles()[0::2, :30].sum(axis=1) + np.random.default_rng(2).standard_normal(N_ANIMALS)
        rows = "".join(f"{name}\t{value:.4f}\n" for name, value in zip(herd.animals, milk, strict=True))
        (folder / "traits.tsv").write_text(f"id\tmilk\n{rows}")
    if pedigree:
        rows = "".join(f"{name}\tbull{row % N_SIRES}\t0\n" for row, name in enumerate(herd.animals))
        bulls = "".join(f"bull{row}\t0\t0\n" for row in range(N_SIRES))
        (folder / "pedigree.tsv").write_text(f"id\tsire\tdam\n{bulls}{rows}")
    return herd
