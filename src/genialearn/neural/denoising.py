"""Denoising diffusion of vectors: noise is added step by step, a network learns to take it away again.

x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e, a_t = prod (1 - beta_s) (Ho, Jain and Abbeel 2020, NeurIPS, arXiv:2006.11239).
Sampling in fewer steps follows Song, Meng and Ermon (2021, ICLR, arXiv:2010.02502). The network's target is the noise
e, or the velocity sqrt(a_t) e - sqrt(1 - a_t) x_0 (Salimans and Ho 2022, ICLR, arXiv:2202.00512): of independent
standard normal x_0 the velocity is 0 on average, so that a network that says nothing draws from that distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from genialearn.neural.conditions import with_dropout

_TIME_WIDTH, _CONDITION_WIDTH = 256, 64
_SLOWEST = 10_000.0


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """The share of the signal that is left after each step.

    Parameters
    ----------
    signal
        a_t of steps 1 to T, falling, shape (steps,).
    """

    signal: Tensor

    @classmethod
    def linear(cls, n_steps: int, first: float, last: float, device: torch.device) -> NoiseSchedule:
        """Return the schedule whose beta rises on a straight line from `first` to `last`."""
        betas = torch.linspace(first, last, n_steps, dtype=torch.float64)
        return cls(torch.cumprod(1 - betas, dim=0).float().to(device))

    def __len__(self) -> int:
        return len(self.signal)

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return x_t of x_0 (rows, components), noise of that shape, and a step for each row (rows,)."""
        left = self.signal[times][:, None]
        return left.sqrt() * clean + (1 - left).sqrt() * noise


def time_embedding(times: Tensor, width: int = _TIME_WIDTH) -> Tensor:
    """Return sines and cosines of step numbers at frequencies from 1 to 1/10,000, shape (rows, width)."""
    exponents = torch.arange(width // 2, device=times.device) / (width // 2)
    angles = times[:, None].float() * torch.exp(-math.log(_SLOWEST) * exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Denoiser(nn.Module):
    """A perceptron with layer normalisation that sees time and conditions in its first two layers, and a linear path.

    The linear path leads from x_t, and from the conditions times sqrt(1 - a_t), to the output: the velocity of normal
    x_0 whose mean is linear in the conditions. Both paths start at 0.

    Parameters
    ----------
    n_components
        Size of x.
    hidden
        Widths of the hidden layers.
    n_conditions
        How many numbers describe the conditions.
    schedule
        Of the noise.
    """

    def __init__(self, n_components: int, *, hidden: Sequence[int], n_conditions: int, schedule: NoiseSchedule) -> None:
        super().__init__()
        self._signal: Tensor
        self.register_buffer("_signal", schedule.signal.clone())
        self.conditions = nn.Linear(n_conditions, _CONDITION_WIDTH) if n_conditions else nn.Identity()
        told = _TIME_WIDTH + (_CONDITION_WIDTH if n_conditions else 0)
        widths = [n_components, *hidden]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(before + (told if layer < 2 else 0), width), nn.LayerNorm(width), nn.ReLU())
            for layer, (before, width) in enumerate(pairwise(widths))
        )
        self.last = nn.Linear(widths[-1], n_components)
        self.straight = nn.Linear(n_components + n_conditions, n_components)
        for linear in (self.last, self.straight):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, noised: Tensor, times: Tensor, conditions: Tensor) -> Tensor:
        """Return the target (rows, components) of x_t, steps (rows,) and encoded conditions (rows, 2 traits)."""
        told = torch.cat([time_embedding(times), self.conditions(conditions)], dim=1)
        values = noised
        for number, layer in enumerate(self.layers):
            values = layer(torch.cat([values, told], dim=1) if number < 2 else values)
        scaled = conditions * (1 - self._signal[times][:, None]).sqrt()
        out: Tensor = self.last(values) + self.straight(torch.cat([noised, scaled], dim=1))
        return out


@dataclass(frozen=True, eq=False)
class DenoisingLoss:
    """The mean squared error of a denoiser, at steps drawn in pairs t and T - 1 - t.

    Parameters
    ----------
    clean
        x_0 of all rows, shape (rows, components).
    conditions
        Encoded, shape (rows, 2 traits).
    schedule
        Of the noise.
    velocity
        Whether the target is the velocity, else the noise.
    condition_dropout
        Share of rows without their conditions.
    """

    clean: Tensor
    conditions: Tensor
    schedule: NoiseSchedule
    velocity: bool
    condition_dropout: float

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the mean over rows and components."""
        clean, device = self.clean[rows], self.clean.device
        half = torch.randint(len(self.schedule), ((len(rows) + 1) // 2,), generator=generator, device=device)
        times = torch.cat([half, len(self.schedule) - 1 - half])[: len(rows)]
        noise = torch.randn(clean.shape, generator=generator, device=device)
        conditions = with_dropout(self.conditions[rows], self.condition_dropout, generator)
        found = network(self.schedule.noised(clean, noise, times), times, conditions)
        left = self.schedule.signal[times][:, None]
        target = left.sqrt() * noise - (1 - left).sqrt() * clean if self.velocity else noise
        return nn.functional.mse_loss(found, target)


@dataclass(frozen=True)
class SamplingSettings:
    """How noise becomes a draw.

    Parameters
    ----------
    steps
        How many of the schedule's steps are taken.
    churn
        eta: 0 follows a path without new noise, 1 is the ancestral sampler of the full schedule.
    guidance
        w: the target with conditions counts w times, that without 1 - w times (Ho and Salimans 2022,
        arXiv:2207.12598); 1 takes conditions as they were learned, more exaggerates them.
    velocity
        What the network's output is.
    """

    steps: int
    churn: float
    guidance: float
    velocity: bool


@torch.no_grad()
def denoise(
    network: Denoiser,
    noise: Tensor,
    conditions: Tensor,
    *,
    schedule: NoiseSchedule,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> Tensor:
    """Return draws (rows, components) that start from noise of that shape."""
    grid = torch.linspace(len(schedule) - 1, 0, min(settings.steps, len(schedule))).round().long().tolist()
    values = noise
    for here, following in zip(grid, [*grid[1:], -1], strict=True):
        left = float(schedule.signal[here])
        after = float(schedule.signal[following]) if following >= 0 else 1.0
        clean, error = _split(network, values, conditions, settings, (here, left))
        fresh = settings.churn * math.sqrt(max((1 - after) / (1 - left) * (1 - left / after), 0.0))
        values = math.sqrt(after) * clean + math.sqrt(max(1 - after - fresh**2, 0.0)) * error
        if fresh > 0:
            values = values + fresh * torch.randn(values.shape, generator=generator, device=values.device)
    return values


def _split(
    network: Denoiser, values: Tensor, conditions: Tensor, settings: SamplingSettings, step: tuple[int, float]
) -> tuple[Tensor, Tensor]:
    """Return x_0 and the noise in x_t as the network sees them, each (rows, components), at a step (t, a_t)."""
    time, left = step
    times = torch.full((len(values),), time, dtype=torch.long, device=values.device)
    found = network(values, times, conditions)
    if settings.guidance != 1 and conditions.shape[1]:
        without = network(values, times, torch.zeros_like(conditions))
        found = without + settings.guidance * (found - without)
    signal, spread = math.sqrt(left), math.sqrt(1 - left)
    if settings.velocity:
        return signal * values - spread * found, spread * values + signal * found
    return (values - spread * found) / signal, found
