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


@dataclass(frozen=True, eq=False)
class GenomicScale:
    """What turns dosages into relationships, learned from the animals that a model is fitted on.

    VanRaden's first form: Z = M - 2p and G = ZZ' / k with k = 2 sum p(1 - p). A missing dosage counts as 2p.

    Parameters
    ----------
    markers
        The columns of Z.
    frequencies
        Frequencies p of the counted alleles, shape (markers,).
    """

    markers: MarkerMap
    frequencies: FloatArray

    @classmethod
    def of(cls, genotypes: GenotypeMatrix) -> GenomicScale:
        """Return the scale of these animals.

        Raises
        ------
        AlignmentError
            Where no marker varies.
        """
        scale = cls(genotypes.markers, allele_frequencies(genotypes))
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
        """The divisor k = 2 sum p(1 - p)."""
        return float(2 * np.sum(self.frequencies * (1 - self.frequencies)))

    def relationships(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return G of animals whose columns are already these markers, shape (animals, animals)."""
        return products.cross_product(genotypes, self.frequencies) / self.divisor

    def marker_effects(self, genotypes: GenotypeMatrix, dual: FloatArray) -> FloatArray:
        """Return Z'a / k for dual coefficients a, so that G a = Z (Z'a / k); shape (markers, columns)."""
        return products.times_animal_values(genotypes, self.frequencies, dual) / self.divisor

    def breeding_values(self, genotypes: GenotypeMatrix, effects: FloatArray) -> FloatArray:
        """Return Z u of any animals, their markers matched by name and allele, shape (animals, columns)."""
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
