"""What generators have in common: settings, names of artificial animals, and how a cohort is read."""

from __future__ import annotations

import pandas as pd

from genialearn._arrays import Int8Array, StrArray, as_ids
from genialearn._checks import check_at_least
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, NotFittedError, SettingError, examples
from genialearn.estimator import Estimator
from genialearn.genotypes import (
    DenseGenotypes,
    GenotypeMatrix,
    HaplotypeMatrix,
    MarkerMap,
    canonical,
    compare_maps,
    matched,
)


class Generator(Estimator):
    """A generator whose settings are the arguments of its `__init__`, each stored under its own name.

    Attributes
    ----------
    markers_
        The canonical marker map of the training animals; there once it is fitted.
    """

    needs_haplotypes: bool = False
    conditional: bool = False
    markers_: MarkerMap

    def _check_fitted(self) -> None:
        if not hasattr(self, "markers_"):
            raise NotFittedError(type(self).__name__, expected="fit before it is used", found="a model without data")

    def _asked(self, n_animals: int, conditions: pd.DataFrame | None) -> int:
        """Return how many animals are asked for.

        Raises
        ------
        NotFittedError, SettingError
            Where it isn't fitted, where the number is none, or where it can't answer conditions.
        """
        self._check_fitted()
        if conditions is not None and not self.conditional:
            raise SettingError(
                "conditions",
                expected=f"none: {type(self).__name__} knows no traits",
                found=f"values of {examples(conditions.columns)}",
                advice="Leave them out, or use a conditional generator.",
            )
        return check_at_least("n_animals", n_animals, 1)

    def _as_trained(self, animals: GenotypeMatrix | HaplotypeMatrix) -> GenotypeMatrix | HaplotypeMatrix:
        """Return what the generator reads of animals, on the markers and counted alleles of the training.

        Markers that genotypes lack are missing; haplotypes may lack none.
        """
        if self.needs_haplotypes:
            return self._haplotypes_as_trained(animals)
        genotypes = canonical(animals.genotypes() if isinstance(animals, HaplotypeMatrix) else animals)
        return matched(genotypes, compare_maps(self.markers_, genotypes.markers))

    def _haplotypes_as_trained(self, animals: GenotypeMatrix | HaplotypeMatrix) -> HaplotypeMatrix:
        """Return haplotypes on the markers and counted alleles of the training.

        Raises
        ------
        AlignmentError
            Where the animals aren't phased, or lack markers.
        """
        if not isinstance(animals, HaplotypeMatrix):
            raise _unphased("animals")
        animals = animals.canonical()
        match = compare_maps(self.markers_, animals.markers)
        if match.n_absent:
            raise AlignmentError(
                "haplotypes",
                expected=f"all {len(self.markers_):,} markers of the training",
                found=f"{match.n_absent:,} of them absent",
                advice="Fill them first, or train on the markers that both have.",
            )
        return animals.select(markers=match.columns).recoded(match.swaps)

    def _as_animals(self, drawn: Int8Array) -> DenseGenotypes | HaplotypeMatrix:
        """Return drawn alleles, shape (2 animals, markers), or dosages, shape (animals, markers), as animals."""
        if self.needs_haplotypes:
            return self._as_phased(drawn)
        return DenseGenotypes(artificial_ids(len(drawn)), self.markers_, drawn)

    def _as_phased(self, drawn: Int8Array) -> HaplotypeMatrix:
        """Return drawn alleles, shape (2 animals, markers), as animals."""
        return HaplotypeMatrix.of(artificial_ids(len(drawn) // 2), self.markers_, drawn)


def artificial_ids(n_animals: int) -> StrArray:
    """Return artificial1, artificial2, ..., shape (animals,)."""
    return as_ids([f"artificial{number}" for number in range(1, n_animals + 1)])


def haplotypes_of(cohort: Cohort) -> HaplotypeMatrix:
    """Return the haplotypes of a cohort.

    Raises
    ------
    AlignmentError
        Where there are none, or no animal.
    """
    if cohort.haplotypes is None:
        raise _unphased("cohort")
    check_anybody(cohort)
    return cohort.haplotypes


def check_anybody(cohort: Cohort) -> None:
    """Raise `AlignmentError` where a cohort has no animal or no marker."""
    if not all(cohort.genotypes.shape):
        raise AlignmentError(
            "cohort",
            expected="at least one animal and one marker",
            found="{:,} animals x {:,} markers".format(*cohort.genotypes.shape),
        )


def _unphased(where: str) -> AlignmentError:
    return AlignmentError(
        where,
        expected="phased genotypes",
        found="genotypes without haplotypes",
        advice="Phase them, e.g. with Beagle or SHAPEIT, and give them as haplotypes.vcf.gz.",
    )
