from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
from torch import Tensor, nn  # noqa: E402

from cohorts_for_tests import family_cohort  # noqa: E402
from genialearn.genotypes.matrix import allele_frequencies  # noqa: E402
from genialearn.neural.batches import PackedAnimals  # noqa: E402
from genialearn.neural.held_out import batches  # noqa: E402
from genialearn.neural.local_connections import LocalConnections, Neighbours, train_local_connections  # noqa: E402
from genialearn.neural.training import Targets  # noqa: E402

RNG = np.random.default_rng(1)
TRAITS = RNG.standard_normal((150, 2)).astype(np.float32)
WEIGHTS = np.where(RNG.random((150, 2)) < 0.3, 0.0, 1.0).astype(np.float32)
ROWS = np.flatnonzero(WEIGHTS.any(axis=1))


def inputs() -> PackedAnimals:
    genotypes = family_cohort().genotypes
    return PackedAnimals.of(genotypes, allele_frequencies(genotypes), torch.device("cpu"))


def plain(network: LocalConnections, x: Tensor) -> Tensor:
    """Return what the published layers give, a place after the other."""
    hidden = x
    for layer, size in ((network.encoder[0], 5), (network.encoder[3], 3)):
        row = torch.cat([hidden, torch.zeros(len(hidden), size - 1)], dim=1)
        places = [row[:, i : i + size] @ layer.weight[i] + layer.bias[i] for i in range(x.shape[1])]
        hidden = torch.stack(places, dim=1)
        if size == 5:
            centred = hidden - hidden.mean(dim=1, keepdim=True)
            scaled = centred / (hidden.var(dim=1, keepdim=True, correction=0) + 1e-5).sqrt()
            hidden = nn.functional.gelu(scaled * network.encoder[1].weight + network.encoder[1].bias)
    return (x + hidden) @ network.head.weight.T + network.head.bias


def plainly_trained(epochs: int, size: int, seed: int) -> LocalConnections:
    torch.manual_seed(seed)
    network, x = LocalConnections(300, 2), inputs().standardised(np.arange(150))
    optimiser, rng = torch.optim.AdamW(network.parameters(), lr=1e-3), np.random.default_rng(seed)
    y, w = torch.from_numpy(TRAITS), torch.from_numpy(WEIGHTS)
    for _ in range(epochs):
        for rows in batches(ROWS, size, rng):
            optimiser.zero_grad()
            errors = (plain(network, x[rows]) - y[rows]).abs()
            ((w[rows] * errors).sum() / w[rows].sum()).backward()
            optimiser.step()
    return network


def test_layers_are_the_published_ones() -> None:
    network, x = LocalConnections(20, 3), torch.randn(7, 20)
    for weight in network.parameters():
        nn.init.normal_(weight)

    torch.testing.assert_close(network(x)[:, 0], plain(network, x), rtol=1e-4, atol=1e-4)


def test_a_place_sees_itself_and_those_after_it() -> None:
    layer = Neighbours(10, 3)
    changed = torch.zeros(1, 10)
    changed[0, 5] = 1.0

    reached = (layer(changed) - layer(torch.zeros(1, 10)))[0] != 0
    assert [3, 4, 5] == reached.nonzero().flatten().tolist()


def test_training_is_a_plain_loop() -> None:
    expected = plainly_trained(2, 16, seed=4)
    targets = Targets(torch.from_numpy(TRAITS), torch.from_numpy(WEIGHTS))
    network, history = train_local_connections(
        inputs(), targets, ROWS, learning_rate=1e-3, batch_animals=16, epochs=2, seed=4
    )

    x = inputs().standardised(np.arange(150))
    torch.testing.assert_close(network(x)[:, 0], plain(expected, x), rtol=1e-2, atol=1e-3)
    assert [{"epoch", "training_loss"}] * 2 == [set(entry) for entry in history]


def test_torch_state_is_left_alone() -> None:
    before = torch.random.get_rng_state().clone()
    targets = Targets(torch.from_numpy(TRAITS), torch.from_numpy(WEIGHTS))
    train_local_connections(inputs(), targets, ROWS, learning_rate=1e-3, batch_animals=50, epochs=1, seed=1)

    assert torch.equal(before, torch.random.get_rng_state())
