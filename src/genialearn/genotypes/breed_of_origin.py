"""Breed of origin: from which breed each allele of a crossbred animal came.

A haplotype is a mosaic of haplotypes of purebred animals (Li and Stephens 2003, Genetics 165:2213-2233) whose donors
belong to breeds, as in HAPMIX (Price et al. 2009, PLoS Genet 5:e1000519, doi:10.1371/journal.pgen.1000519). Before
marker m, d_m Morgans after the last, the breed is drawn anew with probability s_m = 1 - exp(-T d_m) and a donor of it
with it, all breeds alike; else a donor of the same breed is drawn anew with probability r_m = 1 - exp(-rho d_m); an
allele is copied wrongly with probability e. With n_b donors in breed b of B, and x the haplotype,

    f_m(j) = P(x_m | j) ((1 - s_m) ((1 - r_m) f_{m-1}(j) + r_m / n_b sum_{i in b} f_{m-1}(i))
             + s_m / (B n_b) sum_i f_{m-1}(i)),

likewise backwards, and an allele comes from the breed that is the most probable given all alleles of the haplotype on
the chromosome. Costs O(donors x markers) a haplotype.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray, StrArray, as_ids
from genialearn.errors import AlignmentError
from genialearn.genotypes.haplotypes import HaplotypeMatrix
from genialearn.genotypes.markers import MarkerMap
from genialearn.genotypes.matrix import DenseGenotypes

MORGANS_PER_BASE = 1e-8
"""Where the map has no centimorgans: one of them a megabase, as in cattle."""

_REORDERED = {"reassoc", "contract", "nsz"}
"""What sums may do to be vectorised."""


@dataclass(frozen=True)
class CopyingRates:
    """How a crossbred's haplotypes are made of those of purebred animals.

    Parameters
    ----------
    breed_changes
        T, draws of the breed a Morgan: about the generations since breeds were crossed.
    donor_changes
        rho, draws of a donor of the same breed a Morgan.
    error
        e, the probability that an allele is copied wrongly.
    """

    breed_changes: float = 4.0
    donor_changes: float = 20.0
    error: float = 0.01


class _Part(NamedTuple):
    """A chromosome of a panel (markers, donors), and the probabilities of changes before each marker."""

    donors: Int8Array
    bounds: IntArray
    breed_changes: Float32Array
    donor_changes: Float32Array
    error: float


@dataclass(frozen=True, eq=False)
class BreedPanel:
    """Haplotypes of purebred animals that those of others are compared with.

    Parameters
    ----------
    markers
        The columns.
    breeds
        Names, in alphabetical order.
    alleles
        Of the donors, those of a breed side by side, shape (markers, donors).
    bounds
        The first donor of each breed, and the number of donors, shape (breeds + 1,).
    purebred
        The number of the breed of every purebred animal, donor or not.
    rates
        How haplotypes are copied.
    """

    markers: MarkerMap
    breeds: tuple[str, ...]
    alleles: Int8Array
    bounds: IntArray
    purebred: Mapping[str, int]
    rates: CopyingRates

    @classmethod
    def of(
        cls,
        haplotypes: HaplotypeMatrix,
        breeds: Mapping[str, str],
        *,
        most: int = 100,
        rates: CopyingRates | None = None,
        seed: int = 1,
    ) -> BreedPanel:
        """Return the panel of the purebred animals among those that are phased.

        Parameters
        ----------
        haplotypes
            Of purebred animals and perhaps others, markers in canonical order.
        breeds
            Breed of each purebred animal; others aren't in it. It may name animals that aren't there.
        most
            Donor animals of a breed at most, drawn at random.
        rates
            How haplotypes are copied; None for the usual rates.
        seed
            Of the donors that are drawn.

        Raises
        ------
        AlignmentError
            Where there are purebred animals of fewer than two breeds.
        """
        known = [str(breeds.get(name, "")) for name in haplotypes.animals]
        names = tuple(sorted({name for name in known if name}))
        _check_two(names)
        rng = np.random.default_rng(seed)
        labels = np.array([names.index(name) if name else -1 for name in known])
        rows = [_drawn(haplotypes.animals, np.flatnonzero(labels == b), most, rng) for b in range(len(names))]
        donors = haplotypes.select(animals=np.concatenate(rows)).alleles()
        bounds = np.concatenate([[0], np.cumsum([2 * len(each) for each in rows])]).astype(np.int64)
        purebred = {name: int(label) for name, label in zip(haplotypes.animals, labels, strict=True) if label >= 0}
        return cls(haplotypes.markers, names, np.ascontiguousarray(donors.T), bounds, purebred, rates or CopyingRates())

    def origins(self, haplotypes: HaplotypeMatrix, *, declared: bool = False) -> Int8Array:
        """Return the number of the breed that each allele came from, shape (2 animals, markers).

        Parameters
        ----------
        haplotypes
            With this panel's markers.
        declared
            Whether alleles of animals known as purebred are taken to be of their breed, unseen.
        """
        out = np.empty((2 * len(haplotypes.animals), len(self.markers)), dtype=np.int8)
        known = self._declared(haplotypes.animals) if declared else np.full(len(haplotypes.animals), -1)
        out[:] = np.repeat(known, 2)[:, None]
        open_ones = np.flatnonzero(known < 0)
        if len(open_ones):
            both = np.column_stack([2 * open_ones, 2 * open_ones + 1]).ravel()
            out[both] = self._decoded(haplotypes.select(animals=open_ones).alleles())
        return out

    def _declared(self, animals: StrArray) -> IntArray:
        return np.array([self.purebred.get(name, -1) for name in animals], dtype=np.int64)

    def _decoded(self, alleles: Int8Array) -> Int8Array:
        """Return the most probable breed of each allele, shape (haplotypes, markers)."""
        out = np.empty(alleles.shape, dtype=np.int8)
        for columns, distances in _chromosomes(self.markers):
            breed_changes = _probabilities(self.rates.breed_changes, distances)
            donor_changes = _probabilities(self.rates.donor_changes, distances)
            part = _Part(self.alleles[columns], self.bounds, breed_changes, donor_changes, self.rates.error)
            out[:, columns] = _decode(part, np.ascontiguousarray(alleles[:, columns]))
        return out


def partial_dosages(haplotypes: HaplotypeMatrix, origins: Int8Array, breeds: tuple[str, ...]) -> DenseGenotypes:
    """Return how many copies of the counted allele each animal has from each breed, shape (animals, breeds x markers).

    Columns are those of the first breed, then those of the next; each is named after its marker and breed.

    Parameters
    ----------
    haplotypes
        Of the animals.
    origins
        Number of the breed of each allele, shape (2 animals, markers).
    breeds
        Their names.
    """
    alleles, parts = haplotypes.alleles(), []
    for number in range(len(breeds)):
        own = alleles * (origins == number)
        parts.append(own[0::2] + own[1::2])
    matrix = np.asfortranarray(np.concatenate(parts, axis=1), dtype=np.int8)
    return DenseGenotypes(haplotypes.animals, _repeated(haplotypes.markers, breeds), matrix)


def _repeated(markers: MarkerMap, breeds: tuple[str, ...]) -> MarkerMap:
    columns = np.tile(np.arange(len(markers)), len(breeds))
    names = as_ids([f"{name} of {breed}" for breed in breeds for name in markers.names])
    many = markers.select(columns)
    return MarkerMap(
        names, many.chromosomes, many.centimorgans, many.positions, many.counted_alleles, many.other_alleles
    )


def _check_two(names: tuple[str, ...]) -> None:
    if len(names) < 2:
        raise AlignmentError(
            "breeds",
            expected="purebred animals of at least two breeds among the training animals",
            found=f"those of {names[0]} alone" if names else "none",
            advice="Name the breed of every purebred animal by its identifier.",
        )


def _drawn(animals: StrArray, rows: IntArray, most: int, rng: np.random.Generator) -> IntArray:
    """Return at most so many of some animals, whatever their order."""
    in_order = rows[np.argsort(animals[rows].astype(str), kind="stable")]
    return in_order if len(rows) <= most else np.sort(rng.permutation(in_order)[:most])


def _chromosomes(markers: MarkerMap) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield the columns of each chromosome in map order, and how many Morgans each is after the last."""
    for name in dict.fromkeys(markers.chromosomes):
        columns = np.flatnonzero(markers.chromosomes == name)
        columns = columns[np.argsort(markers.positions[columns], kind="stable")]
        mapped = markers.centimorgans[columns] / 100
        places = mapped if mapped.any() else markers.positions[columns] * MORGANS_PER_BASE
        yield columns, np.maximum(np.diff(places, prepend=places[0]), 0.0)


def _probabilities(rate: float, distances: FloatArray) -> Float32Array:
    """Return the probability of at least one change on each of some distances."""
    return (-np.expm1(-rate * distances)).astype(np.float32)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _decode(part: _Part, alleles: Int8Array) -> Int8Array:
    """Return the most probable breeds of one chromosome's alleles (haplotypes, markers), of the same shape."""
    out = np.empty(alleles.shape, dtype=np.int8)
    for haplotype in prange(len(alleles)):
        forward = np.empty(part.donors.shape, dtype=np.float32)
        _forward(part, alleles[haplotype], forward)
        _backward(part, alleles[haplotype], forward, out[haplotype])
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _forward(part: _Part, alleles: Int8Array, out: Float32Array) -> None:
    """Write f, scaled to sum 1 at every marker, shape (markers, donors)."""
    n_breeds = len(part.bounds) - 1
    one = np.float32(1)
    for breed in range(n_breeds):
        these = slice(part.bounds[breed], part.bounds[breed + 1])
        out[0, these] = one / np.float32(n_breeds * (part.bounds[breed + 1] - part.bounds[breed]))
    _weigh(out[0], part.donors[0], alleles[0], part.error, one)
    _scale(out[0], one / _sum(out[0]))
    for marker in range(1, len(alleles)):
        s, r = part.breed_changes[marker], part.donor_changes[marker]
        for breed in range(n_breeds):
            these = slice(part.bounds[breed], part.bounds[breed + 1])
            before, n_donors = out[marker - 1, these], np.float32(part.bounds[breed + 1] - part.bounds[breed])
            fresh = ((one - s) * r * _sum(before) + s / np.float32(n_breeds)) / n_donors
            _mix(before, (one - s) * (one - r), fresh, out[marker, these])
        _weigh(out[marker], part.donors[marker], alleles[marker], part.error, one)
        _scale(out[marker], one / _sum(out[marker]))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _backward(part: _Part, alleles: Int8Array, forward: Float32Array, out: Int8Array) -> None:
    """Go back over the markers, and write the breed whose donors have the largest product of both filters."""
    n_breeds = len(part.bounds) - 1
    beta = np.ones(part.donors.shape[1], dtype=np.float32)
    both, fresh = np.empty(n_breeds, dtype=np.float32), np.empty(n_breeds, dtype=np.float32)
    one = np.float32(1)
    for marker in range(len(alleles) - 1, -1, -1):
        for breed in range(n_breeds):
            these = slice(part.bounds[breed], part.bounds[breed + 1])
            both[breed] = _product(forward[marker, these], beta[these])
        out[marker] = np.argmax(both)
        _weigh(beta, part.donors[marker], alleles[marker], part.error, one / _sum(both))
        s, r = part.breed_changes[marker], part.donor_changes[marker]
        for breed in range(n_breeds):
            these = slice(part.bounds[breed], part.bounds[breed + 1])
            fresh[breed] = _sum(beta[these]) / np.float32(part.bounds[breed + 1] - part.bounds[breed])
        for breed in range(n_breeds):
            these = slice(part.bounds[breed], part.bounds[breed + 1])
            added = (one - s) * r * fresh[breed] + s * _sum(fresh) / np.float32(n_breeds)
            _mix(beta[these], (one - s) * (one - r), added, beta[these])


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _sum(values: Float32Array) -> np.float32:
    total = np.float32(0)
    for i in range(len(values)):
        total += values[i]
    return total


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _product(first: Float32Array, second: Float32Array) -> np.float32:
    total = np.float32(0)
    for i in range(len(first)):
        total += first[i] * second[i]
    return total


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _mix(before: Float32Array, stay: np.float32, fresh: np.float32, out: Float32Array) -> None:
    """Write what stays of the donors before, and what is added to each."""
    for i in range(len(before)):
        out[i] = stay * before[i] + fresh


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _scale(values: Float32Array, factor: np.float32) -> None:
    for i in range(len(values)):
        values[i] *= factor


@njit(cache=True, fastmath=_REORDERED)  # type: ignore[untyped-decorator]
def _weigh(values: Float32Array, donors: Int8Array, allele: int, error: float, factor: np.float32) -> None:
    """Multiply by a factor and by the probability of an allele given each donor's."""
    if_one = np.float32((1 - error if allele == 1 else error) * factor)
    if_none = np.float32((1 - error if allele == 0 else error) * factor)
    for i in range(len(values)):
        carried = np.float32(donors[i])
        values[i] *= if_none + carried * (if_one - if_none)
