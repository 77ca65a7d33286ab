from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from deep_cohorts import frequency_error, heterozygosity, recorded_cohort, slope_on_conditions

pytest.importorskip("torch")

from genialearn.generators.diffusion import PCADiffusion

FAST: dict[str, Any] = {"epochs": 30, "hidden": (32, 32), "batch": 32, "learning_rate": 5e-3, "sampling_steps": 20}


@cache
def fitted(unit: str = "animal", **changes: Any) -> PCADiffusion:
    return PCADiffusion(**{**FAST, **changes}, unit=unit, threads=1, device="cpu").fit(recorded_cohort())


@pytest.mark.parametrize("unit", ["animal", "haplotype"])
def test_allele_frequencies(unit: str) -> None:
    assert frequency_error(fitted(unit)) < 0.03


def test_training_brings_allele_frequencies_near() -> None:
    """As published: the network says what the noise is, and the nearest genotype is taken."""
    published = {"target": "noise", "decode": "round", "held_out": 0.0, "noise_steps": 200}

    assert frequency_error(fitted(**published)) < 0.7 * frequency_error(fitted(**published, epochs=0))


@pytest.mark.parametrize("unit", ["animal", "haplotype"])
@pytest.mark.parametrize("trait", ["milk", "stature"])
def test_genomic_values_follow_what_is_asked_for(unit: str, trait: str) -> None:
    assert pytest.approx(1, abs=0.5) == slope_on_conditions(fitted(unit), trait=trait)


def test_guidance_exaggerates() -> None:
    generator = fitted()
    plain = slope_on_conditions(generator)
    generator.guidance = 2.0
    exaggerated = slope_on_conditions(generator)
    generator.guidance = 1.0

    assert exaggerated > 1.3 * plain


def test_drawing_keeps_the_heterozygosity_that_rounding_loses() -> None:
    """Of few components, which say little about any marker: rounded, almost all genotypes are the middle one."""
    real, found = heterozygosity(recorded_cohort().genotypes), {}
    for decode in ("sample", "round"):
        animals = fitted(variance=0.3, decode=decode).sample(300, rng=np.random.default_rng(1))
        found[decode] = abs(heterozygosity(animals) - real)

    assert found["sample"] < 0.5 * found["round"]


def test_calibration_is_optional() -> None:
    plain, calibrated = fitted(calibrate=False), fitted()

    assert np.array_equal(plain.thresholds_[0].scales, calibrated.thresholds_[0].scales)
    assert not np.array_equal(plain.thresholds_[0].cuts, calibrated.thresholds_[0].cuts)
    assert frequency_error(calibrated) < 1.2 * frequency_error(plain)


def test_linkage_is_that_of_the_training() -> None:
    """Neighbours in pairs are linked, others aren't; already before the network has learned anything."""
    from genialearn.genotypes import dosages

    animals = fitted(epochs=0).sample(1000, rng=np.random.default_rng(1))
    expected = np.corrcoef(dosages(recorded_cohort().genotypes).T)[0:12, 0:12]

    np.testing.assert_allclose(np.corrcoef(dosages(animals).T)[0:12, 0:12], expected, atol=0.2)  # type: ignore[arg-type]
