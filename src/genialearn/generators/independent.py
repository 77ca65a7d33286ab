"""Markers drawn one by one: the floor that every other generator must beat."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.generators.generator import Generator, check_anybody, haplotypes_of
from genialearn.genotypes import GenotypeMatrix, HaplotypeMatrix


class Independent(Generator):
    """Every marker by itself: no linkage disequilibrium, no relationships.

    Of phased animals, alleles by their frequency: P(1) = (n_1 + a / 2) / (n + a). Of others, genotypes by theirs,
    P(g) = (n_g + a / 3) / (n + a), which keeps each marker's deficit of heterozygotes; missing genotypes don't count.

    Costs O(animals x markers) and the memory of the drawn alleles.

    Parameters
    ----------
    pseudocounts
        a, so that no allele is impossible; 0 draws what was seen and nothing else.
    phased
        Whether to learn from haplotypes; None for where the cohort has them.

    Attributes
    ----------
    probabilities_
        Of alleles 0 and 1, or of genotypes 0, 1 and 2, shape (markers, 2) or (markers, 3).
    markers_
        The canonical marker map.
    needs_haplotypes
        Once fitted, whether it has learned from haplotypes.
    """

    def __init__(self, *, pseudocounts: float = 1.0, phased: bool | None = None) -> None:
        self.pseudocounts = pseudocounts
        self.phased = phased
        self.needs_haplotypes = phased is True

    def fit(self, cohort: Cohort) -> Self:
        """Count alleles or genotypes.

        Raises
        ------
        AlignmentError
            Where haplotypes are asked for and the cohort has none, or where it is empty.
        """
        cohort = cohort.canonical()
        check_anybody(cohort)
        _check_pseudocounts(self.pseudocounts)
        self.needs_haplotypes = cohort.haplotypes is not None if self.phased is None else self.phased
        states = 2 if self.needs_haplotypes else 3
        training = haplotypes_of(cohort) if self.needs_haplotypes else cohort.genotypes
        counts = np.zeros((len(training.markers), states))
        for columns, block in training.blocks():
            for state in range(states):
                counts[columns, state] = (block == state).sum(axis=0)
        self.probabilities_ = _probabilities(counts, self.pseudocounts)
        self.markers_ = training.markers
        return self

    def sample(
        self, n_animals: int, *, conditions: pd.DataFrame | None = None, rng: np.random.Generator
    ) -> GenotypeMatrix | HaplotypeMatrix:
        """Return artificial animals, phased where the training was."""
        rows = self._asked(n_animals, conditions) * (2 if self.needs_haplotypes else 1)
        drawn = np.empty((rows, len(self.markers_)), dtype=np.int8, order="F")
        below = np.cumsum(self.probabilities_, axis=1)[:, :-1]
        for marker in range(len(self.markers_)):
            drawn[:, marker] = (rng.random(rows)[:, None] >= below[marker]).sum(axis=1)
        return self._as_animals(drawn)

    def log_likelihood(self, animals: GenotypeMatrix | HaplotypeMatrix) -> FloatArray:
        """Return nats of each haplotype in order, or of each animal's called genotypes where it learned from those.

        Animals may come from another file, with other order and coding of the markers.
        """
        self._check_fitted()
        read = self._as_trained(animals)
        with np.errstate(divide="ignore"):
            logs = np.column_stack([np.log(self.probabilities_), np.zeros(len(self.markers_))])  # the last: missing
        total = np.zeros(2 * len(read.animals) if self.needs_haplotypes else len(read.animals))
        for columns, block in read.blocks():
            total += logs[np.arange(columns.start, columns.stop), block].sum(axis=1)
        return total


def _probabilities(counts: FloatArray, pseudocounts: float) -> FloatArray:
    """Return probabilities of states, equal ones where nothing is known, shape (markers, states)."""
    total = counts.sum(axis=1, keepdims=True) + pseudocounts
    shares = (counts + pseudocounts / counts.shape[1]) / np.maximum(total, 1e-300)
    return np.asarray(np.where(total > 0, shares, 1 / counts.shape[1]))


def _check_pseudocounts(pseudocounts: float) -> None:
    if not 0 <= pseudocounts < np.inf:
        raise SettingError("pseudocounts", expected="a number of at least 0", found=str(pseudocounts))
