from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import SHAPES, dosage_arrays, some_dosages

from genialearn._arrays import ByteArray, Int8Array
from genialearn.genotypes import _bits


def decoded(packed: ByteArray, n_animals: int) -> Int8Array:
    """Return dosages by the letter of the format's description, one genotype at a time."""
    dosage_of = {0b00: 2, 0b01: -1, 0b10: 1, 0b11: 0}
    rows = [[dosage_of[int(row[i // 4]) >> 2 * (i % 4) & 3] for row in packed] for i in range(n_animals)]
    return np.array(rows, dtype=np.int8).reshape(n_animals, len(packed))


def test_the_example_of_the_format_s_description() -> None:
    """Six animals and three markers, from https://www.cog-genomics.org/plink/1.9/formats#bed."""
    packed = np.frombuffer(bytes.fromhex("dc0f e70f 6b01"), dtype=np.uint8).reshape(3, 2)
    dosages = np.array([[2, 0, -1, 0, 0, 0], [0, -1, 1, 0, 0, 0], [0, 1, 1, -1, -1, 2]], dtype=np.int8).T

    np.testing.assert_array_equal(dosages, _bits.unpack(packed, 6))
    np.testing.assert_array_equal(packed, _bits.pack(dosages))


@pytest.mark.parametrize("shape", [*SHAPES, (0, 3), (4, 0)])
def test_what_is_packed_is_unpacked(shape: tuple[int, int]) -> None:
    dosages = some_dosages(shape)

    packed = _bits.pack(dosages)

    assert (shape[1], -(-shape[0] // 4)) == packed.shape
    assert np.uint8 == packed.dtype
    np.testing.assert_array_equal(decoded(packed, shape[0]), dosages)
    np.testing.assert_array_equal(dosages, _bits.unpack(packed, shape[0]))


@given(dosage_arrays, st.data())
def test_some_animals_are_those_of_all(dosages: Int8Array, data: st.DataObject) -> None:
    n_animals = len(dosages)
    chosen = np.array(data.draw(st.lists(st.integers(0, n_animals - 1))), dtype=np.int64)

    actual = _bits.unpack(_bits.pack(dosages), n_animals, chosen)

    np.testing.assert_array_equal(dosages[chosen], actual)


@pytest.mark.parametrize("n_animals", [1, 2, 3, 5, 6, 7])
def test_unused_bits_are_written_as_zero_and_never_read(n_animals: int) -> None:
    dosages = some_dosages((n_animals, 5))
    packed = _bits.pack(dosages)
    unused = np.uint8(0xFF << 2 * (n_animals % 4) & 0xFF)

    assert not (packed[:, -1] & unused).any()
    packed[:, -1] |= unused

    np.testing.assert_array_equal(dosages, _bits.unpack(packed, n_animals))
    np.testing.assert_array_equal(dosages, _bits.unpack(packed, n_animals, np.arange(n_animals)))
