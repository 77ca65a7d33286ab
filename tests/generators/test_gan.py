from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from deep_cohorts import frequency_error, recorded_cohort, slope_on_conditions

pytest.importorskip("torch")

from genialearn.generators import gan
from genialearn.generators.gan import GAN, LocalWassersteinGAN, WassersteinGAN

SMALL: dict[str, Any] = {"epochs": 30, "latent": 8, "hidden": (32,), "critic_hidden": (32,), "batch": 16}
FAST: dict[type, dict[str, Any]] = {
    GAN: {"learning_rate": 1e-3, "critic_learning_rate": 1e-3},
    WassersteinGAN: {"learning_rate": 2e-3, "critic_steps": 2},
    LocalWassersteinGAN: {"learning_rate": 2e-3, "critic_steps": 2, "window": 6, "window_hidden": 8, "average": 0.95},
}


@cache
def fitted(kind: type, unit: str = "animal", **changes: Any) -> Any:
    return kind(**{**SMALL, **FAST[kind], **changes}, unit=unit, threads=1, device="cpu").fit(recorded_cohort())


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        (GAN, "haplotype"),
        pytest.param(WassersteinGAN, "animal", marks=pytest.mark.slow),
        (WassersteinGAN, "haplotype"),
        pytest.param(LocalWassersteinGAN, "animal", marks=pytest.mark.slow),
    ],
)
def test_training_brings_allele_frequencies_near(kind: type, unit: str) -> None:
    assert frequency_error(fitted(kind, unit)) < 0.7 * frequency_error(fitted(kind, unit, epochs=0))


@pytest.mark.parametrize("kind", [GAN, WassersteinGAN, LocalWassersteinGAN])
def test_genomic_values_follow_what_is_asked_for(kind: type) -> None:
    unit = "haplotype" if kind is GAN else "animal"

    assert 0.1 < slope_on_conditions(fitted(kind, unit)) < 2


def test_temperatures_fall_on_a_line() -> None:
    history = fitted(WassersteinGAN).history_

    assert (1.0, pytest.approx(0.1)) == (history[0]["temperature"], history[-1]["temperature"])
    assert SMALL["epochs"] == len(history)


def test_many_rows_are_seen_in_fewer_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    n_animals = len(recorded_cohort())
    monkeypatch.setattr(gan, "_MOST_EPOCHS", 4)

    for n_rows, epochs in ((2 * n_animals + 1, 3), (9 * n_animals, 4)):
        monkeypatch.setattr(gan, "_ROWS_SEEN", n_rows)
        settings = {**SMALL, "epochs": None, "unit": "animal", "threads": 1, "device": "cpu"}
        assert epochs == len(WassersteinGAN(**settings).fit(recorded_cohort()).history_)


def test_every_addition_changes_the_generator() -> None:
    plain = {"average": 0.0, "frequency_weight": 0.0, "linkage_weight": 0.0, "window": 0, "epochs": 2}
    losses = [
        tuple(fitted(LocalWassersteinGAN, **{**plain, **change}).history_[-1].values())
        for change in ({}, {"frequency_weight": 1.0}, {"linkage_weight": 1.0}, {"window": 6})
    ]

    assert 4 == len(set(losses))


def test_widths_follow_the_number_of_markers() -> None:
    """Of 3,493 markers with three states, as published, and of 50,000, where layers are bounded."""
    generator = WassersteinGAN()

    assert (437, 873, 1746) == tuple(generator._default_hidden(10_479))
    assert (1310, 655, 327) == tuple(generator._default_critic(10_479))
    assert (1024, 2048, 4096) == tuple(generator._default_hidden(150_000))
    assert (4096, 2048) == tuple(GAN()._default_critic(150_000))
