"""Which solver is taken, by sizes alone."""

from __future__ import annotations

import pytest

from genialearn.mixed_models.solvers import quicker_solver


@pytest.mark.parametrize(
    ("sizes", "shape", "expected"),
    [
        ([3_000] * 10, (3_000, 50_000), "exact"),
        ([3_000] * 20, (60_000, 50_000), "iterative"),
        ([12_001], (12_001, 1_000), "iterative"),
        ([6_000], (6_000, 50_000), "iterative"),
        ([4_000], (4_000, 700_000), "exact"),
        ([11_000] * 33, (11_000, 1_000), "iterative"),
        ([], (0, 100), "exact"),
    ],
    ids=["few", "few of many", "many", "some", "some, many markers", "many patterns", "none"],
)
def test_quicker_solver(sizes: list[int], shape: tuple[int, int], expected: str) -> None:
    assert expected == quicker_solver(sizes, len(sizes), shape)
