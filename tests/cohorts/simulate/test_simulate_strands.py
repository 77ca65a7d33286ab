from __future__ import annotations

import numpy as np
import pytest

from genialearn._arrays import ByteArray
from genialearn.cohorts.simulate.strands import Strands, copy_piece, ones

SHAPES = [(2, 1), (6, 64), (80, 130), (140, 63), (66, 1000)]


def alleles(shape: tuple[int, int], seed: int = 1) -> ByteArray:
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
def test_alleles_come_back(shape: tuple[int, int]) -> None:
    np.testing.assert_array_equal(alleles(shape), Strands.of(alleles(shape)).alleles())


@pytest.mark.parametrize("shape", SHAPES)
def test_sites_are_rows_of_the_same_bits(shape: tuple[int, int]) -> None:
    turned = Strands.of(alleles(shape)).by_site()

    assert turned.shape == (shape[1], (shape[0] + 7) // 8)
    expected = np.packbits(alleles(shape).T, axis=1, bitorder="little")
    np.testing.assert_array_equal(expected, turned)
    np.testing.assert_array_equal(alleles(shape).sum(axis=0), ones(turned))


@pytest.mark.parametrize("shape", SHAPES)
def test_sites_become_strands_again(shape: tuple[int, int]) -> None:
    strands = Strands.of(alleles(shape))

    back = Strands.of_sites(strands.by_site(), shape[0] // 2)

    np.testing.assert_array_equal(alleles(shape), back.alleles())


def test_animals_are_selected_with_both_haplotypes() -> None:
    some = Strands.of(alleles((20, 70))).select(np.array([7, 0, 7]))

    assert some.n_animals == 3
    np.testing.assert_array_equal(alleles((20, 70))[[14, 15, 0, 1, 14, 15]], some.alleles())


@pytest.mark.parametrize("piece", [(0, 1), (0, 64), (3, 9), (63, 65), (64, 128), (5, 200), (199, 200), (0, 200)])
def test_a_piece_is_copied_and_nothing_else(piece: tuple[int, int]) -> None:
    source, target = Strands.of(alleles((2, 200))), Strands.of(alleles((2, 200), seed=2))
    expected = target.alleles()
    expected[0, slice(*piece)] = source.alleles()[0, slice(*piece)]

    copy_piece(source.words[0], target.words[0], *piece)

    np.testing.assert_array_equal(expected, target.alleles())
