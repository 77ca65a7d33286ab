from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genialearn.cohorts.simulate import HerdSettings, SimulatedHerd, simulate_herd
from genialearn.cohorts.simulate.calling import Calling
from genialearn.errors import SettingError
from genialearn.genotypes import dosages


def herd(calling: Calling, **more: Any) -> SimulatedHerd:
    settings = {"animals": 203, "markers": 400, "n_traits": 2, "founders": "independent", "seed": 5, "phased": True}
    return simulate_herd(HerdSettings(**{**settings, "calling": calling, **more}))


@pytest.mark.parametrize("selection", [0.0, 0.8])
def test_calls_are_wrong_and_missing_as_often_as_asked(selection: float) -> None:
    called = herd(Calling(missing=0.02, errors=0.05), selection=selection)
    assert called.haplotypes is not None
    true, seen = dosages(called.haplotypes.genotypes()), dosages(called.genotypes)

    assert np.mean(seen < 0) == pytest.approx(0.02, rel=0.15)
    assert np.mean((seen != true)[seen >= 0]) == pytest.approx(0.05, rel=0.15)
    wrong = (seen - true)[(seen != true) & (seen >= 0) & (true == 1)]
    assert np.mean(wrong) == pytest.approx(0, abs=0.1)


def test_calling_changes_nothing_else() -> None:
    called, plain = herd(Calling(missing=0.02, errors=0.05)), herd(Calling())

    assert called.traits.equals(plain.traits)
    assert called.haplotypes is not None
    assert plain.haplotypes is not None
    np.testing.assert_array_equal(plain.haplotypes.packed, called.haplotypes.packed)
    np.testing.assert_array_equal(dosages(plain.genotypes), dosages(called.haplotypes.genotypes()))


def test_some_animals_are_typed_with_a_cheaper_chip() -> None:
    called = herd(Calling(low_density=0.25, low_density_animals=0.3))
    missing = dosages(called.genotypes) < 0

    by_animal = missing.mean(axis=1)
    assert np.mean(by_animal > 0) == pytest.approx(0.3, abs=0.01)
    assert by_animal[by_animal > 0] == pytest.approx(0.75, abs=0.02)
    on_chip = ~missing.any(axis=0)
    assert missing[by_animal > 0][:, ~on_chip].all()
    for chromosome in np.unique(called.genotypes.markers.chromosomes):
        assert on_chip[called.genotypes.markers.chromosomes == chromosome].any()


@pytest.mark.parametrize("name", ["missing", "errors", "low_density", "low_density_animals"])
def test_shares_out_of_range(name: str) -> None:
    with pytest.raises(SettingError, match=rf"{name}: expected a number from 0 to "):
        Calling(**{name: 1.5})
