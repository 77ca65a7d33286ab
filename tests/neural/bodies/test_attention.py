from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from small_bodies import animals, body, genome  # noqa: E402

from genialearn.neural.bodies import make_body  # noqa: E402
from genialearn.neural.bodies.attention import Attention, AttentionLayer  # noqa: E402


def plain_attention(layer: AttentionLayer, tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """Return what the layer gives, one animal and head after the other."""
    out = []
    for own in tokens:
        asked, offered, told = layer.asked_offered_told(layer.before_attention(own)).chunk(3, dim=1)
        parts = []
        for a, o, t in zip(asked.chunk(heads, 1), offered.chunk(heads, 1), told.chunk(heads, 1), strict=True):
            shares = torch.softmax(a @ o.T / a.shape[1] ** 0.5, dim=1)
            parts.append(shares @ t)
        after = own + layer.joined(torch.cat(parts, dim=1))
        out.append(after + layer.perceptron(after))
    return torch.stack(out)


class TestAttentionLayer:
    @pytest.mark.parametrize("heads", [1, 2, 4])
    def test_it_is_a_loop_over_animals_and_heads(self, heads: int) -> None:
        layer = AttentionLayer(8, heads, dropout=0.0)
        tokens = torch.randn(3, 11, 8)

        torch.testing.assert_close(layer(tokens), plain_attention(layer, tokens, heads))

    def test_tokens_in_another_order(self) -> None:
        layer, tokens, order = AttentionLayer(8, 2, dropout=0.0), torch.randn(3, 11, 8), torch.randperm(11)

        torch.testing.assert_close(layer(tokens[:, order]), layer(tokens)[:, order])


class TestAttention:
    def test_shapes(self) -> None:
        made = body("attention")
        assert isinstance(made, Attention)

        assert made.tokens(animals()).shape == (9, len(made.chromosomes), 8)
        assert made.places.shape == (len(made.chromosomes), 8)

    @pytest.mark.parametrize("sizes", [(40,), (2000, 1000, 1), (1,) * 30])
    def test_tokens_are_bounded(self, sizes: tuple[int, ...]) -> None:
        made = make_body("attention", genome(sizes), width=4, dropout=0.0, tokens=16, channels=4)
        assert isinstance(made, Attention)

        assert len(sizes) <= len(made.chromosomes) <= 16 + len(sizes)

    def test_few_markers_are_few_tokens(self) -> None:
        made = make_body("attention", genome((40, 15)), width=4, dropout=0.0)
        assert isinstance(made, Attention)

        assert [0, 0, 0, 1] == made.chromosomes.tolist()

    def test_windows_attend_to_other_chromosomes(self) -> None:
        made = body("attention").eval()
        assert isinstance(made, Attention)
        theirs = animals()
        theirs[:, -1] += 5
        differs = (made.layers(made.tokens(animals())) != made.layers(made.tokens(theirs))).any(dim=2)

        assert differs.all()
