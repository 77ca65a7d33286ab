from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genialearn._arrays import as_ids
from genialearn.errors import AlignmentError
from genialearn.genotypes import MarkerMap
from genialearn.neural.bodies import Genome
from messages import exactly
from phased_cohorts import map_of


class TestGenome:
    def test_chromosomes_are_numbered_in_order_of_appearance(self) -> None:
        markers = replace(map_of([2, 1, 2]), chromosomes=as_ids(["7", "7", "11", "X", "X"]))
        found = Genome.of(markers)

        assert [0, 0, 1, 2, 2] == found.chromosomes.tolist()
        assert markers.positions.tolist() == found.positions.tolist()
        assert found.positions.dtype == np.float64
        assert found.n_markers == 5

    def test_canonical_order_is_enough(self) -> None:
        markers = map_of([4, 4, 4]).select(np.random.default_rng(1).permutation(12))

        assert [0] * 4 + [1] * 4 + [2] * 4 == Genome.of(markers.select(markers.canonical_order())).chromosomes.tolist()

    def test_a_chromosome_that_comes_again(self) -> None:
        markers: MarkerMap = map_of([2, 1]).select(np.array([0, 2, 1]))
        message = (
            "network markers: expected those of a chromosome side by side, found a chromosome that comes again after "
            "another one. Bring the genotypes to canonical order first."
        )
        with pytest.raises(AlignmentError, match=exactly(message)):
            Genome.of(markers)
