from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genialearn._arrays import as_ids
from genialearn.errors import SettingError
from genialearn.records import RecordTable, Trait, design
from genialearn.records.effects import usable, without_incomplete
from genialearn.records.formulas import read_formula
from messages import beginning, exactly

EFFECTS = pd.DataFrame(
    {
        "herd": ["A", "B", "A", "C"],
        "code": ["007", "7", "10", "10"],
        "age": ["1", "2.5", "3", "4"],
        "herd.year": ["A.1", "B.1", "A.2", "A.1"],
        "milking robot": ["yes", "no", "no", "yes"],
        "hole": ["1", "", "NA", "2"],
        "typo": ["1", "2", "3,5", "x"],
        "infinite": ["1", "2", "inf", "4"],
    },
    dtype="str",
)
FUNCTIONS = "C, I, bs, center, cr, exp, log, log10, log2, poly, scale"
AGE = np.array([1, 2.5, 3, 4])


class TestDesign:
    @pytest.mark.parametrize(
        ("formula", "names", "matrix"),
        [
            ("", ["Intercept"], np.ones((4, 1))),
            ("  ", ["Intercept"], np.ones((4, 1))),
            ("1", ["Intercept"], np.ones((4, 1))),
            ("age", ["Intercept", "age"], np.column_stack([np.ones(4), AGE])),
            ("herd", ["Intercept", "herd[T.B]", "herd[T.C]"], [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1]]),
            ("code", ["Intercept", "code"], [[1, 7], [1, 7], [1, 10], [1, 10]]),
            ("C(code)", ["Intercept", "C(code)[T.10]", "C(code)[T.7]"], [[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 0]]),
            ("log(age)", ["Intercept", "log(age)"], np.column_stack([np.ones(4), np.log(AGE)])),
            ("I(age**2)", ["Intercept", "I(age ** 2)"], np.column_stack([np.ones(4), AGE**2])),
            ("`herd.year`", ["Intercept", "herd.year[T.A.2]", "herd.year[T.B.1]"], None),
            ("herd.year", ["Intercept", "herd.year[T.A.2]", "herd.year[T.B.1]"], None),
            ("C(`milking robot`)", ["Intercept", "C(`milking robot`)[T.yes]"], [[1, 1], [1, 0], [1, 0], [1, 1]]),
            ("age + age", ["Intercept", "age"], None),
            ("poly(age, 2)", ["Intercept", "poly(age, 2)[1]", "poly(age, 2)[2]"], None),
            ("bs(age, df=3)", ["Intercept", *(f"bs(age, df=3)[{part}]" for part in (1, 2, 3))], None),
            ("herd:age", None, [[1, 1, 0, 0], [1, 0, 2.5, 0], [1, 3, 0, 0], [1, 0, 0, 4]]),
            ("C(herd, levels=['A', 'B', 'C', 'D'])", None, [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0]]),
        ],
    )
    def test_formulas(self, formula: str, names: list[str] | None, matrix: object) -> None:
        found = design(formula, EFFECTS)

        assert found.matrix.shape[0] == 4
        assert len(found.names) == found.matrix.shape[1]
        assert names is None or names == list(found.names)
        if matrix is not None:
            np.testing.assert_allclose(matrix, found.dense())

    def test_rows_follow_the_effects_whatever_their_index(self) -> None:
        expected = design("herd + age", EFFECTS).dense()[[3, 0, 1]]

        np.testing.assert_array_equal(expected, design("herd + age", EFFECTS.iloc[[3, 0, 1]]).dense())

    @pytest.mark.parametrize("formula", ["1", "herd + age"])
    def test_what_was_asked_before_is_remembered_and_nothing_else(self, formula: str) -> None:
        before = design(formula, EFFECTS)
        copied, fewer = EFFECTS.copy(), EFFECTS.iloc[:3]
        others = EFFECTS.assign(herd=["B", "B", "A", "C"], age=["2", "2.5", "3", "4"])

        assert before is design(formula, copied)
        assert design(formula, fewer).matrix.shape[0] == 3
        np.testing.assert_array_equal(design("herd + age", others).dense()[:, 3], [2, 2.5, 3, 4])
        np.testing.assert_array_equal(design("herd + age", others).dense()[:, 1], [1, 1, 0, 0])

    def test_of_many_records_it_is_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        remembered = design("herd + age", EFFECTS)
        monkeypatch.setattr("genialearn.records.effects._FEW_RECORDS", 3)
        anew = design("herd + age", EFFECTS)

        assert anew is not remembered
        assert anew.names == remembered.names
        np.testing.assert_array_equal(anew.dense(), remembered.dense())

    def test_ten_thousand_groups_fit_in_little_memory(self) -> None:
        effects = pd.DataFrame({"herd_year": [f"H{row % 10_000}" for row in range(20_000)]}, dtype="str")

        found = design("herd_year", effects)

        assert found.matrix.shape == (20_000, 10_000)
        assert found.matrix.nnz < 40_000

    @pytest.mark.parametrize(
        ("formula", "expected", "found"),
        [
            ("age +", None, "Operator `+` has insuffient arguments and/or is misplaced"),
            ("(age", None, "Could not find matching context marker."),
            ("5", None, "Numeric literals other than `1` can only be used to scale other terms"),
            (
                "C()",
                None,
                "Unable to evaluate factor `C()`. [TypeError: C() missing 1 required positional argument: 'data']",
            ),
            ("log(herd)", None, "Unable to evaluate factor `log(herd)`. [TypeError: loop of ufunc"),
            ("log(age - 1)", "finite values", "infinite ones, as of the logarithm of 0"),
            ("log(age - 3)", None, "Error encountered while checking for nulls in `log(age - 3)`"),
            ("infinite", "finite values", "infinite ones, as of the logarithm of 0"),
        ],
    )
    def test_what_cannot_be_computed_is_refused(self, formula: str, expected: str | None, found: str) -> None:
        wanted = expected or "a formula such as C(herd_year) + age"

        with pytest.raises(
            SettingError, match=beginning(f"fixed effects {formula!r}: expected {wanted}, found {found}")
        ):
            design(formula, EFFECTS)


class TestFormulas:
    @pytest.mark.parametrize(
        ("formula", "columns", "plain", "grouped"),
        [
            ("age", "age", "age", ""),
            ("C(herd) + age", "herd age", "age", "herd"),
            ("C(age) + log(age)", "age", "", ""),
            ("C(age) + age", "age", "age", ""),
            ("herd:age", "herd age", "herd age", ""),
            ("C(`herd.year`):poly(age, degree=2)", "herd.year age", "", "herd.year"),
            ("I(age * 2 - -code / 3)", "age code", "", ""),
            ("2:age", "age", "age", ""),
            ("1", "", "", ""),
        ],
    )
    def test_the_columns_that_a_formula_needs(self, formula: str, columns: str, plain: str, grouped: str) -> None:
        found = read_formula(formula)

        assert set(columns.split()) == found.columns
        assert set(plain.split()) == found.plain
        assert set(grouped.split()) == found.grouped

    @pytest.mark.parametrize(
        ("formula", "found"),
        [
            ("np.log(age)", "np.log(age)"),
            ("age.sum()", "age.sum()"),
            ("eval(age)", "eval(age)"),
            ("log(eval(age))", "eval(age)"),
            ("log(herd.year)", "herd.year"),
            ("I(age[0])", "age[0]"),
            ("C(*age)", "*age"),
            ("I((lambda: age)())", "(lambda: age)()"),
            ("I(f'{age}')", "f'{age}'"),
            ("I([age for age in herd])", "[age for age in herd]"),
            ("I(age := 1)", "(age := 1)"),
            ("I(age.__class__)", "age.__class__"),
        ],
    )
    def test_nothing_but_columns_and_known_functions_runs(self, formula: str, found: str) -> None:
        message = (
            f"fixed effects {formula!r}: expected columns and the functions {FUNCTIONS}, found {found}. "
            "A name with dots or spaces stands between backticks."
        )

        with pytest.raises(SettingError, match=exactly(message)):
            usable(formula, EFFECTS)

    def test_no_file_can_make_a_formula_import_anything(self) -> None:
        with pytest.raises(SettingError, match=r"^fixed effects .*: expected "):
            usable("I(__import__('os').getcwd())", EFFECTS)

    @pytest.mark.parametrize(
        ("formula", "found", "advice"),
        [
            ("milk ~ age", "~ or |", "Give the right-hand side only: the traits are on the left."),
            ("age | herd", "~ or |", "Give the right-hand side only: the traits are on the left."),
            ("0 + age", "no intercept", "Leave out 0 and -1: the intercept is always there."),
            ("age - 1", "no intercept", "Leave out 0 and -1: the intercept is always there."),
        ],
    )
    def test_the_intercept_stays_and_the_trait_is_elsewhere(self, formula: str, found: str, advice: str) -> None:
        message = f"fixed effects {formula!r}: expected a formula such as C(herd_year) + age, found {found}. {advice}"

        with pytest.raises(SettingError, match=exactly(message)):
            read_formula(formula)


class TestUsableRecords:
    @pytest.mark.parametrize(
        ("formula", "complete"),
        [("", [1, 1, 1, 1]), ("age", [1, 1, 1, 1]), ("hole", [1, 0, 0, 1]), ("C(hole) + herd", [1, 0, 0, 1])],
    )
    def test_a_record_needs_a_value_in_every_column(self, formula: str, complete: list[int]) -> None:
        assert list(map(bool, complete)) == usable(formula, EFFECTS).tolist()

    @pytest.mark.parametrize(
        ("formula", "effects", "message"),
        [
            (
                "hrd",
                EFFECTS,
                "fixed effects 'hrd': expected a column hrd among the covariates or in the trait table, found none. "
                "Did you mean herd?",
            ),
            (
                "C(herd)",
                pd.DataFrame(index=range(3)),
                "fixed effects 'C(herd)': expected a column herd among the covariates or in the trait table, "
                "found none. Add --covariates FILE.",
            ),
            (
                "age + typo",
                EFFECTS,
                "fixed effects 'age + typo': expected either numbers or names in the column typo, "
                "found 2 beside numbers: '3,5', 'x'. Correct them, or write C(typo) if all are names.",
            ),
            (
                "infinite",
                EFFECTS,
                "fixed effects 'infinite': expected either numbers or names in the column infinite, "
                "found 1 beside numbers: 'inf'. Correct them, or write C(infinite) if all are names.",
            ),
            (
                "log(age - 1)",
                EFFECTS,
                "fixed effects 'log(age - 1)': expected finite values, found infinite ones, as of the logarithm of 0.",
            ),
        ],
    )
    def test_columns_that_cannot_serve_are_refused(self, formula: str, effects: pd.DataFrame, message: str) -> None:
        with pytest.raises(SettingError, match=exactly(message)):
            usable(formula, effects)

    def test_names_that_look_like_numbers_may_mix_within_c(self) -> None:
        assert usable("C(typo)", EFFECTS).all()

    def test_each_trait_loses_the_records_that_its_own_formula_lacks(self) -> None:
        records = RecordTable(
            (Trait("milk", fixed="hole"), Trait("fat", fixed="age"), Trait("protein", fixed="hole")),
            as_ids(list("abcd")),
            np.array([[1, 2, 3], [4, 5, np.nan], [np.nan, 8, np.nan], [10, 11, 12]]),
            np.ones((4, 3)),
            EFFECTS,
        )

        complete, lost = without_incomplete(records)

        expected = [[1, 2, 3], [np.nan, 5, np.nan], [np.nan, 8, np.nan], [10, 11, 12]]
        np.testing.assert_array_equal(expected, complete.values)
        assert lost.tolist() == ["b"]
        assert records.values[1, 0] == 4
