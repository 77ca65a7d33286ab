"""What is said of memory, of every generator; tests of `generate` hold it to processes."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from genialearn.errors import MissingExtraError
from genialearn.generators import CATALOGUE, make_generator
from genialearn.generators.memory import Sizes, needed_bytes
from phased_cohorts import phased_cohort, without_phase

SMALL = Sizes(1000, 1000, 1000, 2, True, (200,) * 20)
LARGE = Sizes(8000, 8000, 8000, 2, True, (1700,) * 29)


def needed_gib(name: str, sizes: Sizes, **settings: object) -> float:
    if CATALOGUE[name].library and find_spec(CATALOGUE[name].library) is None:
        pytest.skip(f"{CATALOGUE[name].library} isn't installed")
    return needed_bytes(make_generator(name, settings), sizes) / 2**30


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_generator_states_it(name: str) -> None:
    small, large = (needed_gib(name, sizes) for sizes in (SMALL, LARGE))

    assert 0.25 < small < 3
    assert small < large < 100


@pytest.mark.parametrize("name", [name for name, entry in CATALOGUE.items() if entry.family == "deep"])
def test_networks_take_more_the_wider_they_are(name: str) -> None:
    assert needed_gib(name, LARGE, hidden=(64,)) < needed_gib(name, LARGE, hidden=(4096,))


def test_additions_of_the_local_network_are_counted() -> None:
    plain = {"average": 0.0, "frequency_weight": 0.0, "linkage_weight": 0.0, "window": 0}
    least = needed_gib("wgan-gp-local", LARGE, **plain)

    for addition in ({"average": 0.9}, {"linkage_weight": 1.0}, {"window": 64}):
        assert least < needed_gib("wgan-gp-local", LARGE, **{**plain, **addition})


def test_sizes_of_a_cohort() -> None:
    cohort = phased_cohort()

    assert Sizes(40, 20, 7, 0, True, (30, 20, 10)) == Sizes.of(cohort, 20, 7)
    assert Sizes(40, 40, 7, 0, False, (30, 20, 10)) == Sizes.of(without_phase(cohort), 40, 7)
    assert (60, 30) == (Sizes.of(cohort, 20, 7).n_markers, Sizes.of(cohort, 20, 7).longest)


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingExtraError, match=r"^generator vae: expected the library torch, found none\."):
        needed_bytes(make_generator("vae"), SMALL)
