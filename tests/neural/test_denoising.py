from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
from torch import Tensor, nn  # noqa: E402

from genialearn.neural.denoising import (  # noqa: E402
    Denoiser,
    DenoisingLoss,
    NoiseSchedule,
    SamplingSettings,
    denoise,
    time_embedding,
)

N_STEPS = 200
SHIFT = 2.0


def schedule() -> NoiseSchedule:
    return NoiseSchedule.linear(N_STEPS, 1e-4, 0.12, torch.device("cpu"))


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestNoiseSchedule:
    def test_signal_is_the_product_of_what_each_step_leaves(self) -> None:
        betas = torch.linspace(1e-4, 0.12, N_STEPS, dtype=torch.float64)
        expected = 1.0
        for beta in betas[:50].tolist():
            expected *= 1 - beta

        assert pytest.approx(expected, rel=1e-5) == schedule().signal[49].item()

    @pytest.mark.parametrize("time", [0, 60, N_STEPS - 1])
    def test_noised_values_have_the_moments_of_the_equation(self, time: int) -> None:
        clean = torch.full((40_000, 1), SHIFT)
        noised = schedule().noised(clean, torch.randn(clean.shape, generator=seeded()), torch.full((40_000,), time))
        left = schedule().signal[time].item()

        assert pytest.approx(SHIFT * left**0.5, abs=0.02) == noised.mean().item()
        assert pytest.approx(1 - left, abs=0.02) == noised.var().item()

    def test_small_steps_lead_to_the_same_moments(self) -> None:
        """x_t = sqrt(1 - beta_t) x_(t-1) + sqrt(beta_t) e, step by step."""
        values = torch.full((40_000,), SHIFT)
        generator = seeded()
        for beta in torch.linspace(1e-4, 0.12, N_STEPS)[:61]:
            values = (1 - beta).sqrt() * values + beta.sqrt() * torch.randn(values.shape, generator=generator)
        left = schedule().signal[60].item()

        assert pytest.approx(SHIFT * left**0.5, abs=0.02) == values.mean().item()
        assert pytest.approx(1 - left, abs=0.02) == values.var().item()


def test_time_embeddings_differ() -> None:
    embedded = time_embedding(torch.tensor([0, 1, 500]), 16)

    assert (3, 16) == tuple(embedded.shape)
    assert torch.cdist(embedded, embedded)[0, 1] > 0.1
    assert [0] * 8 + [1] * 8 == embedded[0].tolist()


class Exact(nn.Module):
    """The velocity of normal x_0 with mean m and standard deviation s, or the noise."""

    def __init__(self, mean: float, deviation: float, *, velocity: bool) -> None:
        super().__init__()
        self.mean, self.variance, self.velocity = mean, deviation**2, velocity

    def forward(self, noised: Tensor, times: Tensor, conditions: Tensor) -> Tensor:
        left = schedule().signal[times][:, None]
        gain = left.sqrt() * self.variance / (left * self.variance + 1 - left)
        clean = self.mean + gain * (noised - left.sqrt() * self.mean)
        noise = (noised - left.sqrt() * clean) / (1 - left).sqrt()
        return left.sqrt() * noise - (1 - left).sqrt() * clean if self.velocity else noise


class TestDenoise:
    @pytest.mark.parametrize(("steps", "churn"), [(N_STEPS, 0.0), (N_STEPS, 1.0), (50, 0.0)])
    @pytest.mark.parametrize("velocity", [True, False])
    def test_an_exact_denoiser_draws_from_its_distribution(self, steps: int, churn: float, velocity: bool) -> None:
        settings = SamplingSettings(steps, churn, 1.0, velocity)
        noise = torch.randn((20_000, 1), generator=seeded())
        drawn = denoise(
            Exact(SHIFT, 0.5, velocity=velocity),  # type: ignore[arg-type]
            noise,
            torch.zeros(20_000, 0),
            schedule=schedule(),
            settings=settings,
            generator=seeded(2),
        )

        assert pytest.approx(SHIFT, abs=0.03) == drawn.mean().item()
        assert pytest.approx(0.5, abs=0.03) == drawn.std().item()

    @pytest.mark.parametrize(("guidance", "mean"), [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)])
    def test_guidance_multiplies_what_conditions_do(self, guidance: float, mean: float) -> None:
        """The linear path with weight -1 is the velocity of unit variance and the condition as its mean."""
        network = Denoiser(1, hidden=(4,), n_conditions=2, schedule=schedule())
        with torch.no_grad():
            network.straight.weight[0, 1] = -1.0
        conditions = torch.tensor([[1.0, 1.0]]).expand(4000, -1)
        drawn = denoise(
            network,
            torch.randn((4000, 1), generator=seeded()),
            conditions,
            schedule=schedule(),
            settings=SamplingSettings(50, 0.0, guidance, True),
            generator=seeded(2),
        )

        assert pytest.approx(mean, abs=0.07) == drawn.mean().item()
        assert pytest.approx(1.0, abs=0.07) == drawn.std().item()


class TestLoss:
    def test_a_network_that_says_nothing_is_right_about_standard_normals(self) -> None:
        """The error is then the variance of the velocity, 1."""
        clean = torch.randn((4000, 3), generator=seeded())
        loss = DenoisingLoss(clean, torch.zeros(4000, 0), schedule(), True, 0.0)
        network = Denoiser(3, hidden=(4,), n_conditions=0, schedule=schedule())

        assert pytest.approx(1.0, abs=0.05) == loss(network, torch.arange(4000), warmth=1, generator=seeded()).item()

    @pytest.mark.parametrize("velocity", [True, False])
    def test_the_exact_denoiser_has_the_least(self, velocity: bool) -> None:
        clean = SHIFT + 0.5 * torch.randn((4000, 1), generator=seeded())
        loss = DenoisingLoss(clean, torch.zeros(4000, 0), schedule(), velocity, 0.0)
        values = [
            loss(Exact(mean, spread, velocity=velocity), torch.arange(4000), warmth=1, generator=seeded()).item()
            for mean, spread in ((SHIFT, 0.5), (SHIFT, 0.8), (SHIFT + 0.3, 0.5), (0.0, 1.0))
        ]

        assert min(values) == values[0]
