from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from genialearn.neural.one_hot import StateTensor, expected_dosages, one_hot  # noqa: E402

VALUES = np.array([[0, 2, 1], [1, 2, 0]], dtype=np.int8)


def states() -> StateTensor:
    return StateTensor.of(VALUES, 3, torch.device("cpu"))


class TestStateTensor:
    def test_it_is_int8_until_it_is_used(self) -> None:
        assert torch.int8 == states().values.dtype
        assert (2, 3) == (len(states()), states().n_markers)

    def test_one_hot_by_hand(self) -> None:
        expected = [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]]

        assert expected == states().one_hot(torch.tensor([1, 0])).tolist()

    def test_frequencies_by_hand(self) -> None:
        assert [[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0]] == states().frequencies().tolist()


def test_one_hot_of_two_states() -> None:
    assert [[1, 0], [0, 1]] == one_hot(torch.tensor([0, 1], dtype=torch.int8), 2).tolist()


def test_expected_dosages_undo_one_hot() -> None:
    assert VALUES.tolist() == expected_dosages(states().one_hot(torch.arange(2))).tolist()
