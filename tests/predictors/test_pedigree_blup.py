from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from cohorts_for_tests import family_cohort, with_records_repeated, without_fixed_effects
from dense_mixed_model import DenseModel
from genialearn._arrays import FloatArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.predictors.pedigree import ParentAverage, PedigreeBLUP
from genialearn.records import Pedigree
from genialearn.relationships import PedigreeRelationships
from messages import exactly

FERTILITY, MASTITIS = 3, 4


def with_dams(cohort: Cohort) -> Cohort:
    """Return the cohort with older cows as dams of some of its cows, so that there are generations and inbreeding."""
    assert cohort.pedigree is not None
    rng, n_cows = np.random.default_rng(11), len(cohort)
    dams = cohort.pedigree.dams.copy()
    dams[30:n_cows] = rng.integers(0, 30, n_cows - 30)
    years = np.where(np.arange(len(dams)) < 30, 2012.0, 2020.0)
    years[n_cows:] = 2005.0
    return replace(cohort, pedigree=replace(cohort.pedigree, dams=dams, birth_years=years))


def small() -> Cohort:
    """Return 70 animals in canonical order, of two generations, with holes, a herd effect and an age."""
    return with_dams(family_cohort(70, 120, seed=3)).canonical()


def repeated() -> Cohort:
    cohort = with_records_repeated(small(), np.random.default_rng(4).integers(1, 4, 70))
    noise = np.random.default_rng(5).standard_normal(cohort.records.values.shape)
    values = cohort.records.values + 0.4 * np.nanstd(cohort.records.values, axis=0) * noise
    values[:, MASTITIS] = cohort.records.values[:, MASTITIS]
    return replace(cohort, records=replace(cohort.records, values=values))


def weighted() -> Cohort:
    cohort = small()
    weights = np.random.default_rng(6).uniform(0.3, 5, cohort.records.values.shape)
    return replace(cohort, records=replace(cohort.records, weights=weights))


COHORTS: dict[str, Callable[[], Cohort]] = {
    "fixed effects": small,
    "mean only": lambda: without_fixed_effects(small()),
    "repeated records": repeated,
    "weights": weighted,
}


@pytest.fixture(params=COHORTS)
def cohort(request: pytest.FixtureRequest) -> Cohort:
    return COHORTS[request.param]()


def relationships(cohort: Cohort) -> PedigreeRelationships:
    assert cohort.pedigree is not None
    return PedigreeRelationships.of(cohort.pedigree, cohort.animals)


def twin(cohort: Cohort, column: int) -> DenseModel:
    """Return the dense mixed model of a trait on A, by the tabular method."""
    return replace(DenseModel.of(cohort, column), g=relationships(cohort).as_matrix())


def scale(cohort: Cohort) -> FloatArray:
    return np.nanstd(cohort.records.values, axis=0)


def mixed_model_equations(cohort: Cohort, column: int, h: float) -> tuple[FloatArray, FloatArray]:
    """Return fixed effects and breeding values of the whole ancestry by Henderson's equations with the inverse of A.

    [X'WX X'WZ; Z'WX Z'WZ + A^-1 (1 - h) / h] [b; u] = [X'Wy; Z'Wy]
    """
    known, dense = relationships(cohort), DenseModel.of(cohort, column)
    incidence = np.zeros((len(dense.y), len(known.ancestry)))
    incidence[:, known.rows] = dense.z
    both = np.hstack([dense.x, incidence])
    left = both.T @ (dense.w[:, None] * both)
    n_fixed = dense.x.shape[1]
    left[n_fixed:, n_fixed:] += known.inverse().toarray() * (1 - h) / h
    solution = np.linalg.solve(left, both.T @ (dense.w * dense.y))
    return solution[:n_fixed], solution[n_fixed:]


def as_animals(names: object, cohort: Cohort) -> Cohort:
    """Return animals of these names without records, without genotypes, with the pedigree of a cohort."""
    animals = as_ids(names)
    other = Cohort.from_arrays(
        np.full((len(animals), cohort.genotypes.shape[1]), -1),
        np.full((len(animals), len(cohort.traits)), np.nan),
        animals=list(animals),
        markers=cohort.genotypes.markers,
    )
    return replace(other, pedigree=cohort.pedigree)


class TestAgainstTheDenseTwin:
    def test_heritability(self, cohort: Cohort) -> None:
        expected = [twin(cohort, column).heritability() for column in (0, FERTILITY, MASTITIS)]

        np.testing.assert_allclose(
            PedigreeBLUP().fit(cohort).heritability_[[0, FERTILITY, MASTITIS]], expected, atol=1e-4
        )

    def test_mean_and_breeding_values(self, cohort: Cohort) -> None:
        model = PedigreeBLUP().fit(cohort)
        twins = [twin(cohort, column) for column in range(5)]
        values = [each.breeding_values(h) for each, h in zip(twins, model.heritability_, strict=True)]
        means = [
            np.average(each.x @ each.fixed(h), weights=each.w)
            for each, h in zip(twins, model.heritability_, strict=True)
        ]

        np.testing.assert_allclose(model.breeding_values(cohort) / scale(cohort), np.transpose(values) / scale(cohort))
        np.testing.assert_allclose(model.mean_, means, rtol=1e-9)

    def test_the_iterative_solver_comes_to_the_same(self, cohort: Cohort) -> None:
        given = [0.1, 0.3, 0.5, 0.7, 0.9]
        one, other = (PedigreeBLUP(heritability=given, solver=s).fit(cohort) for s in ("exact", "iterative"))

        expected, actual = (model.breeding_values(cohort) / scale(cohort) for model in (one, other))
        np.testing.assert_allclose(actual, expected, atol=1e-5)
        np.testing.assert_allclose(other.mean_ / scale(cohort), one.mean_ / scale(cohort), atol=1e-5)

    def test_iterative_heritabilities_are_near(self) -> None:
        cohort = with_dams(family_cohort(400, 60, seed=3, n_sires=20))
        one, other = (PedigreeBLUP(solver=solver).fit(cohort) for solver in ("exact", "iterative"))

        assert np.all(np.abs(other.heritability_ - one.heritability_) < one.heritability_se_)


class TestMixedModelEquations:
    """Henderson's equations hold ancestors without records too; here these are animals like any others."""

    def test_breeding_values_of_the_whole_ancestry(self, cohort: Cohort) -> None:
        model = PedigreeBLUP(heritability=0.4).fit(cohort)
        everybody = relationships(cohort).ancestry.ids
        expected = np.column_stack([mixed_model_equations(cohort, column, 0.4)[1] for column in range(5)])

        assert len(everybody) > len(cohort)
        np.testing.assert_allclose(
            model.breeding_values(as_animals(everybody, cohort)) / scale(cohort), expected / scale(cohort), atol=1e-9
        )

    def test_offspring_without_records_have_their_parents_average(self) -> None:
        cohort = small()
        model = PedigreeBLUP(heritability=0.4).fit(cohort)
        calves = Pedigree(
            as_ids(["calf", "half", cohort.animals[3], "bull0"]),
            np.array([3, 3, -1, -1]),
            np.array([2, -1, -1, -1]),
            np.full(4, np.nan),
            as_ids([""] * 4),
        )
        newborn = replace(as_animals(["calf", "half"], cohort), pedigree=calves)
        cow, bull = model.breeding_values(as_animals([cohort.animals[3], "bull0"], cohort))

        np.testing.assert_allclose(model.breeding_values(newborn), [(cow + bull) / 2, bull / 2], atol=1e-12)

    def test_sparse_equations_of_few_records(self) -> None:
        """The equations as they are solved for large pedigrees, given the mean."""
        cohort = without_fixed_effects(small())
        values = np.where(np.arange(70)[:, None] < 12, cohort.records.values, np.nan)
        values[:, 1:] = cohort.records.values[:, 1:]
        cohort = replace(cohort, records=replace(cohort.records, values=values))
        known, n_records = relationships(cohort), 12
        diagonal = np.zeros(len(known.ancestry))
        diagonal[known.rows[:n_records]] = 1
        left = (known.inverse() * 1.5).tolil()
        left.setdiag(left.diagonal() + diagonal)
        model = PedigreeBLUP(heritability=0.4).fit(cohort)
        right = np.zeros(len(known.ancestry))
        right[known.rows[:n_records]] = values[:n_records, 0] - model.mean_[0]

        solved = spsolve(left.tocsc(), right)[known.rows]
        np.testing.assert_allclose(model.breeding_values(cohort)[:, 0], solved, atol=1e-8 * scale(cohort)[0])


class TestPredictions:
    def test_animals_without_a_link_have_the_mean(self) -> None:
        cohort = small()
        model = PedigreeBLUP().fit(cohort)
        strangers = as_animals(["nobody", "no one"], cohort)

        np.testing.assert_array_equal([model.mean_] * 2, model.predict(strangers))
        np.testing.assert_array_equal(0, model.breeding_values(strangers))

    def test_without_another_pedigree_the_training_animals_own_serves(self) -> None:
        cohort = small()
        model = PedigreeBLUP().fit(cohort.select(slice(0, 60)))
        test = cohort.select(slice(60, 70))

        np.testing.assert_array_equal(model.predict(test), model.predict(replace(test, pedigree=None)))

    def test_genotypes_are_not_read(self) -> None:
        cohort = small()
        model = PedigreeBLUP().fit(cohort)

        np.testing.assert_array_equal(model.predict(cohort), model.predict(as_animals(cohort.animals, cohort)))

    def test_mean_diagonal(self) -> None:
        cohort = small()

        expected = 1 + relationships(cohort).inbreeding[relationships(cohort).rows].mean()
        assert PedigreeBLUP().fit(cohort).mean_diagonal_ == pytest.approx(expected)
        assert expected > 1


class TestParentAverage:
    def test_it_is_half_of_both_parents(self) -> None:
        cohort = small()
        one, other = PedigreeBLUP().fit(cohort), ParentAverage().fit(cohort)
        assert cohort.pedigree is not None
        everybody = as_animals(cohort.pedigree.ids, cohort)
        padded = np.vstack([one.breeding_values(everybody), np.zeros((1, 5))])

        expected = (padded[cohort.pedigree.sires] + padded[cohort.pedigree.dams]) / 2
        np.testing.assert_allclose(other.breeding_values(everybody), expected, atol=1e-12 * scale(cohort).max())

    def test_for_animals_without_records_and_offspring_it_is_pedigree_blup(self) -> None:
        cohort = small()
        train, test = cohort.select(slice(0, 60)), cohort.select(slice(60, 70))
        one, other = (model.fit(train).predict(test) for model in (PedigreeBLUP(), ParentAverage()))

        np.testing.assert_allclose(other / scale(cohort), one / scale(cohort), atol=1e-12)


class TestSolver:
    def test_small_herds_are_solved_exactly(self) -> None:
        assert "exact" == PedigreeBLUP().fit(small()).solver_

    def test_large_ones_by_products_whatever_the_markers_cost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("genialearn.predictors.pedigree._MOST_EXACT", 50)

        assert "iterative" == PedigreeBLUP(heritability=0.3).fit(small()).solver_

    def test_random_effects_need_the_iterative_one(self) -> None:
        cohort = small()
        traits = tuple(replace(trait, random="herd", fixed="age") for trait in cohort.traits)
        message = (
            "solver: expected iterative, the one that knows random effects beside breeding values, found exact. "
            "Leave the solver or the random effects out."
        )
        with pytest.raises(SettingError, match=exactly(message)):
            PedigreeBLUP(solver="exact").fit(replace(cohort, records=replace(cohort.records, traits=traits)))


class TestUnusablePedigrees:
    def test_none(self) -> None:
        message = (
            "pedigree: expected the parents of the training animals, found no pedigree. "
            "Give one with --pedigree, or use a model of the markers alone."
        )
        with pytest.raises(AlignmentError, match=exactly(message)):
            PedigreeBLUP().fit(replace(small(), pedigree=None))

    def test_one_of_others(self) -> None:
        cohort = small()
        assert cohort.pedigree is not None
        renamed = replace(cohort.pedigree, ids=as_ids([f"x{name}" for name in cohort.pedigree.ids]))
        message = (
            "pedigree: expected the training animals in it, found none: it names xcow000, xcow001, xcow002, ...; "
            "the genotypes cow000, cow001, cow002, ... Both must use the same identifiers."
        )
        with pytest.raises(AlignmentError, match=exactly(message)):
            PedigreeBLUP().fit(replace(cohort, pedigree=renamed))

    def test_one_that_relates_nobody(self) -> None:
        cohort = small()
        assert cohort.pedigree is not None
        unknown = np.full(len(cohort.pedigree), -1)
        alone = replace(cohort.pedigree, sires=unknown, dams=unknown)
        message = (
            "pedigree: expected training animals that are related, found 70 without a common ancestor. "
            "Use a pedigree with more generations, or a model of the markers alone."
        )
        with pytest.raises(AlignmentError, match=exactly(message)):
            PedigreeBLUP().fit(replace(cohort, pedigree=alone))
