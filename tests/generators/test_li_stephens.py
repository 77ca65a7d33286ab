from __future__ import annotations

from itertools import product

import numba
import numpy as np
import pytest

from genialearn._arrays import FloatArray, Int8Array
from genialearn.errors import AlignmentError
from genialearn.generators.chromosomes import chromosomes_of
from genialearn.generators.copying_paths import UNKNOWN
from genialearn.generators.li_stephens import LiStephens, estimated, for_estimation
from phased_cohorts import map_of, phased, phased_cohort

PANEL = np.array([[0, 0, 1, 0, 1], [1, 0, 1, 1, 1], [0, 1, 1, 0, 0], [1, 1, 0, 0, 1]], dtype=np.int8)


def model_of(panel: Int8Array, sizes: list[int], rate: float = 0.3, error: float = 0.05) -> LiStephens:
    markers = map_of(sizes)
    return LiStephens(phased(panel, markers), chromosomes_of(markers), rate, error)


def by_enumeration(model: LiStephens, alleles: Int8Array, donors: list[int]) -> float:
    """Return the likelihood of one haplotype as a sum over all paths of donors."""
    panel, likelihood = model.panel.alleles(), 1.0
    for chromosome in model.chromosomes:
        copied, given = panel[:, chromosome.columns], alleles[chromosome.columns]
        likelihood *= sum(
            _probability_of_path(path, chromosome.gaps, model.rate, len(donors))
            * np.prod([_emission(copied[j, m], given[m], model.error) for m, j in enumerate(path)])
            for path in product(donors, repeat=len(chromosome))
        )
    return likelihood


def _probability_of_path(path: tuple[int, ...], gaps: FloatArray, rate: float, n_donors: int) -> float:
    probability = 1 / n_donors
    for before, after, gap in zip(path, path[1:], gaps[1:], strict=False):
        switch = 1 - np.exp(-rate * gap)
        probability *= (1 - switch) * (before == after) + switch / n_donors
    return probability


def _emission(copied: int, given: int, error: float) -> float:
    if given == UNKNOWN:
        return 1.0
    return 1 - error if copied == given else error


class TestLogLikelihood:
    @pytest.mark.parametrize("sizes", [[5], [3, 2]])
    def test_it_is_that_of_all_paths(self, sizes: list[int]) -> None:
        model = model_of(PANEL, sizes)
        alleles = np.array([[0, 0, 1, 0, 1], [1, 1, 1, 1, 0], [0, UNKNOWN, UNKNOWN, 0, 1]], dtype=np.int8)

        expected = [np.log(by_enumeration(model, row, [0, 1, 2, 3])) for row in alleles]
        np.testing.assert_allclose(model.log_likelihood(alleles), expected, rtol=1e-5)

    def test_it_sums_to_one_over_all_haplotypes(self) -> None:
        everything = np.array(list(product([0, 1], repeat=5)), dtype=np.int8)

        total = np.exp(model_of(PANEL, [3, 2]).log_likelihood(everything)).sum()
        assert pytest.approx(1.0, rel=1e-5) == total

    def test_the_own_animal_is_left_out(self) -> None:
        model = model_of(PANEL, [3, 2])

        expected = [np.log(by_enumeration(model, PANEL[row], [2, 3] if row < 2 else [0, 1])) for row in range(4)]
        np.testing.assert_allclose(model.leave_one_out(np.arange(4)), expected, rtol=1e-5)

    def test_listed_donors_are_the_only_ones(self) -> None:
        model = model_of(PANEL, [3, 2])
        listed = np.array([[0, 2], [3, 1]])

        expected = [np.log(by_enumeration(model, PANEL[row], list(listed[row]))) for row in range(2)]
        np.testing.assert_allclose(model.log_likelihood(PANEL[:2], donors=listed), expected, rtol=1e-5)

    def test_long_haplotypes_do_not_underflow(self) -> None:
        panel = np.zeros((4, 3000), dtype=np.int8)
        nats = model_of(panel, [3000], rate=1e-6, error=1e-4).log_likelihood(np.ones((1, 3000), dtype=np.int8))

        np.testing.assert_allclose(nats, [3000 * np.log(1e-4)], rtol=1e-4)


class TestFill:
    def test_alleles_are_drawn_given_the_known_ones(self) -> None:
        model, n_draws = model_of(PANEL, [3, 2]), 40_000
        known = np.array([UNKNOWN, 0, UNKNOWN, UNKNOWN, 1], dtype=np.int8)
        fillings = [np.array([a, 0, b, c, 1], dtype=np.int8) for a, b, c in product([0, 1], repeat=3)]
        weights = np.array([by_enumeration(model, row, [0, 1, 2, 3]) for row in fillings])

        drawn = model.fill(np.tile(known, (n_draws, 1)), rng=np.random.default_rng(1))

        np.testing.assert_array_equal(0, drawn[:, 1])
        np.testing.assert_array_equal(1, drawn[:, 4])
        counts = np.bincount(drawn[:, [0, 2, 3]] @ np.array([4, 2, 1]), minlength=8)
        np.testing.assert_allclose(counts / n_draws, weights / weights.sum(), atol=4 * 0.5 / np.sqrt(n_draws))

    def test_the_own_animal_is_not_copied(self) -> None:
        model, n_draws = model_of(PANEL, [5], error=1e-9), 20_000
        known = np.array([1, UNKNOWN, UNKNOWN, UNKNOWN, 1], dtype=np.int8)
        fillings = [np.array([1, *rest, 1], dtype=np.int8) for rest in product([0, 1], repeat=3)]
        weights = np.array([by_enumeration(model, row, [2, 3]) for row in fillings])

        own = np.zeros(n_draws, dtype=np.int64)
        drawn = model.fill(np.tile(known, (n_draws, 1)), rng=np.random.default_rng(1), own=own)

        counts = np.bincount(drawn[:, 1:4] @ np.array([4, 2, 1]), minlength=8)
        np.testing.assert_allclose(counts / n_draws, weights / weights.sum(), atol=4 * 0.5 / np.sqrt(n_draws))

    def test_what_is_given_stays_as_it_was(self) -> None:
        given = np.full((3, 5), UNKNOWN, dtype=np.int8)
        model_of(PANEL, [5]).fill(given, rng=np.random.default_rng(1))

        np.testing.assert_array_equal(UNKNOWN, given)

    def test_mutations_are_as_often_as_asked_for(self) -> None:
        model = model_of(np.zeros((4, 500), dtype=np.int8), [500])
        nothing = np.full((200, 500), UNKNOWN, dtype=np.int8)

        drawn = model.fill(nothing, rng=np.random.default_rng(1), mutation=0.02)
        np.testing.assert_allclose(drawn.mean(), 0.02, atol=0.002)

    def test_the_number_of_threads_changes_nothing(self) -> None:
        if numba.config.NUMBA_NUM_THREADS < 2:
            pytest.skip("one thread only")
        model, threads = model_of(PANEL, [3, 2]), numba.get_num_threads()
        several = model.draw(50, rng=np.random.default_rng(1))
        numba.set_num_threads(1)
        try:
            one = model.draw(50, rng=np.random.default_rng(1))
        finally:
            numba.set_num_threads(threads)

        np.testing.assert_array_equal(several, one)


class TestDraw:
    def test_donors_change_at_the_rate(self) -> None:
        """Of donors with zeros or ones alone half the changes are seen."""
        model = model_of(np.repeat(np.array([[0], [1], [0], [1]], dtype=np.int8), 400, axis=1), [400], rate=0.1)

        drawn = LiStephens(model.panel, model.chromosomes, 0.1, 1e-12).draw(300, rng=np.random.default_rng(1))

        changes = (drawn[:, 1:] != drawn[:, :-1]).mean()
        np.testing.assert_allclose(changes, (1 - np.exp(-0.1)) / 2, atol=4 * 0.22 / np.sqrt(300 * 399))

    def test_chromosomes_are_independent(self) -> None:
        model = model_of(np.repeat(np.array([[0], [1]], dtype=np.int8), 4, axis=1), [2, 2], rate=1e-6, error=1e-9)

        drawn = model.draw(4000, rng=np.random.default_rng(1))

        np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
        assert abs(np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1]) < 4 / np.sqrt(4000)

    def test_only_listed_donors_are_copied(self) -> None:
        model = model_of(PANEL, [5], rate=1e-9, error=1e-9)

        drawn = model.draw(3, rng=np.random.default_rng(1), donors=np.array([[3], [0], [2]]))
        np.testing.assert_array_equal(PANEL[[3, 0, 2]], drawn)


class TestEstimated:
    def test_no_value_nearby_is_more_likely(self) -> None:
        panel = phased_cohort().canonical().haplotypes
        assert panel is not None
        used = np.arange(len(panel))

        best = estimated(panel, chromosomes_of(panel.markers), haplotypes=used)

        for rate, error in [(1.3, 1), (1 / 1.3, 1), (1, 1.3), (1, 1 / 1.3)]:
            other = LiStephens(panel, best.chromosomes, best.rate * rate, best.error * error)
            assert other.leave_one_out(used).sum() < best.leave_one_out(used).sum()

    def test_given_values_are_kept(self) -> None:
        panel = phased(PANEL, map_of([5]))
        model = estimated(panel, chromosomes_of(panel.markers), rate=0.7)

        assert 0.7 == model.rate
        assert 1e-5 < model.error < 0.31

    def test_a_single_animal_is_refused(self) -> None:
        panel = phased(PANEL[:2], map_of([5]))
        with pytest.raises(AlignmentError, match="expected at least two animals, to copy from each other, found one"):
            estimated(panel, chromosomes_of(panel.markers))

    def test_large_panels_are_estimated_from_few_haplotypes(self) -> None:
        few = for_estimation(phased(PANEL, map_of([5])), n_donors=10**9)

        np.testing.assert_array_equal([0, 1, 2, 3], few)
