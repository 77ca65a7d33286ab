from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from genialearn.neural.layers import masked_loss  # noqa: E402


class TestMaskedSquaredError:
    def test_by_hand(self) -> None:
        predicted = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        target = torch.tensor([[0.0, 9.0], [1.0, 4.5]])
        weight = torch.tensor([[1.0, 0.0], [2.0, 1.0]])

        assert pytest.approx((1 + 2 * 4 + 0.25) / 4) == masked_loss(predicted, target, weight).item()

    def test_a_target_without_weight_is_never_read(self) -> None:
        predicted = torch.tensor([[1.0, 2.0]], requires_grad=True)
        loss = masked_loss(predicted, torch.tensor([[0.0, float("nan")]]), torch.tensor([[1.0, 0.0]]))
        loss.backward()

        assert loss.item() == 1
        assert predicted.grad is not None
        torch.testing.assert_close(predicted.grad, torch.tensor([[2.0, 0.0]]))

    def test_only_ratios_of_weights_matter(self) -> None:
        generator = torch.Generator().manual_seed(1)
        predicted, target, weight = torch.rand((3, 6, 2), generator=generator)

        expected = masked_loss(predicted, target, weight)
        assert pytest.approx(expected.item()) == masked_loss(predicted, target, 100 * weight).item()

    def test_no_record_at_all(self) -> None:
        assert masked_loss(torch.ones(2, 2), torch.zeros(2, 2), torch.zeros(2, 2)).item() == 0


class TestOtherLosses:
    def test_huber_is_a_square_and_then_a_line(self) -> None:
        predicted, weight = torch.tensor([[0.5, 3.0]]), torch.ones(1, 2)

        assert (
            pytest.approx((0.25 + 2 * (3 - 0.5)) / 2)
            == masked_loss(predicted, torch.zeros(1, 2), weight, huber=1.0).item()
        )

    def test_cross_entropy_where_there_are_log_odds(self) -> None:
        predicted, target = torch.tensor([[0.4, 2.0]]), torch.tensor([[1.0, 0.5]])
        loss = masked_loss(predicted, target, torch.ones(1, 2), log_odds=torch.tensor([-1.0, float("nan")]))
        entropy = -torch.log(torch.sigmoid(torch.tensor(-0.6)))

        assert pytest.approx((2 * entropy.item() + 1.5**2) / 2) == loss.item()

    def test_targets_outside_0_and_1_have_their_minimum_at_the_mean(self) -> None:
        """As records less fixed effects may be."""
        predicted = torch.zeros(4, 1, requires_grad=True)
        target = torch.tensor([[-0.2], [1.1], [0.0], [0.3]])
        odds = torch.logit(target.mean()).reshape(1)
        masked_loss(predicted, target, torch.ones(4, 1), log_odds=odds).backward()

        assert predicted.grad is not None
        assert pytest.approx(0, abs=1e-7) == predicted.grad.sum().item()

    def test_members_are_averaged(self) -> None:
        predicted = torch.tensor([[[1.0], [3.0]]])
        loss = masked_loss(predicted, torch.zeros(1, 1, 1), torch.ones(1, 1, 1))

        assert (1 + 9) / 2 == loss.item()
