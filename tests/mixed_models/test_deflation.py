from __future__ import annotations

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import as_matrix
from genialearn.mixed_models import exact, iterative, stochastic
from genialearn.mixed_models.deflation import Deflation
from genialearn.mixed_models.records import Pattern, RecordSystems, patterns
from genialearn.relationships import GenomicRelationships, GenomicScale


@pytest.fixture
def cohort() -> Cohort:
    return family_cohort(400, 300, seed=3, n_sires=5, holes=0.3).canonical()


@pytest.fixture
def kernel(cohort: Cohort) -> GenomicRelationships:
    return GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)


def products(kernel: GenomicRelationships, pattern: Pattern) -> FloatArray:
    """Return the pattern's K."""
    systems = RecordSystems(kernel, [pattern] * len(pattern.records))
    return systems.product(pattern.projection.remove(np.eye(len(pattern.records))), np.arange(len(pattern.records)))


def test_contrasts_are_split_in_two(cohort: Cohort, kernel: GenomicRelationships) -> None:
    pattern = patterns(cohort)[1]
    part = dominant_part(kernel, 20, rng=np.random.default_rng(1))
    split = Deflation.of(pattern, part, kernel.diagonal())
    contrasts = pattern.free(cohort.records.values[pattern.records, 1:2])

    left, inside = split.rest.projection.remove(contrasts), split.quadrature(contrasts[:, 0])
    assert np.sum(left**2) + np.sum(inside.weights) == pytest.approx(np.sum(contrasts**2), rel=1e-5)
    np.testing.assert_allclose(split.basis.T @ split.basis, np.eye(20), atol=1e-5)
    np.testing.assert_allclose(split.basis.T @ left, 0, atol=1e-4 * np.linalg.norm(contrasts))
    assert split.rest.n_contrasts == pattern.n_contrasts - 20


def test_the_part_taken_out_has_the_largest_eigenvalues(cohort: Cohort, kernel: GenomicRelationships) -> None:
    pattern = patterns(cohort)[1]
    split = Deflation.of(pattern, dominant_part(kernel, 20, rng=np.random.default_rng(1)), kernel.diagonal())
    k, rest = products(kernel, pattern), products(kernel, split.rest)

    np.testing.assert_allclose(split.values, np.diag(split.basis.T @ k @ split.basis), rtol=0.1)
    assert np.linalg.eigvalsh(rest).max() < 0.5 * np.linalg.eigvalsh(k).max()
    assert np.linalg.eigvalsh(rest).max() < 1.5 * split.values.min()


def test_estimates_are_those_without_it_in_fewer_products(
    cohort: Cohort, kernel: GenomicRelationships, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = exact.fit_trait_models(cohort, as_matrix(kernel), [None] * 5).models
    columns = patterns(cohort)
    traits = [
        (trait.name, pattern, pattern.free(cohort.records.values[pattern.records, t][:, None])[:, 0])
        for t, (trait, pattern) in enumerate(zip(cohort.traits, columns, strict=True))
    ]
    part = dominant_part(kernel, 40, rng=np.random.default_rng(1))
    monkeypatch.setattr(stochastic, "_FEWEST_STEPS", 3)
    monkeypatch.setattr(stochastic, "_STRIDE", 1)
    whole = stochastic.estimate_variances(kernel, traits, rng=np.random.default_rng(2), part=part, probes=300)
    monkeypatch.setattr(stochastic, "DEFLATED_FROM", 0)
    found = stochastic.estimate_variances(kernel, traits, rng=np.random.default_rng(2), part=part, probes=300)

    for actual, model in zip(found, expected, strict=True):
        assert actual.variances.heritability == pytest.approx(
            model.variances.heritability, abs=0.3 * model.heritability_se
        )
        assert actual.heritability_se == pytest.approx(model.heritability_se, rel=0.15)
    assert found[0].n_steps < whole[0].n_steps


def test_large_cohorts_take_it(cohort: Cohort, kernel: GenomicRelationships, monkeypatch: pytest.MonkeyPatch) -> None:
    def variances() -> list[float]:
        fits = iterative.fit_trait_models(cohort, kernel, [None] * 5, rng=np.random.default_rng(1))
        return [model.variances.heritability for model in fits.models]

    whole = variances()
    monkeypatch.setattr(stochastic, "DEFLATED_FROM", 0)

    assert variances() != whole
    np.testing.assert_allclose(variances(), whole, atol=0.1)


def test_a_run_that_is_too_short_does_not_settle_at_the_border() -> None:
    def estimate(h: float, steps: int) -> stochastic.Estimate:
        return stochastic.Estimate(stochastic.Variances(h, 1.0, 0.0), 0.01, steps)

    assert not stochastic._settled(estimate(0.99999, 12), estimate(0.99999, 18))
    assert stochastic._settled(estimate(0.99999, 234), estimate(0.99999, 240))
    assert stochastic._settled(estimate(0.5, 12), estimate(0.5001, 18))
    assert not stochastic._settled(estimate(0.5, 12), estimate(0.502, 18))
