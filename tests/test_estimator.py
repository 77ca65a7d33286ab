from __future__ import annotations

import pytest
from sklearn.base import clone

from genialearn.errors import SettingError
from genialearn.estimator import Estimator
from messages import exactly


class Model(Estimator):
    def __init__(self, *, traits: list[str] | None = None, seed: int = 1) -> None:
        self.traits = traits
        self.seed = seed
        self.learned_ = 5


class Narrower(Model):
    def __init__(self, *, depth: int = 2) -> None:
        super().__init__()
        self.depth = depth


def test_settings_are_the_arguments_of_the_model_s_own_init() -> None:
    assert {"traits": None, "seed": 7} == Model(seed=7).get_params()
    assert {"depth": 3} == Narrower(depth=3).get_params(deep=False)


def test_a_model_is_shown_as_it_was_made() -> None:
    assert "Model(traits=['milk'], seed=1)" == repr(Model(traits=["milk"]))


def test_settings_are_replaced_by_name() -> None:
    model = Model()

    assert model is model.set_params(seed=3)
    assert {"traits": None, "seed": 3} == model.get_params()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(SettingError, match=exactly("setting: expected a known name, found 'sed'. Did you mean seed?")):
        Model().set_params(sed=3)


def test_scikit_learn_clones_it() -> None:
    model = Model(traits=["milk"], seed=4)

    copy = clone(model)

    assert model is not copy
    assert model.traits is not copy.traits
    assert model.get_params() == copy.get_params()
