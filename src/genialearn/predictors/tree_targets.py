"""What trees are grown towards: records without their fixed effects, and what a model begins with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.adjustment import AdjustedRecords, average_by_animal

_LEAST = 0.005
"""Probability of a binary trait that a model begins with at least; 1 less this at most."""


@dataclass(frozen=True, eq=False)
class Target:
    """One trait.

    Parameters
    ----------
    rows
        Training animals with a record, ascending, shape (recorded,).
    values
        Their records in units, and without fixed effects where the trait isn't binary, shape (recorded,).
    start
        What trees begin with, of the same scale, of a binary trait a probability, shape (recorded,).
    weights
        Of mean 1, shape (recorded,).
    binary
        Whether values are shares of ones.
    """

    rows: IntArray
    values: FloatArray
    start: FloatArray
    weights: FloatArray
    binary: bool

    @property
    def rest(self) -> FloatArray:
        """What the start leaves of the values, shape (recorded,)."""
        return self.values - self.start

    @property
    def offset(self) -> FloatArray:
        """The start on the scale that trees add up on: of a binary trait the logit, shape (recorded,)."""
        return logit(self.start) if self.binary else self.start

    def loss(self, raw: FloatArray) -> float:
        """Return the mean loss of values on the scale of `offset`: of a binary trait the cross-entropy, else squares.

        Parameters
        ----------
        raw
            Offset plus trees, shape (recorded,).
        """
        losses = np.logaddexp(0.0, raw) - self.values * raw if self.binary else (self.values - raw) ** 2
        return float(np.average(losses, weights=self.weights))

    def part(self, kept: BoolArray) -> Target:
        """Return the target of some of the animals with a record."""
        return Target(self.rows[kept], self.values[kept], self.start[kept], self.weights[kept], self.binary)


@dataclass(frozen=True, eq=False)
class TraitScales:
    """What turns the sum of trees into a prediction.

    Parameters
    ----------
    means, units
        Of each trait: its mean, and what quantitative traits are divided by, shape (traits,).
    binary
        Which traits are, shape (traits,).
    """

    means: FloatArray
    units: FloatArray
    binary: BoolArray

    def predicted(self, trait: int, breeding_values: FloatArray, trees: FloatArray, *, linked: bool) -> FloatArray:
        """Return what breeding values and trees come to for animals of average fixed effects, shape (animals,).

        Parameters
        ----------
        trait
            Its place.
        breeding_values
            That trees began with, shape (animals,).
        trees
            What they add, shape (animals,).
        linked
            Whether they add to the logit of a binary trait.
        """
        start = self.means[trait] + breeding_values
        if not self.binary[trait]:
            return np.asarray(start + self.units[trait] * trees)
        if not linked:
            return np.asarray(np.clip(start + trees, 0.0, 1.0))
        return np.asarray(expit(logit(_probability(start)) + trees))


@dataclass(frozen=True, eq=False)
class Targets:
    """All traits of the training animals.

    Parameters
    ----------
    raw
        Records averaged by animal, fixed effects in them; NaN without record, shape (animals, traits).
    records
        The same without their fixed effects.
    scales
        Of the traits.
    """

    raw: FloatArray
    records: AdjustedRecords
    scales: TraitScales

    @classmethod
    def of(cls, cohort: Cohort, records: AdjustedRecords, means: FloatArray) -> Targets:
        """Return the targets of a cohort, whose records were adjusted by whoever knew how."""
        raw = []
        for values, weights in zip(cohort.records.values.T, cohort.records.weights.T, strict=True):
            rows = np.flatnonzero(np.isfinite(values))
            raw.append(average_by_animal(cohort.record_rows[rows], values[rows], weights[rows], len(cohort))[0])
        binary = np.array([trait.kind == "binary" for trait in cohort.traits])
        deviations = records.standard_deviations
        units = np.where(binary | (deviations == 0), 1.0, deviations)
        return cls(np.column_stack(raw), records, TraitScales(means, units, binary))

    def of_trait(self, trait: int, breeding_values: FloatArray) -> Target:
        """Return one trait's target.

        Parameters
        ----------
        trait
            Its place.
        breeding_values
            That trees begin with, out of fold; 0 for none, shape (animals,).
        """
        rows = np.flatnonzero(self.records.weights[:, trait] > 0)
        weights = self.records.weights[rows, trait]
        adjusted, known = self.records.values[rows, trait], breeding_values[rows]
        mean, unit = self.scales.means[trait], self.scales.units[trait]
        if self.scales.binary[trait]:
            values = self.raw[rows, trait]
            start = _probability(values - adjusted + mean + known)
        else:
            values, start = (adjusted - mean) / unit, known / unit
        return Target(rows, values, start, weights / weights.mean(), bool(self.scales.binary[trait]))


def _probability(values: FloatArray) -> FloatArray:
    return np.clip(values, _LEAST, 1 - _LEAST)
