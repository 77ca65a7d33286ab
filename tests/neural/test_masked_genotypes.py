from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.errors import SettingError  # noqa: E402
from genialearn.genotypes import DenseGenotypes, allele_frequencies, dosages  # noqa: E402
from genialearn.neural.batches import PackedAnimals  # noqa: E402
from genialearn.neural.bodies import BODIES, Genome, learned_settings, make_body  # noqa: E402
from genialearn.neural.bodies.body import Body  # noqa: E402
from genialearn.neural.checkpoints import CheckpointFile, State  # noqa: E402
from genialearn.neural.masked_genotypes import MarkerDecoder, MaskedLoss, pretrained  # noqa: E402
from genialearn.neural.pretraining import Pretraining  # noqa: E402
from killed_training import KilledAfter, KilledError  # noqa: E402
from messages import exactly  # noqa: E402

N_MARKERS = 300
SETTINGS = Pretraining(hidden_share=0.4, run=5, asked=50, batch_animals=32, max_epochs=5)
COHORT = family_cohort(240, N_MARKERS)
FREQUENCIES = allele_frequencies(COHORT.genotypes)
GENOME = Genome.of(COHORT.genotypes.markers)
INPUTS = PackedAnimals.of(COHORT.genotypes, FREQUENCIES, torch.device("cpu"))


def body(name: str = "perceptron") -> Body:
    own = learned_settings(name, COHORT.genotypes, FREQUENCIES, seed=1)
    return make_body(name, GENOME, width=16, dropout=0.1, **own)


def noise(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestHiddenMarkers:
    def test_asked_ones_are_not_seen(self) -> None:
        seen, asked = MaskedLoss(INPUTS, GENOME, SETTINGS).hide(noise())

        assert len(asked) == 50
        assert not np.isin(asked, seen).any()
        assert pytest.approx(0.6 * N_MARKERS, rel=0.02) == len(seen)
        for part in (seen, asked):
            assert torch.equal(part, part.unique())

    def test_runs_are_hidden_within_chromosomes(self) -> None:
        settings = Pretraining(hidden_share=0.4, run=7, asked=N_MARKERS)
        is_hidden = np.zeros(N_MARKERS, dtype=bool)
        is_hidden[MaskedLoss(INPUTS, GENOME, settings).hide(noise()).asked] = True
        for chromosome in np.unique(GENOME.chromosomes):
            inside = is_hidden[chromosome == GENOME.chromosomes]
            lengths = np.diff(np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]))))[::2]
            assert lengths.min() >= 6  # 60 markers a chromosome: windows of 6 or 7

    def test_others_are_hidden_from_another_batch(self) -> None:
        loss, generator = MaskedLoss(INPUTS, GENOME, SETTINGS), noise()

        assert not torch.equal(loss.hide(generator).seen, loss.hide(generator).seen)

    @pytest.mark.parametrize("name", BODIES)
    def test_they_do_not_leak(self, name: str) -> None:
        """What is told of hidden markers doesn't change with their genotypes; the loss does."""
        network = MarkerDecoder(body(name), N_MARKERS).eval()
        torch.nn.init.normal_(network.weight)
        told: list[torch.Tensor] = []
        network.register_forward_hook(lambda module, arguments, output: told.append(output))
        hidden = ~np.isin(np.arange(N_MARKERS), MaskedLoss(INPUTS, GENOME, SETTINGS).hide(noise()).seen)
        losses = [
            MaskedLoss(inputs, GENOME, SETTINGS)(network, torch.arange(20), warmth=1.0, generator=noise())
            for inputs in (INPUTS, with_other_genotypes(hidden))
        ]

        assert torch.equal(*told)
        assert losses[0] != losses[1]


def with_other_genotypes(columns: np.ndarray) -> PackedAnimals:
    """Return the same animals with reversed dosages at some markers, shape (markers,)."""
    there = dosages(COHORT.genotypes)
    other = np.where(columns & (there >= 0), 2 - there, there).astype(np.int8)
    genotypes = DenseGenotypes(COHORT.genotypes.animals, COHORT.genotypes.markers, other)
    return PackedAnimals.of(genotypes, FREQUENCIES, torch.device("cpu"))


class TestLoss:
    def test_it_is_that_of_known_dosages(self) -> None:
        """A slow twin, of a decoder that tells a constant of each marker."""
        network, rows = MarkerDecoder(body(), N_MARKERS).eval(), np.arange(0, 60, 2)
        with torch.no_grad():
            network.bias.copy_(torch.linspace(-1, 1, N_MARKERS))
        loss = MaskedLoss(INPUTS, GENOME, SETTINGS)
        asked = loss.hide(noise()).asked.numpy()
        there = dosages(COHORT.genotypes)[rows][:, asked].astype(float)
        p = FREQUENCIES[asked]
        errors = (there - 2 * p) / np.sqrt(2 * p * (1 - p)) - np.linspace(-1, 1, N_MARKERS)[asked]

        found = loss(network, torch.from_numpy(rows), warmth=1.0, generator=noise())
        assert pytest.approx(np.mean(errors[there >= 0] ** 2), rel=1e-5) == found.item()


class TestPretrained:
    def test_it_tells_more_than_allele_frequencies(self) -> None:
        settings = Pretraining(hidden_share=0.3, run=3, max_epochs=30, learning_rate=3e-3, batch_animals=32)
        history = pretrained(body, INPUTS, GENOME, settings, seed=1)["history"]

        assert min(entry["validation_loss"] for entry in history) < 0.9

    @pytest.mark.parametrize("name", BODIES)
    def test_the_same_seed_is_the_same_to_the_byte(self, name: str) -> None:
        one, same, other = (
            pretrained(lambda: body(name), INPUTS, GENOME, Pretraining(max_epochs=2, batch_animals=32), seed=seed)
            for seed in (1, 1, 2)
        )

        assert one["history"] == same["history"] != other["history"]
        assert equal(one, same)
        assert not equal(one, other)

    def test_what_was_killed_goes_on_to_the_same_bytes(self, tmp_path: Path) -> None:
        expected, kept = pretrained(body, INPUTS, GENOME, SETTINGS, seed=1), tmp_path / "kept"
        with pytest.raises(KilledError, match="killed"):
            pretrained(body, INPUTS, GENOME, SETTINGS, seed=1, checkpoint=KilledAfter(kept, 2, {}))
        found = pretrained(body, INPUTS, GENOME, SETTINGS, seed=1, checkpoint=CheckpointFile(kept, {}))

        assert expected["history"] == found["history"]
        assert equal(expected, found)

    def test_torch_state_is_left_alone(self) -> None:
        before = torch.random.get_rng_state().clone()
        pretrained(body, INPUTS, GENOME, Pretraining(max_epochs=1), seed=1)

        assert torch.equal(before, torch.random.get_rng_state())


def equal(one: State, other: State) -> bool:
    return all(torch.equal(value, other["body"][name]) for name, value in one["body"].items())


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("hidden_share", 1.0, "pretraining hidden_share: expected a number from 0.01 to 0.99, found 1.0."),
        ("run", 0, "pretraining run: expected a whole number of at least 1, found 0."),
        ("asked", 0, "pretraining asked: expected a whole number of at least 1, found 0."),
    ],
)
def test_settings_out_of_range(setting: str, value: float, message: str) -> None:
    with pytest.raises(SettingError, match=exactly(message)):
        Pretraining(**{setting: value})
