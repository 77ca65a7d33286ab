from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from genialearn._arrays import as_ids  # noqa: E402
from genialearn.neural.one_hot import StateTensor  # noqa: E402
from genialearn.neural.windows import MomentTargets, WindowCritics, neighbour_pairs, window_columns  # noqa: E402

CHROMOSOMES = as_ids(["1"] * 7 + ["2"] * 2)


class TestWindowColumns:
    def test_by_hand(self) -> None:
        expected = [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6], [7, 8, 7, 8]]

        assert expected == window_columns(CHROMOSOMES, 4).tolist()

    @pytest.mark.parametrize("width", [2, 3, 5, 7, 20])
    def test_every_marker_is_seen_and_no_window_leaves_a_chromosome(self, width: int) -> None:
        columns = window_columns(CHROMOSOMES, width)

        assert set(range(9)) == set(columns.ravel())
        assert all(len(set(CHROMOSOMES[window])) == 1 for window in columns)


class TestNeighbourPairs:
    def test_by_hand(self) -> None:
        pairs = neighbour_pairs(as_ids(["1", "1", "1", "2"])).T.tolist()

        assert [[0, 1], [1, 2], [0, 2]] == pairs

    def test_one_marker_has_no_neighbour(self) -> None:
        assert (2, 0) == neighbour_pairs(as_ids(["1"])).shape


class TestWindowCritics:
    def test_the_score_is_the_sum_of_small_perceptrons(self) -> None:
        torch.manual_seed(1)
        columns = window_columns(CHROMOSOMES, 4)
        critics = WindowCritics(columns, 3, 2, hidden=5)
        states, conditions = torch.rand(6, 9, 3), torch.rand(6, 2)
        expected = torch.zeros(6, 1)
        for window, seen in enumerate(columns):
            values = torch.cat([states[:, seen].flatten(1), conditions], dim=1)
            for layer in range(3):
                values = values @ critics.weights[layer][window] + critics.biases[layer][window]
                values = torch.nn.functional.leaky_relu(values, 0.05) if layer < 2 else values
            expected += values / 2

        torch.testing.assert_close(critics(states, conditions), expected)


class TestMomentTargets:
    @pytest.fixture
    def data(self) -> StateTensor:
        values = np.random.default_rng(1).integers(0, 3, (50, 9)).astype(np.int8)
        values[:, 4] = 1
        return StateTensor.of(values, 3, torch.device("cpu"))

    def test_correlations_are_those_of_numpy(self, data: StateTensor) -> None:
        targets = MomentTargets.of(data, CHROMOSOMES)
        left, right = targets.pairs.numpy()
        varies = (left != 4) & (right != 4)
        expected = [
            np.corrcoef(data.values[:, a], data.values[:, b])[0, 1]
            for a, b in zip(left, right, strict=True)
            if 4 not in (a, b)
        ]

        np.testing.assert_allclose(targets.correlations.numpy()[varies], expected, atol=1e-5)
        assert not targets.correlations.numpy()[~varies].any()

    def test_the_training_data_themselves_are_at_distance_nought(self, data: StateTensor) -> None:
        distances = MomentTargets.of(data, CHROMOSOMES).distances(data.one_hot(torch.arange(50)))

        assert [pytest.approx(0, abs=1e-9)] * 2 == [distance.item() for distance in distances]

    def test_others_are_further(self, data: StateTensor) -> None:
        other = StateTensor.of(np.zeros((50, 9), np.int8), 3, torch.device("cpu")).one_hot(torch.arange(50))

        assert all(distance.item() > 0.1 for distance in MomentTargets.of(data, CHROMOSOMES).distances(other))
