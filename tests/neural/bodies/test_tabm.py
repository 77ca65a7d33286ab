from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from small_bodies import animals, body  # noqa: E402

from genialearn.neural.bodies.tabm import MemberLinear, TabM  # noqa: E402


class TestMemberLinear:
    def test_members_are_linear_layers_of_their_own(self) -> None:
        layer = MemberLinear(4, 3, 5)
        for scale in (layer.scale_in, layer.scale_out):
            torch.nn.init.normal_(scale)
        values = torch.randn(7, 5, 4)
        found = layer(values)

        for member in range(5):
            weight = layer.scale_out[member].diag() @ layer.shared.weight @ layer.scale_in[member].diag()
            torch.testing.assert_close(found[:, member], values[:, member] @ weight.T + layer.bias[member])


class TestTabM:
    def test_it_is_a_loop_over_perceptrons(self) -> None:
        made = body("tabm").eval()
        assert isinstance(made, TabM)
        found, second = made(animals()), made.hidden[2]
        assert isinstance(second, MemberLinear)

        for member in range(5):
            first_weight = made.first_scale[member].diag() @ made.markers.weight
            hidden = torch.nn.functional.gelu(animals() @ first_weight.T + made.first_bias[member])
            weight = second.scale_out[member].diag() @ second.shared.weight @ second.scale_in[member].diag()
            expected = torch.nn.functional.gelu(hidden @ weight.T + second.bias[member])
            torch.testing.assert_close(found[:, member], expected)

    def test_members_differ_at_first_by_signs(self) -> None:
        made = body("tabm").eval()
        assert isinstance(made, TabM)

        assert {-1.0, 1.0} == set(made.first_scale.unique().tolist())
        assert (made(animals()).std(dim=1) > 0.01).float().mean() > 0.9
