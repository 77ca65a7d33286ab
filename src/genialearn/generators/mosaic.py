"""Mosaics of similar haplotypes: copying that keeps populations and families apart."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import IntArray
from genialearn._checks import check_at_least, check_between, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.generators import li_stephens
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.generator import Generator, haplotypes_of
from genialearn.generators.haplotype_distances import bits_of, hamming
from genialearn.genotypes import HaplotypeMatrix
from genialearn.records.pedigree import UNKNOWN

RESTRICTIONS = ("neighbours", "family")
SMALLEST_FAMILY = 5
"""Animals; smaller families, and animals without a known sire, are pooled."""


class Mosaic(Generator):
    """Each haplotype a mosaic of the K training haplotypes that are nearest to a random one.

    A training animal is drawn; for each of its two haplotypes the donors are the K training haplotypes, itself among
    them, at the smallest Hamming distance over the genome; from those a haplotype is copied as in `Copying`. What
    reaches farther than a copied segment, populations, families and inbreeding, is kept, since donors are alike in it.

    Two settings trade fidelity for privacy. Fewer neighbours keep more structure, and at 1 the animal itself comes
    back, but for errors; a lower rate copies longer pieces. On 805 human markers 200 neighbours at a rate that
    switches every other marker lost little structure and leaked a third of what 50 did at a lower one.
    Whether it is enough must be measured on animals that weren't trained on.

    Fitting costs O(haplotypes used x haplotypes x markers), a few hundred being used to estimate the rate; sampling as
    much for each different animal drawn, at one bit an allele, and O(K x markers) a haplotype. Memory is the panel at
    one bit an allele, twice, and the drawn haplotypes.

    Parameters
    ----------
    neighbours
        K. Of families with fewer haplotypes all are donors.
    restrict
        "neighbours" takes them from all animals; "family" from the animals of the same sire and the sire itself, by
        the pedigree. Animals without a known sire, and families of less than five, make one family together.
    rate
        Donor switches a centimorgan; None for the value of the highest likelihood of training haplotypes as mosaics of
        their neighbours but not of their own animal.
    error
        Probability that an allele is copied wrongly, below one half; None as for `rate`.

    Attributes
    ----------
    rate_, error_
        The values used.
    model_
        The copying model with its panel of donors.
    markers_
        The canonical marker map.
    """

    needs_haplotypes = True

    def __init__(
        self,
        *,
        neighbours: int = 200,
        restrict: str = "neighbours",
        rate: float | None = None,
        error: float | None = None,
    ) -> None:
        self.neighbours = neighbours
        self.restrict = restrict
        self.rate = rate
        self.error = error

    def fit(self, cohort: Cohort) -> Self:
        """Keep the haplotypes as donors, and estimate rate and error where they aren't given.

        Raises
        ------
        AlignmentError
            Where the cohort isn't phased, has a single animal, or families are asked for without a pedigree.
        SettingError
            Where a setting is out of range.
        """
        cohort = cohort.canonical()
        panel = haplotypes_of(cohort)
        self._check_settings()
        families = _families(cohort) if self.restrict == "family" else np.zeros(len(cohort), dtype=np.int64)
        self._families = np.repeat(families, 2)
        self._bits = bits_of(panel)
        self.model_ = self._estimated(panel)
        self.rate_, self.error_ = self.model_.rate, self.model_.error
        self.markers_ = panel.markers
        return self

    def _check_settings(self) -> None:
        check_at_least("neighbours", self.neighbours, 1)
        check_known("restrict", self.restrict, RESTRICTIONS)
        if self.rate is not None:
            check_between("rate", self.rate, 1e-9, 1e9)
        if self.error is not None:
            check_between("error", self.error, 1e-9, 0.5)

    def _estimated(self, panel: HaplotypeMatrix) -> li_stephens.LiStephens:
        """Return the model, rate and error estimated from mosaics that leave the own animal out."""
        chromosomes = chromosomes_of(panel.markers)
        if self.rate is not None and self.error is not None:
            return li_stephens.LiStephens(panel, chromosomes, self.rate, self.error)
        used = li_stephens.for_estimation(panel, self.neighbours)
        donors = self._donors_of(used, without_own=True) if len(panel) > 2 else None
        return li_stephens.estimated(
            panel, chromosomes, rate=self.rate, error=self.error, haplotypes=used, donors=donors
        )

    def _donors_of(self, haplotypes: IntArray, *, without_own: bool = False) -> IntArray:
        """Return the nearest haplotypes of each, as many as `neighbours`, shape (haplotypes, donors).

        A family that has fewer gives all it has, repeated in turn. Without the own animal, a family of nobody else
        gives that animal's nearest of all others.
        """
        n_all = len(self._families)
        out = np.empty((len(haplotypes), min(self.neighbours, n_all)), dtype=np.int64)
        for start in range(0, len(haplotypes), _ROWS_AT_ONCE):
            rows = haplotypes[start : start + _ROWS_AT_ONCE]
            distances = hamming(self._bits, rows)
            for i, row in enumerate(rows):
                allowed = self._families == self._families[row]
                if without_own:
                    allowed[2 * (row // 2) : 2 * (row // 2) + 2] = False
                    allowed = allowed if allowed.any() else np.arange(n_all) // 2 != row // 2
                candidates = np.flatnonzero(allowed)
                nearest = candidates[np.argsort(distances[i, candidates], kind="stable")[: out.shape[1]]]
                out[start + i] = np.resize(nearest, out.shape[1])
        return out

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> HaplotypeMatrix:
        """Return artificial animals, the two haplotypes of each near those of one training animal."""
        n_animals = self._asked(n_animals, conditions)
        seeds, which = np.unique(rng.integers(0, len(self._families) // 2, n_animals), return_inverse=True)
        donors = self._donors_of((2 * seeds[:, None] + np.arange(2)).ravel())
        both = (2 * which[:, None] + np.arange(2)).ravel()
        return self._as_phased(self.model_.draw(2 * n_animals, rng=rng, donors=donors[both]))


_ROWS_AT_ONCE = 256


def _families(cohort: Cohort) -> IntArray:
    """Return the number of each animal's family, shape (animals,).

    Raises
    ------
    AlignmentError
        Where there is no pedigree.
    """
    if cohort.pedigree is None:
        raise AlignmentError(
            "pedigree",
            expected="the sires of the training animals",
            found="no pedigree",
            advice="Give one with --pedigree, or restrict to neighbours.",
        )
    sires = cohort.pedigree.sires_of(cohort.animals)
    with_offspring = set(sires) - {UNKNOWN}
    heads = [animal if animal in with_offspring else sire for animal, sire in zip(cohort.animals, sires, strict=True)]
    _, numbers, sizes = np.unique(np.array(heads, dtype=str), return_inverse=True, return_counts=True)
    alone = (np.array(heads, dtype=object) == UNKNOWN) | (sizes[numbers] < SMALLEST_FAMILY)
    return np.where(alone, -1, numbers).astype(np.int64)
