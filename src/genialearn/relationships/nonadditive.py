"""Dominance and epistatic relationships: D of deviations from additivity, and G o G, the squares of G's elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, Float32Array, FloatArray, Int8Array, Selection, StrArray
from genialearn.genotypes import GenotypeMatrix, MarkerMap
from genialearn.genotypes.centred import CentredGenotypes
from genialearn.genotypes.matrix import BLOCK_WIDTH
from genialearn.relationships.nonlinear import FormedKernel, random_projections


@dataclass(frozen=True, eq=False)
class DominanceScale:
    """What turns dosages into dominance relationships.

    W holds -2p^2, 2p(1 - p) and -2(1 - p)^2 for 0, 1 and 2 copies, 0 for a missing dosage, and D is W W' divided by the
    sum of (2p(1 - p))^2. In a population in Hardy-Weinberg equilibrium W is uncorrelated with dosages.

    Parameters
    ----------
    frequencies
        p, of the counted alleles among the training animals, shape (markers,).

    References
    ----------
    Vitezica, Varona and Legarra 2013, Genetics 195:1223-1230, doi:10.1534/genetics.113.155176.
    """

    frequencies: FloatArray

    @property
    def divisor(self) -> float:
        """Sum of (2p(1 - p))^2."""
        return float(np.sum((2 * self.frequencies * (1 - self.frequencies)) ** 2))

    def blocks(self, genotypes: GenotypeMatrix) -> Iterator[tuple[slice, FloatArray]]:
        """Yield W, a block of markers at a time, shape (animals, width)."""
        for columns, block in genotypes.blocks(BLOCK_WIDTH):
            p = self.frequencies[columns]
            values = np.stack([-2 * p**2, 2 * p * (1 - p), -2 * (1 - p) ** 2, np.zeros_like(p)])
            yield columns, values[block, np.arange(block.shape[1])]  # a missing dosage is -1: the last row

    def between(self, genotypes: GenotypeMatrix, others: GenotypeMatrix) -> FloatArray:
        """Return D of animals with others, shape (animals, others)."""
        out = np.zeros((genotypes.shape[0], others.shape[0]))
        for (_, one), (_, other) in zip(self.blocks(genotypes), self.blocks(others), strict=True):
            out += one @ other.T
        return out / self.divisor

    def operator(self, genotypes: GenotypeMatrix) -> Dominance:
        """Return D of animals as an operator on their genotypes in two bits."""
        p = self.frequencies
        additive = CentredGenotypes.of(genotypes, p)
        heterozygous = CentredGenotypes.of(Heterozygosity(genotypes), p * (1 - p))
        return Dominance(additive, heterozygous, 1 - 2 * p, self.divisor)

    def values(self, genotypes: GenotypeMatrix, effects: FloatArray) -> FloatArray:
        """Return W d of animals for effects d (markers, columns): shape (animals, columns)."""
        out = np.zeros((genotypes.shape[0], effects.shape[1]))
        for columns, w in self.blocks(genotypes):
            out += w @ effects[columns]
        return out


@dataclass(frozen=True, eq=False)
class Heterozygosity:
    """Genotypes recoded: 1 where both alleles are there, else 0; -1 where missing.

    Parameters
    ----------
    genotypes
        Dosages.
    """

    genotypes: GenotypeMatrix

    @property
    def animals(self) -> StrArray:
        """Identifiers, shape (animals,)."""
        return self.genotypes.animals

    @property
    def markers(self) -> MarkerMap:
        """The columns."""
        return self.genotypes.markers

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, markers)."""
        return self.genotypes.shape

    def select(self, *, animals: Selection = None, markers: Selection = None) -> Heterozygosity:
        """Return some animals and markers, in the order asked for."""
        return Heterozygosity(self.genotypes.select(animals=animals, markers=markers))

    def recoded(self, swap: BoolArray) -> Heterozygosity:
        """Return itself: it doesn't matter which allele is counted."""
        return self

    def blocks(self, width: int = BLOCK_WIDTH) -> Iterator[tuple[slice, Int8Array]]:
        """Yield each block of columns with its values (animals, width), in order."""
        for columns, block in self.genotypes.blocks(width):
            yield columns, np.where(block < 0, np.int8(-1), (block == 1).astype(np.int8))


@dataclass(frozen=True, eq=False)
class Dominance:
    """D of animals, never formed: W = H - Z diag(1 - 2p), with centred heterozygosity H and centred dosages Z.

    Parameters
    ----------
    additive, heterozygous
        Z and H.
    slopes
        1 - 2p, the regression of heterozygosity on dosage, shape (markers,).
    divisor
        Of W W'.
    """

    additive: CentredGenotypes
    heterozygous: CentredGenotypes
    slopes: FloatArray
    divisor: float

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, animals)."""
        return self.additive.shape[0], self.additive.shape[0]

    def effects(self, dual: FloatArray) -> FloatArray:
        """Return d = W'a / k for dual coefficients a, so that D a = W d; shape (markers, columns)."""
        deviations = self.heterozygous.times_animal_values(dual)
        return (deviations - self.slopes[:, None] * self.additive.times_animal_values(dual)) / self.divisor

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return D V for V (animals, columns): shape (animals, columns)."""
        effects = self.effects(values)
        return self.heterozygous.times_marker_effects(effects) - self.additive.times_marker_effects(
            self.slopes[:, None] * effects
        )

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (animals,): an average of squared random products, to some percent."""
        rng = np.random.default_rng(1)
        signs = rng.choice([-1.0, 1.0], size=(self.additive.shape[1], 256))
        sums = self.heterozygous.times_marker_effects(signs) - self.additive.times_marker_effects(
            self.slopes[:, None] * signs
        )
        return np.asarray(np.mean(sums**2, axis=1) / self.divisor)


@dataclass(frozen=True, eq=False)
class Epistasis(FormedKernel):
    """G o G of animals, divided by its mean diagonal (Henderson 1985, J Anim Sci 60:111).

    Parameters
    ----------
    matrix
        As precise as the G that it was made of, shape (animals, animals).
    unit
        What its elements were divided by.
    """

    unit: float

    @classmethod
    def of(cls, relationships: FloatArray | Float32Array) -> Epistasis:
        """Return the epistatic relationships that follow from G."""
        unit = float(np.mean(np.diagonal(relationships).astype(np.float64) ** 2))
        squares = np.square(relationships)
        squares /= squares.dtype.type(unit)
        return cls(squares, unit)


@dataclass(frozen=True, eq=False)
class EpistaticFeatures:
    """Features f = (z'w)(z'v) / k of animals, whose inner products are G o G on average over random w and v.

    Parameters
    ----------
    frequencies
        p, shape (markers,).
    divisor
        k of G.
    n_features
        How many: the error of an element is about its two animals' mean diagonal over their square root.
    seed
        Of w and v.
    """

    frequencies: FloatArray
    divisor: float
    n_features: int
    seed: int

    def of(self, genotypes: GenotypeMatrix) -> Float32Array:
        """Return the features of animals, shape (animals, features)."""
        one, other = (
            random_projections(genotypes, self.frequencies, self.n_features, seed=2 * self.seed + place)
            for place in (0, 1)
        )
        one *= other
        one /= np.float32(self.divisor * np.sqrt(self.n_features))
        return one
