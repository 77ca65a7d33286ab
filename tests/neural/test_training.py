from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.errors import ConvergenceError  # noqa: E402
from genialearn.genotypes import allele_frequencies  # noqa: E402
from genialearn.neural.batches import PackedAnimals  # noqa: E402
from genialearn.neural.bodies import Genome  # noqa: E402
from genialearn.neural.bodies.perceptron import Perceptron  # noqa: E402
from genialearn.neural.layers import masked_loss  # noqa: E402
from genialearn.neural.training import Targets, TrainingSettings, TraitLoss, predict, train  # noqa: E402
from genialearn.neural.trait_network import TraitNetwork  # noqa: E402

TRAINING, VALIDATION = np.arange(0, 120), np.arange(120, 150)
SETTINGS = TrainingSettings(
    learning_rate=1e-2, weight_decay=0.01, batch_animals=32, max_epochs=40, patience=4, marker_share=0.9
)


def inputs() -> PackedAnimals:
    genotypes = family_cohort().genotypes
    return PackedAnimals.of(genotypes, allele_frequencies(genotypes), torch.device("cpu"))


def targets() -> Targets:
    """Return two standardised traits; every fourth animal has no record of the second."""
    values = np.nan_to_num(family_cohort().records.values[:, [0, 2]])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    weights = np.column_stack([np.ones(150), np.arange(150) % 4 > 0]).astype(float)
    return Targets(torch.from_numpy(values).float(), torch.from_numpy(weights).float())


def network() -> TraitNetwork:
    genome = Genome.of(family_cohort().genotypes.markers)
    return TraitNetwork(Perceptron(genome, width=16, dropout=0.3), 300, 2)


def trained(
    seed: int = 1, *, given: Targets | None = None, settings: TrainingSettings = SETTINGS
) -> tuple[TraitNetwork, list[dict[str, float]]]:
    return train(
        network,
        inputs(),
        targets() if given is None else given,
        training=TRAINING,
        validation=VALIDATION,
        settings=settings,
        seed=seed,
    )


def validation_loss(model: TraitNetwork) -> float:
    known = targets()
    predicted = predict(model, inputs())[VALIDATION].mean(dim=1)
    return float(masked_loss(predicted, known.values[VALIDATION].double(), known.weights[VALIDATION].double()))


class TestTrain:
    def test_the_best_epoch_comes_back(self) -> None:
        model, history = trained()

        best = min(entry["validation_loss"] for entry in history)
        assert pytest.approx(best, rel=1e-4) == validation_loss(model)
        assert not model.training

    def test_it_stops_after_patience(self) -> None:
        losses = [entry["validation_loss"] for entry in trained()[1]]

        assert len(losses) - 1 - int(np.argmin(losses)) == SETTINGS.patience

    def test_same_seed_same_network(self) -> None:
        one, same, other = (trained(seed)[0].state_dict() for seed in (1, 1, 2))

        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not all(torch.equal(one[name], other[name]) for name in one)

    def test_the_global_generator_is_left_alone(self) -> None:
        torch.manual_seed(17)
        before = torch.random.get_rng_state().clone()
        trained()

        assert torch.equal(before, torch.random.get_rng_state())

    def test_the_global_generator_is_not_used(self) -> None:
        torch.manual_seed(17)
        one = trained()[0].state_dict()
        torch.manual_seed(18)
        other = trained()[0].state_dict()

        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_values_without_weight_are_not_learned(self) -> None:
        known = targets()
        changed = Targets(torch.where(known.weights > 0, known.values, 1e6), known.weights)
        one, other = (trained(given=each)[0].state_dict() for each in (known, changed))

        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_validation_animals_only_stop_the_training(self) -> None:
        """Where their records change by a constant, every epoch is the same; only which one is best may differ."""
        known = targets()
        shifted = known.values.clone()
        shifted[VALIDATION] += 100
        one, other = trained()[1], trained(given=Targets(shifted, known.weights))[1]

        n_epochs = min(len(one), len(other))
        assert [entry["training_loss"] for entry in one[:n_epochs]] == [
            entry["training_loss"] for entry in other[:n_epochs]
        ]


class TestPredict:
    def test_batches_do_not_matter(self) -> None:
        model, _ = trained()
        whole, pieces = (predict(model, inputs(), batch_animals=size) for size in (1024, 7))

        torch.testing.assert_close(whole, pieces, rtol=0, atol=1e-12)
        assert torch.float64 == whole.dtype
        assert (150, 1, 2) == whole.shape

    def test_some_animals(self) -> None:
        model, rows = trained()[0], np.array([7, 3])

        torch.testing.assert_close(predict(model, inputs())[rows], predict(model, inputs(), rows), rtol=0, atol=1e-12)

    def test_the_network_stays_as_it_is(self) -> None:
        model = trained()[0]
        predict(model, inputs())

        assert torch.float32 == model.linear.dtype


class TestTraitLoss:
    def test_all_animals_of_a_batch_see_the_same_markers(self) -> None:
        seen: list[torch.Tensor | None] = []

        class Recorder(nn.Module):
            sees_part = True

            def forward(self, markers: torch.Tensor, which: torch.Tensor | None) -> torch.Tensor:
                seen.append(which)
                expected = inputs().standardised(np.arange(5), None if which is None else which.numpy())
                torch.testing.assert_close(expected, markers)
                return torch.zeros(len(markers), 1, 2)

        loss, generator = TraitLoss(inputs(), targets(), SETTINGS), torch.Generator().manual_seed(1)
        recorder = Recorder()
        for _ in range(2):
            loss(recorder, torch.arange(5), warmth=1.0, generator=generator)
        recorder.eval()
        loss(recorder, torch.arange(5), warmth=1.0, generator=generator)

        one, other, all_of_them = seen
        assert one is not None
        assert other is not None
        assert 270 == len(one) == len(one.unique())
        assert not torch.equal(one, other)
        assert all_of_them is None

    def test_that_of_means_is_the_variance(self) -> None:
        assert pytest.approx(1.0, abs=0.05) == TraitLoss(inputs(), targets(), SETTINGS).of_means(torch.arange(150))


class TestSettings:
    def test_a_training_that_runs_away_is_an_error(self) -> None:
        with pytest.raises(
            ConvergenceError,
            match=r"^training, epoch \d+: expected a loss of at most [\d.]+, found .*\. Use a smaller learning rate\.$",
        ):
            trained(settings=replace(SETTINGS, learning_rate=30.0))

    def test_a_cosine_rises_in_the_first_epoch_and_falls_to_a_hundredth(self) -> None:
        loop = replace(SETTINGS, schedule="cosine").loop(320)

        assert pytest.approx([0.1, 0.5, 1.0]) == [loop.rate(0, step) / 1e-2 for step in (0, 4, 9)]
        assert pytest.approx(0.505) == loop.rate(20, 200) / 1e-2
        assert 0.02 > loop.rate(39, 399) / 1e-2

    @pytest.mark.parametrize("settings", [{"huber": 1.0}, {"average": 0.9}, {"schedule": "cosine"}])
    def test_all_of_them_learn(self, settings: dict[str, Any]) -> None:
        history = trained(settings=replace(SETTINGS, **settings))[1]

        assert history[-1]["training_loss"] < 0.8 * history[0]["training_loss"]
