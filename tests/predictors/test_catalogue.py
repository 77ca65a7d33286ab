from __future__ import annotations

import inspect
from importlib.util import find_spec

import pytest

from genialearn.errors import SettingError
from genialearn.predictors import CATALOGUE, REFERENCE, make_predictor
from genialearn.predictors.gblup import GBLUP

INSTALLED = [name for name, entry in CATALOGUE.items() if not entry.library or find_spec(entry.library)]


class TestCatalogue:
    def test_the_reference_is_listed(self) -> None:
        assert CATALOGUE[REFERENCE].load() is GBLUP

    @pytest.mark.parametrize("name", CATALOGUE)
    def test_an_entry_tells_what_it_is(self, name: str) -> None:
        entry = CATALOGUE[name]

        assert entry.family in {"GBLUP", "pedigree", "ensemble", "network", "hybrid", "stack"}
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
