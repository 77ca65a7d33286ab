from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from genialearn.neural.conditions import encoded, with_dropout  # noqa: E402


def test_encoded_by_hand() -> None:
    values = torch.tensor([[1.5, float("nan")], [-2.0, 3.0]])
    known = torch.tensor([[True, False], [True, True]])

    assert [[1.5, 0, 1, 0], [-2, 3, 1, 1]] == encoded(values, known).tolist()


class TestDropout:
    def test_shares(self) -> None:
        full = torch.ones(20_000, 6)
        left = with_dropout(full, 0.2, torch.Generator().manual_seed(1))
        n_kept = left[:, :3].sum(dim=1)

        assert torch.equal(left[:, :3], left[:, 3:])
        assert pytest.approx(0.2 + 0.2 / 8, abs=0.01) == (n_kept == 0).float().mean().item()
        assert pytest.approx(0.6 + 0.2 / 8, abs=0.01) == (n_kept == 3).float().mean().item()

    def test_nothing_to_drop(self) -> None:
        generator = torch.Generator().manual_seed(1)
        full, none = torch.ones(5, 4), torch.ones(5, 0)

        assert full is with_dropout(full, 0.0, generator)
        assert none is with_dropout(none, 0.5, generator)

    def test_a_share_of_one_leaves_nothing(self) -> None:
        assert not with_dropout(torch.ones(50, 4), 1.0, torch.Generator().manual_seed(1)).any()
