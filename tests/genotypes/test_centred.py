from __future__ import annotations

import numpy as np
import pytest
from strategies import dense, packed, some_dosages

from genialearn._arrays import FloatArray, Int8Array
from genialearn.genotypes import DenseGenotypes, allele_frequencies
from genialearn.genotypes.centred import CentredGenotypes, standard_scales

SHAPES = [(1, 1), (3, 2), (32, 32), (33, 31), (65, 97), (700, 40), (50, 2500)]
"""Around tiles of 32 animals and markers, beyond one thread's share of each."""

N_COLUMNS = [1, 16, 17, 33, 40, 41, 49, 100]
"""Around passes of 16, 32, 40 and 48 columns."""


def plain(values: Int8Array, frequencies: FloatArray, scales: FloatArray) -> FloatArray:
    """Return Z."""
    return np.where(values < 0, 0.0, values - 2 * frequencies) * scales


def numbers(n_rows: int, n_columns: int) -> FloatArray:
    return np.random.default_rng(n_rows + n_columns).standard_normal((n_rows, n_columns))


def assert_close(actual: FloatArray, expected: FloatArray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6 * max(float(np.abs(expected).max()), 1e-9))


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_columns", N_COLUMNS)
def test_products_are_those_of_the_plain_matrix(shape: tuple[int, int], n_columns: int, standardised: bool) -> None:
    values = some_dosages(shape)
    centred = CentredGenotypes.of(packed(values), standardised=standardised)
    z = plain(values, centred.frequencies, centred.scales)
    by_animal, by_marker = numbers(shape[0], n_columns), numbers(shape[1], n_columns)

    assert_close(centred.times_animal_values(by_animal), z.T @ by_animal)
    assert_close(centred.times_marker_effects(by_marker), z @ by_marker)
    assert_close(centred.gram(by_animal), z @ (z.T @ by_animal))
    assert_close(centred.diagonal(), np.einsum("ij,ij->i", z, z))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_frequencies_are_counted_while_packing(shape: tuple[int, int]) -> None:
    genotypes = dense(some_dosages(shape))

    np.testing.assert_array_equal(CentredGenotypes.of(genotypes).frequencies, allele_frequencies(genotypes))


def test_given_frequencies_are_used() -> None:
    values = some_dosages((40, 30))
    frequencies = np.random.default_rng(1).uniform(0.1, 0.9, 30)
    effects = numbers(30, 2)

    actual = CentredGenotypes.of(packed(values), frequencies).times_marker_effects(effects)

    assert_close(actual, plain(values, frequencies, np.ones(30)) @ effects)


def test_markers_that_do_not_vary_have_no_standard_scale() -> None:
    np.testing.assert_allclose(standard_scales(np.array([0.0, 0.5, 1.0])), [0.0, np.sqrt(2), 0.0])


def test_a_marker_without_any_call_contributes_nothing() -> None:
    values = some_dosages((40, 30))
    values[:, 7] = -1
    centred = CentredGenotypes.of(packed(values))

    np.testing.assert_allclose(centred.times_animal_values(numbers(40, 3))[7], 0, atol=1e-5)


def test_it_takes_a_quarter_of_a_byte_for_each_genotype() -> None:
    assert CentredGenotypes.of(packed(some_dosages((320, 640)))).squares.nbytes == 320 * 640 // 4


def test_columns_do_not_touch_each_other() -> None:
    """A column's product is the same whatever stands beside it: a solver's result can't depend on other traits."""
    genotypes = packed(some_dosages((200, 300)))
    values = numbers(200, 40)
    centred = CentredGenotypes.of(genotypes)

    np.testing.assert_array_equal(centred.gram(values)[:, 3:5], centred.gram(values[:, 3:5]))


def test_errors_do_not_grow_with_a_common_level() -> None:
    """Values that all are near a large number, as uncentred records: sums are of dosages less one, not of dosages."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 3, (4000, 50)).astype(np.int8)
    centred = CentredGenotypes.of(DenseGenotypes(*_named(values)))
    by_animal = 1000 + rng.standard_normal((4000, 1))
    expected = plain(values, centred.frequencies, centred.scales).T @ by_animal

    assert np.abs(centred.times_animal_values(by_animal) - expected).max() < 1e-5 * 1000 * 4000**0.5


def _named(values: Int8Array) -> tuple[object, object, Int8Array]:
    made = dense(values)
    return made.animals, made.markers, made.values
