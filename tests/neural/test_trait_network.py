from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import Tensor  # noqa: E402

from genialearn.genotypes import MarkerMap  # noqa: E402
from genialearn.neural.bodies import Genome  # noqa: E402
from genialearn.neural.bodies.body import Body  # noqa: E402
from genialearn.neural.bodies.perceptron import Perceptron  # noqa: E402
from genialearn.neural.trait_network import TraitNetwork  # noqa: E402

GENOME = Genome.of(MarkerMap.numbered(20))


class Twins(Body):
    """Two members in one."""

    members = 2

    def __init__(self) -> None:
        super().__init__(20, 4)
        self.weight = torch.nn.Parameter(torch.randn(20, 2, 4))

    def forward(self, markers: Tensor, seen: Tensor | None = None) -> Tensor:
        return torch.einsum("am,mkf->akf", self.upweighted(markers), self.weight if seen is None else self.weight[seen])


@pytest.fixture
def network() -> TraitNetwork:
    torch.manual_seed(1)
    return TraitNetwork(Perceptron(GENOME, width=8, dropout=0.5), 20, 3)


class TestTraitNetwork:
    def test_shape(self, network: TraitNetwork) -> None:
        assert network(torch.randn(5, 20)).shape == (5, 1, 3)
        assert 3 == network.n_traits

    def test_it_starts_from_a_constant(self, network: TraitNetwork) -> None:
        """Both paths start at 0, whatever the markers and the dropout."""
        assert not network(torch.randn(5, 20)).any()

    def test_it_may_start_from_marker_effects(self) -> None:
        effects = np.random.default_rng(1).standard_normal((20, 3))
        network = TraitNetwork(Perceptron(GENOME, width=8, dropout=0.5), 20, 3, marker_effects=effects)
        markers = torch.randn(5, 20)

        torch.testing.assert_close(network(markers)[:, 0], markers @ torch.from_numpy(effects).float())

    def test_the_linear_path_is_linear(self, network: TraitNetwork) -> None:
        torch.nn.init.normal_(network.linear)  # the heads stay at 0, and with them the other path
        one, other = torch.randn(2, 4, 20)
        origin = network(torch.zeros(4, 20))

        torch.testing.assert_close(network(one + other) - origin, network(one) + network(other) - 2 * origin)

    def test_dropout_is_for_training_only(self, network: TraitNetwork) -> None:
        torch.nn.init.normal_(network.heads)
        markers = torch.randn(4, 20)

        assert not torch.equal(network(markers), network(markers))
        network.eval()
        assert torch.equal(network(markers), network(markers))

    def test_part_of_the_markers_is_raised(self, network: TraitNetwork) -> None:
        """As if the markers that aren't seen were those of an average animal."""
        torch.nn.init.normal_(network.heads)
        torch.nn.init.normal_(network.linear)
        network.eval()
        markers, seen = torch.randn(4, 20), torch.tensor([3, 11, 12, 18])
        blank = torch.zeros(4, 20)
        blank[:, seen] = 5 * markers[:, seen]

        torch.testing.assert_close(network(blank), network(markers[:, seen], seen))

    def test_members_have_heads_of_their_own(self) -> None:
        network = TraitNetwork(Twins(), 20, 3)
        torch.nn.init.normal_(network.heads)
        markers = torch.randn(4, 20)
        features = network.body(markers, None)
        expected = torch.stack([features[:, member] @ network.heads[member] for member in range(2)], dim=1)

        torch.testing.assert_close(expected, network(markers))


def test_genome_numbers_chromosomes_as_they_appear() -> None:
    markers = MarkerMap.numbered(4)
    object.__setattr__(markers, "chromosomes", np.array(["7", "7", "X", "1"], dtype=object))
    genome = Genome.of(markers)

    assert [0, 0, 1, 2] == genome.chromosomes.tolist()
    assert [1.0, 2.0, 3.0, 4.0] == genome.positions.tolist()
    assert 4 == genome.n_markers
