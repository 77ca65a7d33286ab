"""The cohort: genotypes, records and pedigree on one order of animals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genialearn._arrays import FloatArray, Int8Array, IntArray, Selection, StrArray, as_ids, as_indices
from genialearn.errors import AlignmentError, SettingError, examples
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, MarkerMap, canonical
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
    """

    genotypes: GenotypeMatrix
    records: RecordTable
    pedigree: Pedigree | None = None

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
        matrix = _as_dosages(dosages)
        values = _as_records("traits", traits, len(matrix))
        if np.isinf(values).any():
            raise SettingError("traits", expected="finite records or NaN", found="an infinite value")
        ids = _as_names("animals", animals, [f"a{i + 1}" for i in range(len(matrix))])
        names = _as_names("trait_names", trait_names, [f"T{t + 1}" for t in range(values.shape[1])])
        records = RecordTable(
            tuple(Trait(name, kind=kind_of(column), fixed=fixed) for name, column in zip(names, values.T, strict=True)),
            ids,
            values,
            np.ones_like(values) if weights is None else _as_weights(weights, values),
            _as_effects(covariates, len(matrix)),
        )
        if pedigree is not None:
            check_pedigree(pedigree, "pedigree")
        columns = markers if markers is not None else MarkerMap.numbered(matrix.shape[1])
        return cls(DenseGenotypes(ids, columns, matrix), without_incomplete(records)[0], pedigree)

    def __post_init__(self) -> None:
        known = set(self.animals)
        if len(known) < len(self.animals):
            repeated = [name for name, count in Counter(self.animals).items() if count > 1]
            raise AlignmentError(
                "cohort", expected="every animal once", found=f"{len(repeated):,} repeated: {examples(repeated)}"
            )
        unknown = sorted(set(self.records.animals) - known)
        if unknown:
            raise AlignmentError(
                "cohort", expected="records of genotyped animals", found=f"{len(unknown):,} others: {examples(unknown)}"
            )

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
        return Cohort(self.genotypes.select(animals=chosen), self.records.select(kept), self.pedigree)

    def canonical(self) -> Cohort:
        """Return the cohort with animals by identifier, markers by map, alphabetically first alleles counted.

        Models fit on this form, so the order and coding of the files never matter.
        """
        in_order = self.select(np.argsort(self.animals.astype(str), kind="stable"))
        return replace(in_order, genotypes=canonical(in_order.genotypes))

    def without_records(self) -> Cohort:
        """Return the same animals with no record: what a model may see of those it predicts."""
        return replace(self, records=self.records.select(np.empty(0, dtype=np.int64)))


def _as_dosages(values: object) -> Int8Array:
    matrix = _as_numbers("dosages", values)
    if matrix.ndim != 2 or not matrix.size:
        raise SettingError("dosages", expected="an array of shape (animals, markers)", found=f"shape {matrix.shape}")
    if matrix.dtype.kind == "f":
        matrix = np.where(np.isnan(matrix), -1, matrix)
    strange = (matrix != -1) & (matrix != 0) & (matrix != 1) & (matrix != 2)
    if strange.any():
        raise SettingError(
            "dosages",
            expected="0, 1, 2, and NaN or -1 where missing",
            found=f"{int(strange.sum()):,} others: {examples(np.unique(matrix[strange]))}",
            advice="Imputed dosages must be rounded to whole copies.",
        )
    return np.asfortranarray(matrix, dtype=np.int8)


def _as_records(name: str, values: object, n_animals: int) -> FloatArray:
    """Return one row an animal, one column a trait, of what has as many rows as there are animals."""
    matrix = np.asarray(_as_numbers(name, values), dtype=np.float64)
    if matrix.ndim not in (1, 2) or len(matrix) != n_animals or not matrix.size:
        raise SettingError(
            name, expected=f"an array of shape ({n_animals}, traits) or ({n_animals},)", found=f"shape {matrix.shape}"
        )
    return matrix.reshape(n_animals, -1)


def _as_numbers(name: str, values: object) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise SettingError(name, expected="an array of numbers", found=f"one of {array.dtype}") from error


def _as_weights(weights: object, values: FloatArray) -> FloatArray:
    matrix = _as_records("weights", weights, len(values))
    recorded = np.isfinite(values)
    if matrix.shape != values.shape or not (np.isfinite(matrix[recorded]) & (matrix[recorded] > 0)).all():
        raise SettingError(
            "weights",
            expected=f"a positive number for each record, in shape {values.shape}",
            found=f"shape {matrix.shape}" if matrix.shape != values.shape else "others",
            advice="Let the record be NaN where it shouldn't count.",
        )
    return np.where(recorded, matrix, 1.0)


def _as_names(name: str, given: Sequence[str] | None, usual: Sequence[str]) -> StrArray:
    names = as_ids(usual if given is None else given)
    if len(names) != len(usual) or len(set(names)) != len(names):
        raise SettingError(
            name, expected=f"{len(usual)} different names", found=f"{len(names)}, {len(set(names))} of them different"
        )
    return names


def _as_effects(covariates: pd.DataFrame | None, n_animals: int) -> pd.DataFrame:
    """Return covariates as text, the form in which they come from files."""
    if covariates is None:
        return pd.DataFrame(index=range(n_animals))
    if len(covariates) != n_animals:
        raise SettingError("covariates", expected=f"{n_animals} rows, one an animal", found=str(len(covariates)))
    texts = covariates.reset_index(drop=True).astype(str)
    return texts.mask(covariates.isna().to_numpy(), "").rename(columns=str)
