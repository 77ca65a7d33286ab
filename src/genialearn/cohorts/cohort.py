"""The cohort: genotypes, records and pedigree on one order of animals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from genialearn._arrays import IntArray, Selection, StrArray, as_indices
from genialearn.cohorts.arrays import dosages_from, effects_from, names_from, records_from, weights_from
from genialearn.errors import AlignmentError, examples
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, HaplotypeMatrix, MarkerMap, canonical
from genialearn.records import Pedigree, RecordTable, Trait, check_pedigree
from genialearn.records.effects import without_incomplete
from genialearn.records.traits import kind_of


@dataclass(frozen=True, eq=False)
class Cohort:
    """Animals with genotypes, their records and their pedigree.

    Parameters
    ----------
    genotypes
        Its animals are the cohort's, in this order.
    records
        Every record belongs to one of these animals; animals may have none, or several.
    pedigree
        May know more animals than the cohort, or fewer.
    haplotypes
        The genotypes phased, of the same animals and markers, where that is known.
    """

    genotypes: GenotypeMatrix
    records: RecordTable
    pedigree: Pedigree | None = None
    haplotypes: HaplotypeMatrix | None = None

    @classmethod
    def of_genotypes(cls, genotypes: GenotypeMatrix | HaplotypeMatrix, *, pedigree: Pedigree | None = None) -> Cohort:
        """Return animals of which only genotypes are known, phased or not: no trait and no record."""
        nobody = np.empty(0, dtype=object)
        records = RecordTable((), nobody, np.empty((0, 0)), np.empty((0, 0)), pd.DataFrame(index=range(0)))
        if isinstance(genotypes, HaplotypeMatrix):
            return cls(genotypes.genotypes(), records, pedigree, genotypes)
        return cls(genotypes, records, pedigree)

    @classmethod
    def from_arrays(
        cls,
        dosages: object,
        traits: object,
        *,
        animals: Sequence[str] | None = None,
        trait_names: Sequence[str] | None = None,
        markers: MarkerMap | None = None,
        covariates: pd.DataFrame | None = None,
        fixed: str = "",
        weights: object = None,
        pedigree: Pedigree | None = None,
    ) -> Cohort:
        """Return the cohort of a numpy user.

        Parameters
        ----------
        dosages
            0, 1, 2; NaN or -1 where missing, shape (animals, markers).
        traits
            NaN where not recorded, shape (animals, traits) or (animals,).
        animals, trait_names
            Identifiers; numbered where not given.
        markers
            The marker map; numbered where not given.
        covariates
            Columns that the formula `fixed` may name, one row an animal; a record that lacks one doesn't count.
        fixed
            Formula of the fixed effects of all traits.
        weights
            Relative precision of the records, shape of `traits`.
        pedigree
            Ancestry of the animals.
        """
        matrix = dosages_from(dosages)
        values = records_from("traits", traits, len(matrix))
        ids = names_from("animals", animals, [f"a{i + 1}" for i in range(len(matrix))])
        names = names_from("trait_names", trait_names, [f"T{t + 1}" for t in range(values.shape[1])])
        records = RecordTable(
            tuple(Trait(name, kind=kind_of(column), fixed=fixed) for name, column in zip(names, values.T, strict=True)),
            ids,
            values,
            np.ones_like(values) if weights is None else weights_from(weights, values),
            effects_from(covariates, len(matrix)),
        )
        if pedigree is not None:
            check_pedigree(pedigree, "pedigree")
        columns = markers if markers is not None else MarkerMap.numbered(matrix.shape[1])
        return cls(DenseGenotypes(ids, columns, matrix), without_incomplete(records)[0], pedigree)

    def __post_init__(self) -> None:
        known = set(self.animals)
        if len(known) < len(self.animals):
            raise AlignmentError("cohort", expected=f"{len(self.animals):,} different animals", found=f"{len(known):,}")
        unknown = sorted(set(self.records.animals) - known)
        if unknown:
            raise AlignmentError(
                "cohort", expected="records of genotyped animals", found=f"{len(unknown):,} others: {examples(unknown)}"
            )
        if self.haplotypes is not None:
            _check_same(self.haplotypes, self.genotypes)

    def __len__(self) -> int:
        return len(self.animals)

    @property
    def animals(self) -> StrArray:
        """Identifiers, shape (animals,)."""
        return self.genotypes.animals

    @property
    def traits(self) -> tuple[Trait, ...]:
        """The traits, in the order of every matrix of predictions."""
        return self.records.traits

    @cached_property
    def record_rows(self) -> IntArray:
        """The row of each record's animal, shape (records,)."""
        row_of = {name: row for row, name in enumerate(self.animals)}
        return np.array([row_of[name] for name in self.records.animals], dtype=np.int64)

    def select(self, animals: Selection) -> Cohort:
        """Return some animals, in the order asked for, with their records."""
        chosen = as_indices(animals, len(self))
        new_row = np.full(len(self), -1, dtype=np.int64)
        new_row[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(new_row[self.record_rows] >= 0)
        kept = kept[np.argsort(new_row[self.record_rows[kept]], kind="stable")]
        phased = None if self.haplotypes is None else self.haplotypes.select(animals=chosen)
        return Cohort(self.genotypes.select(animals=chosen), self.records.select(kept), self.pedigree, phased)

    def canonical(self) -> Cohort:
        """Return the cohort with animals by identifier, markers by map, alphabetically first alleles counted.

        Models fit on this form, so the order and coding of the files never matter.
        """
        in_order = self.select(np.argsort(self.animals.astype(str), kind="stable"))
        phased = None if in_order.haplotypes is None else in_order.haplotypes.canonical()
        return replace(in_order, genotypes=canonical(in_order.genotypes), haplotypes=phased)

    def without_records(self) -> Cohort:
        """Return the same animals with no record: what a model may see of those it predicts."""
        return replace(self, records=self.records.select(np.empty(0, dtype=np.int64)))


def _check_same(haplotypes: HaplotypeMatrix, genotypes: GenotypeMatrix) -> None:
    """Raise `AlignmentError` where haplotypes aren't of the same animals and markers, in the same order."""
    pairs = {
        "animals": (haplotypes.animals, genotypes.animals),
        "markers": (haplotypes.markers.names, genotypes.markers.names),
        "counted alleles": (haplotypes.markers.counted_alleles, genotypes.markers.counted_alleles),
    }
    for what, (phased, plain) in pairs.items():
        if not np.array_equal(phased, plain):
            n = int(np.sum(phased != plain)) if len(phased) == len(plain) else abs(len(phased) - len(plain))
            raise AlignmentError(
                "haplotypes",
                expected=f"the {what} of the genotypes, in their order",
                found=f"{n:,} that differ, of {len(phased):,} and {len(plain):,}",
                advice="Make both from the same file.",
            )
