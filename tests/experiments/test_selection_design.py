from __future__ import annotations

import numpy as np
import pytest

from genialearn.errors import SettingError
from genialearn.experiments.selection_design import SelectionDesign


def test_defaults_are_the_published_ones() -> None:
    design = SelectionDesign()

    assert (5000, 5000, 40_000) == (design.animals, design.n_base, design.n_animals)
    assert (1000, 100, 4000) == (design.n_males(5000), design.n_sires(5000), design.n_dams(5000))
    np.testing.assert_allclose(design.index_weights, 3.5)  # 1 + 5 x .5


def test_a_herd_is_bred_in_the_directions_that_are_wanted() -> None:
    design = SelectionDesign(preset="herd", n_traits=12, markers=100)
    wanted = {trait.name: weight for trait, weight in zip(design.traits, design.index_weights.tolist(), strict=True)}

    assert {"milk_yield": 1.0, "digital_dermatitis": -1.0}.items() <= wanted.items()
    assert {1.0, 0.0, -1.0} >= set(wanted.values())


def test_weights_may_be_given() -> None:
    design = SelectionDesign(weights={"sine": -2.0})

    assert [0, 0, 0, -2, 0, 0] == design.index_weights.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preset": "dlgblub"}, "preset: expected a known name, found 'dlgblub'. Did you mean dlgblup?"),
        ({"generations": 0}, "generations: expected a whole number of at least 1, found 0"),
        ({"training_generations": 0}, "training generations: expected a whole number of at least 1, found 0"),
        ({"markers": 20}, "markers: expected a whole number of at least 29, found 20. There would be fewer markers"),
        ({"animals": 10}, "animals: expected a whole number of at least 20, found 10"),
        (
            {"animals": 100, "sires": 21},
            "sires: expected at most as many as there are males in a generation, 20, found 21. Keep fewer",
        ),
        ({"animals": 100, "dams": 81}, "dams: expected at most as many as there are females in a generation, 80"),
        ({"animals": 100, "base_animals": 40, "sires": 9}, "males in a generation, 8, found 9"),
        ({"males": 0.0}, "males: expected a share that leaves males and females, found no males"),
        ({"males": 1.0}, "males: expected a share that leaves males and females, found no females"),
        ({"males": 1.2}, "males: expected a number from 0 to 1, found 1.2"),
        ({"weights": {"sines": 1.0}}, "weight: expected a known name, found 'sines'. Did you mean sine?"),
        ({"weights": {"sine": 0.0}}, "weights: expected a trait to be changed, found none"),
        ({"founders": "old"}, "founders: expected a known name, found 'old'"),
        ({"preset": "herd", "n_traits": 40, "markers": 100}, "n_traits: expected a whole number from 1 to 33"),
    ],
)
def test_unusable_designs(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SelectionDesign(**given)  # type: ignore[arg-type]
