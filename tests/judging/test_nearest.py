from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genialearn._arrays import Int8Array, IntArray
from genialearn.errors import SettingError
from genialearn.judging import nearest
from genialearn.judging.nearest import count_within


def all_distances(queries: Int8Array, references: Int8Array) -> IntArray:
    return np.abs(queries[:, None].astype(np.int64) - references[None]).sum(axis=2)


def some_rows(n: int, n_markers: int, highest: int, seed: int) -> Int8Array:
    return np.random.default_rng(seed).integers(0, highest + 1, (n, n_markers)).astype(np.int8)


@settings(deadline=None)  # the first example may compile the kernel
@given(st.integers(1, 140), st.integers(0, 2), st.integers(1, 4), st.booleans(), st.integers(0, 1_000))
def test_neighbours_are_those_of_all_distances(n_markers: int, highest: int, k: int, own: bool, seed: int) -> None:
    queries, references = some_rows(7, n_markers, highest, seed), some_rows(9, n_markers, highest, seed + 1)
    distances = all_distances(queries, references)
    if own:
        distances[np.arange(7), np.arange(7)] = 10**6
    expected = np.argsort(distances, axis=1, kind="stable")[:, :k]

    found = nearest(queries, references, k=k, skip_same_index=own)

    np.testing.assert_array_equal(expected, found.indices)
    np.testing.assert_array_equal(np.take_along_axis(distances, expected, axis=1), found.distances)


@pytest.mark.parametrize("highest", [1, 2])
def test_counts_are_those_of_all_distances(highest: int) -> None:
    queries, references = some_rows(20, 130, highest, 1), some_rows(30, 130, highest, 2)
    radii = np.random.default_rng(3).integers(50, 130, 30)

    found = count_within(queries, references, radii)

    assert (all_distances(queries, references) <= radii).sum(axis=1).tolist() == found.tolist()
    assert 0 < found.sum() < 600


def test_haplotypes_against_dosages_are_compared_as_numbers() -> None:
    found = nearest(np.array([[1, 1, 0]], dtype=np.int8), np.array([[2, 1, 0], [2, 2, 2]], dtype=np.int8))

    assert [[1]] == found.distances.tolist()


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_may_lie_in_memory_as_they_like(order: str) -> None:
    rows = some_rows(6, 70, 2, 4)

    found = nearest(np.array(rows, order=order), rows[::-1])  # type: ignore[call-overload]

    assert [5, 4, 3, 2, 1, 0] == found.indices[:, 0].tolist()
    assert not found.distances.any()


def test_more_neighbours_than_references_are_refused() -> None:
    rows = some_rows(4, 5, 1, 0)

    with pytest.raises(SettingError, match=r"k: expected a whole number from 1 to 3, found 4"):
        nearest(rows, rows, k=4, skip_same_index=True)


def test_missing_genotypes_are_refused() -> None:
    rows = np.array([[0, -1, 2]], dtype=np.int8)

    with pytest.raises(
        SettingError, match=r"expected alleles or dosages 0, 1 and 2, found from -1 to 2\. Fill missing"
    ):
        nearest(rows, rows)


def test_other_markers_are_refused() -> None:
    with pytest.raises(SettingError, match=r"expected 6 markers, as the references, found 5"):
        nearest(some_rows(2, 5, 1, 0), some_rows(2, 6, 1, 0))
