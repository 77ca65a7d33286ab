from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from genialearn.neural.one_hot import StateTensor  # noqa: E402
from genialearn.neural.variational import EvidenceLoss, VariationalAutoencoder, gaussian_divergence  # noqa: E402


class TestDivergence:
    def test_of_the_prior_is_nought(self) -> None:
        assert [0, 0] == gaussian_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).tolist()

    def test_is_that_of_torch(self) -> None:
        generator = torch.Generator().manual_seed(1)
        mean, log_variance = torch.randn((2, 4, 3), generator=generator)
        normal = torch.distributions.Normal
        expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))

        torch.testing.assert_close(gaussian_divergence(mean, log_variance), expected.sum(dim=1))


class TestEvidenceLoss:
    def test_of_a_network_that_says_nothing(self) -> None:
        """Every state of 5 markers costs log 3, and the divergence is nought."""
        network = VariationalAutoencoder(5, 3, latent=2, hidden=(4,), n_conditions=0)
        for part in (network.encoder, network.decoder):
            torch.nn.init.zeros_(part.last.weight)
            torch.nn.init.zeros_(part.last.bias)
        values = np.random.default_rng(1).integers(0, 3, (8, 5)).astype(np.int8)
        loss = EvidenceLoss(StateTensor.of(values, 3, torch.device("cpu")), torch.zeros(8, 0), 1.0, 0.0)
        found = loss(network, torch.arange(8), warmth=1.0, generator=torch.Generator().manual_seed(1))

        assert pytest.approx(5 * math.log(3), rel=1e-5) == found.item()
