from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from small_bodies import SIZES, animals, body, genome  # noqa: E402

from genialearn.neural.bodies.convolution import Convolution, spread_columns  # noqa: E402
from genialearn.neural.bodies.windows import LocalLinear, Windows  # noqa: E402


class TestWindows:
    def test_by_hand(self) -> None:
        windows = Windows.of(np.array([0, 0, 0, 0, 0, 1, 2, 2]), 3)

        assert [[0, 1, 2], [3, 4, 8], [5, 8, 8], [6, 7, 8]] == windows.columns.tolist()
        assert [0, 0, 1, 2] == windows.chromosomes.tolist()
        assert [3, 2, 1, 2] == windows.lengths.tolist()
        assert len(windows) == 4

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
    def test_every_marker_is_in_one_window_of_its_chromosome(self, size: int) -> None:
        markers = genome()
        windows = Windows.of(markers.chromosomes, size)
        inside = windows.columns < markers.n_markers

        assert list(range(markers.n_markers)) == windows.columns[inside].tolist()
        assert inside.sum(axis=1).tolist() == windows.lengths.tolist()
        rows = np.repeat(windows.chromosomes, windows.lengths)
        assert np.array_equal(markers.chromosomes, rows)
        assert windows.lengths.max() <= size
        for chromosome in range(len(SIZES)):
            assert np.ptp(windows.lengths[windows.chromosomes == chromosome]) <= 1


class TestLocalLinear:
    @pytest.mark.parametrize("bias", [True, False])
    def test_it_is_a_loop_over_windows(self, bias: bool) -> None:
        windows = Windows.of(genome().chromosomes, 4)
        layer = LocalLinear(windows, 3, 5, bias=bias)
        values = torch.randn(6, genome().n_markers, 3)
        found = layer(values)

        for window, (columns, length) in enumerate(zip(windows.columns, windows.lengths, strict=True)):
            seen = values[:, columns[:length]].flatten(1)
            expected = seen @ layer.weight[window, : 3 * length]
            torch.testing.assert_close(found[:, window], expected + layer.bias[window] if bias else expected)

    def test_first_weights_follow_the_length_of_a_window(self) -> None:
        layer = LocalLinear(Windows.of(np.repeat([0, 1], [50, 2]), 50), 1, 400)
        out = layer(torch.randn(300, 52, 1)) - layer.bias[:, 0]

        torch.testing.assert_close(out.std(dim=(0, 2)), torch.full((2,), 3**-0.5), rtol=0.1, atol=0)


class TestChromosomes:
    """What happens on a chromosome stays there until all are pooled."""

    @pytest.mark.parametrize(
        ("name", "inner"), [("local", "regions"), ("convolution", "places"), ("attention", "tokens")]
    )
    @pytest.mark.parametrize("changed", range(len(SIZES)))
    def test_markers_of_one_change_nothing_of_another(self, name: str, inner: str, changed: int) -> None:
        made = body(name).eval()
        theirs = animals()
        theirs[:, genome().chromosomes == changed] += 5
        differs = (getattr(made, inner)(animals()) != getattr(made, inner)(theirs)).any(dim=(0, 2)).numpy()

        assert np.array_equal(made.chromosomes == changed, differs)

    def test_places_between_chromosomes_stay_0(self) -> None:
        made = body("convolution").eval()
        assert isinstance(made, Convolution)

        assert not made.places(animals())[:, made.chromosomes < 0].any()

    def test_spread_columns_by_hand(self) -> None:
        assert [0, 1, 2, 4, 4, 4, 3, 4, 4, 4] == spread_columns(np.array([0, 0, 0, 1]), 2).tolist()


class TestLocalTwin:
    def test_it_is_two_loops(self) -> None:
        made = body("local").eval()
        windows = Windows.of(genome().chromosomes, 4)
        regions = Windows.of(windows.chromosomes, 2)
        described = []
        for window, (columns, length) in enumerate(zip(windows.columns, windows.lengths, strict=True)):
            values = animals()[:, columns[:length]] @ made.first.weight[window, :length] + made.first.bias[window]
            centred = values - values.mean(dim=1, keepdim=True)
            described.append(
                torch.nn.functional.gelu(centred / (values.var(dim=1, keepdim=True, correction=0) + 1e-5).sqrt())
            )
        for region, (columns, length) in enumerate(zip(regions.columns, regions.lengths, strict=True)):
            together = torch.cat([described[window] for window in columns[:length]], dim=1)
            expected = together @ made.second.weight[region, : 3 * length] + made.second.bias[region]
            torch.testing.assert_close(made.regions(animals())[:, region], expected)


class TestConvolutionTwin:
    def test_a_pattern_moved_by_a_whole_place_is_found_there(self) -> None:
        """The same weights everywhere; 8 markers are one place of the last level."""
        made = Convolution(genome((64,)), width=4, dropout=0.0, patch=2, channels=3, levels=1)
        pattern = torch.randn(1, 8)
        here, there = torch.zeros(2, 1, 64)
        here[:, 16:24], there[:, 32:40] = pattern, pattern

        torch.testing.assert_close(made.places(here)[:, 1:4], made.places(there)[:, 3:6])
