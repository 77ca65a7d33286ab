"""Relationships by breed of origin: an allele has the effect that it has in the breed from which it came.

With Z_b = M_b - O_b P, M_b the copies of the counted alleles that came from breed b, O_b how many of an animal's two
alleles did, and P diagonal with the frequencies p, g = sum_b Z_b u_b. Effects have the variance s2 / k in every breed
and the correlation c between any two, so that

    var(g) = s2 / k (c Z Z' + (1 - c) sum_b Z_b Z_b'),    Z = sum_b Z_b.

With one frequency for all breeds, Z = M - 2p and c = 1 is VanRaden's first G; where c < 1 an allele's breed of origin
has an effect itself, which is what segregates between breeds after the first cross (Eiriksson et al. 2023, Genet Sel
Evol 55:37, doi:10.1186/s12711-023-00810-5). With frequencies by breed there is no such effect (Christensen et al.
2015, Genet Sel Evol 47:98, doi:10.1186/s12711-015-0177-6; Sevillano et al. 2017, Genet Sel Evol 49:75,
doi:10.1186/s12711-017-0350-1, with a variance of its own for every breed).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, Int8Array
from genialearn.errors import AlignmentError
from genialearn.genotypes import HaplotypeMatrix, MarkerMap, compare_maps

_BLOCK_ALLELES = 4_000_000
"""Alleles unpacked to float64 at a time: 32 MB for each breed and once more for their sum."""


@dataclass(frozen=True, eq=False)
class OriginScale:
    """What turns alleles and their breeds of origin into relationships, learned from the training animals.

    Parameters
    ----------
    markers
        The columns.
    frequencies
        Of the counted alleles, what is taken off them where they came from each breed, shape (breeds, markers).
    divisor
        k, the sum over markers of 2 p (1 - p), breeds weighted by how many alleles came from each.
    """

    markers: MarkerMap
    frequencies: FloatArray
    divisor: float

    @classmethod
    def of(
        cls, haplotypes: HaplotypeMatrix, origins: Int8Array, n_breeds: int, *, by_breed: bool = False
    ) -> OriginScale:
        """Return the scale of these animals.

        Parameters
        ----------
        haplotypes
            Of the training animals.
        origins
            Number of the breed of each allele, shape (2 animals, markers).
        n_breeds
            How many breeds there are.
        by_breed
            Whether frequencies are those of the alleles from each breed, rather than of all.

        Raises
        ------
        AlignmentError
            Where no marker varies.
        """
        copies, numbers = _copies_by_breed(haplotypes, origins, n_breeds)
        common = copies.sum(axis=0) / numbers.sum(axis=0)
        own = np.where(numbers > 0, copies / np.maximum(numbers, 1), common)
        frequencies = own if by_breed else np.broadcast_to(common, own.shape).copy()
        weights = numbers / numbers.sum(axis=0)
        divisor = float(np.sum(2 * weights * frequencies * (1 - frequencies)))
        if divisor <= 0:
            raise AlignmentError(
                "genotypes",
                expected="at least one marker that varies among the training animals",
                found="none",
                advice="Train on more animals, or on another set of markers.",
            )
        return cls(haplotypes.markers, frequencies, divisor)

    def partial(self, haplotypes: HaplotypeMatrix, origins: Int8Array) -> Iterator[tuple[slice, FloatArray]]:
        """Yield Z_b of each breed for each block of columns, shape (breeds, animals, width)."""
        for columns, alleles in haplotypes.blocks(max(1, _BLOCK_ALLELES // max(len(haplotypes), 1))):
            own = [origins[:, columns] == breed for breed in range(len(self.frequencies))]
            centred = np.stack(
                [is_own * (alleles - p) for is_own, p in zip(own, self.frequencies[:, columns], strict=True)]
            )
            yield columns, centred[:, 0::2] + centred[:, 1::2]

    def relationships(self, haplotypes: HaplotypeMatrix, origins: Int8Array) -> tuple[FloatArray, FloatArray]:
        """Return Z Z' / k and sum_b Z_b Z_b' / k, each of shape (animals, animals)."""
        n_animals = len(haplotypes.animals)
        across, within = (np.zeros((n_animals, n_animals)) for _ in range(2))
        for _, parts in self.partial(haplotypes, origins):
            total = parts.sum(axis=0)
            across += total @ total.T
            for part in parts:
                within += part @ part.T
        return across / self.divisor, within / self.divisor

    def effects(
        self, haplotypes: HaplotypeMatrix, origins: Int8Array, dual: FloatArray, correlations: FloatArray
    ) -> FloatArray:
        """Return u_b = (c Z + (1 - c) Z_b)' a / k for dual coefficients a, shape (breeds, markers, traits).

        Parameters
        ----------
        haplotypes, origins
            Of the training animals.
        dual
            a, shape (animals, traits).
        correlations
            c of each trait, shape (traits,).
        """
        out = np.empty((*self.frequencies.shape, dual.shape[1]))
        for columns, parts in self.partial(haplotypes, origins):
            own = np.stack([part.T @ dual for part in parts])
            out[:, columns] = (correlations * own.sum(axis=0) + (1 - correlations) * own) / self.divisor
        return out

    def values(self, haplotypes: HaplotypeMatrix, origins: Int8Array, effects: FloatArray) -> FloatArray:
        """Return sum_b Z_b u_b of any animals on these markers, shape (animals, traits)."""
        out = np.zeros((len(haplotypes.animals), effects.shape[2]))
        for columns, parts in self.partial(haplotypes, origins):
            for part, own in zip(parts, effects[:, columns], strict=True):
                out += part @ own
        return out

    def read_through(self, haplotypes: HaplotypeMatrix) -> HaplotypeMatrix:
        """Return haplotypes of any file with these columns and counted alleles.

        Raises
        ------
        AlignmentError
            Where markers are absent, or alleles contradict each other.
        """
        match = compare_maps(self.markers, haplotypes.markers)
        if match.n_absent:
            raise AlignmentError(
                "marker map",
                expected=f"all {len(self.markers):,} markers of the model, phased",
                found=f"{match.n_absent:,} absent",
                advice="Impute the haplotypes to the chip that the model was fitted on.",
            )
        found = haplotypes.select(markers=match.columns).recoded(match.swaps)
        return HaplotypeMatrix(found.animals, self.markers, found.packed)


def _copies_by_breed(haplotypes: HaplotypeMatrix, origins: Int8Array, n_breeds: int) -> tuple[FloatArray, FloatArray]:
    """Return copies of the counted allele from each breed, and how many alleles came from it: (breeds, markers)."""
    copies, numbers = (np.empty((n_breeds, len(haplotypes.markers))) for _ in range(2))
    for columns, alleles in haplotypes.blocks():
        for breed in range(n_breeds):
            own = origins[:, columns] == breed
            numbers[breed, columns] = own.sum(axis=0)
            copies[breed, columns] = (alleles * own).sum(axis=0)
    return copies, numbers


def breed_shares(origins: Int8Array, n_breeds: int) -> FloatArray:
    """Return the share of each animal's alleles that came from each breed, shape (animals, breeds)."""
    by_animal = origins.reshape(len(origins) // 2, -1)
    return np.column_stack([(by_animal == breed).mean(axis=1) for breed in range(n_breeds)])
