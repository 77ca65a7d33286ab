"""Marker maps: what the columns of a genotype matrix are, and how two maps fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray, Selection, StrArray, as_ids, as_indices
from genialearn.errors import AlignmentError, SettingError, examples

MISSING_ALLELE = "0"
"""What PLINK writes for an allele that was never seen."""

_COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}

_Alleles: TypeAlias = tuple[str, str]
"""The counted and the other allele of one marker."""


@dataclass(frozen=True, eq=False)
class MarkerMap:
    """The columns of a genotype matrix.

    Parameters
    ----------
    names, chromosomes
        Identifiers, shape (markers,).
    centimorgans
        Genetic positions in cM, 0 where unknown, shape (markers,).
    positions
        Physical positions in base pairs, 0 where unknown, shape (markers,).
    counted_alleles, other_alleles
        The allele whose copies a dosage counts (PLINK's A1) and the other one (A2), shape (markers,).
    """

    names: StrArray
    chromosomes: StrArray
    centimorgans: FloatArray
    positions: IntArray
    counted_alleles: StrArray
    other_alleles: StrArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, column.name)) for column in fields(self)}
        if len(lengths) > 1:
            raise SettingError(
                "marker map",
                expected="as many chromosomes, positions and alleles as names",
                found=f"columns of {' and '.join(map(str, sorted(lengths)))}",
            )

    @classmethod
    def numbered(cls, n_markers: int) -> MarkerMap:
        """Return a map of unnamed markers m1, m2, ... at unknown positions, alleles B (counted) and A."""
        names = as_ids([f"m{i + 1}" for i in range(n_markers)])
        return cls(
            names,
            as_ids(["0"] * n_markers),
            np.zeros(n_markers),
            np.arange(1, n_markers + 1),
            as_ids(["B"] * n_markers),
            as_ids(["A"] * n_markers),
        )

    def __len__(self) -> int:
        return len(self.names)

    def select(self, markers: Selection) -> MarkerMap:
        """Return the map of some markers, in the order asked for."""
        chosen = as_indices(markers, len(self))
        return MarkerMap(
            self.names[chosen],
            self.chromosomes[chosen],
            self.centimorgans[chosen],
            self.positions[chosen],
            self.counted_alleles[chosen],
            self.other_alleles[chosen],
        )

    def swapped(self, swap: BoolArray) -> MarkerMap:
        """Return the map with counted and other allele exchanged where `swap` is true."""
        return MarkerMap(
            self.names,
            self.chromosomes,
            self.centimorgans,
            self.positions,
            np.where(swap, self.other_alleles, self.counted_alleles),
            np.where(swap, self.counted_alleles, self.other_alleles),
        )

    def canonical_order(self) -> IntArray:
        """Return the order by chromosome (numbers first, by value), position and name."""
        keys = [
            (*_chromosome_key(chromosome), position, name)
            for chromosome, position, name in zip(self.chromosomes, self.positions.tolist(), self.names, strict=True)
        ]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    def canonical_swaps(self) -> BoolArray:
        """Return where the counted allele isn't the alphabetically first of the two."""
        return np.array(
            [
                _allele_key(other) < _allele_key(counted)
                for counted, other in zip(self.counted_alleles, self.other_alleles, strict=True)
            ],
            dtype=bool,
        )


def _chromosome_key(chromosome: str) -> tuple[int, int, str]:
    return (0, int(chromosome), "") if chromosome.isdecimal() else (1, 0, chromosome)


def _allele_key(allele: str) -> tuple[bool, str]:
    return (allele == MISSING_ALLELE, allele)


@dataclass(frozen=True, eq=False)
class MapMatch:
    """How the markers of a fitted model are found in another file.

    Parameters
    ----------
    reference
        The map that the other file is read through.
    columns
        For each marker of the reference its column in the other map, -1 where it has none, shape (markers,).
    swaps
        Where the other map counts the other allele, so that its dosage d must be read as 2 - d, shape (markers,).
    n_strand
        How many markers matched only on the complementary strand.
    n_unused
        How many markers of the other map the reference doesn't know.
    """

    reference: MarkerMap
    columns: IntArray
    swaps: BoolArray
    n_strand: int
    n_unused: int

    @property
    def n_absent(self) -> int:
        """How many reference markers the other map lacks."""
        return int(np.sum(self.columns < 0))


def compare_maps(reference: MarkerMap, other: MarkerMap) -> MapMatch:
    """Return where each marker of `reference` stands in `other`, and whether its counted allele is swapped.

    Markers are matched by name. Two alleles match as they are, swapped, or on the complementary strand (A-T and
    C-G, only for those four letters). A palindromic marker (A/T or C/G) that appears swapped could be either: it is
    swapped where others tell that both files are of one strand, as those of the same chip are, and refused where any
    is of the other strand, or none tells.

    Raises
    ------
    AlignmentError
        Where no marker is shared, or where the alleles of a shared marker contradict each other.
    """
    columns = _columns_in(other, reference)
    shared = np.flatnonzero(columns >= 0)
    ours, theirs = reference.select(shared), other.select(columns[shared])
    pairs = list(zip(_alleles(ours), _alleles(theirs), strict=True))
    verdicts = [_compare_alleles(*pair) for pair in pairs]
    if None in verdicts and _are_of_one_strand(pairs, verdicts):
        verdicts = [verdict or _swapped(*pair) for pair, verdict in zip(pairs, verdicts, strict=True)]
    contradictory = np.array([verdict is None for verdict in verdicts])
    if contradictory.any():
        raise _contradiction(ours.select(contradictory), theirs.select(contradictory))
    swapped, complemented = np.array(verdicts, dtype=bool).T
    swaps = np.zeros(len(reference), dtype=bool)
    swaps[shared] = swapped
    return MapMatch(reference, columns, swaps, int(complemented.sum()), len(other) - len(shared))


def _columns_in(other: MarkerMap, reference: MarkerMap) -> IntArray:
    """Return the column in `other` of each marker of `reference`, -1 where it has none; some must be there."""
    column_of = {name: column for column, name in enumerate(other.names)}
    columns = np.array([column_of.get(name, -1) for name in reference.names], dtype=np.int64)
    if not (columns >= 0).any():
        raise AlignmentError(
            "marker map",
            expected=f"markers such as {examples(reference.names)}",
            found=f"none of them among {len(other):,} markers such as {examples(other.names)}",
            advice="Was the model fitted on another chip, or are the markers named otherwise?",
        )
    return columns


def _alleles(markers: MarkerMap) -> Iterator[_Alleles]:
    return zip(markers.counted_alleles, markers.other_alleles, strict=True)


def _contradiction(reference: MarkerMap, other: MarkerMap) -> AlignmentError:
    described = [
        f"{name} ({'/'.join(ours)} against {'/'.join(theirs)})"
        for name, ours, theirs in zip(reference.names, _alleles(reference), _alleles(other), strict=True)
    ]
    return AlignmentError(
        "marker map",
        expected="the same two alleles at every shared marker",
        found=f"{len(described):,} that differ or are palindromic and swapped: {examples(described)}",
        advice="Bring both files to one strand and one assembly, or leave these markers out.",
    )


def _compare_alleles(ours: _Alleles, theirs: _Alleles) -> tuple[bool, bool] | None:
    """Return (swapped, complemented), or None for a contradiction."""
    if ours == theirs or _joint(ours, theirs):
        return False, False
    swapped = _joint(ours, theirs[::-1])
    if swapped:
        return None if _COMPLEMENT.get(swapped[0]) == swapped[1] else (True, False)
    complement = _complement(theirs)
    if complement and _joint(ours, complement):
        return False, True
    return (True, True) if complement and _joint(ours, complement[::-1]) else None


def _swapped(ours: _Alleles, theirs: _Alleles) -> tuple[bool, bool] | None:
    """Return that the alleles are swapped, of which strand they are being known, or None for a contradiction."""
    return (True, False) if _joint(ours, theirs[::-1]) else None


def _are_of_one_strand(
    pairs: Sequence[tuple[_Alleles, _Alleles]], verdicts: Sequence[tuple[bool, bool] | None]
) -> bool:
    """Return whether no marker fits on the other strand alone, and some would have told if any did."""
    telling = False
    for (ours, theirs), verdict in zip(pairs, verdicts, strict=True):
        if verdict is not None and verdict[1]:
            return False
        told = verdict is not None and MISSING_ALLELE not in (*ours, *theirs)
        telling |= told and ours[0] in _COMPLEMENT and ours[1] != _COMPLEMENT[ours[0]]
    return telling


def _joint(ours: _Alleles, theirs: _Alleles) -> _Alleles | None:
    """Return the two alleles that both ordered pairs can stand for, an unseen allele fitting any, or None."""
    if any(a != b and MISSING_ALLELE not in (a, b) for a, b in zip(ours, theirs, strict=True)):
        return None
    counted, other = (b if a == MISSING_ALLELE else a for a, b in zip(ours, theirs, strict=True))
    return (counted, other) if counted != other or counted == MISSING_ALLELE else None


def _complement(alleles: _Alleles) -> _Alleles | None:
    """Return the alleles on the other strand, or None where an allele isn't one of A, C, G, T."""
    if any(allele not in _COMPLEMENT and allele != MISSING_ALLELE for allele in alleles):
        return None
    return _COMPLEMENT.get(alleles[0], MISSING_ALLELE), _COMPLEMENT.get(alleles[1], MISSING_ALLELE)
