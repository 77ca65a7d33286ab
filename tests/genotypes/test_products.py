from __future__ import annotations

import numpy as np
import pytest
from strategies import dense, packed, some_dosages

from genialearn._arrays import FloatArray, Int8Array
from genialearn.genotypes import GenotypeMatrix, allele_frequencies, products

SHAPES = [(1, 1), (3, 2), (5, 9), (20, 300), (300, 17), (513, 5)]
"""Around the blocks of 256 markers and the tiles of 256 animals."""


@pytest.fixture(params=SHAPES, ids=str)
def values(request: pytest.FixtureRequest) -> Int8Array:
    return some_dosages(request.param)


@pytest.fixture(params=["dense", "packed", "view", "recoded"])
def genotypes(request: pytest.FixtureRequest, values: Int8Array) -> GenotypeMatrix:
    backwards = np.arange(len(values))[::-1]
    made = {
        "dense": lambda: dense(values),
        "packed": lambda: packed(values),
        "view": lambda: packed(values[::-1]).select(animals=backwards),
        "recoded": lambda: packed(np.where(values < 0, values, 2 - values).astype(np.int8)).recoded(
            np.ones(values.shape[1], dtype=bool)
        ),
    }
    return made[request.param]()


def centred(values: Int8Array, frequencies: FloatArray) -> FloatArray:
    return np.where(values < 0, 0.0, values - 2 * frequencies)


def test_a_block_is_centred_and_missing_is_the_mean() -> None:
    values = np.array([[0, 2], [1, -1], [2, 2]], dtype=np.int8)

    actual = products.centred(np.asfortranarray(values), np.array([0.25, 1.0]))

    np.testing.assert_array_equal([[-0.5, 0], [0.5, 0], [1.5, 0]], actual)


def test_products_with_marker_effects(values: Int8Array, genotypes: GenotypeMatrix) -> None:
    frequencies = allele_frequencies(genotypes)
    effects = np.random.default_rng(2).normal(size=(values.shape[1], 3))

    actual = products.times_marker_effects(genotypes, frequencies, effects)

    np.testing.assert_allclose(centred(values, frequencies) @ effects, actual, atol=1e-12)


def test_products_with_animal_values(values: Int8Array, genotypes: GenotypeMatrix) -> None:
    frequencies = np.random.default_rng(3).random(values.shape[1])
    by_animal = np.random.default_rng(2).normal(size=(len(values), 2))

    actual = products.times_animal_values(genotypes, frequencies, by_animal)

    np.testing.assert_allclose(centred(values, frequencies).T @ by_animal, actual, atol=1e-12)


def test_cross_products(values: Int8Array, genotypes: GenotypeMatrix) -> None:
    frequencies = allele_frequencies(genotypes)
    matrix = centred(values, frequencies)

    actual = products.cross_product(genotypes, frequencies)

    np.testing.assert_allclose(matrix @ matrix.T, actual, atol=1e-10)
    np.testing.assert_array_equal(actual, actual.T)


def test_no_marker_gives_zeros() -> None:
    genotypes = packed(some_dosages((3, 2))).select(markers=[])

    assert not products.cross_product(genotypes, np.zeros(0)).any()
    assert not products.times_marker_effects(genotypes, np.zeros(0), np.zeros((0, 2))).any()
    assert products.times_animal_values(genotypes, np.zeros(0), np.ones((3, 1))).shape == (0, 1)
