from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.genotypes import allele_frequencies  # noqa: E402
from genialearn.neural.batches import DosageTensor  # noqa: E402
from genialearn.neural.layers import SkipPerceptron, masked_squared_error  # noqa: E402
from genialearn.neural.training import Targets, TrainingSettings, predict, train  # noqa: E402

TRAINING, VALIDATION = np.arange(0, 120), np.arange(120, 150)
SETTINGS = TrainingSettings(learning_rate=1e-2, weight_decay=0.01, batch_animals=32, max_epochs=40, patience=4)


def inputs() -> DosageTensor:
    genotypes = family_cohort().genotypes
    return DosageTensor.of(genotypes, allele_frequencies(genotypes), torch.device("cpu"))


def targets() -> Targets:
    """Return two standardised traits; every fourth animal has no record of the second."""
    values = np.nan_to_num(family_cohort().records.values[:, [0, 2]])
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    weights = np.column_stack([np.ones(150), np.arange(150) % 4 > 0]).astype(float)
    return Targets(torch.from_numpy(values).float(), torch.from_numpy(weights).float())


def network() -> nn.Module:
    return SkipPerceptron(300, 2, width=16, dropout=0.3, marker_dropout=0.1)


def trained(seed: int = 1, *, given: Targets | None = None) -> tuple[nn.Module, list[dict[str, float]]]:
    return train(
        network,
        inputs(),
        targets() if given is None else given,
        training=TRAINING,
        validation=VALIDATION,
        settings=SETTINGS,
        seed=seed,
    )


def validation_loss(model: nn.Module) -> float:
    known = targets()
    predicted = predict(model, inputs())[VALIDATION]
    return float(masked_squared_error(predicted, known.values[VALIDATION].double(), known.weights[VALIDATION].double()))


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
        assert targets().values.shape == whole.shape
