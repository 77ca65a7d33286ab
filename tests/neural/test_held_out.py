from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
from torch import Tensor, nn  # noqa: E402

from genialearn.errors import ConvergenceError  # noqa: E402
from genialearn.neural.held_out import HeldOutTraining, LoopSettings, batches  # noqa: E402

TARGETS = torch.tensor([1.0] * 8 + [3.0] * 2)
TRAINING, HELD_OUT = np.arange(8), np.arange(8, 10)


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(5.0))


def squared_error(network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
    return ((network.value - TARGETS[rows]) ** 2).mean()


def settings(epochs: int = 100, patience: int = 5, learning_rate: float = 0.1) -> LoopSettings:
    return LoopSettings(epochs, patience, 0, 4, learning_rate, 0.0)


def test_the_best_epoch_is_that_of_the_rows_held_out() -> None:
    """Training leads from 5 to 1; on the way the value passes 3, which the rows held out like best."""
    network, history = HeldOutTraining(Constant(), squared_error, settings(), 1).run(TRAINING, HELD_OUT)

    assert pytest.approx(3.0, abs=0.15) == network.value.item()
    assert len(history) < 100
    assert 5 == len(history) - 1 - int(np.argmin([entry["validation_loss"] for entry in history]))


def test_without_rows_held_out_the_last_epoch_is_taken() -> None:
    network, history = HeldOutTraining(Constant(), squared_error, settings(), 1).run(TRAINING, np.arange(0))

    assert pytest.approx(1.0, abs=0.1) == network.value.item()
    assert 100 == len(history)
    assert "validation_loss" not in history[0]


def test_rows_may_come_as_they_are() -> None:
    seen: list[list[int]] = []

    def watched(network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        seen.append(rows.tolist())
        return squared_error(network, rows, warmth=warmth, generator=generator)

    HeldOutTraining(Constant(), watched, LoopSettings(2, 5, 0, 3, 0.1, 0.0, shuffled=False), 1).run(
        TRAINING, np.arange(0)
    )

    assert [[0, 1, 2], [3, 4, 5], [6, 7]] * 2 == seen


def test_no_epoch_leaves_the_network() -> None:
    network, history = HeldOutTraining(Constant(), squared_error, settings(epochs=0), 1).run(TRAINING, HELD_OUT)

    assert (5.0, []) == (network.value.item(), history)


def test_a_loss_that_is_none_ends_it() -> None:
    def broken(network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        return network.value * float("nan")

    with pytest.raises(
        ConvergenceError, match=r"^training, epoch 1: expected a finite loss, found nan\. Use a smaller"
    ):
        HeldOutTraining(Constant(), broken, settings(), 1).run(TRAINING, HELD_OUT)


class TestBatches:
    def test_every_row_once_but_for_the_rest(self) -> None:
        found = list(batches(np.arange(10), 3, np.random.default_rng(1)))

        assert [3, 3, 3] == [len(batch) for batch in found]
        assert 9 == len(set(np.concatenate(found)))

    def test_fewer_rows_than_a_batch(self) -> None:
        assert [5] == [len(batch) for batch in batches(np.arange(5), 64, np.random.default_rng(1))]
