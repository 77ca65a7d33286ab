from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet as PlainElasticNet

from cohorts_for_tests import family_cohort, with_records_repeated, without_fixed_effects
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import dosages
from genialearn.mixed_models import coordinate_descent
from genialearn.mixed_models.adjustment import average_by_animal
from genialearn.mixed_models.coordinate_descent import ElasticNetPath
from genialearn.mixed_models.marker_system import MarkerSystem

FAT = 1


def standardised(cohort: Cohort) -> tuple[FloatArray, FloatArray]:
    """Return centred dosages over sqrt(2p(1 - p)), a missing one 0, and these roots."""
    values = dosages(cohort.genotypes).astype(np.float64)
    values[values < 0] = np.nan
    p = np.nanmean(values, axis=0) / 2
    roots = np.sqrt(2 * p * (1 - p))
    return np.nan_to_num(values - 2 * p) / roots, roots


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on until hardly an effect moves."""
    monkeypatch.setattr(coordinate_descent, "_SETTLED", 1e-7)
    monkeypatch.setattr(coordinate_descent, "_MOST_SWEEPS", 400)


def last(path: ElasticNetPath, penalties: FloatArray) -> FloatArray:
    return list(path.follow(penalties))[-1].copy()


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 1.0])
def test_effects_are_those_of_another_library(l1_ratio: float, patient: None) -> None:
    """With weights, and 300 markers in three blocks."""
    cohort = without_fixed_effects(family_cohort(120, 300)).canonical()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, cohort.records.weights.shape)
    cohort = replace(cohort, records=replace(cohort.records, weights=weights))
    path, (z, roots) = ElasticNetPath(MarkerSystem(cohort), l1_ratio), standardised(cohort)
    penalties = np.array([1.0, 0.5, 0.2])[:, None] * path.highest
    found = last(path, penalties)

    for trait in (0, FAT):
        known = np.isfinite(cohort.records.values[:, trait])
        unit, y = path.system.units[trait], cohort.records.values[known, trait]
        plain = PlainElasticNet(alpha=penalties[-1, trait], l1_ratio=l1_ratio, tol=1e-10, max_iter=100_000)
        plain.fit(z[known], y / unit, sample_weight=weights[known, trait])
        np.testing.assert_allclose(found[:, trait] * roots / unit, plain.coef_, atol=2e-4)
        assert 0 < np.count_nonzero(plain.coef_)
        np.testing.assert_allclose(path.means[trait], plain.intercept_, atol=1e-3)


def test_nothing_differs_from_0_at_the_highest_penalty_and_something_just_below() -> None:
    path = ElasticNetPath(MarkerSystem(family_cohort().canonical()), 0.5)
    at, below = np.array([1.0, 0.97])[:, None] * path.highest

    assert not last(path, at[None] * (1 + 1e-6)).any()
    assert np.all(last(path, below[None]).any(axis=0))


def test_a_trait_that_is_not_followed_keeps_its_effects() -> None:
    path = ElasticNetPath(MarkerSystem(family_cohort().canonical()), 0.5)
    penalties = np.array([0.8, 0.5, 0.3])[:, None] * path.highest
    whole = [effects.copy() for effects in ElasticNetPath(path.system, 0.5).follow(penalties)]
    found = []
    for step, effects in enumerate(path.follow(penalties)):
        path.followed[FAT] = step < 1
        found.append(effects.copy())
    others = np.arange(5) != FAT

    np.testing.assert_array_equal(found[2][:, FAT], found[1][:, FAT])
    assert np.any(whole[2][:, FAT] != whole[1][:, FAT])
    np.testing.assert_allclose(
        found[2][:, others], whole[2][:, others], atol=2e-3 * np.abs(whole[2][:, others]).max(axis=0).min()
    )


def test_fixed_effects_are_not_penalised(patient: None) -> None:
    """Records of herds of very different levels have the effects that records without these levels have."""
    cohort = family_cohort(fixed="herd").canonical()
    herd = cohort.records.effects["herd"].str[1:].astype(float).to_numpy()
    far = replace(cohort, records=replace(cohort.records, values=cohort.records.values + 1000 * herd[:, None]))
    paths = [ElasticNetPath(MarkerSystem(each), 0.5) for each in (cohort, far)]
    one, other = (last(path, np.array([1.0, 0.3])[:, None] * path.highest) for path in paths)

    np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(one).max(axis=0).min() + 1e-6)


def test_repeated_records_are_their_weighted_means(patient: None) -> None:
    plain = without_fixed_effects(family_cohort(80, 200)).canonical()
    repeated = with_records_repeated(plain, np.arange(80) % 3 + 1).canonical()
    records, weights = [], []
    for trait in range(len(plain.traits)):
        known = np.isfinite(repeated.records.values[:, trait])
        means, totals = average_by_animal(
            repeated.record_rows[known],
            repeated.records.values[known, trait],
            repeated.records.weights[known, trait],
            80,
        )
        records.append(means)
        weights.append(np.where(totals > 0, totals, 1.0))
    summed = replace(
        plain, records=replace(plain.records, values=np.column_stack(records), weights=np.column_stack(weights))
    )
    paths = [ElasticNetPath(MarkerSystem(each), 0.5) for each in (repeated, summed)]
    shares = [np.array([1.0, 0.4])[:, None] * path.highest for path in paths]
    effects = [last(path, penalties) for path, penalties in zip(paths, shares, strict=True)]

    chosen = [values != 0 for values in effects]
    assert np.mean(chosen[0] == chosen[1]) > 0.98


def test_holes_of_a_trait_leave_the_others_alone() -> None:
    cohort = family_cohort().canonical()
    values = cohort.records.values.copy()
    values[::2, FAT] = np.nan
    holed = replace(cohort, records=replace(cohort.records, values=values))
    one, other = (
        last(path, np.array([1.0, 0.4])[:, None] * path.highest)
        for path in (ElasticNetPath(MarkerSystem(each), 0.5) for each in (cohort, holed))
    )
    others = np.arange(5) != FAT

    np.testing.assert_allclose(one[:, others], other[:, others], rtol=1e-3, atol=1e-6 * np.abs(one).max())
    assert np.any(one[:, FAT] != other[:, FAT])


def test_a_trait_that_does_not_vary_has_no_effects() -> None:
    cohort = family_cohort().canonical()
    values = cohort.records.values.copy()
    values[:, FAT] = 4.5
    path = ElasticNetPath(MarkerSystem(replace(cohort, records=replace(cohort.records, values=values))), 0.5)

    assert path.highest[FAT] == 0
    assert not last(path, np.array([1.0, 0.2])[:, None] * path.highest)[:, FAT].any()
