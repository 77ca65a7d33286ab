from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genialearn.errors import SettingError
from genialearn.records.random_effects import incidence_of, random_names

EFFECTS = pd.DataFrame({"herd": ["b", "a", "b", "c"], "year": ["1", "", "2", "2"]})
ANIMALS = np.array([7, 7, 3, 5])


@pytest.mark.parametrize(
    ("text", "names"), [("", ()), ("herd", ("herd",)), (" animal +herd ", ("animal", "herd")), ("+", ())]
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert random_names(text) == names


def test_a_column_s_levels() -> None:
    expected = [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]

    np.testing.assert_array_equal(incidence_of("herd", EFFECTS, ANIMALS).toarray(), expected)


def test_the_animals_themselves() -> None:
    expected = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0]]

    np.testing.assert_array_equal(incidence_of("animal", EFFECTS, ANIMALS).toarray(), expected)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(SettingError, match=r"random effect herds: expected 'animal', or a column .* Did you mean herd"):
        incidence_of("herds", EFFECTS, ANIMALS)


def test_a_record_without_a_level() -> None:
    with pytest.raises(SettingError, match="random effect year: expected a level for every record, found 1 records"):
        incidence_of("year", EFFECTS, ANIMALS)
