from __future__ import annotations

import inspect
from importlib.util import find_spec

import pytest

from genialearn.errors import SettingError
from genialearn.predictors import CATALOGUE, REFERENCE, make_predictor
from genialearn.predictors.gblup import GBLUP

FAMILIES = {"GBLUP", "pedigree", "Bayesian", "sparse", "kernel", "ensemble", "network", "hybrid", "stack"}
INSTALLED = [name for name, entry in CATALOGUE.items() if not entry.library or find_spec(entry.library)]


class TestCatalogue:
    def test_the_reference_is_listed(self) -> None:
        assert CATALOGUE[REFERENCE].load() is GBLUP

    @pytest.mark.parametrize("name", CATALOGUE)
    def test_an_entry_tells_what_it_is(self, name: str) -> None:
        entry = CATALOGUE[name]

        assert entry.family in FAMILIES
        assert entry.summary
        assert bool(entry.library) == bool(entry.extra)

    @pytest.mark.parametrize("name", INSTALLED)
    def test_settings_are_keyword_only(self, name: str) -> None:
        parameters = inspect.signature(CATALOGUE[name].load()).parameters.values()

        assert {inspect.Parameter.KEYWORD_ONLY} == {parameter.kind for parameter in parameters}


class TestMakePredictor:
    @pytest.mark.parametrize("name", INSTALLED)
    def test_common_settings_go_to_those_that_know_them(self, name: str) -> None:
        settings = make_predictor(name, seed=7, threads=1).get_params()  # type: ignore[attr-defined]

        assert settings.get("seed", 7) == 7
        assert settings.get("threads", 1) == 1

    def test_an_unknown_model(self) -> None:
        with pytest.raises(SettingError, match=r"^model: expected a known name, found 'gblub'\. Did you mean gblup\?$"):
            make_predictor("gblub")

    @pytest.mark.parametrize(
        ("asked", "settings"),
        [
            ("gblup:relationships=vanraden2", {"relationships": "vanraden2"}),
            ("gblup:heritability=0.3, blend=.1", {"heritability": 0.3, "blend": 0.1}),
            ("hybrid:backfit=False,heritability=[.1, .2],degree=3", {"backfit": False, "heritability": [0.1, 0.2]}),
            ("super-learner:members={'lightgbm': {'leaves': 8}, 'gblup-multi': {}},folds=4", {"folds": 4}),
            ("gblup:seed=9,heritability=None", {"seed": 9, "heritability": None}),
            ("bayesr:sweeps=1e3", {"sweeps": 1000}),
            ("gblup:solver={[1]: 2}", {"solver": "{[1]: 2}"}),
        ],
    )
    def test_settings_may_follow_a_name(self, asked: str, settings: dict[str, object]) -> None:
        found = make_predictor(asked, seed=7).get_params()  # type: ignore[attr-defined]

        assert {name: found[name] for name in settings} == settings
        assert found["seed"] == settings.get("seed", 7)
        assert [type(found[name]) for name in settings] == [type(value) for value in settings.values()]

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ("gblup:blend", "^model gblup: expected SETTING=VALUE,... after the colon, found 'blend'"),
            ("gblup:blend=", "^model gblup: expected SETTING=VALUE,... after the colon, found 'blend='"),
            ("gblup:solver=../x", "^model gblup: expected SETTING=VALUE,... after the colon, found 'solver=../x'"),
            ("gblup:blond=1", "^setting of model gblup: expected a known name, found 'blond'. Did you mean blend"),
            ("gblup:seed=-1", "^seed of model gblup: expected a whole number of at least 0, found -1"),
            ("gblup:seed=x", "^seed of model gblup: expected a whole number of at least 0, found x"),
            ("gblub:blend=1", "^model: expected a known name, found 'gblub'"),
        ],
    )
    def test_settings_that_there_are_not(self, asked: str, message: str) -> None:
        with pytest.raises(SettingError, match=message):
            make_predictor(asked)
