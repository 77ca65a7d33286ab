"""Gaussian copula: genotypes as thresholds of correlated normal variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn._checks import check_at_least
from genialearn.cohorts import Cohort
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.generator import Generator, artificial_ids, check_anybody
from genialearn.generators.polychoric import covariances_of, latent_correlations, thresholds_of
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, dosages

MOST_COMMON = 0.95
"""The largest share of a marker's latent variance that the global factors may have."""

MOST_STEPS, LONGEST_STEP, DIAGONAL_TOLERANCE = 6, 100.0, 0.01
"""Steps in search of a semidefinite matrix, their greatest length, and how far its diagonal may be from the wanted."""

ABOVE_CHANCE = 1.05
"""How much larger an eigenvalue must be than the one of its rank where blocks share nothing."""

N_ROUNDS, N_SPARE = 4, 10
"""Rounds of subspace iteration, and vectors beside those wanted."""


@dataclass(frozen=True, eq=False)
class _Block:
    """Neighbouring markers: thresholds (markers, 2), global loadings (markers, factors), local ones (markers, rank)."""

    columns: slice
    thresholds: FloatArray
    shared: Float32Array
    local: Float32Array


class GaussianCopula(Generator):
    """Genotypes that count the thresholds a normal variable exceeds, the variables correlated as in the training.

    z_ij = b_j'u_i + l_j'v_i, with standard normal u_i of an animal for the whole genome and v_i for a block of
    neighbouring markers; g_ij is how many of a marker's two thresholds z_ij exceeds. Thresholds are those of the
    observed genotype frequencies, which are kept exactly, deficits of heterozygotes too. Correlations of z within a
    block are those at which genotypes have the observed covariances (see `polychoric`); taking the correlations of
    genotypes for those of z would lose about half of r2.

    The global factors u are the leading principal components of the standardised genotypes, a marker's loading being
    the correlation of z with a component, cov(g_j, u) / sum_k phi(a_jk) (Olsson, Drasgow & Dorans 1982, Psychometrika
    47:337-347), times the root of the share of the component that blocks have in common. They hold populations and
    large families, as far as normal variables can: there are no clusters. What is left within a block, R - B B', is
    replaced by a positive semidefinite matrix near it. With fewer animals than markers in a block it is far from one,
    and linkage disequilibrium comes out too low. Haplotypes, Mendel's rules and runs of homozygosity are lost.

    Costs O(animals x markers x (block + 100 factors) + 10 x markers x block^2) to fit, O(animals x markers x block) to
    sample, and 4 bytes a marker and marker of its block: 160 MB for 20,000 markers in blocks of 2,000. Chromosomes are
    one block where they aren't longer.

    Parameters
    ----------
    factors
        How many global factors at most. Only components count that blocks share beyond chance, and none where there is
        one block only.
    block
        The most markers of a block. Longer chromosomes are cut into equal parts, between which linkage disequilibrium
        is kept by global factors alone.

    Attributes
    ----------
    factors_
        How many global factors are used.
    markers_
        The canonical marker map.
    """

    def __init__(self, *, factors: int = 10, block: int = 2000) -> None:
        self.factors = factors
        self.block = block

    def fit(self, cohort: Cohort) -> Self:
        """Estimate thresholds and correlations.

        Raises
        ------
        AlignmentError
            Where the cohort is empty.
        SettingError
            Where a setting is out of range.
        """
        cohort = cohort.canonical()
        check_anybody(cohort)
        check_at_least("factors", self.factors, 0)
        check_at_least("block", self.block, 2)
        genotypes = cohort.genotypes
        columns = [part for chromosome in chromosomes_of(genotypes.markers) for part in self._cut(chromosome.columns)]
        components = self._components(genotypes, columns)
        self.factors_ = components.shape[1]
        self._blocks = [_fitted(part, dosages(genotypes.select(markers=part)), components) for part in columns]
        self.markers_ = genotypes.markers
        return self

    def _cut(self, columns: slice) -> Iterator[slice]:
        """Yield a chromosome's columns in equal parts."""
        size = columns.stop - columns.start
        bounds = np.linspace(columns.start, columns.stop, -(-size // self.block) + 1).astype(int).tolist()
        yield from map(slice, bounds[:-1], bounds[1:])

    def _components(self, genotypes: GenotypeMatrix, blocks: list[slice]) -> FloatArray:
        """Return the leading principal components that blocks share, of variance at most 1, shape (animals, factors).

        Those whose eigenvalues exceed the ones of their rank when every block's animals are shuffled by themselves
        (parallel analysis, Horn 1965, Psychometrika 30:179-185), sought again in what those found leave over. Shuffles
        and first vectors are always the same, so that fitting has no randomness.
        """
        n_animals = genotypes.shape[0]
        if not self.factors or len(blocks) < 2:
            return np.zeros((n_animals, 0))
        n_vectors = min(self.factors + N_SPARE, n_animals)
        fixed = np.random.default_rng(0)
        start = fixed.standard_normal((n_animals, n_vectors))
        as_they_are = [np.arange(n_animals)] * len(blocks)
        shuffled = [fixed.permutation(n_animals) for _ in blocks]
        known = np.zeros((n_animals, 0))
        while known.shape[1] < min(self.factors, n_animals - 1):
            values, vectors = _leading(genotypes, blocks, as_they_are, known, start)
            chance, _ = _leading(genotypes, blocks, shuffled, known, start)
            n_found = int(np.argmin(np.append(values > ABOVE_CHANCE * chance, False)))
            if not n_found:
                break
            known = np.column_stack([known, vectors[:, :n_found]])[:, : min(self.factors, n_animals - 1)]
        components = np.sqrt(n_animals) * known
        return np.asarray(components * np.sqrt(_shared_shares(genotypes, blocks, components)))

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> DenseGenotypes:
        """Return artificial animals, not phased."""
        n_animals = self._asked(n_animals, conditions)
        drawn = np.empty((n_animals, len(self.markers_)), dtype=np.int8, order="F")
        common = rng.standard_normal((n_animals, self.factors_), dtype=np.float32)
        for block in self._blocks:
            own = rng.standard_normal((n_animals, block.local.shape[1]), dtype=np.float32)
            latent = common @ block.shared.T + own @ block.local.T
            drawn[:, block.columns] = (latent > block.thresholds[:, 0]).view(np.int8)
            drawn[:, block.columns] += (latent > block.thresholds[:, 1]).view(np.int8)
        return DenseGenotypes(artificial_ids(n_animals), self.markers_, drawn)


def _leading(
    genotypes: GenotypeMatrix, blocks: list[slice], orders: list[IntArray], known: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the largest eigenvalues of X X' / markers, descending, and their vectors, by subspace iteration.

    X are standardised genotypes without known components, the animals of each block in an order of their own.
    """
    basis = start
    for _ in range(N_ROUNDS):
        basis, _ = np.linalg.qr(basis)
        image = np.zeros_like(basis)
        for part, order in zip(blocks, orders, strict=True):
            for _, values in genotypes.select(markers=part).blocks():
                standardised = _standardised(values)
                standardised = (standardised - known @ (known.T @ standardised))[order]
                image += standardised @ (standardised.T @ basis)
        eigenvalues, turn = np.linalg.eigh(basis.T @ image / genotypes.shape[1])
        vectors, basis = basis @ turn[:, ::-1], image
    return eigenvalues[::-1], vectors


def _shared_shares(genotypes: GenotypeMatrix, blocks: list[slice], components: FloatArray) -> FloatArray:
    """Return how much of each component's variance blocks share, from 0 to 1, shape (factors,).

    A component also holds what is linked within a block. With correlations c_jk of genotypes and components, those of
    genotypes i and j of different blocks are fitted as sum_k s_k c_ik c_jk, by least squares.
    """
    n_animals, n_factors = components.shape
    together, gram = np.zeros((n_animals, n_factors)), np.zeros((n_factors, n_factors))
    within, squares = np.zeros(n_factors), np.zeros((n_factors, n_factors))
    for part in blocks:
        standardised = _standardised(dosages(genotypes.select(markers=part)))
        correlations = standardised.T @ components / n_animals
        scores, products = standardised @ correlations, correlations.T @ correlations
        together, gram = together + scores, gram + products
        within, squares = within + (scores**2).sum(axis=0), squares + products**2
    observed = ((together**2).sum(axis=0) - within) / n_animals
    return np.minimum(nnls(gram**2 - squares, observed)[0], 1.0) if n_factors else within


def _standardised(values: Int8Array) -> FloatArray:
    """Return dosages with mean 0 and variance 1, or all 0 where a marker doesn't vary; missing ones 0."""
    called = values >= 0
    counts = np.maximum(called.sum(axis=0), 1)
    centred = np.where(called, values - np.where(called, values, 0).sum(axis=0) / counts, 0.0)
    deviations = np.sqrt((centred**2).sum(axis=0) / counts)
    return np.asarray(centred / np.where(deviations > 1e-9, deviations, 1.0))


def _fitted(columns: slice, values: Int8Array, components: FloatArray) -> _Block:
    """Return the thresholds and loadings of a block, values (animals, markers)."""
    thresholds = thresholds_of(values)
    shared = _loadings(values, thresholds, components)
    left = latent_correlations(covariances_of(values), thresholds) - shared @ shared.T
    local = _root(left, 1.0 - (shared**2).sum(axis=1))
    return _Block(columns, thresholds, shared.astype(np.float32), local.astype(np.float32))


def _loadings(values: Int8Array, thresholds: FloatArray, components: FloatArray) -> FloatArray:
    """Return the correlations of z with the components, shape (markers, factors)."""
    called = values >= 0
    counts = np.maximum(called.sum(axis=0), 1)
    centred = np.where(called, values - np.where(called, values, 0).sum(axis=0) / counts, 0.0)
    densities = (np.exp(-(thresholds**2) / 2) / np.sqrt(2 * np.pi)).sum(axis=1)
    covariances = (centred.T @ components) / counts[:, None]
    loadings = covariances / np.maximum(densities, 1e-12)[:, None]
    explained = (loadings**2).sum(axis=1, keepdims=True)
    return np.asarray(loadings * np.sqrt(np.minimum(1.0, MOST_COMMON / np.maximum(explained, MOST_COMMON))))


def _root(matrix: FloatArray, diagonal: FloatArray) -> FloatArray:
    """Return L with L L' near the matrix and exactly this diagonal, shape (markers, rank).

    The nearest semidefinite matrix of a given diagonal is the semidefinite part of A + diag(y), with the y at which its
    diagonal is right (Qi & Sun 2006, SIAM J Matrix Anal Appl 28:360-385). Such y is sought by gradient steps of the
    length of Barzilai & Borwein, until the diagonal is right within 1 % or for `MOST_STEPS`; what is left is scaled.
    """
    shift, length, before = np.zeros(len(matrix)), 1.0, None
    for _ in range(MOST_STEPS):
        values, vectors = np.linalg.eigh(matrix + np.diag(shift))
        positive = values > 1e-6 * max(values[-1], 1e-6)
        root = vectors[:, positive] * np.sqrt(values[positive])
        excess = (root**2).sum(axis=1) - diagonal
        if np.max(np.abs(excess)) < DIAGONAL_TOLERANCE:
            break
        if before is not None:
            change = before - excess
            length = min(length * float(before @ before) / max(float(before @ change), 1e-12), LONGEST_STEP)
        shift, before = shift - length * excess, excess
    lengths = np.sqrt((root**2).sum(axis=1))
    return np.asarray(root * (np.sqrt(diagonal) / np.maximum(lengths, 1e-12))[:, None])
