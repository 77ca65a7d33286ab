"""The memory that fitting single-trait models takes, known from sizes before anything is computed.

Counted are the arrays that are alive together at the highest point of each solver, beside the process itself. The tests
hold the numbers to what processes were seen to take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from genialearn.cohorts import Cohort
from genialearn.genotypes import DenseGenotypes, GenotypeMatrix, PackedGenotypes
from genialearn.genotypes.matrix import BLOCK_WIDTH
from genialearn.mixed_models.iterative import RANK
from genialearn.mixed_models.joint import eigenvectors_used
from genialearn.mixed_models.records import Pattern
from genialearn.mixed_models.scores import PROBES
from genialearn.mixed_models.stochastic import DEFLATED_FROM, number_of_probes

PROCESS = 280 * 2**20
"""Python, its libraries, and compiled code."""

_NUMBER = 8
_PER_RECORD, _PER_ANIMAL, _PER_MARKER = 128, 300, 600
"""Bytes of a trait's record as it is read (text, value, weight, copies), of names, and of a line of the map."""

_WIDEST, _PANEL = 144, 48
"""Columns of a product, and those that one pass over the genotypes serves."""

_BLOCK = 4_000_000
"""Genotypes that are unpacked at a time, where they are of few animals."""

_DECOMPOSITION = 6
"""Matrices (records, records) while one of them is decomposed."""

_DENSE_EFFECTS = 3
"""Matrices (records, fixed effects) that the exact solver keeps for each pattern."""

_PANEL_ARRAYS = 4
"""Arrays (markers, columns of a panel) beside the product of genotypes with values of animals."""

_HELD_BY_LANCZOS, _SUBSPACES, _HELD_BY_GRADIENTS = 4, 4, 13
"""Arrays (records, columns) of a Lanczos step, of the dominant part of G, and where many systems are solved at once."""

_SPECTRUM = 3
"""Arrays (records, eigenvectors) while the preconditioner of a pattern is made."""

_DRAWN = 4
"""Matrices (animals, animals) while breeding values are drawn from a dense G."""

_HELD_BY_JOINT = 4
"""Matrices (eigenvectors x traits, eigenvectors x traits) while the joint model's preconditioner is made."""

_RELIABILITY_RANK = 516
"""Columns of the dominant part of G that reliabilities begin with."""


@dataclass(frozen=True)
class PatternSize:
    """How large a pattern of records is.

    Parameters
    ----------
    n_records, n_effects, n_traits
        Records, fixed effects, and the traits that share them.
    """

    n_records: int
    n_effects: int
    n_traits: int

    @property
    def n_columns(self) -> int:
        """Columns that REML by random vectors needs for it."""
        return self.n_traits + number_of_probes(self.n_records)


@dataclass(frozen=True)
class Sizes:
    """What memory depends on.

    Parameters
    ----------
    n_animals
        Training animals.
    n_markers
        Columns of the genotypes.
    n_genotyped
        Animals in memory, those without records among them.
    file_bytes
        Of the genotypes as they are read, mapped into memory or not.
    patterns
        In the order of the traits.
    """

    n_animals: int
    n_markers: int
    n_genotyped: int
    file_bytes: int
    patterns: tuple[PatternSize, ...]

    @classmethod
    def of(cls, train: Cohort, columns: Sequence[Pattern], *, n_genotyped: int | None = None) -> Self:
        """Return the sizes of training animals, whose traits have these patterns.

        Parameters
        ----------
        train
            The training animals.
        columns
            Pattern of each trait.
        n_genotyped
            All animals that breeding values are computed for; None where these are the training animals.
        """
        n_animals, n_markers = train.genotypes.shape
        n_traits: dict[int, int] = {}
        for pattern in columns:
            n_traits[id(pattern)] = n_traits.get(id(pattern), 0) + 1
        unique = {id(pattern): pattern for pattern in columns}
        sizes = tuple(
            PatternSize(len(pattern.records), len(pattern.effects.names), n_traits[key])
            for key, pattern in unique.items()
        )
        return cls(n_animals, n_markers, n_genotyped or n_animals, _bytes_of(train.genotypes), sizes)

    def of_some(self, n_animals: int) -> Sizes:
        """Return the sizes where no more than so many of the training animals are taken."""
        share = min(n_animals / max(self.n_animals, 1), 1.0)
        patterns = tuple(replace(pattern, n_records=math.ceil(share * pattern.n_records)) for pattern in self.patterns)
        return replace(self, n_animals=min(n_animals, self.n_animals), patterns=patterns)

    @property
    def n_traits(self) -> int:
        """Traits of all patterns."""
        return sum(pattern.n_traits for pattern in self.patterns)


def _bytes_of(genotypes: GenotypeMatrix) -> int:
    if isinstance(genotypes, PackedGenotypes):
        return int(genotypes.packed.nbytes)
    return int(genotypes.values.nbytes) if isinstance(genotypes, DenseGenotypes) else 0


def needed_bytes(
    sizes: Sizes,
    solver: str,
    *,
    out_of_fold: bool = False,
    covariances: bool = False,
    reliabilities: bool = False,
    joint: bool = False,
) -> int:
    """Return about how much memory a process needs that reads a cohort, fits it and predicts all animals.

    Parameters
    ----------
    sizes
        Of the cohort.
    solver
        "exact" or "iterative".
    out_of_fold, covariances, reliabilities, joint
        Whether these follow.
    """
    fit = exact_bytes(sizes) if solver == "exact" else iterative_bytes(sizes, out_of_fold=out_of_fold)
    steps = [fit, _kept_bytes(sizes, solver) + prediction_bytes(sizes)]
    if covariances:
        steps.append(covariance_bytes(sizes, solver))
    if reliabilities:
        steps.append(reliability_bytes(sizes))
    if joint:
        steps.append(joint_bytes(sizes, solver))
    return PROCESS + data_bytes(sizes) + max(steps)


def data_bytes(sizes: Sizes) -> int:
    """Return the bytes of genotypes as they are read, of records and of names."""
    records = _PER_RECORD * sizes.n_genotyped * sizes.n_traits
    return sizes.file_bytes + records + _PER_ANIMAL * sizes.n_genotyped + _PER_MARKER * sizes.n_markers


def prediction_bytes(sizes: Sizes) -> int:
    """Return the bytes of a block of unpacked genotypes, and of breeding values."""
    values = 2 * _NUMBER * sizes.n_genotyped * sizes.n_traits
    return (_NUMBER + 2) * _genotypes_of_block(sizes.n_genotyped, sizes.n_markers) + values


def _genotypes_of_block(n_animals: int, n_markers: int) -> int:
    return min(n_animals * n_markers, max(n_animals * BLOCK_WIDTH, _BLOCK))


def exact_bytes(sizes: Sizes) -> int:
    """Return the bytes of G, of the eigenvectors of all patterns, and of one decomposition.

    The patterns are decomposed one after the other, and their eigenvectors stay.
    """
    n = sizes.n_animals
    highest, kept = n * n, 0
    for pattern in sizes.patterns:
        r = pattern.n_records
        effects = _DENSE_EFFECTS * r * pattern.n_effects
        highest = max(highest, kept + _DECOMPOSITION * r * r + effects)
        kept += r * r + effects
    blocks = 2 * (_NUMBER + 1) * _genotypes_of_block(n, sizes.n_markers)
    return max(_NUMBER * (n * n + highest), _NUMBER * 2 * n * n, _NUMBER * n * n + blocks)


def _kept_bytes(sizes: Sizes, solver: str) -> int:
    """Return the bytes of G and of the eigenvectors of all patterns, or of the genotypes in two bits."""
    if solver != "exact":
        return sizes.n_animals * sizes.n_markers // 4
    return _NUMBER * (sizes.n_animals**2 + sum(p.n_records**2 for p in sizes.patterns))


def iterative_bytes(sizes: Sizes, *, out_of_fold: bool = False) -> int:
    """Return the bytes of genotypes in two bits, and of the values that a step of the widest computation holds."""
    steps = [_lanczos_bytes(sizes), _scores_bytes(sizes), _subspace_bytes(sizes)]
    if out_of_fold:
        steps.append(_many_systems_bytes(sizes))
    return _kept_bytes(sizes, "iterative") + max(steps)


def covariance_bytes(sizes: Sizes, solver: str) -> int:
    """Return the bytes of covariances of traits, and of what the solver keeps for them."""
    product = _NUMBER * _DRAWN * sizes.n_animals**2 if solver == "exact" else _product_bytes(sizes, _WIDEST)
    return _kept_bytes(sizes, solver) + max(_many_systems_bytes(sizes), product)


def joint_bytes(sizes: Sizes, solver: str) -> int:
    """Return the bytes of the joint model: a matrix a kind of record, and its preconditioner's as it is made."""
    n, t = sizes.n_animals, sizes.n_traits
    kinds = min(n, 1 << min(len(sizes.patterns), 40))
    rank = min(RANK, n, eigenvectors_used(t))
    making = (_HELD_BY_JOINT - 1) * (rank * t) ** 2 + 2 * n * rank
    held = kinds * t**2 // 2 + (rank * t) ** 2 + n * (RANK // 2 + rank + _HELD_BY_GRADIENTS * t)
    return _kept_bytes(sizes, solver) + _NUMBER * (held + making) + _product_bytes(sizes, t)


def reliability_bytes(sizes: Sizes) -> int:
    """Return the bytes of reliabilities of all animals: a wide subspace, then many systems."""
    everyone = replace(sizes, n_animals=sizes.n_genotyped)
    squares = _kept_bytes(everyone, "iterative")
    width = min(_RELIABILITY_RANK, sizes.n_genotyped)
    rotated = _NUMBER * width * sizes.n_genotyped
    return squares + max(_subspace_bytes(everyone, width) + rotated, _many_systems_bytes(everyone))


def _many_systems_bytes(sizes: Sizes) -> int:
    """Return the bytes of solving as many systems at once as a product takes."""
    return _NUMBER * _HELD_BY_GRADIENTS * max(sizes.n_animals, _longest(sizes)) * _WIDEST


def _lanczos_bytes(sizes: Sizes) -> int:
    """Return the bytes of a Lanczos step: at its product with Z', and where contrasts are made of the result."""
    widest = max(pattern.n_columns for pattern in sizes.patterns)
    width, n, rows = _lanczos_width(sizes), sizes.n_animals, _longest(sizes)
    product = _product_bytes(sizes, width) + _NUMBER * 3 * rows * width
    contrasts = _NUMBER * ((_HELD_BY_LANCZOS * rows + n) * width + (n + 3 * rows) * widest)
    return _basis_bytes(sizes) + max(product, contrasts)


def _lanczos_width(sizes: Sizes) -> int:
    """Return the columns of a batch, random vectors that fill passes over the genotypes among them."""
    columns = [pattern.n_columns for pattern in sizes.patterns]
    width = min(sum(columns), max(_WIDEST, *columns))
    return max(width, _PANEL * round(width / _PANEL))


def _large(sizes: Sizes) -> list[PatternSize]:
    """Return patterns whose dominant part is taken out, as many as are in a batch together."""
    large = [pattern for pattern in sizes.patterns if pattern.n_records >= DEFLATED_FROM]
    together = _lanczos_width(sizes) // max((pattern.n_columns for pattern in large), default=1)
    return large[: max(together, 1)]


def _basis_bytes(sizes: Sizes) -> int:
    """Return the bytes of what is taken out of the patterns of a batch, float32."""
    return _NUMBER // 2 * sum(pattern.n_records * min(RANK, pattern.n_records) for pattern in _large(sizes))


def _scores_bytes(sizes: Sizes) -> int:
    """Return the bytes of the solutions that correct the heritabilities of a batch, beside its Lanczos run."""
    rows, large = _longest(sizes), _large(sizes)
    columns = min(_WIDEST, (1 + PROBES) * sum(pattern.n_traits for pattern in large))
    preconditioner = _SPECTRUM * min(RANK, rows) if large else 0
    held = _HELD_BY_GRADIENTS * columns + 2 * _lanczos_width(sizes) + preconditioner
    return _basis_bytes(sizes) + _NUMBER * rows * held


def _subspace_bytes(sizes: Sizes, width: int = _WIDEST) -> int:
    """Return the bytes of the search for the dominant part of G, which has a fixed width, and of the part itself."""
    width = min(width, sizes.n_animals)
    subspaces = _NUMBER * _SUBSPACES * max(sizes.n_animals, _longest(sizes)) * width
    return max(_product_bytes(sizes, width), subspaces) + 4 * width * sizes.n_animals


def _product_bytes(sizes: Sizes, width: int) -> int:
    """Return the bytes of V, Z'V and what is needed beside them, for V with so many columns."""
    by_marker = sizes.n_markers * (width + _PANEL_ARRAYS * min(width, _PANEL))
    return _NUMBER * (by_marker + sizes.n_animals * width)


def _longest(sizes: Sizes) -> int:
    return max(pattern.n_records for pattern in sizes.patterns)
