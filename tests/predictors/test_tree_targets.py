from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss, mean_squared_error

from cohorts_for_tests import family_cohort, with_records_repeated, with_values, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.adjustment import AdjustedRecords, adjusted_records
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.tree_targets import Target, Targets, TraitScales

MILK, FAT, MASTITIS = 0, 1, 4
QUANTITATIVE = (0, 1, 2, 3)
NOTHING = np.zeros(150)


def by_least_squares(cohort: Cohort) -> Targets:
    records = adjusted_records(cohort)
    return Targets.of(cohort, records, records.means)


@cache
def of_family() -> Targets:
    return by_least_squares(family_cohort())


@cache
def of_gblup() -> tuple[Targets, FloatArray]:
    """Return targets adjusted by GBLUP, and its breeding values."""
    cohort, base = family_cohort().canonical(), GBLUP(heritability=0.4)
    fits = base.fit_traits(cohort)
    targets = Targets.of(cohort, AdjustedRecords(*adjusted_by_animal(fits.models, len(cohort))), base.mean_)
    return targets, base.breeding_values(cohort)


def target_unit(trait: int) -> float:
    return float(of_gblup()[0].scales.units[trait])


def with_weights(cohort: Cohort, weights: FloatArray) -> Cohort:
    return replace(cohort, records=replace(cohort.records, weights=weights))


def drawn(*, binary: bool) -> tuple[Target, FloatArray]:
    """Return a target, and what trees come to."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2, 50).astype(np.float64) if binary else rng.standard_normal(50)
    start, weights = rng.uniform(0.1, 0.9, 50), rng.uniform(0.2, 3.0, 50)
    return Target(np.arange(0, 100, 2), values, start, weights, binary), rng.standard_normal(50)


class TestQuantitativeTraits:
    @pytest.mark.parametrize("trait", QUANTITATIVE)
    def test_values_have_mean_0_and_variance_1(self, trait: int) -> None:
        target = of_family().of_trait(trait, NOTHING)

        assert not target.binary
        np.testing.assert_allclose(np.average(target.values, weights=target.weights), 0, atol=1e-9)
        np.testing.assert_allclose(np.average(target.values**2, weights=target.weights), 1)

    def test_so_they_have_where_gblup_adjusted_the_records(self) -> None:
        """Its fixed effects are other ones than those of least squares, so about."""
        targets, _ = of_gblup()
        target = targets.of_trait(MILK, NOTHING)

        np.testing.assert_allclose(target.values.mean(), 0, atol=0.2)
        np.testing.assert_allclose(target.values.std(), 1, atol=0.05)

    def test_fixed_effects_are_out_of_the_values(self) -> None:
        herds = family_cohort().records.effects["herd"]
        level = herds.map({herd: 5000.0 * place for place, herd in enumerate(sorted(set(herds)))}).to_numpy()
        moved = with_values(family_cohort(), family_cohort().records.values + level[:, None] * [1, 0, 0, 0, 0])

        expected = of_family().of_trait(MILK, NOTHING).values
        np.testing.assert_allclose(by_least_squares(moved).of_trait(MILK, NOTHING).values, expected, atol=1e-8)

    def test_trees_begin_with_0_or_breeding_values_in_units(self) -> None:
        targets, breeding_values = of_gblup()
        target = targets.of_trait(FAT, breeding_values[:, FAT])

        np.testing.assert_array_equal(np.zeros(len(target.rows)), targets.of_trait(FAT, NOTHING).start)
        unit = np.nanstd(targets.records.values[:, FAT])
        np.testing.assert_allclose(target.start, breeding_values[target.rows, FAT] / unit)
        np.testing.assert_array_equal(target.start, target.offset)

    def test_what_the_start_leaves(self) -> None:
        targets, breeding_values = of_gblup()
        target = targets.of_trait(FAT, breeding_values[:, FAT])

        left = targets.records.values[target.rows, FAT] - targets.scales.means[FAT] - target.start * target_unit(FAT)
        np.testing.assert_allclose(target.rest, left / target_unit(FAT))

    def test_one_that_does_not_vary_has_a_unit_of_1(self) -> None:
        values = family_cohort().records.values.copy()
        values[:, FAT] = 4.5
        targets = by_least_squares(with_values(family_cohort(), values))

        assert 1.0 == targets.scales.units[FAT]
        np.testing.assert_allclose(targets.of_trait(FAT, NOTHING).values, 0, atol=1e-12)


class TestBinaryTraits:
    def test_values_are_the_records(self) -> None:
        target = of_family().of_trait(MASTITIS, NOTHING)

        assert target.binary
        np.testing.assert_array_equal(family_cohort().records.values[target.rows, MASTITIS], target.values)

    def test_repeated_ones_are_shares(self) -> None:
        """The first animal has three records, of which one is 1."""
        cohort = with_records_repeated(family_cohort(), np.where(np.arange(150) == 0, 3, 1))
        values = cohort.records.values.copy()
        values[:3, MASTITIS] = [0, 1, 0]
        target = by_least_squares(with_values(cohort, values)).of_trait(MASTITIS, NOTHING)

        np.testing.assert_allclose(target.values[0], 1 / 3)
        assert 0 == target.values.min() < target.values.max() == 1

    def test_trees_begin_with_the_fixed_part(self) -> None:
        cohort = family_cohort()
        target = of_family().of_trait(MASTITIS, NOTHING)
        adjusted = adjusted_records(cohort)
        fixed = cohort.records.values[:, MASTITIS] - adjusted.values[:, MASTITIS] + adjusted.means[MASTITIS]

        assert np.ptp(target.start) > 0.1
        np.testing.assert_allclose(target.start, np.clip(fixed[target.rows], 0.005, 0.995))

    def test_and_with_the_mean_where_there_are_no_fixed_effects(self) -> None:
        cohort = without_fixed_effects(family_cohort())
        target = by_least_squares(cohort).of_trait(MASTITIS, NOTHING)

        np.testing.assert_allclose(target.start, np.nanmean(cohort.records.values[:, MASTITIS]))

    def test_breeding_values_are_added_to_the_probability(self) -> None:
        plain = of_family().of_trait(MASTITIS, NOTHING)
        higher = of_family().of_trait(MASTITIS, NOTHING + 0.1)

        inside = (plain.start > 0.005) & (plain.start < 0.89)
        assert inside.sum() > 100
        np.testing.assert_allclose(higher.start[inside] - plain.start[inside], 0.1)

    @pytest.mark.parametrize(("added", "expected"), [(-5.0, 0.005), (5.0, 0.995)])
    def test_no_start_is_certain(self, added: float, expected: float) -> None:
        target = of_family().of_trait(MASTITIS, NOTHING + added)

        np.testing.assert_array_equal(np.full(len(target.rows), expected), target.start)
        np.testing.assert_allclose(target.offset, logit(expected))

    def test_their_unit_is_1(self) -> None:
        assert 1.0 == of_family().scales.units[MASTITIS]
        np.testing.assert_array_equal([False] * 4 + [True], of_family().scales.binary)


class TestRowsAndWeights:
    def test_rows_are_the_animals_with_a_record(self) -> None:
        recorded = np.flatnonzero(np.isfinite(family_cohort().records.values[:, FAT]))

        assert 0 < len(recorded) < 150
        np.testing.assert_array_equal(recorded, of_family().of_trait(FAT, NOTHING).rows)

    def test_weights_have_mean_1_and_keep_their_ratios(self) -> None:
        weights = np.random.default_rng(1).uniform(0.5, 9.0, (150, 5))
        target = by_least_squares(with_weights(family_cohort(), weights)).of_trait(FAT, NOTHING)

        np.testing.assert_allclose(target.weights.mean(), 1)
        np.testing.assert_allclose(
            target.weights / target.weights[0], weights[target.rows, FAT] / weights[target.rows[0], FAT]
        )

    def test_repeated_records_are_averaged_and_weigh_together(self) -> None:
        cohort = without_fixed_effects(with_records_repeated(family_cohort(), np.where(np.arange(150) < 20, 2, 1)))
        values = cohort.records.values.copy()
        values[0:40:2, MILK] += 300
        values[1:40:2, MILK] -= 100
        target = by_least_squares(with_values(cohort, values)).of_trait(MILK, NOTHING)

        once = family_cohort().records.values[:, MILK] + np.where(np.arange(150) < 20, 100, 0)
        mean = np.average(once, weights=target.weights)
        deviation = np.sqrt(np.average((once - mean) ** 2, weights=target.weights))
        np.testing.assert_allclose(target.values, (once - mean) / deviation)
        np.testing.assert_allclose(target.weights[:20] / target.weights[20], 2)
        np.testing.assert_allclose(target.weights[20:] / target.weights[20], 1)

    def test_a_part_has_some_of_the_animals(self) -> None:
        target, _ = drawn(binary=True)
        kept = np.arange(50) % 3 == 0
        part = target.part(kept)

        for name in ("rows", "values", "start", "weights"):
            np.testing.assert_array_equal(getattr(target, name)[kept], getattr(part, name))
        assert part.binary
        assert not drawn(binary=False)[0].part(kept).binary


class TestLoss:
    def test_of_a_binary_trait_it_is_the_cross_entropy(self) -> None:
        target, trees = drawn(binary=True)
        raw = target.offset + trees

        expected = log_loss(target.values, expit(raw), sample_weight=target.weights)
        np.testing.assert_allclose(target.loss(raw), expected)

    def test_of_shares_it_is_the_mean_of_both_classes(self) -> None:
        target, raw = drawn(binary=True)
        shares = replace(target, values=np.linspace(0, 1, 50))

        both = np.r_[np.zeros(50), np.ones(50)]
        weights = np.r_[target.weights * (1 - shares.values), target.weights * shares.values]
        expected = log_loss(both, expit(np.r_[raw, raw]), sample_weight=weights)
        np.testing.assert_allclose(shares.loss(raw), expected)

    def test_of_other_traits_it_is_the_mean_square(self) -> None:
        target, raw = drawn(binary=False)

        expected = mean_squared_error(target.values, raw, sample_weight=target.weights)
        np.testing.assert_allclose(target.loss(raw), expected)

    def test_a_sure_and_wrong_tree_costs_its_logit(self) -> None:
        one = Target(np.array([0]), np.array([1.0]), np.array([0.5]), np.array([1.0]), True)

        np.testing.assert_allclose(one.loss(np.array([-900.0])), 900.0)


class TestPredicted:
    SCALES = TraitScales(np.array([9000.0, 0.2]), np.array([800.0, 1.0]), np.array([False, True]))
    VALUES, TREES = np.array([-0.15, 0.0, 0.3]), np.array([0.5, -1.0, 2.0])

    @pytest.mark.parametrize("linked", [True, False])
    def test_of_a_quantitative_trait_trees_count_in_units(self, linked: bool) -> None:
        found = self.SCALES.predicted(0, 1000 * self.VALUES, self.TREES, linked=linked)

        np.testing.assert_allclose(found, [9000 - 150 + 400, 9000 - 800, 9000 + 300 + 1600])

    def test_linked_trees_add_to_the_logit(self) -> None:
        found = self.SCALES.predicted(1, self.VALUES, self.TREES, linked=True)

        np.testing.assert_allclose(logit(found), logit([0.05, 0.2, 0.5]) + self.TREES)

    def test_unlinked_trees_add_to_the_probability_within_its_bounds(self) -> None:
        found = self.SCALES.predicted(1, self.VALUES, np.array([0.2, -1.0, 2.0]), linked=False)

        np.testing.assert_allclose(found, [0.25, 0.0, 1.0])

    def test_linked_predictions_are_between_0_and_1_wherever_they_began(self) -> None:
        found = self.SCALES.predicted(1, np.array([-9.0, 9.0]), np.array([1.0, -1.0]), linked=True)

        np.testing.assert_allclose(found, expit(logit([0.005, 0.995]) + np.array([1.0, -1.0])))
