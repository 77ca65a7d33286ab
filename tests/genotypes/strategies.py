"""Small genotypes of every shape, packed and plain."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genialearn._arrays import BoolArray, Int8Array, IntArray, as_ids
from genialearn.genotypes import DenseGenotypes, MarkerMap, PackedGenotypes, _bits

SHAPES = [*((n_animals, 1) for n_animals in range(1, 10)), (1, 9), (10, 3), (20, 20), (7, 300), (65, 513)]
"""Around the four animals of a byte and the 256 markers of a block."""

BASES = "ACGT"


def some_dosages(shape: tuple[int, int], seed: int = 1) -> Int8Array:
    """Return dosages of which a quarter is missing."""
    return np.random.default_rng(seed).integers(-1, 3, shape).astype(np.int8)


def some_markers(n_markers: int) -> MarkerMap:
    """Return a map of three chromosomes, in no order, with alleles that aren't palindromic."""
    rng = np.random.default_rng(n_markers)
    alleles = [("A", "C"), ("T", "G"), ("C", "A"), ("G", "A"), ("ATG", "A"), ("B", "A"), ("0", "T"), ("G", "0")]
    pairs = [alleles[choice] for choice in rng.integers(0, len(alleles), n_markers)]
    return MarkerMap(
        as_ids([f"rs{marker}" for marker in rng.permutation(n_markers)]),
        as_ids(rng.choice(["2", "10", "X"], n_markers)),
        rng.integers(0, 1000, n_markers) / 8,
        rng.integers(0, 50, n_markers),
        as_ids([pair[0] for pair in pairs]),
        as_ids([pair[1] for pair in pairs]),
    )


def dense(values: Int8Array) -> DenseGenotypes:
    """Return plain genotypes of animals a0, a1, ..."""
    animals = as_ids([f"a{animal}" for animal in range(len(values))])
    return DenseGenotypes(animals, some_markers(values.shape[1]), np.asfortranarray(values))


def packed(values: Int8Array) -> PackedGenotypes:
    """Return the packed twin of `dense`."""
    plain = dense(values)
    return PackedGenotypes.whole(plain.animals, plain.markers, _bits.pack(values))


def as_table(markers: MarkerMap) -> list[tuple[Any, ...]]:
    """Return a map as one tuple a marker."""
    return list(
        zip(
            markers.names,
            markers.chromosomes,
            markers.centimorgans.tolist(),
            markers.positions.tolist(),
            markers.counted_alleles,
            markers.other_alleles,
            strict=True,
        )
    )


dosage_arrays = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=13).flatmap(
    lambda shape: hnp.arrays(np.int8, shape, elements=st.integers(-1, 2))
)


def indices(size: int, *, repeated: bool = False) -> st.SearchStrategy[IntArray]:
    """Draw some of 0 ... size - 1, in any order."""
    listed = st.lists(st.integers(0, size - 1), unique=not repeated) if size else st.just([])
    return listed.map(lambda chosen: np.array(chosen, dtype=np.int64))


def selections(size: int) -> st.SearchStrategy[Any]:
    """Draw indices, a mask, a slice or None."""
    return st.one_of(st.none(), st.slices(size), indices(size), masks(size))


def masks(size: int) -> st.SearchStrategy[BoolArray]:
    """Draw an array of true and false."""
    return hnp.arrays(np.bool_, size)
