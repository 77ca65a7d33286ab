"""Pedigree relationships, as products: A itself is never formed.

With parents before offspring A = T D T' (Henderson 1976, Biometrics 32:69-83, doi:10.2307/2529339). T passes half of
each animal to its offspring: T^-1 = I - P / 2, where a row of P has a 1 for each known parent. D holds the variances of
Mendelian sampling, D_j = 1/2 - (F_sire + F_dam) / 4 with F = -1 for an unknown parent. So A v takes one sweep from
offspring to parents, T'v, and one back (Colleau 2002, Genet Sel Evol 34:409-421, doi:10.1186/1297-9686-34-4-409).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from scipy import sparse

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray, as_ids
from genialearn.records import Pedigree, check_pedigree

_PANEL = 8
"""Columns that are swept together: one cache line of float64."""

_F_OF_UNKNOWN = -1.0


class _Parents(NamedTuple):
    """Rows of the parents, -1 where unknown, shape (animals,)."""

    sires: IntArray
    dams: IntArray


class _Workspace(NamedTuple):
    """What the sweeps of one sire leave to each other; the last place is that of unknown parents, shape (animals + 1,).

    Parameters
    ----------
    wanted
        Whether an animal is still to be visited.
    path
        Animals visited, in this order.
    shares
        T' e of the sire.
    relationships
        A e of the sire, up to date in `path` only.
    """

    wanted: BoolArray
    path: IntArray
    shares: FloatArray
    relationships: FloatArray


@dataclass(frozen=True, eq=False)
class PedigreeRelationships:
    """Pedigree relationships A of some animals.

    Parameters
    ----------
    animals
        Whose relationships these are; an animal may come twice, shape (animals,).
    pedigree
        As it was given.
    ancestry
        The animals and all their ancestors, parents first.
    rows
        Row of each animal in `ancestry`, shape (animals,).
    inbreeding
        Inbreeding coefficients F of all animals in `ancestry`, shape (ancestry,).
    """

    animals: StrArray
    pedigree: Pedigree
    ancestry: Pedigree
    rows: IntArray
    inbreeding: FloatArray

    @classmethod
    def of(cls, pedigree: Pedigree, animals: StrArray) -> PedigreeRelationships:
        """Return the relationships of animals; those that the pedigree doesn't know are unrelated founders.

        Raises
        ------
        FileFormatError
            Where the pedigree contradicts itself.
        """
        ancestry = ancestry_of(pedigree, animals)
        inbreeding = inbreeding_coefficients(ancestry.sires, ancestry.dams)
        return cls(animals, pedigree, ancestry, ancestry.rows_of(animals), inbreeding)

    @property
    def shape(self) -> tuple[int, int]:
        """Animals twice."""
        return len(self.animals), len(self.animals)

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return A V for V of shape (animals, columns): time is of the order of ancestry x columns."""
        return self._product(self.rows, self.rows, values)

    def between(self, others: StrArray, values: FloatArray) -> FloatArray:
        """Return A[others, animals] V for any other animals and V (animals, columns), shape (others, columns).

        So dual coefficients a of these animals, u = A a, become breeding values of others. Others that `pedigree`
        doesn't know are related to nobody; `knowing` adds what a wider pedigree knows about them.
        """
        joint = PedigreeRelationships.of(self.pedigree, np.concatenate([self.animals, others]))
        return joint._product(joint.rows[len(self.animals) :], joint.rows[: len(self.animals)], values)

    def parent_averages(self, others: StrArray, values: FloatArray) -> FloatArray:
        """Return (A[sires, animals] + A[dams, animals]) V / 2 for the parents of others, shape (others, columns).

        Unknown parents are related to nobody.
        """
        joint = PedigreeRelationships.of(self.pedigree, np.concatenate([self.animals, others]))
        own, rows = joint.rows[: len(self.animals)], joint.rows[len(self.animals) :]
        everybody = joint._product(np.arange(len(joint.ancestry)), own, values)
        padded = np.vstack([everybody, np.zeros((1, values.shape[1]))])
        return np.asarray((padded[joint.ancestry.sires[rows]] + padded[joint.ancestry.dams[rows]]) / 2)

    def knowing(self, pedigree: Pedigree) -> PedigreeRelationships:
        """Return the same relationships, which know from another pedigree animals that their own doesn't know.

        Whom they know keeps the parents that it has, so that relationships among their animals stay what they are.
        """
        if pedigree is self.pedigree:
            return self
        return replace(self, pedigree=joined(joined(self.ancestry, self.pedigree), pedigree))

    def _product(self, rows: IntArray, columns: IntArray, values: FloatArray) -> FloatArray:
        """Return A[rows, columns] V, where rows and columns are rows of `ancestry`."""
        if values.ndim != 2 or len(values) != len(columns):
            raise ValueError(f"values of shape {values.shape} can't be those of {len(columns)} animals")
        parents = _Parents(self.ancestry.sires, self.ancestry.dams)
        given = np.ascontiguousarray(values, dtype=np.float64)
        return np.asarray(_multiply(parents, self._mendelian_variances(), rows, columns, given))

    def diagonal(self) -> FloatArray:
        """Return the diagonal of A, 1 + F, shape (animals,)."""
        return np.asarray(1 + self.inbreeding[self.rows])

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return breeding values of variance A, dropped through the pedigree: T D^1/2 z, shape (animals, columns)."""
        parents = _Parents(self.ancestry.sires, self.ancestry.dams)
        values = np.zeros((len(self.ancestry) + 1, n_columns))  # the last row is that of unknown parents
        values[:-1] = np.sqrt(self._mendelian_variances())[:, None] * rng.standard_normal((len(values) - 1, n_columns))
        _pass_on(parents, values)
        return np.asarray(values[self.rows])

    def inverse(self) -> sparse.csc_matrix:
        """Return the inverse of A of all animals in `ancestry`, shape (ancestry, ancestry).

        A^-1 = (I - P / 2)' D^-1 (I - P / 2), sparse because only parents, offspring and mates meet (Henderson 1976;
        with inbreeding Quaas 1976, Biometrics 32:949-953).
        """
        lower = _without_parents(self.ancestry)
        return sparse.csc_matrix(lower.T @ sparse.diags(1 / self._mendelian_variances()) @ lower)

    def as_matrix(self) -> FloatArray:
        """Return A by the tabular method, shape (animals, animals): plain, for few animals, needs ancestry^2 memory.

        Above the diagonal A_ij = (A_i,sire(j) + A_i,dam(j)) / 2, on it A_jj = 1 + A_sire(j),dam(j) / 2 (Emik and
        Terrill 1949, J Hered 40:51-55).
        """
        n_animals = len(self.ancestry)
        table = np.zeros((n_animals + 1, n_animals + 1))  # the last row and column are those of an unknown parent
        for j, (sire, dam) in enumerate(zip(self.ancestry.sires, self.ancestry.dams, strict=True)):
            table[j, :j] = table[:j, j] = (table[sire, :j] + table[dam, :j]) / 2
            table[j, j] = 1 + table[sire, dam] / 2
        return table[np.ix_(self.rows, self.rows)]

    def _mendelian_variances(self) -> FloatArray:
        """Return D, shape (ancestry,)."""
        padded = np.append(self.inbreeding, _F_OF_UNKNOWN)
        return np.asarray(0.5 - (padded[self.ancestry.sires] + padded[self.ancestry.dams]) / 4)


def _without_parents(pedigree: Pedigree) -> sparse.csc_matrix:
    """Return T^-1 = I - P / 2; a parent that is both sire and dam counts twice."""
    n_animals = len(pedigree)
    children = np.tile(np.arange(n_animals), 2)
    parents = np.concatenate([pedigree.sires, pedigree.dams])
    known = parents >= 0
    halves = sparse.coo_matrix((np.full(known.sum(), 0.5), (children[known], parents[known])), (n_animals, n_animals))
    return sparse.csc_matrix(sparse.eye(n_animals) - halves)


def joined(first: Pedigree, second: Pedigree) -> Pedigree:
    """Return the first pedigree with the animals that only the second knows; the first is right about its own."""
    known = first.rows_of(second.ids)
    added = np.flatnonzero(known < 0)
    known[added] = len(first) + np.arange(len(added))
    rows = np.append(known, -1)  # the last is that of an unknown parent
    return Pedigree(
        np.append(first.ids, second.ids[added]),
        np.append(first.sires, rows[second.sires[added]]),
        np.append(first.dams, rows[second.dams[added]]),
        np.append(first.birth_years, second.birth_years[added]),
        np.append(first.sexes, second.sexes[added]),
    )


def ancestry_of(pedigree: Pedigree, animals: StrArray) -> Pedigree:
    """Return the pedigree of animals and all their ancestors, parents first.

    Generations follow each other; within one, animals are in the order of their identifiers, so that no result depends
    on the order of a file. Animals that the pedigree doesn't know are founders.

    Raises
    ------
    FileFormatError
        Where the pedigree contradicts itself.
    """
    check_pedigree(pedigree, "pedigree")
    rows = pedigree.rows_of(animals)
    strangers = as_ids(sorted(set(animals[rows < 0])))
    kept = _parents_first(pedigree, np.flatnonzero(_with_ancestors(pedigree, rows[rows >= 0])))
    numbers = np.full(len(pedigree) + 1, -1, dtype=np.int64)  # the last stands for an unknown parent
    numbers[kept] = len(strangers) + np.arange(len(kept))
    founders = np.full(len(strangers), -1, dtype=np.int64)
    return Pedigree(
        np.append(strangers, pedigree.ids[kept]),
        np.append(founders, numbers[pedigree.sires[kept]]),
        np.append(founders, numbers[pedigree.dams[kept]]),
        np.append(np.full(len(strangers), np.nan), pedigree.birth_years[kept]),
        np.append(as_ids([""] * len(strangers)), pedigree.sexes[kept]),
    )


def _with_ancestors(pedigree: Pedigree, rows: IntArray) -> BoolArray:
    """Return which animals of a pedigree are in these rows or ancestors of those, shape (pedigree,)."""
    kept = np.zeros(len(pedigree), dtype=bool)
    while len(rows):
        kept[rows] = True
        parents = np.unique(np.append(pedigree.sires[rows], pedigree.dams[rows]))
        rows = parents[(parents >= 0) & ~kept[parents]]
    return kept


def _parents_first(pedigree: Pedigree, rows: IntArray) -> IntArray:
    by_name = rows[np.argsort(pedigree.ids[rows], kind="stable")]
    return np.asarray(by_name[np.argsort(_generations(pedigree)[by_name], kind="stable")])


def _generations(pedigree: Pedigree) -> IntArray:
    """Return how many generations each animal is from its remotest founder, 0 for founders, shape (pedigree,)."""
    generations = np.full(len(pedigree) + 1, -1, dtype=np.int64)  # the last stands for an unknown parent
    while True:
        raised = 1 + np.maximum(generations[pedigree.sires], generations[pedigree.dams])
        if np.array_equal(raised, generations[:-1]):
            return raised
        generations[:-1] = raised


def inbreeding_coefficients(sires: IntArray, dams: IntArray) -> FloatArray:
    """Return the inbreeding coefficients F of a pedigree with parents before offspring, shape (animals,).

    F is half the relationship of the parents. For one sire after the other, the relationships with all his mates come
    from two sweeps over the ancestors of these couples alone (Sargolzaei, Iwaisaki and Colleau 2005, J Anim Breed Genet
    122:325-331, doi:10.1111/j.1439-0388.2005.00538.x).

    Parameters
    ----------
    sires, dams
        Rows of the parents, -1 where unknown, shape (animals,).
    """
    children = np.flatnonzero((sires >= 0) & (dams >= 0))
    children = children[np.argsort(sires[children], kind="stable")]
    inbreeding = np.zeros(len(sires) + 1)
    inbreeding[-1] = _F_OF_UNKNOWN
    _fill_inbreeding(_Parents(sires, dams), children, inbreeding)
    return inbreeding[:-1]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill_inbreeding(parents: _Parents, children: IntArray, inbreeding: FloatArray) -> None:
    """Write F of children, sorted by sire: F of his ancestors, and so their D, is then known before he comes."""
    size = len(inbreeding)
    space = _Workspace(np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.int64), np.zeros(size), np.zeros(size))
    start = 0
    while start < len(children):
        stop = _end_of_family(parents.sires, children, start)
        family = children[start:stop]
        mates = parents.dams[family]
        n_visited = _ascend(parents, parents.sires[family[0]], mates, space)
        _descend(parents, inbreeding, n_visited, space)
        inbreeding[family] = space.relationships[mates] / 2
        start = stop


@njit(cache=True)  # type: ignore[untyped-decorator]
def _end_of_family(sires: IntArray, children: IntArray, start: int) -> int:
    stop = start + 1
    while stop < len(children) and sires[children[stop]] == sires[children[start]]:
        stop += 1
    return stop


@njit(cache=True)  # type: ignore[untyped-decorator]
def _ascend(parents: _Parents, sire: int, mates: IntArray, space: _Workspace) -> int:
    """Visit a sire, his mates and all their ancestors, offspring first, and give parents their shares: T' e.

    Returns how many were visited.
    """
    space.wanted[sire] = True
    space.wanted[mates] = True
    space.shares[sire] = 1.0
    n_visited = 0
    for animal in range(max(sire, mates.max()), -1, -1):
        if space.wanted[animal]:
            space.wanted[animal] = False
            space.path[n_visited] = animal
            n_visited += 1
            for parent in (parents.sires[animal], parents.dams[animal]):
                space.wanted[parent] = True
                space.shares[parent] += space.shares[animal] / 2
    return n_visited


@njit(cache=True)  # type: ignore[untyped-decorator]
def _descend(parents: _Parents, inbreeding: FloatArray, n_visited: int, space: _Workspace) -> None:
    """Turn the shares of the animals visited into relationships, T D T' e, and clear them."""
    for animal in space.path[:n_visited][::-1]:
        sire, dam = parents.sires[animal], parents.dams[animal]
        variance = 0.5 - (inbreeding[sire] + inbreeding[dam]) / 4
        passed = (space.relationships[sire] + space.relationships[dam]) / 2
        space.relationships[animal] = variance * space.shares[animal] + passed
        space.shares[animal] = 0.0


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _multiply(
    parents: _Parents, variances: FloatArray, rows: IntArray, columns: IntArray, values: FloatArray
) -> FloatArray:
    """Return A[rows, columns] V, the columns of V in panels; memory is one panel of all animals a thread."""
    n_columns = values.shape[1]
    out = np.empty((len(rows), n_columns))
    for panel in prange((n_columns + _PANEL - 1) // _PANEL):
        first, last = panel * _PANEL, min((panel + 1) * _PANEL, n_columns)
        work = np.zeros((len(variances) + 1, last - first))  # the last row is that of unknown parents
        for i in range(len(columns)):
            work[columns[i]] += values[i, first:last]
        _sweep(parents, variances, work)
        for i in range(len(rows)):
            out[i, first:last] = work[rows[i]]
    return out


@njit(cache=True)  # type: ignore[untyped-decorator]
def _sweep(parents: _Parents, variances: FloatArray, work: FloatArray) -> None:
    """Replace each column w of `work` by T D T'w."""
    n_animals, n_columns = len(variances), work.shape[1]
    for animal in range(n_animals - 1, -1, -1):
        sire, dam = parents.sires[animal], parents.dams[animal]
        for column in range(n_columns):
            work[sire, column] += work[animal, column] / 2
            work[dam, column] += work[animal, column] / 2
            work[animal, column] *= variances[animal]
    work[n_animals] = 0.0
    _pass_on(parents, work)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _pass_on(parents: _Parents, work: FloatArray) -> None:
    """Replace each column w of `work` by T w: to each animal half of both parents is added."""
    for animal in range(len(work) - 1):
        sire, dam = parents.sires[animal], parents.dams[animal]
        for column in range(work.shape[1]):
            work[animal, column] += (work[sire, column] + work[dam, column]) / 2
