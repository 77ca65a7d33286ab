"""What holds for every body."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from small_bodies import N_MARKERS, NAMES, WIDTH, animals, body, genome  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from genialearn.errors import SettingError  # noqa: E402
from genialearn.neural.bodies import BODIES, Genome, make_body  # noqa: E402
from messages import exactly  # noqa: E402

BY_NAME = pytest.mark.parametrize("name", NAMES)
SEEING_PART = pytest.mark.parametrize("name", [name for name in NAMES if name != "relationship"])


class TestOutput:
    @BY_NAME
    def test_shape(self, name: str) -> None:
        made = body(name)

        expected = (9, 5, WIDTH) if name == "tabm" else (9, WIDTH)
        assert expected == made(animals()).shape
        assert made.n_out == WIDTH
        assert made.members == (5 if name == "tabm" else 1)

    @BY_NAME
    def test_one_animal_and_none(self, name: str) -> None:
        made = body(name).eval()

        torch.testing.assert_close(made(animals()[:1]), made(animals())[:1])
        assert len(made(animals()[:0])) == 0

    @BY_NAME
    def test_animals_in_another_order(self, name: str) -> None:
        made, order = body(name).eval(), torch.randperm(9)

        torch.testing.assert_close(made(animals()[order]), made(animals())[order])

    @BY_NAME
    def test_double_precision_is_the_same_function(self, name: str) -> None:
        made = body(name).eval()
        single = made(animals())
        double = made.double()(animals().double())

        assert double.dtype == torch.float64
        torch.testing.assert_close(single.double(), double, atol=1e-5, rtol=1e-4)

    @BY_NAME
    def test_dropout_is_for_training_only(self, name: str) -> None:
        made = body(name)

        assert not torch.equal(made(animals()), made(animals()))
        made.eval()
        assert torch.equal(made(animals()), made(animals()))

    @BY_NAME
    def test_animals_differ(self, name: str) -> None:
        out = body(name).eval()(animals())

        assert (out.std(dim=0) > 0.005).float().mean() > 0.9


class TestGPU:
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    @BY_NAME
    def test_it_is_the_same_function(self, name: str) -> None:
        made = body(name).double().eval()
        expected = made(animals().double())

        torch.testing.assert_close(made.cuda()(animals().double().cuda()).cpu(), expected)


class TestFirstWeights:
    @BY_NAME
    def test_they_follow_the_seed_of_torch(self, name: str) -> None:
        one, same, other = (body(name, seed=seed).eval()(animals()) for seed in (1, 1, 2))

        assert torch.equal(one, same)
        assert not torch.equal(one, other)

    @BY_NAME
    def test_no_other_generator_is_touched(self, name: str) -> None:
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        body(name)(animals())

        assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


class TestGradients:
    @BY_NAME
    def test_they_reach_every_parameter(self, name: str) -> None:
        made = body(name, dropout=0.0)
        made(animals()).square().sum().backward()

        without = [key for key, value in made.named_parameters() if value.grad is None or not value.grad.any()]
        assert [] == without

    @BY_NAME
    def test_they_are_right(self, name: str) -> None:
        made = body(name).double().eval()
        parameters = tuple(made.parameters())
        direction = [torch.randn_like(value) for value in parameters]
        slope = sum(
            (gradient * step).sum()
            for gradient, step in zip(
                torch.autograd.grad(made(animals().double()).square().sum(), parameters), direction, strict=True
            )
        )
        around = []
        with torch.no_grad():
            for distance in (1e-6, -2e-6):
                for parameter, step in zip(parameters, direction, strict=True):
                    parameter.add_(distance * step)
                around.append(made(animals().double()).square().sum())

        torch.testing.assert_close((around[0] - around[1]) / 2e-6, slope, rtol=1e-5, atol=1e-6)


class TestPartOfTheMarkers:
    @SEEING_PART
    def test_all_of_them_are_no_part(self, name: str) -> None:
        made = body(name).eval()
        assert made.sees_part

        torch.testing.assert_close(made(animals(), torch.arange(N_MARKERS)), made(animals()))

    @SEEING_PART
    def test_those_not_seen_count_as_0_the_others_for_more(self, name: str) -> None:
        made, seen = body(name).eval(), torch.randperm(N_MARKERS)[:20]
        upweighted = torch.zeros_like(animals())
        upweighted[:, seen] = animals()[:, seen] * N_MARKERS / 20

        torch.testing.assert_close(made(animals()[:, seen], seen), made(upweighted))

    def test_distances_need_all(self) -> None:
        made = body("relationship")
        assert not made.sees_part

        with pytest.raises(SettingError, match=exactly("body relationship: expected all markers, found part of them.")):
            made(animals()[:, :3], torch.arange(3))


class TestCosts:
    """Flops an animal at 50,000 markers and width 64, as docstrings state them, in millions."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("perceptron", 6.4),
            ("local", 1.8),
            ("convolution", 10.4),
            ("attention", 30.0),
            ("tabm", 6.5),
            ("projection", 6.4),
            ("projection in windows", 4.5),
            ("relationship", 25.7),
        ],
    )
    def test_they_are_as_stated(self, name: str, expected: float) -> None:
        sizes = np.diff(np.round(np.linspace(0, 50_000, 30))).astype(int)
        cattle = genome(tuple(sizes.tolist()))
        own = {
            "projection": {"weights": np.ones((50_000, 64))},
            "projection in windows": {"weights": np.ones((50_000, 33)), "window": 200},
            "relationship": {"anchors": np.random.default_rng(1).standard_normal((256, 50_000))},
        }
        made = make_body(name.partition(" ")[0], cattle, width=64, dropout=0.0, **own.get(name, {}))
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted, torch.no_grad():
            made(torch.randn(2, 50_000))

        assert pytest.approx(expected, rel=0.03) == counted.get_total_flops() / 2e6


class TestMakeBody:
    def test_one_marker(self) -> None:
        one = Genome(np.zeros(1, dtype=np.int64), np.zeros(1))
        for name in ("perceptron", "local", "convolution", "attention", "tabm"):
            assert torch.isfinite(make_body(name, one, width=3, dropout=0.0)(torch.ones(2, 1))).all()

    def test_an_unknown_body(self) -> None:
        message = "network body: expected a known name, found 'atention'. Did you mean attention?"
        with pytest.raises(SettingError, match=exactly(message)):
            make_body("atention", genome(), width=3, dropout=0.0)

    def test_an_unknown_setting(self) -> None:
        message = "setting of body local: expected a known name, found 'windows'. Did you mean window?"
        with pytest.raises(SettingError, match=exactly(message)):
            make_body("local", genome(), width=3, dropout=0.0, windows=3)

    @pytest.mark.parametrize(("name", "setting"), [("projection", "weights"), ("relationship", "anchors")])
    def test_what_comes_from_training_animals_is_needed(self, name: str, setting: str) -> None:
        message = (
            f"body {name}: expected the setting {setting}, found none. "
            "learned_settings makes it of the training animals."
        )
        with pytest.raises(SettingError, match=exactly(message)):
            make_body(name, genome(), width=3, dropout=0.0)

    @pytest.mark.parametrize(
        ("name", "setting", "value", "message"),
        [
            ("perceptron", "width", 0, "body width: expected a whole number of at least 1, found 0."),
            ("perceptron", "dropout", 1, "body dropout: expected a number from 0 to 0.95, found 1."),
            ("local", "window", 0, "body local: window: expected a whole number of at least 1, found 0."),
            ("local", "neighbours", 0, "body local: neighbours: expected a whole number of at least 1, found 0."),
            ("local", "channels", 1, "body local: channels: expected a whole number of at least 2, found 1."),
            ("convolution", "patch", 0, "body convolution: patch: expected a whole number of at least 1, found 0."),
            ("convolution", "levels", 0, "body convolution: levels: expected a whole number of at least 1, found 0."),
            ("attention", "tokens", 0, "body attention: tokens: expected a whole number of at least 1, found 0."),
            ("attention", "window", 0, "body attention: window: expected a whole number of at least 1, found 0."),
            ("attention", "layers", -1, "body attention: layers: expected a whole number of at least 0, found -1."),
            (
                "attention",
                "channels",
                7,
                "body attention: channels: expected a multiple of 2 heads, found 7. Use other channels or heads.",
            ),
            ("tabm", "members", 0, "body tabm: members: expected a whole number of at least 1, found 0."),
            (
                "projection",
                "weights",
                np.ones((3, 2)),
                "body projection: weights: expected one row for each of 56 markers, found shape (3, 2).",
            ),
            (
                "relationship",
                "anchors",
                np.ones((2, N_MARKERS)),
                "body relationship: anchors: expected at least 3 animals with 56 markers, found shape (2, 56).",
            ),
        ],
    )
    def test_settings_out_of_range(self, name: str, setting: str, value: object, message: str) -> None:
        with pytest.raises(SettingError, match=exactly(message)):
            make_body(name, genome(), **{"width": 3, "dropout": 0.0, setting: value})

    def test_bandwidths_out_of_range(self) -> None:
        message = "body relationship: bandwidths: expected at least one, all above 0, found (1.0, 0.0)."
        with pytest.raises(SettingError, match=exactly(message)):
            make_body(
                "relationship", genome(), width=3, dropout=0.0, anchors=np.eye(9, N_MARKERS), bandwidths=(1.0, 0.0)
            )

    def test_names_are_known_without_torch(self) -> None:
        program = "import sys, genialearn.neural.bodies as bodies; print('torch' in sys.modules, *bodies.BODIES)"
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

        assert ["False", *BODIES] == ended.stdout.split()
