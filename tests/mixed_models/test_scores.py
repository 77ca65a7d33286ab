from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import family_cohort
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.linalg.lanczos import Quadrature
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import as_matrix
from genialearn.linalg.spectral import Spectrum
from genialearn.mixed_models import exact, scores, stochastic
from genialearn.mixed_models.likelihoods import StochasticLikelihood
from genialearn.mixed_models.records import Pattern, RecordSystems, patterns
from genialearn.mixed_models.scores import SplitTrait
from genialearn.mixed_models.variance import Contrasts
from genialearn.relationships import GenomicRelationships, GenomicScale


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return family_cohort(400, 300, seed=3, n_sires=5, holes=0.3).canonical()


@pytest.fixture(scope="module")
def kernel(cohort: Cohort) -> GenomicRelationships:
    return GenomicScale.of(cohort.genotypes).operator(cohort.genotypes)


def contrasts_of(cohort: Cohort) -> list[tuple[str, Pattern, FloatArray]]:
    columns = patterns(cohort)
    return [
        (trait.name, pattern, pattern.free(cohort.records.values[pattern.records, t][:, None])[:, 0])
        for t, (trait, pattern) in enumerate(zip(cohort.traits, columns, strict=True))
    ]


def decomposed(kernel: GenomicRelationships, pattern: Pattern) -> Spectrum:
    """Return the spectrum of the pattern's K on the complement of its fixed effects."""
    n = len(pattern.records)
    free = pattern.projection.remove(np.eye(n))
    k = RecordSystems(kernel, [pattern] * n).product(free, np.arange(n))
    values, vectors = np.linalg.eigh(free)
    basis = vectors[:, values > 0.5]
    return Spectrum.of(basis.T @ k @ basis), basis


@pytest.mark.parametrize("h", [0.1, 0.45])
def test_the_slope_is_that_of_the_likelihood(cohort: Cohort, kernel: GenomicRelationships, h: float) -> None:
    """Whatever the split says: all unit vectors correct the trace to the true one."""
    _, pattern, y = contrasts_of(cohort)[1]
    spectrum, basis = decomposed(kernel, pattern)
    rotated = basis @ spectrum.vectors
    inverse = (rotated / (h * spectrum.values + 1 - h)) @ rotated.T
    n = pattern.n_contrasts
    probes = np.sqrt(n) * basis
    wrong = StochasticLikelihood(Quadrature(np.ones(1), np.ones(1)), (Quadrature(np.full(1, 2.0), np.full(1, n)),), n)
    trait = SplitTrait(pattern, y, probes, wrong.probes * n, wrong)

    slope, squares = trait.slope(h, np.column_stack([inverse @ y, inverse @ probes]))

    twin = Contrasts(spectrum.values, rotated.T @ y)
    step = 1e-5
    expected = (twin.at(h + step).log_likelihood - twin.at(h - step).log_likelihood) / (2 * step)
    assert slope == pytest.approx(expected, rel=1e-5)
    assert squares / n == pytest.approx(twin.at(h).total, rel=1e-9)


def test_what_the_split_leaves_out_is_put_back(
    cohort: Cohort, kernel: GenomicRelationships, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few crude eigenvectors are taken out, so that the split alone is off by much; random vectors are the same."""
    traits = contrasts_of(cohort)
    part = dominant_part(kernel, 40, rng=np.random.default_rng(1), passes=2)
    errors = np.array([model.heritability_se for model in exact.fit_trait_models(
        cohort, as_matrix(kernel), [None] * len(traits)
    ).models])  # fmt: skip
    monkeypatch.setattr(stochastic, "PROBES", 60)

    def heritabilities() -> FloatArray:
        found = stochastic.estimate_variances(kernel, traits, rng=np.random.default_rng(2), part=part, probes=300)
        return np.array([estimate.variances.heritability for estimate in found])

    whole = heritabilities()
    monkeypatch.setattr(stochastic, "DEFLATED_FROM", 0)
    corrected = heritabilities()
    monkeypatch.setattr(scores, "_ROUNDS", 0)
    split = heritabilities()

    assert np.abs(split - whole).max() > 0.3 * errors.max()
    np.testing.assert_array_less(np.abs(corrected - whole), 0.1 * errors)


def test_total_variance_is_that_of_the_new_heritability(
    cohort: Cohort, kernel: GenomicRelationships, monkeypatch: pytest.MonkeyPatch
) -> None:
    traits = contrasts_of(cohort)[:1]
    monkeypatch.setattr(stochastic, "DEFLATED_FROM", 0)
    part = dominant_part(kernel, 40, rng=np.random.default_rng(1))
    found = stochastic.estimate_variances(kernel, traits, rng=np.random.default_rng(2), part=part, probes=100)[0]

    _, pattern, y = traits[0]
    spectrum, basis = decomposed(kernel, pattern)
    expected = Contrasts(spectrum.values, spectrum.vectors.T @ basis.T @ y).at(found.variances.heritability)
    assert found.variances.total == pytest.approx(expected.total, rel=1e-3)


def test_a_heritability_at_its_lowest_comes_back(cohort: Cohort, kernel: GenomicRelationships) -> None:
    """As far as a step goes: three standard errors a round."""
    _, pattern, y = contrasts_of(cohort)[1]
    spectrum, basis = decomposed(kernel, pattern)
    nodes, weights = spectrum.values, (spectrum.vectors.T @ basis.T @ y) ** 2
    probe = np.sqrt(pattern.n_contrasts) * basis
    exactly = Quadrature(nodes, np.ones(len(nodes)))
    whole = StochasticLikelihood(Quadrature(nodes, weights), (exactly,), pattern.n_contrasts)
    trait = SplitTrait(pattern, y, probe, (exactly,), whole)
    part = dominant_part(kernel, 10, rng=np.random.default_rng(1))

    found = scores.corrected(kernel, [replace(trait)], [1e-5], part)[0]

    assert found.heritability > 0.1


def test_a_heritability_of_nearly_one_stays(cohort: Cohort, kernel: GenomicRelationships) -> None:
    _, pattern, y = contrasts_of(cohort)[1]
    flat = StochasticLikelihood(Quadrature(np.ones(1), np.ones(1)), (Quadrature(np.ones(1), np.ones(1)),), 100)
    trait = SplitTrait(pattern, y, np.empty((len(y), 0)), (), flat)
    part = dominant_part(kernel, 10, rng=np.random.default_rng(1))

    assert 1 - 1e-5 == scores.corrected(kernel, [trait], [1 - 1e-5], part)[0].heritability
