from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from genialearn.neural.layers import SkipPerceptron, masked_squared_error  # noqa: E402


class TestMaskedSquaredError:
    def test_by_hand(self) -> None:
        predicted = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        target = torch.tensor([[0.0, 9.0], [1.0, 4.5]])
        weight = torch.tensor([[1.0, 0.0], [2.0, 1.0]])

        assert pytest.approx((1 + 2 * 4 + 0.25) / 4) == masked_squared_error(predicted, target, weight).item()

    def test_a_target_without_weight_is_never_read(self) -> None:
        predicted = torch.tensor([[1.0, 2.0]], requires_grad=True)
        loss = masked_squared_error(predicted, torch.tensor([[0.0, float("nan")]]), torch.tensor([[1.0, 0.0]]))
        loss.backward()

        assert loss.item() == 1
        assert predicted.grad is not None
        torch.testing.assert_close(predicted.grad, torch.tensor([[2.0, 0.0]]))

    def test_only_ratios_of_weights_matter(self) -> None:
        generator = torch.Generator().manual_seed(1)
        predicted, target, weight = torch.rand((3, 6, 2), generator=generator)

        expected = masked_squared_error(predicted, target, weight)
        assert pytest.approx(expected.item()) == masked_squared_error(predicted, target, 100 * weight).item()

    def test_no_record_at_all(self) -> None:
        assert masked_squared_error(torch.ones(2, 2), torch.zeros(2, 2), torch.zeros(2, 2)).item() == 0


class TestSkipPerceptron:
    @pytest.fixture
    def network(self) -> SkipPerceptron:
        torch.manual_seed(1)
        return SkipPerceptron(20, 3, width=8, dropout=0.5, marker_dropout=0.2)

    def test_shape(self, network: SkipPerceptron) -> None:
        assert network(torch.randn(5, 20)).shape == (5, 3)

    def test_it_starts_from_a_constant(self, network: SkipPerceptron) -> None:
        """Both paths start at 0, whatever the markers and the dropout."""
        out = network(torch.randn(5, 20))

        assert torch.equal(out, out[:1].expand(5, 3))

    def test_the_linear_path_is_linear(self, network: SkipPerceptron) -> None:
        torch.nn.init.normal_(network.markers.weight)  # the head stays at 0, and with it the other path
        network.eval()
        one, other = torch.randn(2, 4, 20)
        origin = network(torch.zeros(4, 20))

        torch.testing.assert_close(network(one + other) - origin, network(one) + network(other) - 2 * origin)

    def test_dropout_is_for_training_only(self, network: SkipPerceptron) -> None:
        torch.nn.init.normal_(network.head.weight)
        markers = torch.randn(4, 20)

        assert not torch.equal(network(markers), network(markers))
        network.eval()
        assert torch.equal(network(markers), network(markers))
