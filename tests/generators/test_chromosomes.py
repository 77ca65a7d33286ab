from __future__ import annotations

from dataclasses import replace

import numpy as np

from genialearn._arrays import as_ids
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.genotypes import MarkerMap
from phased_cohorts import map_of


def test_neighbouring_columns_of_one_name_are_a_chromosome() -> None:
    first, second = chromosomes_of(map_of([3, 2]))

    assert ("1", slice(0, 3), "2", slice(3, 5)) == (first.name, first.columns, second.name, second.columns)
    np.testing.assert_allclose([np.inf, 1, 1], first.gaps)


def test_a_genetic_map_is_preferred_to_positions() -> None:
    markers = replace(map_of([4]), centimorgans=np.array([2.0, 2.5, 2.4, 6.0]))

    np.testing.assert_allclose([0, 0.5, 0.5, 4.0], chromosomes_of(markers)[0].centimorgans)


def test_a_megabase_is_a_centimorgan() -> None:
    markers = replace(map_of([3]), positions=np.array([1_000_000, 1_500_000, 4_000_000]))

    np.testing.assert_allclose([0, 0.5, 3.0], chromosomes_of(markers)[0].centimorgans)


def test_markers_of_unknown_position_are_a_twentieth_of_a_centimorgan_apart() -> None:
    for markers in (MarkerMap.numbered(3), replace(map_of([3]), positions=np.zeros(3, dtype=np.int64))):
        np.testing.assert_allclose([0, 0.05, 0.1], chromosomes_of(markers)[0].centimorgans)


def test_chromosomes_without_a_map_stand_beside_others() -> None:
    markers = replace(
        map_of([2, 2]), centimorgans=np.array([1.0, 4.0, 0.0, 0.0]), chromosomes=as_ids(["1", "1", "X", "X"])
    )

    np.testing.assert_allclose([[0, 3.0], [0, 1.0]], [part.centimorgans for part in chromosomes_of(markers)])
