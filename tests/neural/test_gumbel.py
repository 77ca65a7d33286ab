from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from torch import Tensor  # noqa: E402

from genialearn.neural.gumbel import (  # noqa: E402
    draw_states,
    gumbel_noise,
    gumbel_softmax,
    linear_schedule,
    straight_through,
)

PROBABILITIES = torch.tensor([0.6, 0.3, 0.1])


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def many_logits() -> Tensor:
    return PROBABILITIES.log().expand(4000, 5, 3)


class TestGumbelSoftmax:
    def test_noise_has_the_moments_of_the_gumbel_distribution(self) -> None:
        noise = gumbel_noise(torch.zeros(200_000), generator())

        assert pytest.approx(0.5772, abs=0.01) == noise.mean().item()
        assert pytest.approx(1.6449, abs=0.03) == noise.var().item()

    def test_draws_are_positive_and_of_sum_one(self) -> None:
        drawn = gumbel_softmax(many_logits(), 0.5, generator())

        assert (drawn >= 0).all()
        torch.testing.assert_close(drawn.sum(dim=-1), torch.ones(4000, 5))

    @pytest.mark.parametrize("temperature", [1.0, 0.1])
    def test_the_largest_entry_is_a_draw_whatever_the_temperature(self, temperature: float) -> None:
        largest = gumbel_softmax(many_logits(), temperature, generator()).argmax(dim=-1)
        shares = torch.bincount(largest.flatten(), minlength=3) / largest.numel()

        torch.testing.assert_close(shares, PROBABILITIES, atol=0.015, rtol=0)

    def test_cold_draws_are_nearly_one_hot(self) -> None:
        warm, cold = (gumbel_softmax(many_logits(), t, generator()).max(dim=-1).values.mean() for t in (1.0, 0.05))

        assert cold > 0.97
        assert warm < 0.9


class TestStraightThrough:
    def test_the_value_is_one_hot(self) -> None:
        hard = straight_through(torch.tensor([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]))

        torch.testing.assert_close(hard, torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))

    def test_the_gradient_is_that_of_the_soft_draw(self) -> None:
        weights = torch.tensor([0.3, -1.0, 2.0])
        gradients = []
        for function in (straight_through, lambda soft: soft):
            logits = torch.tensor([0.1, 0.7, -0.4], requires_grad=True)
            (function(torch.softmax(logits, dim=-1)) * weights).sum().backward()
            gradients.append(logits.grad)

        torch.testing.assert_close(*gradients)


class TestDrawStates:
    def test_shares(self) -> None:
        drawn = draw_states(many_logits(), generator())

        assert torch.int8 == drawn.dtype
        torch.testing.assert_close(
            torch.bincount(drawn.flatten(), minlength=3) / drawn.numel(), PROBABILITIES, atol=0.015, rtol=0
        )

    def test_a_seed_is_a_draw(self) -> None:
        assert torch.equal(draw_states(many_logits(), generator()), draw_states(many_logits(), generator()))
        assert not torch.equal(draw_states(many_logits(), generator()), draw_states(many_logits(), generator(2)))


def test_linear_schedule() -> None:
    assert [1.0, 0.55, pytest.approx(0.1), pytest.approx(0.1)] == [linear_schedule(s, 1, 0.1) for s in (0, 0.5, 1, 2)]
