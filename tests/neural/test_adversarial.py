from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
from torch import Tensor  # noqa: E402

from genialearn._arrays import as_ids  # noqa: E402
from genialearn.neural.adversarial import (  # noqa: E402
    AdversarialSettings,
    AdversarialTraining,
    StateCritic,
    StateGenerator,
    gradient_penalty,
)
from genialearn.neural.one_hot import StateTensor  # noqa: E402
from genialearn.neural.windows import MomentTargets, WindowCritics, window_columns  # noqa: E402

N_MARKERS, N_STATES = 6, 3
CHROMOSOMES = as_ids(["1"] * 4 + ["2"] * 2)
SETTINGS = {
    "wasserstein": True,
    "epochs": 3,
    "batch": 8,
    "learning_rate": 1e-3,
    "critic_learning_rate": 1e-3,
    "critic_steps": 2,
    "penalty": 10.0,
    "first_temperature": 1.0,
    "last_temperature": 0.1,
    "average": 0.9,
    "frequency_weight": 1.0,
    "linkage_weight": 1.0,
    "condition_dropout": 0.1,
}


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def rows(seed: int) -> Tensor:
    return torch.rand((5, N_MARKERS, N_STATES), generator=torch.Generator().manual_seed(seed))


class TestGradientPenalty:
    @pytest.mark.parametrize("norm", [1.0, 3.0, 0.25])
    def test_of_a_linear_critic(self, norm: float) -> None:
        """Its gradient is its weight everywhere."""
        weight = torch.randn(N_MARKERS * N_STATES, generator=seeded())
        weight *= norm / weight.norm()

        def critic(states: Tensor, conditions: Tensor) -> Tensor:
            return states.flatten(1) @ weight[:, None]

        penalty = gradient_penalty(critic, rows(1), rows(2), torch.zeros(5, 0), seeded())
        assert pytest.approx((norm - 1) ** 2, abs=1e-5) == penalty.item()

    def test_it_is_taken_between_real_and_artificial_rows(self) -> None:
        """Of the critic |x|^2 / 2 the gradient is x itself."""
        one, other = torch.zeros(5, N_MARKERS, N_STATES), torch.ones(5, N_MARKERS, N_STATES)
        penalty = gradient_penalty(
            lambda states, _: (states.flatten(1) ** 2).sum(1) / 2, one, other, torch.zeros(5, 0), seeded()
        )
        shares = 1 - torch.rand((5, 1, 1), generator=seeded()).flatten()
        expected = ((shares * np.sqrt(N_MARKERS * N_STATES) - 1) ** 2).mean()

        torch.testing.assert_close(penalty, expected)

    def test_its_own_gradient_is_that_of_differences(self) -> None:
        torch.manual_seed(1)
        critic = StateCritic(N_MARKERS, N_STATES, hidden=(7,), n_conditions=2).double()
        real, artificial, conditions = rows(1).double(), rows(2).double(), torch.ones(5, 2).double()
        weight = critic.layers.last.weight

        def penalty() -> Tensor:
            return gradient_penalty(critic, real, artificial, conditions, seeded())

        (gradient,) = torch.autograd.grad(penalty(), weight)
        step = 1e-6
        with torch.no_grad():
            weight[0, 3] += step
        above = penalty().item()
        with torch.no_grad():
            weight[0, 3] -= 2 * step
        below = penalty().item()

        assert pytest.approx((above - below) / (2 * step), rel=1e-4) == gradient[0, 3].item()


class TestNetworks:
    def test_shapes(self) -> None:
        generator = StateGenerator(N_MARKERS, N_STATES, latent=4, hidden=(8, 9), n_conditions=2)
        critic = StateCritic(N_MARKERS, N_STATES, hidden=(8, 9), n_conditions=2)
        logits = generator(torch.ones(5, 2), seeded())

        assert (5, N_MARKERS, N_STATES) == tuple(logits.shape)
        assert (5, 1) == tuple(critic(logits, torch.ones(5, 2)).shape)

    def test_the_critic_treats_rows_one_by_one(self) -> None:
        """The gradient penalty supposes so."""
        windows = WindowCritics(window_columns(CHROMOSOMES, 2), N_STATES, 2, hidden=4)
        critic = StateCritic(N_MARKERS, N_STATES, hidden=(8,), n_conditions=2, windows=windows)
        states, conditions = rows(1), torch.randn((5, 2), generator=seeded())
        together = critic(states, conditions)

        torch.testing.assert_close(together[2:3], critic(states[2:3], conditions[2:3]))


class TestTraining:
    @staticmethod
    def train(**changes: Any) -> tuple[StateGenerator, list[dict[str, float]]]:
        torch.manual_seed(1)
        settings = AdversarialSettings(**{**SETTINGS, **changes})
        data = StateTensor.of(np.tile(np.array([0, 1, 2, 0, 0, 1], np.int8), (20, 1)), N_STATES, torch.device("cpu"))
        return AdversarialTraining(
            StateGenerator(N_MARKERS, N_STATES, latent=4, hidden=(8,), n_conditions=2),
            StateCritic(N_MARKERS, N_STATES, hidden=(64,), n_conditions=2),
            data,
            torch.ones(20, 2),
            targets=MomentTargets.of(data, CHROMOSOMES) if settings.linkage_weight else None,
            settings=settings,
            seed=1,
        ).run()

    def test_history(self) -> None:
        history = self.train()[1]

        assert [0, 1, 2] == [entry["epoch"] for entry in history]
        assert [1.0, 0.55, pytest.approx(0.1)] == [entry["temperature"] for entry in history]
        assert all(np.isfinite(list(entry.values())).all() for entry in history)

    @pytest.mark.parametrize("wasserstein", [True, False])
    def test_it_learns_a_constant(self, wasserstein: bool) -> None:
        changes = {"epochs": 200, "wasserstein": wasserstein, "linkage_weight": 0.0, "average": 0.0}
        network = self.train(**changes, critic_steps=1, learning_rate=2e-3, critic_learning_rate=2e-3)[0]
        logits = network(torch.ones(10, 2), seeded())

        found = (logits.argmax(dim=-1) == torch.tensor([0, 1, 2, 0, 0, 1])).float().mean()
        assert pytest.approx(1.0, abs=0.1) == found.item()
