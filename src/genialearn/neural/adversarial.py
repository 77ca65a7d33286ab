"""A generator of states and its critic, trained against each other.

Logistic: the critic tells real from artificial by cross-entropy, the generator makes it say "real" (Goodfellow et al.
2014, NIPS, arXiv:1406.2661). Wasserstein: the critic's mean scores of the two are driven apart while the norm of its
gradient between them is held near 1, E D(artificial) - E D(real) + lambda E (|grad D(x)| - 1)^2 (Gulrajani et al. 2017,
NIPS, arXiv:1704.00028). States are discrete, so the critic sees Gumbel-softmax draws that grow colder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genialearn.neural.averaging import MovingAverage
from genialearn.neural.checkpoints import Checkpoint, State, Unkept, random_state, set_random_state
from genialearn.neural.conditions import with_dropout
from genialearn.neural.gumbel import gumbel_softmax, linear_schedule, straight_through
from genialearn.neural.held_out import batches, check_finite
from genialearn.neural.one_hot import StateTensor
from genialearn.neural.perceptrons import ConditionedPerceptron, no_normalisation
from genialearn.neural.windows import MomentTargets, WindowCritics

Critic = Callable[[Tensor, Tensor], Tensor]
"""From states (rows, markers, states) and conditions (rows, 2 traits) to scores (rows, 1)."""


class StateGenerator(nn.Module):
    """From noise to logits of states, by a residual perceptron with batch normalisation.

    Parameters
    ----------
    n_markers, n_states
        Size of a row.
    latent
        Dimensions of the noise.
    hidden
        Widths of the hidden layers.
    n_conditions
        How many numbers describe the conditions.
    """

    def __init__(self, n_markers: int, n_states: int, *, latent: int, hidden: Sequence[int], n_conditions: int) -> None:
        super().__init__()
        self.latent, self._shape = latent, (n_markers, n_states)
        self.layers = ConditionedPerceptron(
            latent,
            hidden,
            n_markers * n_states,
            n_conditions=n_conditions,
            normalisation=nn.BatchNorm1d,
            residual=True,
        )

    def forward(self, conditions: Tensor, generator: torch.Generator) -> Tensor:
        """Return logits (rows, markers, states), one row for each row of conditions."""
        noise = torch.randn((len(conditions), self.latent), generator=generator, device=conditions.device)
        out: Tensor = self.layers(noise, conditions)
        return out.reshape(-1, *self._shape)


class StateCritic(nn.Module):
    """Scores of rows by a residual perceptron without normalisation, plus those of critics of windows if there are any.

    Parameters
    ----------
    n_markers, n_states
        Size of a row.
    hidden
        Widths of the hidden layers.
    n_conditions
        How many numbers describe the conditions.
    windows
        Critics of marker windows.
    """

    def __init__(
        self,
        n_markers: int,
        n_states: int,
        *,
        hidden: Sequence[int],
        n_conditions: int,
        windows: WindowCritics | None = None,
    ) -> None:
        super().__init__()
        self.layers = ConditionedPerceptron(
            n_markers * n_states,
            hidden,
            1,
            n_conditions=n_conditions,
            normalisation=no_normalisation,
            residual=True,
        )
        self.windows = windows

    def forward(self, states: Tensor, conditions: Tensor) -> Tensor:
        """Return scores (rows, 1)."""
        out: Tensor = self.layers(states.flatten(1), conditions)
        return out if self.windows is None else out + self.windows(states, conditions)


@dataclass(frozen=True)
class AdversarialSettings:
    """How the two are trained.

    Parameters
    ----------
    wasserstein
        Wasserstein with a gradient penalty, else logistic.
    epochs, batch
        Passes over the data, and rows a step.
    learning_rate, critic_learning_rate
        Of Adam with decays .5 and .9.
    critic_steps
        Steps of the critic for each of the generator.
    penalty
        lambda.
    first_temperature, last_temperature
        Of the Gumbel-softmax, on a straight line over the epochs.
    average
        Decay of the moving average of the generator, 0 for none.
    frequency_weight, linkage_weight
        Of the distances of allele frequencies and neighbours' correlations in the generator's loss.
    condition_dropout
        Share of rows without their conditions.
    """

    wasserstein: bool
    epochs: int
    batch: int
    learning_rate: float
    critic_learning_rate: float
    critic_steps: int
    penalty: float
    first_temperature: float
    last_temperature: float
    average: float
    frequency_weight: float
    linkage_weight: float
    condition_dropout: float

    @property
    def compares(self) -> bool:
        """Whether frequencies or correlations are in the generator's loss."""
        return self.frequency_weight > 0 or self.linkage_weight > 0


def gradient_penalty(
    critic: Critic, real: Tensor, artificial: Tensor, conditions: Tensor, generator: torch.Generator
) -> Tensor:
    """Return the mean of (|grad D(x)| - 1)^2 at points x drawn uniformly between pairs of real and artificial rows.

    Parameters
    ----------
    critic
        D.
    real, artificial
        Shape (rows, markers, states) each.
    conditions
        Shape (rows, 2 traits).
    generator
        Of the points.
    """
    share = torch.rand((len(real), 1, 1), generator=generator, device=real.device)
    between = (share * real + (1 - share) * artificial).detach().requires_grad_(True)
    scores = critic(between, conditions)
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    norms: Tensor = (gradient.flatten(1) ** 2).sum(dim=1).sqrt()
    return ((norms - 1) ** 2).mean()


class AdversarialTraining:
    """A generator, its critic, and what both learn from.

    Parameters
    ----------
    generator, critic
        On their device already.
    data
        The real rows.
    conditions
        Theirs, encoded, shape (rows, 2 traits).
    targets
        What frequencies and correlations are compared with; None where no weight is on them.
    settings
        How they are trained.
    seed
        Of the order of rows and of all noise.
    """

    def __init__(
        self,
        generator: StateGenerator,
        critic: StateCritic,
        data: StateTensor,
        conditions: Tensor,
        *,
        targets: MomentTargets | None,
        settings: AdversarialSettings,
        seed: int,
    ) -> None:
        self._generator, self._critic, self._settings = generator, critic, settings
        self._data, self._conditions, self._targets = data, conditions, targets
        self._noise = torch.Generator(conditions.device).manual_seed(seed)
        self._rng = np.random.default_rng(seed)
        self._average = MovingAverage(generator, settings.average)
        betas = (0.5, 0.9)
        self._steps = torch.optim.Adam(generator.parameters(), lr=settings.learning_rate, betas=betas)
        self._critic_steps = torch.optim.Adam(critic.parameters(), lr=settings.critic_learning_rate, betas=betas)
        self._history: list[dict[str, float]] = []

    def run(self, checkpoint: Checkpoint | None = None) -> tuple[StateGenerator, list[dict[str, float]]]:
        """Return the averaged generator after the last epoch, and the history of both losses.

        Goes on from the state that the checkpoint holds, and keeps its own there after every epoch.
        """
        checkpoint = checkpoint or Unkept()
        self._restore(checkpoint.load())
        for epoch in range(len(self._history), self._settings.epochs):
            losses, critic_losses = self._one_epoch(epoch)
            self._history.append(
                {
                    "epoch": float(epoch),
                    "training_loss": check_finite(float(np.mean(losses)), epoch),
                    "critic_loss": check_finite(float(np.mean(critic_losses)), epoch),
                    "temperature": self._temperature(epoch),
                }
            )
            checkpoint.save(self._state)
        return self._average.network.eval(), self._history

    def _state(self) -> State:
        """Return all that the next epoch depends on."""
        return {
            "generator": self._generator.state_dict(),
            "critic": self._critic.state_dict(),
            "average": self._average.state(),
            "steps": self._steps.state_dict(),
            "critic_steps": self._critic_steps.state_dict(),
            "random": random_state(self._noise, self._rng),
            "history": self._history,
        }

    def _restore(self, state: State | None) -> None:
        if state is None:
            return
        self._generator.load_state_dict(state["generator"])
        self._critic.load_state_dict(state["critic"])
        self._average.restore(state["average"])
        self._steps.load_state_dict(state["steps"])
        self._critic_steps.load_state_dict(state["critic_steps"])
        set_random_state(state["random"], self._noise, self._rng)
        self._history = state["history"]

    def _temperature(self, epoch: int) -> float:
        share = epoch / max(self._settings.epochs - 1, 1)
        return linear_schedule(share, self._settings.first_temperature, self._settings.last_temperature)

    def _one_epoch(self, epoch: int) -> tuple[list[float], list[float]]:
        """Return the losses of the generator's steps and of the critic's; every epoch has one of each at least."""
        self._generator.train()
        losses: list[float] = []
        critic_losses: list[float] = []
        temperature = self._temperature(epoch)
        chosen = list(batches(np.arange(len(self._data)), self._settings.batch, self._rng))
        for step, batch in enumerate(chosen, start=1):
            rows = torch.from_numpy(batch).to(self._conditions.device)
            conditions = with_dropout(self._conditions[rows], self._settings.condition_dropout, self._noise)
            critic_losses.append(self._critic_step(self._data.one_hot(rows), conditions, temperature))
            if step % self._settings.critic_steps == 0 or (not losses and step == len(chosen)):
                losses.append(self._generator_step(conditions, temperature))
        return losses, critic_losses

    def _critic_step(self, real: Tensor, conditions: Tensor, temperature: float) -> float:
        with torch.no_grad():
            artificial = gumbel_softmax(self._generator(conditions, self._noise), temperature, self._noise)
        scores, artificial_scores = self._critic(real, conditions), self._critic(artificial, conditions)
        if self._settings.wasserstein:
            penalty = gradient_penalty(self._critic, real, artificial, conditions, self._noise)
            loss = artificial_scores.mean() - scores.mean() + self._settings.penalty * penalty
        else:
            softplus = nn.functional.softplus
            loss = softplus(-scores).mean() + softplus(artificial_scores).mean()
        return _step(self._critic_steps, loss)

    def _generator_step(self, conditions: Tensor, temperature: float) -> float:
        artificial = gumbel_softmax(self._generator(conditions, self._noise), temperature, self._noise)
        scores = self._critic(artificial, conditions)
        loss = -scores.mean() if self._settings.wasserstein else nn.functional.softplus(-scores).mean()
        if self._targets is not None:
            frequencies, linkage = self._targets.distances(straight_through(artificial))
            loss = loss + self._settings.frequency_weight * frequencies + self._settings.linkage_weight * linkage
        out = _step(self._steps, loss)
        self._average.update(self._generator)
        return out


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> float:
    """Take one step and return the loss before it."""
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach())
