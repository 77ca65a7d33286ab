from __future__ import annotations

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_records_repeated
from genialearn._arrays import FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.genotypes import dosages
from genialearn.mixed_models import marker_sampler
from genialearn.mixed_models.marker_sampler import BAYES_C, BAYES_R, MarkerSampler, Prior


def centred(cohort: Cohort) -> FloatArray:
    values = dosages(cohort.genotypes).astype(np.float64)
    values[values < 0] = np.nan
    return np.asarray(np.nan_to_num(values - np.nanmean(values, axis=0)))


def swept(  # noqa: PLR0917
    sampler: MarkerSampler,
    state: marker_sampler._State,
    y: FloatArray,
    weights: FloatArray,
    normals: FloatArray,
    uniforms: FloatArray,
) -> None:
    """Draw all effects once, of records y less Z u."""
    n, t = y.shape
    left = sampler.padded(weights * (y - state.values[:n, :t]))
    state.sweep(left, normals, uniforms)


def marker_by_marker(  # noqa: PLR0917
    z: FloatArray,
    y: FloatArray,
    w: FloatArray,
    effects: FloatArray,
    variances: FloatArray,
    shares: FloatArray,
    noise: float,
    normals: FloatArray,
    uniforms: FloatArray,
) -> tuple[FloatArray, IntArray]:
    """Return effects of one trait and their components, each drawn from the residuals of all others."""
    effects, components = effects.copy(), np.zeros(len(effects), dtype=np.int64)
    for j in range(len(effects)):
        e = y - z @ effects + z[:, j] * effects[j]
        score, own = float(z[:, j] @ (w * e)) / noise, float(z[:, j] @ (w * z[:, j])) / noise
        densities = [np.log(shares[0])]
        for variance, share in zip(variances[1:], shares[1:], strict=True):
            ratio = own * variance
            densities.append(np.log(share) - 0.5 * np.log1p(ratio) + 0.5 * score**2 * variance / (1 + ratio))
        chances = np.exp(np.array(densities) - max(densities))
        chosen = int(np.searchsorted(np.cumsum(chances), uniforms[j] * chances.sum(), side="right"))
        precision = own + 1 / variances[chosen] if chosen else 1.0
        effects[j] = score / precision + normals[j] / np.sqrt(precision) if chosen else 0.0
        components[j] = chosen
    return effects, components


@pytest.mark.parametrize("repeated", [False, True])
def test_a_sweep_is_marker_by_marker(repeated: bool) -> None:
    """With holes, weights and missing dosages, two sweeps of 300 markers in three blocks."""
    cohort = family_cohort(60, 300, seed=2).canonical()
    cohort = with_records_repeated(cohort, np.arange(60) % 3 + 1).canonical() if repeated else cohort
    sampler, rng = MarkerSampler(cohort, BAYES_R), np.random.default_rng(3)
    state = marker_sampler._State(sampler, sampler.prior.few, rng)
    state._scales[:] = 0.02
    z, n_traits = centred(cohort), len(cohort.traits)
    weights = sampler.weights[: len(cohort), :n_traits].astype(np.float64)
    y = z @ rng.normal(0, 0.05, (300, n_traits)) + rng.normal(size=(len(cohort), n_traits))
    expected = np.zeros((300, n_traits))
    for _ in range(2):
        normals, uniforms = rng.standard_normal(state.effects.shape), rng.random(state.effects.shape)
        swept(sampler, state, y, weights, normals, uniforms)
        for t in range(n_traits):
            expected[:, t], components = marker_by_marker(
                z, y[:, t], weights[:, t], expected[:, t], state._multiples * 0.02, np.array(BAYES_R.few),
                state.residual[t], normals[:, t], uniforms[:, t],
            )  # fmt: skip
            np.testing.assert_array_equal(state.counts[t], np.bincount(components, minlength=4))

    assert state.counts[:, 1:].min() > 0
    np.testing.assert_allclose(state.effects[:300], expected, atol=2e-4)
    np.testing.assert_allclose(state.values[: len(cohort), :n_traits], z @ expected, atol=2e-3)


def test_the_mean_of_normal_effects_is_ridge_regression() -> None:
    cohort = family_cohort(80, 60, seed=4, holes=0.0).canonical()
    sampler, rng = MarkerSampler(cohort, Prior((0.0, 1.0), (1e-12, 1.0), (1e-12, 1.0))), np.random.default_rng(5)
    state = marker_sampler._State(sampler, sampler.prior.few, rng)
    z, weights = centred(cohort), np.ones((80, 5))
    y = z @ rng.normal(0, 0.3, (60, 5)) + rng.normal(size=(80, 5))
    state._scales[:], state.residual[:] = 0.09, 1.0
    total = np.zeros((60, 5))
    for sweep in range(4000):
        shape = state.effects.shape
        swept(sampler, state, y, weights, rng.standard_normal(shape), rng.random(shape))
        total += state.effects[:60] * (sweep >= 200) / 3800
    expected = np.linalg.solve(z.T @ z + np.eye(60) / 0.09, z.T @ y)

    np.testing.assert_allclose(z @ total, z @ expected, atol=0.15)
    assert np.corrcoef(total.ravel(), expected.ravel())[0, 1] > 0.995


def test_a_chain_is_the_same_from_the_same_seed_and_another_from_another() -> None:
    sampler = MarkerSampler(family_cohort(60, 300).canonical(), BAYES_R)
    one, same, other = (
        sampler.run(30, 10, 5, begin_with_many=True, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one.mean_effects, same.mean_effects)
    np.testing.assert_array_equal(one.genetic, same.genetic)
    assert np.abs(one.mean_effects - other.mean_effects).max() > 1e-4
    assert one.draws.shape == (5, 300, 5)
    assert one.genetic.shape == (20, 5)
    assert 0 <= one.inclusion.min() <= one.inclusion.max() <= 1


def test_chains_beside_one_another_are_those_one_after_the_other() -> None:
    sampler = MarkerSampler(family_cohort(60, 300).canonical(), BAYES_R)
    beside = sampler.run_all(12, 4, 2, [np.random.default_rng(seed) for seed in (1, 2, 3)])
    for number, found in enumerate(beside):
        rng = np.random.default_rng(number + 1)
        expected = sampler.run(12, 4, 2, begin_with_many=number % 2 == 0, rng=rng)

        np.testing.assert_array_equal(found.mean_effects, expected.mean_effects)
        np.testing.assert_array_equal(found.genetic, expected.genetic)


def test_traits_do_not_see_each_other() -> None:
    """A trait's random numbers are its own: with other records of the others it stays as it is."""
    cohort = family_cohort(60, 300).canonical()
    sampler = MarkerSampler(cohort, BAYES_R)
    state, again = (marker_sampler._State(sampler, BAYES_R.few, np.random.default_rng(1)) for _ in range(2))
    rng = np.random.default_rng(2)
    normals, uniforms, y = rng.standard_normal((384, 5)), rng.random((384, 5)), rng.normal(size=(60, 5))
    weights = sampler.weights[:60, :5].astype(np.float64)
    for which, factor in ((state, 1.0), (again, 3.0)):
        swept(sampler, which, y * [1, factor, factor, factor, factor], weights, normals, uniforms)

    np.testing.assert_allclose(state.effects[:, 0], again.effects[:, 0], atol=1e-9)
    assert np.abs(state.effects[:, 1:] - again.effects[:, 1:]).max() > 0.01


def test_markers_that_do_not_vary_say_nothing_of_how_many_effects_are_0() -> None:
    rng = np.random.default_rng(4)
    dosages = rng.integers(0, 3, (200, 60)).astype(np.int8)
    genetic = dosages @ rng.standard_normal(60)
    records = (genetic - genetic.mean()) / genetic.std() + 1.5 * rng.standard_normal(200)
    fixed = np.full((200, 3000), 2, dtype=np.int8)

    def effects(values: np.ndarray) -> float:
        sampler = MarkerSampler(Cohort.from_arrays(values, records[:, None]).canonical(), BAYES_C)
        return float(sampler.run(600, 100, 2, begin_with_many=True, rng=np.random.default_rng(1)).n_effects.mean())

    assert effects(np.hstack([dosages, fixed])) == pytest.approx(effects(dosages), rel=0.15)


@pytest.mark.parametrize(("half_square", "expected"), [(0.0, 1), (10.0, 2), (1e6, 2)])
def test_evidence_beyond_what_numbers_hold_chooses_the_widest_component(half_square: float, expected: int) -> None:
    """Shares .4, .3 and .3, uniform .5; exp(1e6) is no number."""
    spreads, weights = np.array([[0.0], [0.1], [1.0]]), np.array([[0.4], [0.3], [0.3]])

    assert expected == marker_sampler._component(0, half_square, spreads, weights, 0.5, np.empty(3))
