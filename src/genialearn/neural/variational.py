"""A variational autoencoder of states: from a row to a point of a latent space, and back to probabilities of states.

The loss is the negative evidence lower bound, sum_j -log p(x_j | z, c) + beta KL(q(z | x, c) || N(0, 1)), z drawn from
q (Kingma and Welling 2014, ICLR, arXiv:1312.6114; beta: Higgins et al. 2017, ICLR).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genialearn.neural.conditions import with_dropout
from genialearn.neural.one_hot import StateTensor
from genialearn.neural.perceptrons import ConditionedPerceptron

_LOG_VARIANCE_BOUND = 10.0


class VariationalAutoencoder(nn.Module):
    """An encoder to means and log variances, and a decoder to logits of states.

    Parameters
    ----------
    n_markers, n_states
        Size of a row.
    latent
        Dimensions of z.
    hidden
        Widths of the encoder; the decoder has them in reverse.
    n_conditions
        How many numbers describe the conditions.
    """

    def __init__(self, n_markers: int, n_states: int, *, latent: int, hidden: Sequence[int], n_conditions: int) -> None:
        super().__init__()
        self.latent, self._shape = latent, (n_markers, n_states)
        size = n_markers * n_states
        self.encoder = ConditionedPerceptron(
            size, hidden, 2 * latent, n_conditions=n_conditions, normalisation=nn.BatchNorm1d, residual=False
        )
        self.decoder = ConditionedPerceptron(
            latent, hidden[::-1], size, n_conditions=n_conditions, normalisation=nn.BatchNorm1d, residual=False
        )

    def encode(self, states: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log variances of z, each (rows, latent), of one-hot states (rows, markers, states)."""
        mean, log_variance = self.encoder(states.flatten(1), conditions).chunk(2, dim=1)
        return mean, log_variance.clamp(-_LOG_VARIANCE_BOUND, _LOG_VARIANCE_BOUND)

    def decode(self, latent: Tensor, conditions: Tensor) -> Tensor:
        """Return logits (rows, markers, states) of points z (rows, latent)."""
        out: Tensor = self.decoder(latent, conditions)
        return out.reshape(-1, *self._shape)

    def forward(self, states: Tensor, conditions: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits of a draw of z, and the mean and log variance that it came from."""
        mean, log_variance = self.encode(states, conditions)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return self.decode(mean + torch.exp(log_variance / 2) * noise, conditions), mean, log_variance


def gaussian_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(m, v) || N(0, 1)) = 1/2 sum (m^2 + v - 1 - log v) of each row, shape (rows,)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)


@dataclass(frozen=True, eq=False)
class EvidenceLoss:
    """The negative evidence lower bound of rows of the training data, in nats a row.

    Parameters
    ----------
    data
        All rows.
    conditions
        Encoded, shape (rows, 2 traits).
    beta
        Weight of the divergence once training is warm.
    condition_dropout
        Share of rows without their conditions in training.
    """

    data: StateTensor
    conditions: Tensor
    beta: float
    condition_dropout: float

    def __call__(self, network: nn.Module, rows: Tensor, *, warmth: float, generator: torch.Generator) -> Tensor:
        """Return the mean over rows."""
        conditions = with_dropout(self.conditions[rows], self.condition_dropout, generator)
        logits, mean, log_variance = network(self.data.one_hot(rows), conditions, generator)
        states = self.data.values[rows].long()
        entropy = nn.functional.cross_entropy(logits.transpose(1, 2), states, reduction="sum") / len(rows)
        out: Tensor = entropy + warmth * self.beta * gaussian_divergence(mean, log_variance).mean()
        return out
