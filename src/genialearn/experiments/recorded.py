"""Animals with one adjusted record a trait, on one marker map: what models of artificial and of real animals learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from genialearn._arrays import BoolArray, FloatArray, IntArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, examples
from genialearn.generators.conditions import with_traits
from genialearn.genotypes import (
    DenseGenotypes,
    GenotypeMatrix,
    HaplotypeMatrix,
    MarkerMap,
    compare_maps,
    dosages,
    matched,
)
from genialearn.mixed_models.adjustment import adjusted_records
from genialearn.predictors.gblup import GBLUP
from genialearn.records import RecordTable, Trait


@dataclass(frozen=True, eq=False)
class Recorded:
    """Animals with at most one record a trait, free of fixed effects.

    Parameters
    ----------
    genotypes
        Of the animals.
    names
        Of the traits.
    values
        Records, NaN where there is none, shape (animals, traits).
    weights
        Their precision, 1 where there is none, shape (animals, traits).
    """

    genotypes: DenseGenotypes
    names: tuple[str, ...]
    values: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, names: Sequence[str], markers: MarkerMap) -> Recorded:
        """Return animals on a marker map, with their records of some traits, adjusted by least squares."""
        columns = np.array([cohort.records.trait_names.index(name) for name in names], dtype=np.int64)
        adjusted = adjusted_records(with_traits(cohort, columns))
        weights = np.where(adjusted.weights > 0, adjusted.weights, 1.0)
        return cls(on_map(cohort.genotypes, markers), tuple(names), adjusted.values, weights)

    @property
    def n_records(self) -> IntArray:
        """How many animals have a record, shape (traits,)."""
        return np.asarray(np.isfinite(self.values).sum(axis=0), dtype=np.int64)

    def of_animals(self, rows: IntArray) -> Recorded:
        """Return some animals, in the order asked for."""
        return Recorded(self.genotypes.select(animals=rows), self.names, self.values[rows], self.weights[rows])

    def limited(self, sizes: IntArray, seed: int) -> Recorded:
        """Return the animals with so many records a trait at most, shape (traits,), by one random order of them."""
        order = np.random.default_rng(seed).permutation(len(self.values))
        place = np.empty(self.values.shape, dtype=np.int64)
        place[order] = np.cumsum(np.isfinite(self.values[order]), axis=0)
        return self.where(place <= sizes)

    def where(self, kept: BoolArray) -> Recorded:
        """Return the animals with those records alone that are kept, shape (animals, traits)."""
        return replace(self, values=np.where(kept, self.values, np.nan), weights=np.where(kept, self.weights, 1.0))

    def cohort(self) -> Cohort:
        """Return the animals with a record, the only fixed effect a mean."""
        known = self.of_animals(np.flatnonzero(np.isfinite(self.values).any(axis=1)))
        return known.in_cohort(Cohort.of_genotypes(known.genotypes))

    def in_cohort(self, cohort: Cohort) -> Cohort:
        """Return a cohort of the same animals with these records in the place of its own."""
        traits = tuple(Trait(name) for name in self.names)
        return replace(cohort, records=RecordTable(traits, cohort.animals, self.values, self.weights))

    def beside(self, other: Recorded) -> Recorded:
        """Return these animals and others after them, all numbered anew."""
        values = np.asfortranarray(np.vstack([self.genotypes.values, other.genotypes.values]))
        genotypes = DenseGenotypes(as_ids(range(len(values))), self.genotypes.markers, values)
        records = np.vstack([self.values, other.values])
        return Recorded(genotypes, self.names, records, np.vstack([self.weights, other.weights]))


def on_map(genotypes: GenotypeMatrix | HaplotypeMatrix, markers: MarkerMap) -> DenseGenotypes:
    """Return animals on a marker map, of which they may lack nothing.

    Raises
    ------
    AlignmentError
        Where markers are absent, or alleles contradict each other.
    """
    plain = genotypes.genotypes() if isinstance(genotypes, HaplotypeMatrix) else genotypes
    match = compare_maps(markers, plain.markers)
    if match.n_absent:
        raise AlignmentError(
            "marker map",
            expected=f"all {len(markers):,} markers of the animals learned from",
            found=f"{match.n_absent:,} absent, such as {examples(markers.names[match.columns < 0])}",
            advice="Compare animals on the markers that all have.",
        )
    return DenseGenotypes(plain.animals, markers, dosages(matched(plain, match)))


def labelled(
    genotypes: DenseGenotypes,
    model: GBLUP,
    like: Recorded,
    *,
    given: pd.DataFrame | None = None,
    rng: np.random.Generator,
) -> Recorded:
    """Return animals with records that a model makes for them: mean plus genomic value plus a residual.

    Residuals are normal with the model's variance divided by the weight, and an animal's weights are those of an animal
    drawn from `like`.

    Parameters
    ----------
    genotypes
        The animals.
    model
        Fitted on the traits of `like`.
    like
        Real animals.
    given
        Records that are taken instead, a column a trait, a row an animal, NaN for none.
    rng
        Draws residuals and weights.
    """
    n_animals = len(genotypes.animals)
    weights = like.weights[rng.integers(0, len(like.weights), n_animals)]
    residual = np.sqrt([each.variances.residual for each in model.models_])
    genomic = model.mean_ + model.breeding_values(Cohort.of_genotypes(genotypes))
    values = genomic + residual / np.sqrt(weights) * rng.standard_normal(genomic.shape)
    for column, name in enumerate(like.names):
        if given is not None and name in given.columns:
            values[:, column] = given[name].to_numpy(dtype=np.float64)
    return Recorded(genotypes, like.names, values, np.where(np.isfinite(values), weights, 1.0))
