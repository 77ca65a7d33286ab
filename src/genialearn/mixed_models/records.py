"""Records of many traits as one linear system a trait, on one relationship operator that all share.

With the incidence Z of animals on a trait's records, weights W and fixed effects X, the contrasts S W^1/2 y, for
S = I - W^1/2 X (X'WX)^-1 X' W^1/2, have variance s2g K + s2e S, K = S W^1/2 Z G Z' W^1/2 S. A product with K of any
number of traits costs one product with G: holes, weights and fixed effects are cheap on either side of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import LinearOperator
from genialearn.mixed_models.projections import Projection
from genialearn.records import Design, Trait, design
from genialearn.records.random_effects import incidence_of, random_names

_CONFOUNDED = 1e-6
"""Of the size of a random effect's values, what is nothing."""


@dataclass(frozen=True, eq=False)
class RandomEffect:
    """A random effect with independent levels, such as an animal's permanent environment or a herd.

    Parameters
    ----------
    name
        "animal" or the column that it stands in.
    incidence
        Of levels on records, multiplied by root weights, shape (records of the pattern, levels).
    ratio
        Its variance over s2g.
    """

    name: str
    incidence: sparse.csr_matrix
    ratio: float = 0.0

    def times(self, values: FloatArray) -> FloatArray:
        """Return W^1/2 Q Q' W^1/2 v for its incidence Q, without the ratio, shape (records, columns)."""
        return np.asarray(self.incidence @ (self.incidence.T @ values))

    def select(self, kept: IntArray) -> RandomEffect:
        """Return the effect on some of the records."""
        return replace(self, incidence=self.incidence[kept])


@dataclass(frozen=True, eq=False)
class RelatedEffect:
    """A random effect of animals that covary, such as their dominance deviations.

    Parameters
    ----------
    name
        What it is.
    kernel
        Covariances of all animals, mean diagonal about 1.
    animals
        Row of each record's animal, shape (records of the pattern,).
    root_weights
        Square roots of the weights, shape (records of the pattern,).
    ratio
        Its variance over s2g.
    """

    name: str
    kernel: LinearOperator
    animals: IntArray
    root_weights: FloatArray
    ratio: float = 0.0

    def times(self, values: FloatArray) -> FloatArray:
        """Return W^1/2 Z K Z' W^1/2 v, without the ratio, shape (records, columns)."""
        weighted = self.root_weights[:, None] * values
        totals = [np.bincount(self.animals, weights=column, minlength=self.kernel.shape[0]) for column in weighted.T]
        image = self.kernel.matmat(np.column_stack(totals).astype(np.float64))
        return np.asarray(self.root_weights[:, None] * image[self.animals])

    def select(self, kept: IntArray) -> RelatedEffect:
        """Return the effect on some of the records."""
        return replace(self, animals=self.animals[kept], root_weights=self.root_weights[kept])


@dataclass(frozen=True, eq=False)
class Pattern:
    """Records that some traits have in common, with their weights and effects.

    Parameters
    ----------
    records
        Rows of the cohort's record table, shape (records of the pattern,).
    animals
        Row of each record's animal, shape (records of the pattern,).
    root_weights
        Square roots of the weights, shape (records of the pattern,).
    effects
        X.
    projection
        Least squares on W^1/2 X.
    random
        Random effects beside breeding values.
    """

    records: IntArray
    animals: IntArray
    root_weights: FloatArray
    effects: Design
    projection: Projection
    random: tuple[RandomEffect | RelatedEffect, ...] = ()

    @classmethod
    def of(cls, cohort: Cohort, column: int, records: IntArray, root_weights: FloatArray) -> Pattern:
        """Return the pattern of some records of a trait."""
        trait = cohort.traits[column]
        if not len(records):
            raise AlignmentError(
                f"trait {trait.name}",
                expected="records of the training animals",
                found="none",
                advice="Leave the trait out with --trait, or use another --split.",
            )
        columns, animals = cohort.records.effects.iloc[records], cohort.record_rows[records]
        effects, weights = design(trait.fixed, columns), sparse.diags(root_weights)
        random = tuple(
            RandomEffect(name, sparse.csr_matrix(weights @ incidence_of(name, columns, animals)))
            for name in random_names(trait.random)
        )
        projection = Projection(sparse.csc_matrix(weights @ effects.matrix))
        for effect in random:
            _refuse_confounded(effect, projection, trait)
        return cls(records, animals, root_weights, effects, projection, random)

    def with_related(self, kernels: Mapping[str, LinearOperator]) -> Pattern:
        """Return the pattern with further random effects of the animals, by name of their covariances."""
        related = [RelatedEffect(name, kernel, self.animals, self.root_weights) for name, kernel in kernels.items()]
        return replace(self, random=(*self.random, *related))

    def with_ratios(self, ratios: FloatArray) -> Pattern:
        """Return the pattern with known variances of its random effects, over s2g."""
        known = [replace(effect, ratio=float(ratio)) for effect, ratio in zip(self.random, ratios, strict=True)]
        return replace(self, random=tuple(known))

    def select(self, kept: IntArray) -> Pattern:
        """Return the pattern of some of these records."""
        matrix = sparse.csc_matrix(self.effects.matrix[kept])
        projection = Projection(sparse.csc_matrix(sparse.diags(self.root_weights[kept]) @ matrix))
        return Pattern(
            self.records[kept],
            self.animals[kept],
            self.root_weights[kept],
            Design(matrix, self.effects.names),
            projection,
            tuple(effect.select(kept) for effect in self.random),
        )

    def free(self, values: FloatArray) -> FloatArray:
        """Return S W^1/2 y for records y (records, columns)."""
        return self.projection.remove(self.root_weights[:, None] * values)

    def to_animals(self, values: FloatArray, n_animals: int) -> FloatArray:
        """Return Z' W^1/2 v for contrasts v (records, columns): shape (animals, columns)."""
        weighted = self.root_weights[:, None] * values
        if self._one_each:
            out = np.zeros((n_animals, values.shape[1]))
            out[self.animals] = weighted
            return out
        columns = [np.bincount(self.animals, weights=column, minlength=n_animals) for column in weighted.T]
        return np.column_stack(columns).astype(np.float64)

    @cached_property
    def _one_each(self) -> bool:
        """Whether no animal has two records."""
        return bool(np.all(np.diff(self.animals) > 0))

    def to_contrasts(self, animal_values: FloatArray) -> FloatArray:
        """Return S W^1/2 Z u for values u of animals (animals, columns): shape (records, columns)."""
        return self.projection.remove(self.root_weights[:, None] * animal_values[self.animals])

    def random_times(self, values: FloatArray) -> FloatArray:
        """Return the sum of S W^1/2 Q Q' W^1/2 v times the ratio over random effects, shape (records, columns)."""
        parts = (effect.ratio * effect.times(values) for effect in self.random)
        return self.projection.remove(np.asarray(sum(parts, np.zeros_like(values))))

    @property
    def total_ratio(self) -> float:
        """Variance of all random effects of a record, over s2g."""
        return sum(effect.ratio for effect in self.random)

    @property
    def n_contrasts(self) -> int:
        """Records less independent fixed effects."""
        return len(self.records) - self.projection.rank


def _refuse_confounded(effect: RandomEffect, projection: Projection, trait: Trait) -> None:
    """Raise where fixed effects tell the levels of a random effect already, so that its variance can be anything."""
    levels = np.random.default_rng(0).standard_normal((effect.incidence.shape[1], 2))
    values = effect.incidence @ levels
    if np.linalg.norm(projection.remove(values)) <= _CONFOUNDED * np.linalg.norm(values):
        raise AlignmentError(
            f"trait {trait.name}: random effect {effect.name}",
            expected="levels that differ where fixed effects are the same",
            found=f"levels that the fixed effects, a mean and {trait.fixed or 'nothing else'}, tell already",
            advice="Leave it out of either.",
        )


def patterns(cohort: Cohort) -> list[Pattern]:
    """Return the pattern of each trait; equal ones are the same object."""
    known: dict[tuple[bytes, bytes, str, str], Pattern] = {}
    found = []
    for column, trait in enumerate(cohort.traits):
        records = np.flatnonzero(np.isfinite(cohort.records.values[:, column]))
        roots = np.sqrt(cohort.records.weights[records, column])
        key = records.tobytes(), roots.tobytes(), trait.fixed, trait.random
        if key not in known:
            known[key] = Pattern.of(cohort, column, records, roots)
        found.append(known[key])
    return found


def relative_weights(cohort: Cohort) -> tuple[Cohort, FloatArray]:
    """Return a cohort whose weights are relative, the same whatever scale they were given on, and what they were over.

    The second is the mean weight of each trait's records, shape (traits,).
    """
    known = np.isfinite(cohort.records.values)
    means = np.sum(cohort.records.weights * known, axis=0) / np.maximum(known.sum(axis=0), 1)
    relative = cohort.records.weights / np.where(means > 0, means, 1.0)
    return replace(cohort, records=replace(cohort.records, weights=relative)), np.asarray(means)


@dataclass(frozen=True, eq=False)
class RecordSystems:
    """The matrices K of some columns, each of one pattern; a column's values stand in its first rows, then zeros.

    Parameters
    ----------
    kernel
        G of all animals.
    columns
        The pattern of each column.
    """

    kernel: LinearOperator
    columns: list[Pattern]

    @property
    def n_rows(self) -> int:
        """Rows of every array of values: the records of the longest pattern."""
        return max(len(pattern.records) for pattern in self.columns)

    def grouped(self, which: IntArray) -> list[tuple[Pattern, IntArray]]:
        """Return each pattern among some columns, with its places among them."""
        places: dict[int, list[int]] = {}
        for place, column in enumerate(which):
            places.setdefault(id(self.columns[column]), []).append(place)
        return [(self.columns[which[found[0]]], np.array(found)) for found in places.values()]

    def to_animals(self, values: FloatArray, which: IntArray) -> FloatArray:
        """Return Z' W^1/2 v, shape (animals, columns)."""
        n_animals = self.kernel.shape[0]
        out = np.empty((n_animals, len(which)))
        for pattern, places in self.grouped(which):
            out[:, places] = pattern.to_animals(values[: len(pattern.records), places], n_animals)
        return out

    def to_contrasts(self, animal_values: FloatArray, which: IntArray) -> FloatArray:
        """Return S W^1/2 Z u, shape (rows, columns)."""
        out = np.zeros((self.n_rows, len(which)))
        for pattern, places in self.grouped(which):
            out[: len(pattern.records), places] = pattern.to_contrasts(animal_values[:, places])
        return out

    def product(self, values: FloatArray, which: IntArray) -> FloatArray:
        """Return K v plus what random effects with known ratios add, shape (rows, columns)."""
        out = self.to_contrasts(self.kernel.matmat(self.to_animals(values, which)), which)
        for pattern, places in self.grouped(which):
            if pattern.total_ratio > 0:
                own = slice(0, len(pattern.records))
                out[own, places] += pattern.random_times(values[own, places])
        return out

    def stacked(self, values: list[FloatArray]) -> FloatArray:
        """Return vectors of the columns' own lengths as one array, shape (rows, columns)."""
        out = np.zeros((self.n_rows, len(values)))
        for column, value in enumerate(values):
            out[: len(value), column] = value
        return out


class LowRankPreconditioner:
    """An approximate inverse of h K + (1 - h) I that knows the dominant part of G.

    K is taken as A A' + r S, A = S W^1/2 Z U D^1/2 and r what the dominant part leaves of G's diagonal. By Woodbury's
    formula the inverse is (I - A (A'A + c I)^-1 A') / c up to a factor, c = r + (1 - h) / h; one eigendecomposition of
    A'A a pattern serves every h.

    Parameters
    ----------
    systems
        The columns.
    part
        U and D.
    heritabilities
        h of each column.
    """

    def __init__(self, systems: RecordSystems, part: LowRank, heritabilities: FloatArray) -> None:
        self._systems = systems
        roots = np.sqrt(part.values)
        self._factor = (part.vectors * roots).astype(np.float32)
        rest = float(np.mean(systems.kernel.diagonal() - np.einsum("ij,ij->i", self._factor, self._factor)))
        others = np.array([pattern.total_ratio for pattern in systems.columns])
        self._shift = max(rest, 0.0) + others + (1 - heritabilities) / heritabilities
        self._spectra: dict[int, tuple[FloatArray, FloatArray]] = {}

    def _spectrum(self, pattern: Pattern) -> tuple[FloatArray, FloatArray]:
        """Return eigenvalues and eigenvectors of A'A."""
        if id(pattern) not in self._spectra:
            weighted = self._factor[pattern.animals] * pattern.root_weights[:, None].astype(np.float32)
            free = pattern.projection.remove(weighted.astype(np.float64)).astype(np.float32)
            values, vectors = np.linalg.eigh((free.T @ free).astype(np.float64))
            self._spectra[id(pattern)] = np.maximum(values, 0.0), vectors
        return self._spectra[id(pattern)]

    def __call__(self, values: FloatArray, which: IntArray) -> FloatArray:
        """Return the approximate inverse times values, shape (rows, columns)."""
        inner = (self._factor.T @ self._systems.to_animals(values, which).astype(np.float32)).astype(np.float64)
        for pattern, places in self._systems.grouped(which):
            eigenvalues, vectors = self._spectrum(pattern)
            rotated = vectors.T @ inner[:, places]
            inner[:, places] = vectors @ (rotated / (eigenvalues[:, None] + self._shift[which[places]]))
        outer = (self._factor @ inner.astype(np.float32)).astype(np.float64)
        return (values - self._systems.to_contrasts(outer, which)) / self._shift[which]
