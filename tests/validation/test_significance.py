from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genialearn._arrays import FloatArray, StrArray, as_ids
from genialearn.validation.metrics import Slice, correlation
from genialearn.validation.tests import Comparison, Verdict, compare, holm, hotelling_williams, verdict


def three_variables(n: int, rng: np.random.Generator, *, handicap: float = 0.0) -> tuple[FloatArray, ...]:
    """Return observations and two predictions that share half of what they know; the second may have more noise."""
    shared, own = rng.standard_normal(n), rng.standard_normal((2, n))
    observed = shared + 0.5 * own.sum(axis=0) + 2 * rng.standard_normal(n)
    return observed, shared + own[0], shared + own[1] + handicap * rng.standard_normal(n)


def animals(n: int) -> StrArray:
    return as_ids(range(n))


def p_value(observed: FloatArray, model: FloatArray, reference: FloatArray) -> float:
    r = np.corrcoef([observed, model, reference])
    return hotelling_williams(r[0, 1], r[0, 2], r[1, 2], len(observed))


class TestHotellingWilliams:
    def test_published_by_depcor(self) -> None:
        """Silver, Hittner and May 2006, Appl Psychol Meas 30:152, as repeated in R's cocor: t = -1.0767."""
        assert pytest.approx(0.2843, abs=5e-5) == hotelling_williams(0.3, 0.4, 0.5, 100)

    def test_published_by_psych(self) -> None:
        """The example of r.test in R's psych (Revelle), printed with eight digits."""
        p = hotelling_williams(0.693458895410494, 0.695966022434845, 0.988475791500198, 5105)

        assert pytest.approx(0.1000759, abs=5e-8) == p

    @settings(max_examples=50, deadline=None)
    @given(seed=st.integers(0, 1000), n=st.integers(4, 40))
    def test_it_does_not_matter_which_is_called_the_reference(self, seed: int, n: int) -> None:
        observed, model, reference = three_variables(n, np.random.default_rng(seed))

        p = p_value(observed, model, reference)
        assert pytest.approx(p) == p_value(observed, reference, model)
        assert 0 <= p <= 1

    def test_level(self) -> None:
        """Under the hypothesis of no difference, 5 % of the tests are below .05."""
        rng = np.random.default_rng(1)
        p = np.array([p_value(*three_variables(40, rng)) for _ in range(4000)])

        assert pytest.approx(0.05, abs=0.012) == np.mean(p < 0.05)
        assert pytest.approx(0.5, abs=0.02) == np.mean(p < 0.5)

    def test_power(self) -> None:
        rng = np.random.default_rng(2)
        p = np.array([p_value(*three_variables(300, rng, handicap=2.0)) for _ in range(200)])

        assert np.mean(p < 0.05) > 0.6

    @pytest.mark.parametrize(
        ("r_model", "r_reference", "r_between", "n"),
        [(0.5, 0.5, 0.9, 100), (0.5, 0.5, 1.0, 100), (0.9, 0.1, 0.2, 3), (0.0, 0.0, 0.0, 50)],
    )
    def test_no_evidence(self, r_model: float, r_reference: float, r_between: float, n: int) -> None:
        assert hotelling_williams(r_model, r_reference, r_between, n) == 1

    def test_a_perfect_prediction_is_better(self) -> None:
        assert hotelling_williams(1.0, 0.3, 0.3, 100) < 1e-6


class TestCompare:
    def test_difference_and_p_are_those_of_plain_correlations(self) -> None:
        observed, model, reference = three_variables(80, np.random.default_rng(3))
        found = compare(observed, model, reference, blocks=animals(80), rng=np.random.default_rng(1))

        r = np.corrcoef([observed, model, reference])
        assert pytest.approx(r[0, 1] - r[0, 2]) == found.difference
        assert pytest.approx(hotelling_williams(r[0, 1], r[0, 2], r[1, 2], 80)) == found.p
        assert found.low < found.difference < found.high

    def test_weighted_difference_is_that_of_the_metric(self) -> None:
        rng = np.random.default_rng(3)
        observed, model, reference = three_variables(80, rng)
        weights = rng.uniform(0.5, 4, 80)
        found = compare(observed, model, reference, blocks=animals(80), rng=rng, weights=weights)

        r = [correlation(Slice(observed, predicted, weights)).value for predicted in (model, reference)]
        assert pytest.approx(r[0] - r[1]) == found.difference

    def test_the_bootstrap_is_that_of_whole_blocks(self) -> None:
        """Against resampling the animals of whole blocks, one sample at a time."""
        rng = np.random.default_rng(4)
        observed, model, reference = three_variables(90, rng)
        blocks = as_ids(rng.integers(0, 15, 90))
        found = compare(observed, model, reference, blocks=blocks, rng=np.random.default_rng(1))

        members = [np.flatnonzero(blocks == name) for name in np.unique(blocks)]
        differences = []
        for _ in range(2000):
            rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
            r = np.corrcoef([observed[rows], model[rows], reference[rows]])
            differences.append(r[0, 1] - r[0, 2])
        assert pytest.approx(np.std(differences), rel=0.08) == found.se
        assert pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=0.3 * found.se) == [found.low, found.high]

    def test_coverage(self) -> None:
        """95 % intervals hold the true difference, 0, in about 95 % of the cases."""
        rng = np.random.default_rng(5)
        inside = [
            found.low <= 0 <= found.high
            for found in (compare(*three_variables(100, rng), blocks=animals(100), rng=rng) for _ in range(300))
        ]

        assert 0.91 <= np.mean(inside) <= 0.98

    def test_relatives_widen_the_interval(self) -> None:
        """Each animal four times over: four times the records, no more information."""
        observed, model, reference = (np.repeat(x, 4) for x in three_variables(60, np.random.default_rng(6)))
        families = as_ids(np.repeat(np.arange(60), 4))
        apart = compare(observed, model, reference, blocks=animals(240), rng=np.random.default_rng(1))
        together = compare(observed, model, reference, blocks=families, rng=np.random.default_rng(1))

        assert pytest.approx(2.0, rel=0.1) == together.se / apart.se

    def test_same_seed_same_comparison(self) -> None:
        observed, model, reference = three_variables(50, np.random.default_rng(7))
        first, again, other = (
            compare(observed, model, reference, blocks=animals(50), rng=np.random.default_rng(seed))
            for seed in (1, 1, 2)
        )

        assert first == again
        assert first != other

    def test_the_order_of_animals_does_not_matter(self) -> None:
        observed, model, reference = three_variables(50, np.random.default_rng(7))
        blocks = as_ids(np.arange(50) // 5)
        order = np.random.default_rng(8).permutation(50)
        one = compare(observed, model, reference, blocks=blocks, rng=np.random.default_rng(1))
        other = compare(
            observed[order], model[order], reference[order], blocks=blocks[order], rng=np.random.default_rng(1)
        )

        assert pytest.approx([one.difference, one.se, one.low, one.high, one.p]) == [
            other.difference,
            other.se,
            other.low,
            other.high,
            other.p,
        ]

    def test_equal_predictions(self) -> None:
        observed, model, _ = three_variables(50, np.random.default_rng(9))
        found = compare(observed, model, 3 * model, blocks=animals(50), rng=np.random.default_rng(1))

        assert pytest.approx(0, abs=1e-12) == found.difference
        assert found.p == 1
        assert verdict(found, found.p) == "equal"

    def test_constant_predictions_with_rounding_errors(self) -> None:
        """As they are left by centring folds: constants of 1e-13 that differ from fold to fold."""
        observed, _, reference = three_variables(60, np.random.default_rng(10))
        rounding = np.repeat([1e-13, -2e-13, 3e-14], 20)
        found = compare(observed, rounding, reference, blocks=animals(60), rng=np.random.default_rng(1))
        exact = compare(observed, 0 * rounding, reference, blocks=animals(60), rng=np.random.default_rng(1))

        assert exact == found
        assert found.difference < 0

    def test_one_block_proves_nothing(self) -> None:
        observed, model, reference = three_variables(300, np.random.default_rng(11), handicap=3.0)
        found = compare(observed, model, reference, blocks=as_ids(["bull"] * 300), rng=np.random.default_rng(1))

        assert found.p < 0.05
        assert np.isnan(found.se)
        assert verdict(found, found.p) == "equal"


class TestHolm:
    @pytest.mark.parametrize(
        ("p", "expected"),
        [
            ([], []),
            ([0.03], [0.03]),
            ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
            ([0.5, 0.6], [1.0, 1.0]),
            ([0.02, 0.02], [0.04, 0.04]),
        ],
    )
    def test_by_hand(self, p: list[float], expected: list[float]) -> None:
        np.testing.assert_allclose(holm(np.array(p)), expected)

    @settings(max_examples=50, deadline=None)
    @given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12))
    def test_the_plain_procedure(self, p: list[float]) -> None:
        """Go up the sorted p values and stop at the first that isn't below the level over the number left."""
        corrected = holm(np.array(p))
        for level in (0.01, 0.05, 0.3):
            rejected = set()
            for step, index in enumerate(np.argsort(p, kind="stable")):
                if p[index] * (len(p) - step) > level:
                    break
                rejected.add(int(index))
            assert rejected == set(np.flatnonzero(corrected <= level))


class TestVerdict:
    @pytest.mark.parametrize(
        ("difference", "low", "high", "p_holm", "expected"),
        [
            (0.03, 0.01, 0.05, 0.01, "better"),
            (-0.03, -0.05, -0.01, 0.01, "worse"),
            (0.03, 0.01, 0.05, 0.05, "equal"),
            (0.03, -0.001, 0.06, 0.01, "equal"),
            (-0.03, -0.06, 0.0, 0.01, "equal"),
            (0.0, 0.0, 0.0, 1.0, "equal"),
        ],
    )
    def test_it_needs_p_and_interval(
        self, difference: float, low: float, high: float, p_holm: float, expected: Verdict
    ) -> None:
        assert expected == verdict(Comparison(difference, 0.01, low, high, p_holm), p_holm)
