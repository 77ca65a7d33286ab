from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import Float32Array, FloatArray, as_ids
from genialearn.genotypes import DenseGenotypes, MarkerMap
from genialearn.genotypes.marker_blocks import (
    NARROW,
    WIDE,
    MarkerBlocks,
    add_effects,
    block_width,
    padded_columns,
    sums_over_animals,
)


def genotypes(n_animals: int, n_markers: int, *, missing: float) -> DenseGenotypes:
    rng = np.random.default_rng(1)
    values = rng.binomial(2, rng.uniform(0.05, 0.95, n_markers), (n_animals, n_markers)).astype(np.int8)
    values[rng.random(values.shape) < missing] = -1
    animals = as_ids([f"a{row}" for row in range(n_animals)])
    return DenseGenotypes(animals, MarkerMap.numbered(n_markers), np.asfortranarray(values))


def centred(found: DenseGenotypes) -> FloatArray:
    values = found.values.astype(np.float64)
    values[values < 0] = np.nan
    return np.asarray(np.nan_to_num(values - np.nanmean(values, axis=0)))


def padded(values: FloatArray, n_rows: int) -> Float32Array:
    out = np.zeros((n_rows, padded_columns(values.shape[1])), dtype=np.float32)
    out[: len(values), : values.shape[1]] = values
    return out


@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize(
    ("n_animals", "n_markers", "n_traits"),
    [(70, 300, 3), (33, 128, 20), (1, 5, 3), (600, 130, 33), (40, 130, 41), (40, 130, 100)],
)
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_products_of_blocks_are_those_of_centred_dosages(
    n_animals: int, n_markers: int, n_traits: int, missing: float, width: int
) -> None:
    found = genotypes(n_animals, n_markers, missing=missing)
    blocks, z, rng = MarkerBlocks.of(found, width), centred(found), np.random.default_rng(2)
    by_animal, effects = rng.standard_normal((n_animals, n_traits)), rng.standard_normal((n_markers, n_traits))
    n_rows, n_columns = blocks.shape
    values, u = padded(by_animal, n_rows), padded(effects, n_columns)
    weights = padded(rng.uniform(0, 2, (n_animals, n_traits)), n_rows)
    sums, moved, left = np.zeros((n_columns, u.shape[1])), np.zeros_like(values), values.copy()
    for block in range(len(blocks.squares)):
        own = slice(blocks.width * block, blocks.width * (block + 1))
        sums_over_animals(blocks.squares[block], values, blocks.missing[block], blocks.any_missing, sums[own])
        add_effects(blocks.squares[block], u[own], blocks.by_code[block], weights, left, moved)

    np.testing.assert_allclose(sums[:n_markers, :n_traits], z.T @ by_animal, atol=2e-4)
    np.testing.assert_allclose(moved[:n_animals, :n_traits], z @ effects, atol=2e-4)
    np.testing.assert_allclose(left, values - weights * moved, atol=2e-4)
    np.testing.assert_allclose(blocks.frequencies, np.nan_to_num(_frequencies(found)), atol=1e-12)


@pytest.mark.parametrize(
    ("n_columns", "expected"), [(0, 0), (1, 16), (16, 16), (17, 32), (33, 40), (41, 48), (48, 48), (49, 64), (90, 96)]
)
def test_columns_are_filled_up_to_what_a_pass_serves(n_columns: int, expected: int) -> None:
    assert expected == padded_columns(n_columns)


def _frequencies(found: DenseGenotypes) -> FloatArray:
    values = np.where(found.values < 0, np.nan, found.values)
    return np.asarray(np.nanmean(values, axis=0) / 2)


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_products_of_columns_are_weighted(width: int) -> None:
    found = genotypes(40, 200, missing=0.1)
    weights = np.random.default_rng(3).uniform(0, 2, (40, 2))
    products = MarkerBlocks.of(found, width).products(found, weights)
    z = centred(found)

    assert products.shape == (2, -(-200 // width), width, width)
    for diagonal in range(2):
        expected = (z * weights[:, [diagonal]]).T @ z
        for block in range(products.shape[1]):
            own = slice(block * width, min((block + 1) * width, 200))
            inside = slice(0, own.stop - own.start)
            np.testing.assert_allclose(products[diagonal, block, inside, inside], expected[own, own], atol=1e-3)
        assert not products[diagonal, -1, 200 % width :].any()


def test_blocks_are_narrow_where_animals_are_few_and_traits_many() -> None:
    assert [WIDE, NARROW, WIDE] == [block_width(500, 4), block_width(500, 10), block_width(2000, 10)]
