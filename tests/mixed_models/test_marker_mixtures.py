from __future__ import annotations

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, without_fixed_effects
from genialearn import GBLUP, Cohort
from genialearn._arrays import FloatArray
from genialearn.genotypes import dosages
from genialearn.mixed_models.covariances import of_traits
from genialearn.mixed_models.marker_mixtures import MarkerMixtures, TwoNormals


def prior_of(markers: MarkerMixtures, narrow_part: float, share: float) -> TwoNormals:
    """Return the prior of records half of whose variance is genetic."""
    units, weights = markers.system.units, markers.system.mean_weights
    mixture = (np.full(len(units), value) for value in (narrow_part, share))
    return TwoNormals.of(markers.system, 0.5 * units**2, 0.5 * units**2 * weights, *mixture)


class Plain:
    """One trait without fixed effects but a mean, marker by marker, in plain steps."""

    def __init__(self, markers: MarkerMixtures, cohort: Cohort, trait: int, narrow_part: float, share: float) -> None:
        pattern, values = markers.system.patterns[trait], dosages(cohort.genotypes).astype(np.float64)
        p = np.ma.masked_less(values, 0).mean(axis=0).data / 2
        self.z = np.where(values >= 0, values - 2 * p, 0.0)[pattern.animals]
        self.w, self.y = pattern.root_weights**2, markers.system.values[trait]
        each = 0.5 / float(np.sum(2 * p * (1 - p)))
        self.variances = np.array([narrow_part * each / (1 - share), (1 - narrow_part) * each / share])
        self.shares = np.array([1 - share, share])
        self.u, self.wideness = np.zeros(len(p)), np.zeros(len(p))

    def step(self) -> None:
        mean = np.average(self.y - self.z @ self.u, weights=self.w)
        e = self.y - mean - self.z @ self.u
        for j, z in enumerate(self.z.T):
            precision = float(self.w @ z**2) / 0.5
            score = float(self.w @ (z * (e + z * self.u[j]))) / 0.5
            spread = self.variances / (1 + precision * self.variances)
            densities = np.log(self.shares) - 0.5 * np.log1p(precision * self.variances) + 0.5 * score**2 * spread
            chances = np.exp(densities - densities.max())
            chances /= chances.sum()
            after = float(chances @ spread) * score
            e -= z * (after - self.u[j])
            self.u[j], self.wideness[j] = after, chances[1]


@pytest.mark.parametrize(("narrow_part", "share"), [(0.5, 0.5), (0.3, 0.02)])
@pytest.mark.parametrize("trait", [0, 2])
def test_sweeps_are_those_of_plain_steps(trait: int, narrow_part: float, share: float) -> None:
    """Of records with holes, weights and animals without genotypes at some markers."""
    cohort = without_fixed_effects(family_cohort()).canonical()
    markers = MarkerMixtures(cohort)
    plain = Plain(markers, cohort, trait, narrow_part, share)
    for _ in range(4):
        markers.step(prior_of(markers, narrow_part, share))
        plain.step()

    np.testing.assert_allclose(markers.effects[:, trait], plain.u, atol=1e-5 * np.abs(plain.u).max(), rtol=1e-3)
    np.testing.assert_allclose(markers.wideness[:, trait], plain.wideness, atol=1e-5)


def test_with_one_normal_distribution_it_is_gblup() -> None:
    """With holes, weights, fixed effects and missing dosages, given the same variances."""
    cohort = family_cohort().canonical()
    model = GBLUP(heritability=0.3).fit(cohort)
    genetic, residual = (
        np.array([getattr(fit.variances, part) for fit in model.models_]) for part in ("genetic", "residual")
    )
    markers, halves = MarkerMixtures(cohort), np.full(len(cohort.traits), 0.5)
    prior = TwoNormals.of(markers.system, genetic, residual, halves, halves)
    moved = markers.settle(prior, tolerance=1e-6, most_sweeps=2000)
    expected = model.breeding_values(cohort)
    found = model.scale_.breeding_values(cohort.genotypes, markers.effects * markers.system.units)

    assert moved.max() <= 1e-6
    np.testing.assert_allclose(found / expected.std(axis=0), expected / expected.std(axis=0), atol=2e-3)
    np.testing.assert_allclose(markers.means * markers.system.units, model.mean_, rtol=1e-4)


def lone_loci(seed: int) -> tuple[Cohort, FloatArray]:
    """Return unlinked markers, records of heritability .5 by five of them, and the genetic values."""
    rng = np.random.default_rng(seed)
    values = rng.binomial(2, 0.5, (500, 400)).astype(np.int8)
    genetic = values[:, [3, 77, 150, 222, 390]] @ np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    genetic = (genetic - genetic.mean()) / genetic.std()
    return Cohort.from_arrays(values, (genetic + rng.standard_normal(500))[:, None]), genetic


def test_large_effects_are_found_and_little_else() -> None:
    cohort, genetic = lone_loci(1)
    markers = MarkerMixtures(cohort)
    moved = markers.settle(prior_of(markers, 0.1, 0.01), tolerance=1e-3, most_sweeps=60)

    loci = [3, 77, 150, 222, 390]
    assert moved.max() <= 1e-3
    assert markers.wideness[loci].min() > 0.95
    assert np.delete(markers.wideness, loci).mean() < 0.02
    assert np.corrcoef(dosages(cohort.genotypes) @ markers.effects[:, 0], genetic)[0, 1] > 0.95


def test_a_trait_that_does_not_vary_is_left_alone() -> None:
    cohort, _ = lone_loci(1)
    values = np.column_stack([cohort.records.values[:, 0], np.full(500, 3.0)])
    markers = MarkerMixtures(Cohort.from_arrays(dosages(cohort.genotypes), values))
    moved = markers.settle(prior_of(markers, 0.5, 0.1), tolerance=1e-9, most_sweeps=3)

    assert not markers.effects[:, 1].any()
    assert moved[1] == 0 < moved[0]
    assert markers.means[1] == pytest.approx(3.0)


def test_a_trait_settles_as_it_does_alone() -> None:
    """However long others take: the five traits settle after different numbers of sweeps."""
    cohort = without_fixed_effects(family_cohort()).canonical()
    together, sweeps = MarkerMixtures(cohort), []
    together.settle(prior_of(together, 0.5, 0.1), tolerance=1e-4, most_sweeps=100)
    for trait in range(len(cohort.traits)):
        alone = MarkerMixtures(of_traits(cohort, np.arange(len(cohort.traits)) == trait))
        prior = prior_of(alone, 0.5, 0.1)
        alone.settle(prior, tolerance=1e-4, most_sweeps=100)
        np.testing.assert_array_equal(together.effects[:, trait], alone.effects[:, 0])
        again = MarkerMixtures(of_traits(cohort, np.arange(len(cohort.traits)) == trait))
        sweeps.append(next(number for number in range(100) if again.step(prior)[0] <= 1e-4))

    assert len(set(sweeps)) > 1
