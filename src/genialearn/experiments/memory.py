"""The memory that a command needs, beside what it may use: said first, and refused where it can't be had.

What judging needs is counted here, array by array; the generators count theirs themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from genialearn.cohorts import Cohort
from genialearn.errors import InputError
from genialearn.experiments import machine, portrait
from genialearn.judging.classifier import MOST_ROWS
from genialearn.judging.linkage import MOST_MARKERS
from genialearn.judging.samples import most_animals

_JUDGE = 320 * 2**20
"""Python, its libraries with scikit-learn's, and compiled code."""

_PER_MARKER, _READ = 600, 2
"""Bytes of a line of the map, and of an animal and marker of the files: in bits, while one of them is recoded."""

_KEPT = 10
"""Arrays (animals, markers) of dosages, in bytes, that sets of haplotypes keep."""

_COMPARED, _DRAWN, _RELATED = 3, 9, 3
"""Arrays in float32 while classifiers look at rows, in float64 while the portrait is drawn, and of relationships."""

_PER_PAIR = 72
"""Bytes of a pair of markers of a chromosome while linkage is compared."""


@dataclass(frozen=True)
class Memory:
    """What a process needs.

    Parameters
    ----------
    needed_bytes
        About how much, at its highest.
    purpose
        What for, as in "for generator vae".
    advice
        How to need less: the beginning of a sentence.
    """

    needed_bytes: int
    purpose: str
    advice: str

    @property
    def available_gib(self) -> float:
        """How much this process may use."""
        return machine.usable_memory_gib()

    @property
    def needed_gib(self) -> float:
        """About how much, in GiB."""
        return self.needed_bytes / 2**30

    def line(self) -> str:
        """Return what is said before it starts."""
        return f"memory: about {self.needed_gib:.1f} of {self.available_gib:.1f} GiB {self.purpose}"

    def check(self) -> None:
        """Raise `InputError` where there isn't enough."""
        if self.needed_gib > self.available_gib:
            raise InputError(
                "memory",
                expected=f"about {self.needed_gib:.1f} GiB {self.purpose}",
                found=f"{self.available_gib:.1f} GiB that this process may use",
                advice=f"{self.advice}, or a machine with {math.ceil(self.needed_gib)} GiB.",
            )


@dataclass(frozen=True)
class JudgedSizes:
    """What the memory of a judgement depends on.

    Parameters
    ----------
    n_training, n_holdout, n_artificial
        Animals of each set.
    n_markers, longest
        Markers of all chromosomes, and of the longest.
    phased
        Whether haplotypes are compared.
    """

    n_training: int
    n_holdout: int
    n_artificial: int
    n_markers: int
    longest: int
    phased: bool

    @classmethod
    def of(cls, training: Cohort, holdout: Cohort, artificial: Cohort) -> Self:
        """Return the sizes of three sets."""
        sets = (training, holdout, artificial)
        counts = np.unique(training.genotypes.markers.chromosomes.astype(str), return_counts=True)[1]
        phased = all(each.haplotypes is not None for each in sets)
        n_training, n_holdout, n_artificial = map(len, sets)
        return cls(n_training, n_holdout, n_artificial, int(counts.sum()), int(counts.max(initial=0)), phased)

    @property
    def n_compared(self) -> int:
        """Animals of each set that are compared."""
        return min(self.n_training, self.n_holdout, self.n_artificial, most_animals(self.n_markers))


def judged_bytes(sizes: JudgedSizes) -> int:
    """Return about how much memory a process takes that reads three sets, judges and portrays them."""
    copies = 2 if sizes.phased else 1
    n_read = sizes.n_training + sizes.n_holdout + sizes.n_artificial
    rows = copies * (3 * sizes.n_compared + sizes.n_training)
    kept = _KEPT * sizes.n_compared if sizes.phased else 0
    held = (_PER_MARKER + rows + kept + _READ * n_read) * sizes.n_markers
    return _JUDGE + held + max(_comparing_bytes(sizes, copies), _portrait_bytes(sizes))


def _comparing_bytes(sizes: JudgedSizes, copies: int) -> int:
    """Return the bytes of the metric that takes most: of all rows, of all pairs of markers, or of pairs of animals."""
    n_rows = copies * sizes.n_compared
    rows = 4 * _COMPARED * max(2 * min(n_rows, MOST_ROWS), n_rows) * sizes.n_markers
    pairs = _PER_PAIR * min(sizes.longest, MOST_MARKERS) ** 2 // 2
    related = 4 * (_RELATED * sizes.n_compared**2 + 2 * sizes.n_compared * sizes.n_markers)
    return max(rows, pairs, related)


def _portrait_bytes(sizes: JudgedSizes) -> int:
    shown = min(sizes.n_compared, portrait.MOST_ANIMALS) * min(sizes.n_markers, portrait.MOST_MARKERS)
    return 8 * _DRAWN * shown
