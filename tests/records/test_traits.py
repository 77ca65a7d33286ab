from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import as_ids
from genialearn.errors import SettingError
from genialearn.records import RecordTable, Trait
from genialearn.records.traits import kind_of, varies
from messages import exactly

NAN = float("nan")


@pytest.fixture
def records() -> RecordTable:
    return RecordTable(
        (Trait("milk", fixed="herd"), Trait("health", kind="binary")),
        as_ids(["a", "b", "b", "c"]),
        np.array([[1.5, 0], [2, NAN], [NAN, NAN], [3, 1]]),
        np.array([[1, 2], [1, 1], [1, 1], [0.5, 1]]),
        pd.DataFrame({"herd": ["A", "B", "B", "C"]}),
    )


class TestRecordTable:
    def test_it_knows_its_traits_and_how_often_they_were_recorded(self, records: RecordTable) -> None:
        assert records.trait_names == ["milk", "health"]
        assert records.n_records.tolist() == [3, 2]

    def test_rows_are_selected_with_all_that_belongs_to_them(self, records: RecordTable) -> None:
        part = records.select(np.array([3, 0]))

        assert part.animals.tolist() == ["c", "a"]
        np.testing.assert_array_equal([[3, 1], [1.5, 0]], part.values)
        np.testing.assert_array_equal([[0.5, 1], [1, 2]], part.weights)
        assert part.effects["herd"].tolist() == ["C", "A"]
        assert part.effects.index.tolist() == [0, 1]
        assert records.traits == part.traits

    def test_one_formula_for_all_traits(self, records: RecordTable) -> None:
        assert [trait.fixed for trait in records.with_fixed("age").traits] == ["age", "age"]
        assert [trait.fixed for trait in records.traits] == ["herd", ""]

    def test_without_effects_there_is_a_row_for_each_record_all_the_same(self) -> None:
        records = RecordTable((Trait("milk"),), as_ids(["a", "b"]), np.ones((2, 1)), np.ones((2, 1)))

        assert records.effects.shape == (2, 0)
        assert records.select(np.array([1])).effects.shape == (1, 0)

    @pytest.mark.parametrize(
        ("values", "weights", "n_effects", "found"),
        [
            ((2, 1), (3, 1), 3, "(2, 1), (3, 1) and 3"),
            ((3, 1), (3, 2), 3, "(3, 1), (3, 2) and 3"),
            ((3, 1), (3, 1), 2, "(3, 1), (3, 1) and 2"),
        ],
    )
    def test_parts_of_different_shapes_are_refused(
        self, values: tuple[int, int], weights: tuple[int, int], n_effects: int, found: str
    ) -> None:
        message = f"records: expected values and weights of shape (3, 1), and 3 rows of effects, found {found}."

        with pytest.raises(SettingError, match=exactly(message)):
            RecordTable(
                (Trait("milk"),),
                as_ids(["a", "b", "c"]),
                np.ones(values),
                np.ones(weights),
                pd.DataFrame({"herd": ["A"] * n_effects}),
            )


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, NAN], "binary"),
        ([1, 1], "binary"),
        ([0, 0.5], "quantitative"),
        ([1, 2], "quantitative"),
        ([NAN], "quantitative"),
    ],
)
def test_records_of_0_and_1_are_binary(values: list[float], kind: str) -> None:
    assert kind == kind_of(np.array(values, dtype=float))


@pytest.mark.parametrize(
    ("values", "answer"), [([], False), ([NAN, NAN], False), ([3, NAN, 3], False), ([3, NAN, 3.5], True)]
)
def test_whether_records_vary(values: list[float], answer: bool) -> None:
    assert answer is varies(np.array(values, dtype=float))
