from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from genialearn.neural.averaging import MovingAverage  # noqa: E402


def network(value: float) -> nn.Sequential:
    out = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(out[0].weight, value)
    return out


def average(decay: float, values: list[float]) -> float:
    averaged = MovingAverage(network(0.0), decay)
    for value in values:
        averaged.update(network(value))
    return float(averaged.network[0].weight.item())


def test_without_decay_it_is_the_network_itself() -> None:
    given = network(1.0)

    assert given is MovingAverage(given, 0.0).network


def test_the_first_steps_by_hand() -> None:
    """The decays are 2/11 and 3/12."""
    first = 9 / 11 * 1.0

    assert pytest.approx(0.25 * first + 0.75 * 2.0) == average(0.999, [1.0, 2.0])


def test_it_forgets_its_start() -> None:
    assert pytest.approx(3.0, abs=0.01) == average(0.5, [3.0] * 20)


def test_buffers_are_copied() -> None:
    other = network(1.0)
    other[1].running_mean.fill_(7.0)
    averaged = MovingAverage(network(0.0), 0.9)
    averaged.update(other)

    assert 7.0 == averaged.network[1].running_mean.item()
    assert not averaged.network.training
