from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
from torch import Tensor, nn  # noqa: E402

from genialearn.neural.held_out import LoopSettings  # noqa: E402
from genialearn.neural.training import Targets  # noqa: E402
from genialearn.neural.trait_to_trait import TraitToTrait, train_trait_to_trait, traits_of  # noqa: E402

RNG = np.random.default_rng(1)
INPUTS, TRAITS = RNG.standard_normal((70, 3)), RNG.standard_normal((70, 3))
WEIGHTS = np.where(RNG.random((70, 3)) < 0.3, 0.0, RNG.uniform(0.5, 2, (70, 3)))
TRAINING, HELD_OUT = np.arange(50), np.arange(50, 70)


def settings(epochs: int, patience: int = 10) -> LoopSettings:
    return LoopSettings(epochs, patience, 0, 20, 1e-3, 0.0, "constant", shuffled=False)


def trained(epochs: int, *, patience: int = 10, seed: int = 4) -> tuple[TraitToTrait, list[dict[str, float]]]:
    targets = Targets(torch.from_numpy(TRAITS), torch.from_numpy(WEIGHTS))
    return train_trait_to_trait(
        INPUTS,
        targets,
        training=TRAINING,
        held_out=HELD_OUT,
        settings=settings(epochs, patience),
        scale=None,
        seed=seed,
    )


def plainly_trained(epochs: int, patience: int, *, seed: int = 4) -> tuple[nn.Module, list[float]]:
    """Return the published network after a loop written out: no shuffling, the last batch smaller, best weights."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(3, 400), nn.LeakyReLU(0.1), nn.Linear(400, 256), nn.LeakyReLU(0.1), nn.Linear(256, 3)
    ).double()
    x, y, w = map(torch.from_numpy, (INPUTS, TRAITS, WEIGHTS))
    optimiser, losses, best = torch.optim.Adam(network.parameters(), lr=1e-3), [], {}

    def loss(rows: slice) -> Tensor:
        errors = nn.functional.huber_loss(network(x[rows]), y[rows], reduction="none", delta=1.0)
        return (w[rows] * errors).sum() / w[rows].sum()

    for _ in range(epochs):
        for rows in (slice(0, 20), slice(20, 40), slice(40, 50)):
            optimiser.zero_grad()
            (2 * loss(rows)).backward()
            optimiser.step()
        losses.append(float(loss(slice(50, 70)).detach()))
        if losses[-1] == min(losses):
            best = {name: value.clone() for name, value in network.state_dict().items()}
        if len(losses) - 1 - int(np.argmin(losses)) >= patience:
            break
    network.load_state_dict(best)
    return network, losses


class TestAsPublished:
    @pytest.mark.parametrize(("epochs", "patience"), [(3, 10), (200, 4)])
    def test_it_is_a_plain_loop(self, epochs: int, patience: int) -> None:
        before = torch.random.get_rng_state()
        plain, losses = plainly_trained(epochs, patience)
        torch.random.set_rng_state(before)
        network, history = trained(epochs, patience=patience)

        np.testing.assert_allclose([entry["validation_loss"] for entry in history], 2 * np.array(losses), rtol=1e-9)
        with torch.no_grad():
            expected = plain(torch.from_numpy(INPUTS)).numpy()
        np.testing.assert_allclose(traits_of([network], INPUTS), expected, rtol=1e-9, atol=1e-12)

    def test_it_stops_before_all_epochs(self) -> None:
        assert len(trained(200, patience=4)[1]) < 200

    def test_its_size(self) -> None:
        assert 106_998 == sum(weight.numel() for weight in TraitToTrait(6).parameters())

    def test_torch_state_is_left_alone(self) -> None:
        before = torch.random.get_rng_state().clone()
        trained(1)

        assert torch.equal(before, torch.random.get_rng_state())


class TestWithScale:
    def test_it_starts_at_own_breeding_values(self) -> None:
        network = TraitToTrait(3, (INPUTS.mean(axis=0), INPUTS.std(axis=0)))

        np.testing.assert_array_equal(INPUTS, traits_of([network], INPUTS))

    def test_a_trait_without_spread(self) -> None:
        network = TraitToTrait(3, (np.zeros(3), np.array([1.0, np.inf, 1.0])))
        nn.init.normal_(network.layers[-1].weight)
        other = INPUTS.copy()
        other[:, 1] += 1.0

        np.testing.assert_allclose(traits_of([network], other) - traits_of([network], INPUTS), [[0, 1, 0]] * 70)

    def test_members_are_averaged(self) -> None:
        one, other = (trained(1, seed=seed)[0] for seed in (1, 2))

        expected = (traits_of([one], INPUTS) + traits_of([other], INPUTS)) / 2
        np.testing.assert_allclose(traits_of([one, other], INPUTS), expected)
