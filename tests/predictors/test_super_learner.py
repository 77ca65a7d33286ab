from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from cohorts_for_tests import TRAIT_NAMES, family_cohort, with_trait_columns, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.entry import Entry
from genialearn.errors import SettingError
from genialearn.mixed_models.fits import adjusted_by_animal
from genialearn.mixed_models.memory import PatternSize, Sizes
from genialearn.predictors.catalogue import CATALOGUE
from genialearn.predictors.gblup import GBLUP
from genialearn.predictors.super_learner import SuperLearner, convex_shares

MILK, STATURE = 0, 2


class Knowing:
    """Predicts the true value of one trait, of others what GBLUP does."""

    requires = frozenset({"genotypes"})
    truth: ClassVar[dict[str, float]] = {}
    trained: ClassVar[list[frozenset[str]]] = []

    def fit(self, cohort: Cohort) -> Self:
        Knowing.trained.append(frozenset(cohort.animals))
        self.plain = GBLUP(heritability=0.4).fit(cohort)
        return self

    def predict(self, cohort: Cohort) -> FloatArray:
        assert not Knowing.trained[-1] & set(cohort.animals) or len(Knowing.trained) > 3
        out = self.plain.predict(cohort)
        if out.shape[1] < len(TRAIT_NAMES):
            return out
        out[:, STATURE] = [Knowing.truth[animal] for animal in cohort.animals]
        return out


class Chance(Knowing):
    """Predicts noise, the same for the same animal."""

    def predict(self, cohort: Cohort) -> FloatArray:
        return np.array([np.random.default_rng(int(a[3:])).normal(size=len(TRAIT_NAMES)) for a in cohort.animals])


@pytest.fixture(autouse=True)
def members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name models of this file, of which the first knows what stature really is."""
    for name, attribute in (("knowing", "Knowing"), ("chance", "Chance")):
        monkeypatch.setitem(CATALOGUE, name, Entry(__name__, attribute, "test", "for tests"))  # type: ignore[arg-type]
    cohort = family_cohort().canonical()
    value = GBLUP(heritability=0.6).fit(cohort)
    records = adjusted_by_animal(value.models_, len(cohort))[0][:, STATURE]
    known = np.where(np.isfinite(records), records, value.predict(cohort)[:, STATURE])
    Knowing.truth = dict(zip(cohort.animals, known, strict=True))
    Knowing.trained = []


def fitted(members: Any, gate_level: float | None = 0.05) -> SuperLearner:
    return SuperLearner(members=members, folds=3, gate_level=gate_level).fit(family_cohort())


def test_a_member_that_knows_more_is_added_where_it_does() -> None:
    model = fitted(["knowing", "chance"])

    assert model.gate_[STATURE] > 0.8
    assert model.shares_[0, STATURE] > 0.8
    assert model.shares_[1, STATURE] < 0.2
    np.testing.assert_array_equal(np.delete(model.gate_, STATURE), 0.0)
    assert any(note.startswith("stature: knowing") for note in model.notes_)


def test_predictions_are_gblup_and_the_gated_shares_of_changes() -> None:
    model, cohort = fitted(["knowing", "chance"]), family_cohort()
    plain = model.base_.mean_ + model.base_.breeding_values(cohort)
    expected = plain.copy()
    for share, member in zip(model.shares_, model.members_.values(), strict=True):
        expected += model.gate_ * share * (member.predict(cohort) - plain)

    np.testing.assert_allclose(model.predict(cohort)[:, :4], expected[:, :4])


def test_members_that_only_guess_leave_gblup() -> None:
    model, cohort = fitted(["chance"]), family_cohort()

    assert not model.gate_.any()
    assert model.members_ == {}
    np.testing.assert_array_equal(model.predict(cohort), GBLUP().fit(cohort).predict(cohort))


def test_gates_that_need_no_proof_leave_to_gblup_what_members_only_guess() -> None:
    model, cohort = fitted(["knowing", "chance"], gate_level=None), family_cohort()
    errors = (model.predict(cohort) - GBLUP().fit(cohort).predict(cohort)) / np.nanstd(cohort.records.values, axis=0)

    assert model.gate_[STATURE] > 0.9
    assert np.all((model.gate_ >= 0) & (model.gate_ <= 1))
    assert model.shares_[0, STATURE] > 0.8
    assert np.delete(errors, STATURE, axis=1).std(axis=0).max() < 0.3


def test_no_animal_is_predicted_by_a_model_that_saw_it() -> None:
    fitted(["knowing"])
    left_out = [set(family_cohort().animals) - trained for trained in Knowing.trained]

    assert [len(animals) for animals in left_out] == [50, 50, 50, 0]
    assert len(set.union(*left_out)) == 150


def test_a_trait_with_too_few_records_for_folds_keeps_to_gblup() -> None:
    cohort = family_cohort()
    values = cohort.records.values.copy()
    values[np.random.default_rng(1).permutation(len(cohort))[14:], STATURE] = np.nan
    model = SuperLearner(members=["knowing"], folds=3).fit(with_values(cohort, values))

    assert model.gate_[STATURE] == 0


def test_settings_of_members_are_theirs() -> None:
    model = SuperLearner(members={"lightgbm": {"leaves": 8}, "gblup-multi": {}}, seed=3)

    assert model._unfitted()["lightgbm"].leaves == 8  # type: ignore[attr-defined]
    assert model._unfitted()["lightgbm"].seed == 3  # type: ignore[attr-defined]


class TestMembersByDefault:
    def names(self, cohort: Cohort) -> list[str]:
        return list(SuperLearner()._unfitted(cohort))

    def test_few_animals_and_several_traits(self) -> None:
        assert self.names(family_cohort()) == ["gblup-multi", "rkhs", "gblup-nonadditive", "lightgbm", "bayesr"]

    def test_one_trait(self) -> None:
        assert "gblup-multi" not in self.names(with_trait_columns(family_cohort(), [STATURE]))

    def test_many_animals(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("genialearn.predictors.super_learner._FEW", 149)

        assert self.names(family_cohort()) == ["gblup-multi", "rkhs", "lightgbm"]

    def test_memory_is_that_of_the_members_there_are(self) -> None:
        """Of 40,000 animals a matrix of G o G would be 6 GiB, but nobody makes it."""
        sizes = Sizes(40_000, 1000, 40_000, 10**7, (PatternSize(40_000, 1, 3),))

        assert SuperLearner().memory_bytes(sizes, "iterative") < 3 * 2**30
        assert SuperLearner(members=["gblup-nonadditive"]).memory_bytes(sizes, "iterative") > 6 * 2**30

    def test_random_effects(self) -> None:
        cohort = family_cohort()
        traits = tuple(replace(trait, random="herd") for trait in cohort.traits)
        records = replace(cohort.records, traits=traits)

        assert self.names(replace(cohort, records=records)) == ["rkhs", "lightgbm"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "^super-learner members: expected names of other models, found none"),
        (["super-learner"], "^super-learner members: expected names of other models, found its own"),
        ("lightgbm + lightgbn", "^super-learner members: expected a known name, found 'lightgbn'"),
        (["lightgbn"], "^super-learner members: expected a known name, found 'lightgbn'. Did you mean lightgbm"),
        ({"lightgbm": {"leafs": 1}}, "^setting of model lightgbm: expected a known name, found 'leafs'"),
    ],
)
def test_members_that_there_are_not(members: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        fitted(members)


def drawn(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    changes = rng.normal(size=(200, 3)) + rng.normal(size=(200, 1))
    return 0.5 * changes[:, 0] + 0.2 * changes[:, 1] + rng.normal(size=200) + 3, changes, rng.uniform(0.5, 2, 200)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_shares_are_the_best_ones_within_their_bounds(seed: int, scale: float) -> None:
    errors, changes, weights = drawn(seed)
    errors = scale * errors

    expected = best_of_all_kinds(errors, changes, weights)
    found = convex_shares(errors, changes, weights)

    assert found.min() >= 0
    assert found.sum() <= 1 + 1e-9
    np.testing.assert_allclose(found, expected, atol=1e-3)


def best_of_all_kinds(errors: FloatArray, changes: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the best shares among those of each set of members, with and without what they leave to 1."""
    w = weights / weights.sum()
    x, y = np.sqrt(w)[:, None] * (changes - w @ changes), np.sqrt(w) * (errors - w @ errors)
    best = np.zeros(x.shape[1])
    for members in (list(m) for size in (1, 2, 3) for m in combinations(range(x.shape[1]), size)):
        own = x[:, members]
        free = np.linalg.lstsq(own, y)[0]
        from_first = np.linalg.lstsq(own[:, 1:] - own[:, :1], y - own[:, 0])[0]
        for shares in (free, np.concatenate([[1 - from_first.sum()], from_first])):
            found = np.zeros(x.shape[1])
            found[members] = shares
            allowed = found.min() >= 0 and found.sum() <= 1 + 1e-12
            if allowed and np.sum((y - x @ found) ** 2) < np.sum((y - x @ best) ** 2):
                best = found
    return best


def test_shares_of_changes_of_0_are_0() -> None:
    np.testing.assert_array_equal(convex_shares(np.arange(5.0), np.zeros((5, 2)), np.ones(5)), [0, 0])
