from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import FloatArray, Int8Array
from genialearn.genotypes import DenseGenotypes, MarkerMap, PackedGenotypes, _bits
from genialearn.genotypes.by_animal import GenotypesByAnimal


def random_dosages(n_animals: int, n_markers: int) -> Int8Array:
    return np.random.default_rng(n_animals).integers(-1, 3, (n_animals, n_markers), dtype=np.int8)


def dense(values: Int8Array) -> DenseGenotypes:
    names = np.array([f"a{row}" for row in range(len(values))], dtype=object)
    return DenseGenotypes(names, MarkerMap.numbered(values.shape[1]), values)


def packed(values: Int8Array) -> PackedGenotypes:
    plain = dense(values)
    return PackedGenotypes.whole(plain.animals, plain.markers, _bits.pack(values))


def plain_formula(values: Int8Array, p: FloatArray) -> FloatArray:
    return np.where(values < 0, 0.0, (values - 2 * p) / np.sqrt(2 * p * (1 - p)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 7), (9, 256), (7, 259), (4100, 5), (6, 1030)])
class TestStandardised:
    def test_all_markers(self, shape: tuple[int, int]) -> None:
        values = random_dosages(*shape)
        p = np.linspace(0.1, 0.9, shape[1])
        rows = np.random.default_rng(1).permutation(shape[0])
        found = GenotypesByAnimal.of(packed(values), p).standardised(rows, dtype=np.float64)

        np.testing.assert_allclose(plain_formula(values, p)[rows], found, rtol=1e-15)

    def test_some_markers(self, shape: tuple[int, int]) -> None:
        values = random_dosages(*shape)
        p, rng = np.linspace(0.1, 0.9, shape[1]), np.random.default_rng(1)
        rows, columns = rng.integers(0, shape[0], 12), rng.permutation(shape[1])[: max(1, shape[1] // 3)]
        found = GenotypesByAnimal.of(dense(values), p).standardised(rows, columns)

        assert np.float32 == found.dtype
        np.testing.assert_allclose(plain_formula(values, p)[np.ix_(rows, columns)], found, rtol=1e-6)


def test_missing_genotypes_may_have_another_value() -> None:
    values, p = random_dosages(30, 9), np.linspace(0.1, 0.9, 9)
    found = GenotypesByAnimal.of(packed(values), p).with_missing(np.nan).standardised(np.arange(30), dtype=np.float64)

    np.testing.assert_allclose(np.where(values < 0, np.nan, plain_formula(values, p)), found, rtol=1e-15)


def test_views_are_seen_through() -> None:
    """Selected animals, markers in another order, the other allele counted."""
    values = random_dosages(40, 60)
    p, rng = np.linspace(0.2, 0.8, 60), np.random.default_rng(3)
    view = packed(values).select(animals=rng.permutation(40)[:30], markers=rng.permutation(60))
    view = view.recoded(rng.random(60) < 0.5)
    expected = np.concatenate([block for _, block in view.blocks()], axis=1)
    found = GenotypesByAnimal.of(view, p).standardised(np.arange(30), dtype=np.float64)

    np.testing.assert_allclose(plain_formula(expected, p), found, rtol=1e-15)


def test_a_marker_that_does_not_vary_is_nought() -> None:
    p = np.array([0.0, 0.5, 1.0])
    found = GenotypesByAnimal.of(dense(random_dosages(20, 3)), p).standardised(np.arange(20))

    assert not found[:, [0, 2]].any()
    assert found[:, 1].any()


def test_two_bits_a_genotype() -> None:
    made = GenotypesByAnimal.of(dense(random_dosages(20, 41)), np.full(41, 0.5))

    assert (20, 11) == made.packed.shape
    assert (20, 41) == made.shape
    assert 20 == len(made)
