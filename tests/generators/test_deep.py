"""What all generators with networks promise: units, conditions, settings; each by one that is quickly trained."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cohorts_for_tests import family_cohort
from deep_cohorts import recorded_cohort
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, InputError, MissingExtraError, SettingError
from genialearn.generators import CATALOGUE, make_generator
from genialearn.genotypes import HaplotypeMatrix, dosages
from genialearn.neural.checkpoints import CheckpointFile, Resumable
from killed_training import KilledAfter, KilledError
from phased_cohorts import with_alleles_swapped, with_markers_reordered, without_phase

torch = pytest.importorskip("torch")

DEEP = {
    "vae": {"epochs": 2, "latent": 4, "hidden": (16,)},
    "gan": {"epochs": 2, "latent": 4, "hidden": (16,), "critic_hidden": (16,)},
    "wgan-gp": {"epochs": 2, "latent": 4, "hidden": (16,), "critic_hidden": (16,)},
    "wgan-gp-local": {"epochs": 2, "latent": 4, "hidden": (16,), "critic_hidden": (16,), "window": 6},
    "pca-diffusion": {"epochs": 2, "hidden": (16,), "sampling_steps": 5},
}


def unfitted(name: str, **settings: Any) -> Any:
    return make_generator(name, **{**DEEP[name], **settings}, threads=1, device="cpu")


def longer(name: str) -> dict[str, Any]:
    """Return settings of six epochs in which all that a training keeps has an effect."""
    return {"epochs": 6} | ({"average": 0.9} if "average" in unfitted(name).get_params() else {})


@cache
def fitted(name: str, unit: str = "auto") -> Any:
    return unfitted(name, unit=unit).fit(recorded_cohort())


def drawn(generator: Any, *, seed: int = 1, conditions: pd.DataFrame | None = None) -> bytes:
    animals = generator.sample(6, conditions=conditions, rng=np.random.default_rng(seed))
    values = animals.alleles() if isinstance(animals, HaplotypeMatrix) else dosages(animals)
    return np.ascontiguousarray(values).tobytes()


def test_all_of_the_family_are_tested() -> None:
    assert set(DEEP) == {name for name, entry in CATALOGUE.items() if entry.family == "deep"}


@pytest.mark.parametrize("name", DEEP)
class TestEveryOne:
    @pytest.mark.parametrize(("unit", "phased"), [("auto", True), ("haplotype", True), ("animal", False)])
    def test_units(self, name: str, unit: str, phased: bool) -> None:
        generator = fitted(name, unit)
        animals = generator.sample(5, rng=np.random.default_rng(1))

        assert phased == generator.needs_haplotypes == isinstance(animals, HaplotypeMatrix)
        assert [f"artificial{number}" for number in range(1, 6)] == list(animals.animals)
        assert list(recorded_cohort().canonical().genotypes.markers.names) == list(animals.markers.names)

    def test_unphased_genotypes_with_holes_and_without_records(self, name: str) -> None:
        cohort = without_phase(recorded_cohort().without_records(), missing=0.1)
        animals = unfitted(name).fit(cohort).sample(5, rng=np.random.default_rng(1))

        assert {0, 1, 2} >= set(np.unique(dosages(animals)))

    def test_a_seed_is_a_draw(self, name: str) -> None:
        assert drawn(fitted(name)) == drawn(unfitted(name).fit(recorded_cohort()))
        assert drawn(fitted(name)) != drawn(fitted(name), seed=2)
        assert drawn(fitted(name)) != drawn(unfitted(name, seed=2).fit(recorded_cohort()))

    def test_torch_state_is_left_alone(self, name: str) -> None:
        before = torch.random.get_rng_state().clone()
        drawn(unfitted(name).fit(recorded_cohort()))

        assert torch.equal(before, torch.random.get_rng_state())

    def test_order_and_coding_of_the_files(self, name: str) -> None:
        order = np.random.default_rng(2).permutation(24)
        other = with_alleles_swapped(with_markers_reordered(recorded_cohort(), order), order % 3 == 0)

        assert drawn(fitted(name)) == drawn(unfitted(name).fit(other.select(np.arange(240)[::-1])))

    def test_conditions_are_heard(self, name: str) -> None:
        low, high = (pd.DataFrame({"milk": np.full(6, value)}) for value in (-1000.0, 5000.0))

        assert drawn(fitted(name), conditions=low) != drawn(fitted(name), conditions=high)

    def test_values_that_are_not_asked_for_are_like_no_condition(self, name: str) -> None:
        nothing = pd.DataFrame({"milk": np.full(6, np.nan)})

        assert drawn(fitted(name)) == drawn(fitted(name), conditions=nothing)

    def test_history(self, name: str) -> None:
        history = fitted(name).history_

        assert [0, 1] == [entry["epoch"] for entry in history]
        assert all(np.isfinite(list(entry.values())).all() for entry in history)

    def test_fixed_effects_and_a_binary_trait(self, name: str) -> None:
        generator = unfitted(name).fit(family_cohort())
        animals = generator.sample(
            2, conditions=pd.DataFrame({"mastitis": [0, 1], "milk": [9000.0, np.nan]}), rng=np.random.default_rng(1)
        )

        assert ["milk", "fat", "stature", "fertility", "mastitis"] == generator.asked_traits_.names
        assert (2, 300) == animals.shape

    def test_the_library_is_missing(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)

        with pytest.raises(MissingExtraError, match=rf"^generator {name}: expected the library torch, found none\."):
            unfitted(name).fit(recorded_cohort())


@pytest.mark.parametrize("name", DEEP)
class TestTrainingThatWasKilled:
    @pytest.mark.parametrize("unit", ["haplotype", "animal"])
    def test_it_goes_on_to_the_same_bytes(self, name: str, unit: str, tmp_path: Path) -> None:
        """Killed after the second epoch, and after one more; the third process finishes."""
        expected = unfitted(name, unit=unit, batch=100, **longer(name)).fit(recorded_cohort())
        for epochs in (2, 1):
            with pytest.raises(KilledError, match="killed"):
                self._train(name, unit, partial(KilledAfter, tmp_path / "kept", epochs))
        resumed = self._train(name, unit, partial(CheckpointFile, tmp_path / "kept"))

        assert drawn(expected) == drawn(resumed)
        assert expected.history_ == resumed.history_
        assert 6 == len(resumed.history_)

    def test_the_rest_is_not_the_whole(self, name: str, tmp_path: Path) -> None:
        """What is kept has an effect: with another history in the file, training ends elsewhere."""
        with pytest.raises(KilledError, match="killed"):
            self._train(name, "animal", partial(KilledAfter, tmp_path / "kept", 5))
        content = torch.load(tmp_path / "kept", weights_only=True)
        content["state"]["random"]["order"] = np.random.default_rng(9).bit_generator.state
        torch.save(content, tmp_path / "kept")
        resumed = self._train(name, "animal", partial(CheckpointFile, tmp_path / "kept"))

        whole = unfitted(name, unit="animal", batch=100, **longer(name)).fit(recorded_cohort())
        assert whole.history_[:5] == resumed.history_[:5]
        assert whole.history_ != resumed.history_

    def test_other_settings_data_or_seeds_do_not_go_on(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(KilledError, match="killed"):
            self._train(name, "animal", partial(KilledAfter, tmp_path / "kept", 1))
        checkpoints = partial(CheckpointFile, tmp_path / "kept")

        with pytest.raises(InputError, match=r"kept: expected a checkpoint of batch 50, found one of batch 100\."):
            self._train(name, "animal", checkpoints, batch=50)
        with pytest.raises(InputError, match=r"expected a checkpoint of seed 2, found one of seed 1\. Repeat the"):
            self._train(name, "animal", checkpoints, seed=2)
        with pytest.raises(InputError, match=r"expected a checkpoint of data [0-9a-f]{16}, found one of data [0-9a-f]"):
            self._train(name, "animal", checkpoints, cohort=recorded_cohort(seed=2))

    @staticmethod
    def _train(name: str, unit: str, checkpoints: Any, cohort: Cohort | None = None, **settings: Any) -> Any:
        generator = unfitted(name, unit=unit, **{"batch": 100, **longer(name), **settings})
        assert isinstance(generator, Resumable)
        return generator.fit_resumably(cohort or recorded_cohort(), checkpoints)


class TestConditions:
    @pytest.mark.parametrize(
        ("conditions", "message"),
        [
            (
                pd.DataFrame({"milc": [1.0, 2.0]}),
                r"^conditions: expected traits with records of the training animals, found 'milc'\. "
                r"Did you mean milk\?$",
            ),
            (pd.DataFrame({"milk": [1.0]}), r"^conditions: expected one row an animal, 2, found 1 rows\.$"),
            (
                pd.DataFrame({"milk": [1.0, np.inf]}),
                r"^conditions milk: expected finite numbers or NaN, found others\.$",
            ),
            (pd.DataFrame({"milk": ["a", "b"]}), r"^conditions milk: expected finite numbers or NaN, found others\.$"),
            (pd.DataFrame([[1, 2]] * 2, columns=["milk", "milk"]), r"^conditions: expected every trait once"),
        ],
    )
    def test_others_are_refused(self, conditions: pd.DataFrame, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            fitted("vae").sample(2, conditions=conditions, rng=np.random.default_rng(1))

    def test_they_are_standardised_by_the_records(self) -> None:
        records = recorded_cohort().records.values

        np.testing.assert_allclose(fitted("vae").asked_traits_.means, np.nanmean(records, axis=0))
        np.testing.assert_allclose(fitted("vae").asked_traits_.deviations, np.nanstd(records, axis=0))

    def test_a_trait_without_records_can_not_be_asked_for(self) -> None:
        cohort = recorded_cohort()
        values = cohort.records.values.copy()
        values[:, 0] = np.nan
        generator = unfitted("vae").fit(replace(cohort, records=replace(cohort.records, values=values)))

        assert ["stature"] == generator.asked_traits_.names
        with pytest.raises(SettingError, match="found 'milk'"):
            generator.sample(2, conditions=pd.DataFrame({"milk": [1.0, 2.0]}), rng=np.random.default_rng(1))


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "settings", "message"),
        [
            ("vae", {"unit": "allele"}, r"^vae unit: expected a known name, found 'allele'\."),
            ("vae", {"decode": "round"}, r"^vae decode: expected a known name, found 'round'\."),
            ("vae", {"batch": 1}, r"^vae batch: expected a whole number of at least 2, found 1\.$"),
            ("vae", {"hidden": ()}, r"^vae hidden: expected the width of one hidden layer at least, found none\.$"),
            ("gan", {"hidden": (0,)}, r"^gan hidden: expected a whole number of at least 1, found 0\.$"),
            ("gan", {"last_temperature": 0}, r"^gan last_temperature: expected a number from 0\.01 to 10, found 0\.$"),
            ("wgan-gp", {"critic_steps": 0}, r"^wgan-gp critic_steps: expected a whole number of at least 1"),
            ("wgan-gp-local", {"window": 1}, r"^wgan-gp-local window: expected 0, or at least 2 markers, found 1\.$"),
            (
                "pca-diffusion",
                {"variance": 0},
                r"^pca-diffusion variance: expected a number from 0\.01 to 1, found 0\.$",
            ),
            ("pca-diffusion", {"target": "x"}, r"^pca-diffusion target: expected a known name, found 'x'\."),
        ],
    )
    def test_settings(self, name: str, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            make_generator(name, **settings).fit(recorded_cohort())

    def test_haplotypes_are_asked_for(self) -> None:
        with pytest.raises(AlignmentError, match=r"expected phased genotypes.*Phase them.*haplotypes\.vcf\.gz"):
            unfitted("vae", unit="haplotype").fit(without_phase(recorded_cohort()))

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_no_gpu(self) -> None:
        with pytest.raises(SettingError, match=r"^device: expected a GPU that torch can use, found none\."):
            make_generator("vae", device="cuda").fit(recorded_cohort())

    def test_one_animal(self) -> None:
        cohort: Cohort = recorded_cohort().select(slice(0, 1))

        with pytest.raises(AlignmentError, match=r"^generator vae: expected 2 animals and 1 marker at least, found 1"):
            unfitted("vae").fit(cohort)
