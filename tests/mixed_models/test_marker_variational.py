from __future__ import annotations

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, without_fixed_effects
from genialearn import Cohort
from genialearn._arrays import FloatArray
from genialearn.genotypes import dosages
from genialearn.mixed_models.marker_sampler import BAYES_C, BAYES_R, FREEDOM, PRIOR_SHARE, Prior
from genialearn.mixed_models.marker_variational import VariationalMarkers


class Plain:
    """One trait without fixed effects but a mean, marker by marker, in plain steps."""

    def __init__(self, markers: VariationalMarkers, cohort: Cohort, trait: int, prior: Prior) -> None:
        pattern, values = markers.system.patterns[trait], dosages(cohort.genotypes).astype(np.float64)
        p = markers.system.blocks.frequencies
        self.z = np.where(values >= 0, values - 2 * p, 0.0)[pattern.animals]
        self.w, self.y = pattern.root_weights**2, markers.system.values[trait]
        self.multiples = np.array(prior.multiples)
        spread = float(np.sum(2 * p * (1 - p)))
        self.usual = PRIOR_SHARE / (spread * float(self.multiples @ prior.few))
        self.scale = PRIOR_SHARE / (spread * float(self.multiples @ prior.many))
        self.shares, self.residual = np.array(prior.many), 1 - PRIOR_SHARE
        self.u = np.zeros(len(p))

    def step(self) -> None:
        mean = np.average(self.y - self.z @ self.u, weights=self.w)
        e = self.y - mean - self.z @ self.u
        variances = self.multiples * self.scale
        counts, size, noise = np.zeros(len(variances)), 0.0, 0.0
        for j, z in enumerate(self.z.T):
            own = float(self.w @ z**2)
            score = float(self.w @ (z * e)) + own * self.u[j]
            log = np.log(self.shares)
            log += 0.5 * (score / self.residual) ** 2 * variances / (1 + own / self.residual * variances)
            log -= 0.5 * np.log1p(own / self.residual * variances)
            gamma = np.exp(log - log.max())
            gamma /= gamma.sum()
            s2 = variances / (1 + own / self.residual * variances)
            centre = s2 * score / self.residual
            after, square = float(gamma @ centre), float(gamma @ (s2 + centre**2))
            counts += gamma
            size += float(gamma[1:] @ ((s2 + centre**2)[1:] / self.multiples[1:]))
            noise += own * (square - after**2)
            e -= z * (after - self.u[j])
            self.u[j] = after
        e = self.y - mean - self.z @ self.u
        prior = FREEDOM * (1 - PRIOR_SHARE) * (FREEDOM - 2) / FREEDOM
        self.residual = (float(self.w @ e**2) + noise + prior) / (len(self.y) - 1 + FREEDOM)
        self.scale = (size + FREEDOM * self.usual * (FREEDOM - 2) / FREEDOM) / (counts[1:].sum() + FREEDOM)
        self.shares = (counts + 1) / (counts.sum() + len(counts))


@pytest.mark.parametrize("prior", [BAYES_R, BAYES_C], ids=["mixture", "one component"])
@pytest.mark.parametrize("trait", [0, 2])
def test_sweeps_are_those_of_plain_steps(prior: Prior, trait: int) -> None:
    """Of records with holes, weights and animals without genotypes at some markers."""
    cohort = without_fixed_effects(family_cohort()).canonical()
    markers = VariationalMarkers(cohort, prior)
    plain = Plain(markers, cohort, trait, prior)
    for _ in range(4):
        markers.step()
        plain.step()

    np.testing.assert_allclose(markers.effects[:, trait], plain.u, atol=1e-5 * np.abs(plain.u).max(), rtol=1e-3)
    assert markers.residual[trait] == pytest.approx(plain.residual, rel=1e-4)
    np.testing.assert_allclose(markers.shares[trait], plain.shares, rtol=1e-4)


def lone_loci(seed: int) -> tuple[Cohort, FloatArray]:
    """Return unlinked markers, records of heritability .5 by five of them, and the genetic values."""
    rng = np.random.default_rng(seed)
    values = rng.binomial(2, 0.5, (500, 400)).astype(np.int8)
    genetic = values[:, [3, 77, 150, 222, 390]] @ np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    genetic = (genetic - genetic.mean()) / genetic.std()
    return Cohort.from_arrays(values, (genetic + rng.standard_normal(500))[:, None]), genetic


def test_large_effects_are_found_and_little_else() -> None:
    cohort, genetic = lone_loci(1)
    markers = VariationalMarkers(cohort, BAYES_R)
    for _ in range(60):
        moved = markers.step()

    loci = [3, 77, 150, 222, 390]
    assert moved.max() < 1e-3
    assert markers.inside[loci].min() > 0.95
    fitted = dosages(cohort.genotypes) @ markers.effects[:, 0]
    assert np.corrcoef(fitted, genetic)[0, 1] > 0.95


def test_variances_are_those_of_the_truth() -> None:
    shares = []
    for seed in range(4):
        markers = VariationalMarkers(lone_loci(seed)[0], BAYES_R)
        for _ in range(60):
            markers.step()
        shares.append(float(markers.genetic[0] / (markers.genetic[0] + markers.residual[0])))

    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)


def test_a_trait_that_does_not_vary_is_left_alone() -> None:
    cohort, _ = lone_loci(1)
    values = np.column_stack([cohort.records.values[:, 0], np.full(500, 3.0)])
    markers = VariationalMarkers(Cohort.from_arrays(dosages(cohort.genotypes), values), BAYES_R)
    for _ in range(3):
        moved = markers.step()

    assert not markers.effects[:, 1].any()
    assert moved[1] == 0
    assert markers.means[1] == pytest.approx(3.0)
