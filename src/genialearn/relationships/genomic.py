"""Genomic relationships (VanRaden 2008, J Dairy Sci 91:4414-4423, doi:10.3168/jds.2007-0980).

G is one of two faces of one model: breeding values g = Z u with u ~ N(0, I s2g / k) have var(g) = ZZ' / k s2g = G s2g.
So what was learned on animals, g = G a, is carried to others by marker effects u = Z'a / k (Strandén and Garrick 2009,
J Dairy Sci 92:2971-2975, doi:10.3168/jds.2008-1929).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.errors import AlignmentError
from genialearn.genotypes import GenotypeMatrix, MarkerMap, allele_frequencies, compare_maps, matched, products
from genialearn.genotypes.centred import CentredGenotypes, standard_scales


@dataclass(frozen=True, eq=False)
class GenomicScale:
    """What turns dosages into relationships, learned from the animals that a model is fitted on.

    VanRaden's first form: Z = M - 2p and G = ZZ' / k with k = 2 sum p(1 - p). His second: each column of Z divided by
    sqrt(2p(1 - p)) and k the number of markers that vary. A missing dosage counts as 2p.

    Parameters
    ----------
    markers
        The columns of Z.
    frequencies
        Frequencies p of the counted alleles, shape (markers,).
    standardised
        Whether G is of the second form.
    """

    markers: MarkerMap
    frequencies: FloatArray
    standardised: bool = False

    @classmethod
    def of(cls, genotypes: GenotypeMatrix, *, standardised: bool = False) -> GenomicScale:
        """Return the scale of these animals.

        Raises
        ------
        AlignmentError
            Where no marker varies.
        """
        scale = cls(genotypes.markers, allele_frequencies(genotypes), standardised)
        if scale.divisor <= 0:
            raise AlignmentError(
                "genotypes",
                expected="at least one marker that varies among the training animals",
                found="none",
                advice="Train on more animals, or on another set of markers.",
            )
        return scale

    @property
    def divisor(self) -> float:
        """The divisor k."""
        variances = 2 * self.frequencies * (1 - self.frequencies)
        return float(np.sum(variances > 0) if self.standardised else np.sum(variances))

    @property
    def marker_scales(self) -> FloatArray:
        """What each column of M - 2p is multiplied by, shape (markers,)."""
        return standard_scales(self.frequencies) if self.standardised else np.ones(len(self.markers))

    def relationships(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return G of animals whose columns are already these markers, shape (animals, animals)."""
        return products.cross_product(genotypes, self.frequencies, self.marker_scales) / self.divisor

    def operator(self, genotypes: GenotypeMatrix) -> GenomicRelationships:
        """Return G of animals whose columns are already these markers, as an operator on genotypes in two bits."""
        centred = CentredGenotypes.of(genotypes, self.frequencies, standardised=self.standardised)
        return GenomicRelationships(centred, self.divisor)

    def marker_effects(self, genotypes: GenotypeMatrix, dual: FloatArray) -> FloatArray:
        """Return u = S Z'a / k for dual coefficients a, so that G a = (M - 2p) u; shape (markers, columns)."""
        effects = products.times_animal_values(genotypes, self.frequencies, dual)
        return self.marker_scales[:, None] ** 2 * effects / self.divisor

    def breeding_values(self, genotypes: GenotypeMatrix, effects: FloatArray) -> FloatArray:
        """Return (M - 2p) u of any animals, their markers matched by name and allele, shape (animals, columns)."""
        return products.times_marker_effects(self.read_through(genotypes), self.frequencies, effects)

    def read_through(self, genotypes: GenotypeMatrix) -> GenotypeMatrix:
        """Return genotypes of any file with these columns and counted alleles.

        Raises
        ------
        AlignmentError
            Where more than a tenth of the markers are absent, or alleles contradict each other.
        """
        match = compare_maps(self.markers, genotypes.markers)
        if 10 * match.n_absent > len(self.markers):
            raise AlignmentError(
                "marker map",
                expected=f"at least nine tenths of the {len(self.markers):,} markers of the model",
                found=f"{match.n_absent:,} absent",
                advice="Impute the genotypes to the chip that the model was fitted on.",
            )
        return matched(genotypes, match)


@dataclass(frozen=True, eq=False)
class GenomicRelationships:
    """G = ZZ' / k as an operator: a quarter of a byte for each genotype, whatever the number of animals.

    Parameters
    ----------
    centred
        Z.
    divisor
        k.
    """

    centred: CentredGenotypes
    divisor: float

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, animals)."""
        return self.centred.shape[0], self.centred.shape[0]

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return G V for V (animals, columns): shape (animals, columns)."""
        return self.centred.gram(values) / self.divisor

    def diagonal(self) -> FloatArray:
        """Return one plus the genomic inbreeding of each animal, shape (animals,)."""
        return self.centred.diagonal() / self.divisor

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return breeding values of variance G, of random marker effects: shape (animals, columns)."""
        effects = rng.standard_normal((self.centred.shape[1], n_columns))
        return np.asarray(self.centred.times_marker_effects(effects) / np.sqrt(self.divisor))

    def marker_effects(self, dual: FloatArray) -> FloatArray:
        """Return u = S Z'a / k for dual coefficients a, so that G a = (M - 2p) u; shape (markers, columns)."""
        return self.centred.scales[:, None] * self.centred.times_animal_values(dual) / self.divisor
