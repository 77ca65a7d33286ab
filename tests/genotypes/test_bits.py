from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import SHAPES, dosage_arrays, masks, some_dosages

from genialearn._arrays import BoolArray, ByteArray, Int8Array, IntArray
from genialearn.genotypes import _bits


def decoded(packed: ByteArray, n_animals: int) -> Int8Array:
    """Return dosages by the letter of the format's description, one genotype at a time."""
    dosage_of = {0b00: 2, 0b01: -1, 0b10: 1, 0b11: 0}
    rows = [[dosage_of[int(row[i // 4]) >> 2 * (i % 4) & 3] for row in packed] for i in range(n_animals)]
    return np.array(rows, dtype=np.int8).reshape(n_animals, len(packed))


def as_seen(dosages: Int8Array, animals: IntArray, markers: IntArray, swap: BoolArray) -> Int8Array:
    """Return some animals and markers, missing where there is no marker, counting the other allele where asked to."""
    found = np.where(markers == _bits.ABSENT, np.int8(_bits.MISSING), dosages[np.ix_(animals, markers)])
    return np.where(swap & (found >= 0), 2 - found, found)


def some_of(size: int, *, or_none: bool = False) -> st.SearchStrategy[IntArray]:
    """Draw indices of `size` things, repeated ones too, or also -1."""
    drawn = st.lists(st.integers(-1 if or_none else 0, size - 1), max_size=2 * size)
    return drawn.map(lambda chosen: np.array(chosen, dtype=np.int64))


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
def test_some_animals_and_markers_are_those_of_all(dosages: Int8Array, data: st.DataObject) -> None:
    n_animals, n_markers = dosages.shape
    packed = _bits.pack(dosages)
    animals, markers = data.draw(some_of(n_animals)), data.draw(some_of(n_markers, or_none=True))
    swap = data.draw(masks(len(markers)))

    some = _bits.unpack(packed, n_animals, animals, markers=markers, swap=swap)
    everyone = _bits.unpack(packed, n_animals, markers=markers, swap=swap)

    np.testing.assert_array_equal(as_seen(dosages, animals, markers, swap), some)
    np.testing.assert_array_equal(as_seen(dosages, np.arange(n_animals), markers, swap), everyone)
    assert np.int8 == some.dtype == everyone.dtype
    assert some.flags.f_contiguous
    assert everyone.flags.f_contiguous


@given(dosage_arrays, st.data())
def test_counts_are_those_of_unpacked_genotypes(dosages: Int8Array, data: st.DataObject) -> None:
    n_animals, n_markers = dosages.shape
    markers = data.draw(some_of(n_markers, or_none=True))
    animals = data.draw(st.none() | some_of(n_animals))
    chosen = np.arange(n_animals) if animals is None else animals
    seen = as_seen(dosages, chosen, markers, np.zeros(len(markers), dtype=bool))

    copies, missing = _bits.counts(_bits.pack(dosages), n_animals, animals, markers)

    assert np.maximum(seen, 0).sum(axis=0).tolist() == copies.tolist()
    assert (seen < 0).sum(axis=0).tolist() == missing.tolist()


@pytest.mark.parametrize("n_animals", [65_537, 140_000])
def test_counts_go_beyond_what_two_bytes_hold(n_animals: int) -> None:
    packed = _bits.pack(np.repeat(np.array([[2, -1]], dtype=np.int8), n_animals, axis=0))

    copies, missing = _bits.counts(packed, n_animals, None, np.arange(2))

    assert [2 * n_animals, 0] == copies.tolist()
    assert [0, n_animals] == missing.tolist()


@pytest.mark.parametrize("n_animals", [1, 2, 3, 5, 6, 7])
def test_unused_bits_are_written_as_zero_and_never_read(n_animals: int) -> None:
    dosages = some_dosages((n_animals, 5))
    packed = _bits.pack(dosages)
    unused = np.uint8(0xFF << 2 * (n_animals % 4) & 0xFF)

    assert not (packed[:, -1] & unused).any()
    packed[:, -1] |= unused

    np.testing.assert_array_equal(dosages, _bits.unpack(packed, n_animals))
    np.testing.assert_array_equal(dosages, _bits.unpack(packed, n_animals, np.arange(n_animals)))
    for animals in (None, np.arange(n_animals)):
        copies, missing = _bits.counts(packed, n_animals, animals, np.arange(5))
        assert np.maximum(dosages, 0).sum(axis=0).tolist() == copies.tolist()
        assert (dosages < 0).sum(axis=0).tolist() == missing.tolist()


@pytest.mark.parametrize("order", ["C", "F"])
def test_dosages_are_packed_however_they_lie_in_memory(order: Literal["C", "F"]) -> None:
    dosages = some_dosages((9, 6))
    strided = np.repeat(np.repeat(dosages, 2, axis=0), 2, axis=1)[::2, ::2]

    for given_as in (np.array(dosages, order=order), strided):
        np.testing.assert_array_equal(dosages, decoded(_bits.pack(given_as), 9))


@pytest.mark.parametrize("n_animals", [4, 9])
def test_single_genotypes_are_shifted(n_animals: int) -> None:
    dosages = some_dosages((n_animals, 6))
    packed = _bits.pack(dosages)
    expected = dosages.copy()
    for marker, animal, shift in ((0, 1, 1), (3, n_animals - 1, 2), (3, 0, 1), (5, 2, -1)):
        _bits.shift(packed, n_animals, np.array([marker * n_animals + animal]), np.array([shift], dtype=np.int8))
        old = dosages[animal, marker]
        expected[animal, marker] = -1 if shift < 0 or old < 0 else (old + shift) % 3

    np.testing.assert_array_equal(expected, decoded(packed, n_animals))


@pytest.mark.parametrize("n_animals", [4, 9])
def test_genotypes_of_some_animals_are_hidden(n_animals: int) -> None:
    dosages, rng = some_dosages((n_animals, 6)), np.random.default_rng(1)
    packed, animals, markers = _bits.pack(dosages), rng.random(n_animals) < 0.5, rng.random(6) < 0.5

    _bits.hide(packed, animals, markers)

    expected = np.where(np.outer(animals, markers), -1, dosages)
    np.testing.assert_array_equal(expected, decoded(packed, n_animals))
    np.testing.assert_array_equal(_bits.pack(expected.astype(np.int8)), packed)


@pytest.mark.parametrize("n_animals", [1, 4, 7])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pairs_of_haplotypes_are_genotypes(n_animals: int, order: Literal["C", "F"]) -> None:
    alleles = np.random.default_rng(3).integers(0, 2, (2 * n_animals, 6), dtype=np.int8)
    haplotypes = np.array(np.packbits(alleles.T, axis=1, bitorder="little"), order=order)

    packed = _bits.paired(haplotypes, n_animals)

    np.testing.assert_array_equal(_bits.pack(alleles[0::2] + alleles[1::2]), packed)
    assert packed.flags.c_contiguous


def test_files_and_memory_are_read_by_one_compiled_kernel(tmp_path: Path) -> None:
    dosages = some_dosages((9, 6))
    packed = _bits.pack(dosages)
    (tmp_path / "packed").write_bytes(b"012" + packed.tobytes())
    mapped = np.memmap(tmp_path / "packed", dtype=np.uint8, mode="r", offset=3, shape=packed.shape)

    for kind in (packed, mapped):
        np.testing.assert_array_equal(dosages, _bits.unpack(kind, 9))

    assert 1 == len(_bits._unpack_all.signatures)
    assert packed.flags.writeable
