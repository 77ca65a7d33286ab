from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from deep_cohorts import frequency_error, heterozygosity, recorded_cohort, slope_on_conditions

pytest.importorskip("torch")

from genialearn.generators.vae import VAE

FAST: dict[str, Any] = {"epochs": 25, "warm_up": 5, "latent": 8, "hidden": (32,), "batch": 32, "learning_rate": 5e-3}


@cache
def fitted(unit: str = "animal", **changes: Any) -> VAE:
    return VAE(**{**FAST, **changes}, unit=unit, threads=1, device="cpu").fit(recorded_cohort())


@pytest.mark.parametrize("unit", ["animal", "haplotype"])
def test_training_brings_allele_frequencies_near(unit: str) -> None:
    assert frequency_error(fitted(unit)) < 0.05 < frequency_error(fitted(unit, epochs=0))


@pytest.mark.parametrize("unit", ["animal", "haplotype"])
@pytest.mark.parametrize("trait", ["milk", "stature"])
def test_genomic_values_follow_what_is_asked_for(unit: str, trait: str) -> None:
    assert pytest.approx(1, abs=0.5) == slope_on_conditions(fitted(unit), trait=trait)


def test_drawing_keeps_the_heterozygosity_that_the_most_probable_state_loses() -> None:
    """From a latent space of one dimension little is known about any marker."""
    generator = fitted(latent=1, held_out=0.0)
    found = {}
    for decode in ("sample", "argmax"):
        generator.decode = decode
        found[decode] = abs(heterozygosity(generator.sample(300, rng=np.random.default_rng(1))) - real())

    assert found["sample"] < 0.5 * found["argmax"]


def real() -> float:
    return heterozygosity(recorded_cohort().genotypes)


def test_the_divergence_weighs_what_beta_says() -> None:
    """With a large beta the latent space says nothing, and the loss is that of independent markers or more."""
    free, bound = fitted(), fitted(beta=100.0)

    assert free.history_[-1]["validation_loss"] < bound.history_[-1]["validation_loss"]


def test_no_animals_held_out() -> None:
    history = fitted(latent=1, held_out=0.0).history_

    assert FAST["epochs"] == len(history)
    assert not any("validation_loss" in entry for entry in history)
