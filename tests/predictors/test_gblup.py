from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import (
    family_cohort,
    with_genotypes,
    with_records_repeated,
    with_trait_columns,
    with_values,
    without_fixed_effects,
)
from dense_mixed_model import DenseModel, relationships
from genialearn._arrays import FloatArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import dosages
from genialearn.predictors.gblup import GBLUP
from genialearn.relationships import GenomicScale

MILK, FERTILITY, MASTITIS = 0, 3, 4


def small() -> Cohort:
    """Return 70 animals in canonical order, with holes, a herd effect and an age."""
    return family_cohort(70, 120, seed=3).canonical()


def repeated() -> Cohort:
    """Return records that stand one to three times, each time with another error."""
    cohort = with_records_repeated(small(), np.random.default_rng(4).integers(1, 4, 70))
    noise = 0.4 * np.nanstd(cohort.records.values, axis=0)
    values = cohort.records.values + noise * np.random.default_rng(5).standard_normal(cohort.records.values.shape)
    return with_values(cohort, np.where(np.arange(5) == MASTITIS, cohort.records.values, values))


def weighted() -> Cohort:
    cohort = small()
    weights = np.random.default_rng(6).uniform(0.3, 5, cohort.records.values.shape)
    return replace(cohort, records=replace(cohort.records, weights=weights))


def with_formula(formula: str) -> Cohort:
    cohort = small()
    effects = cohort.records.effects.assign(twin=cohort.records.effects["herd"], year="2020")
    return replace(cohort, records=replace(cohort.records, effects=effects).with_fixed(formula))


COHORTS: dict[str, Callable[[], Cohort]] = {
    "fixed effects": small,
    "mean only": lambda: without_fixed_effects(small()),
    "repeated records": repeated,
    "weights": weighted,
    "confounded effects": lambda: with_formula("herd + twin + age + C(year)"),
}


@pytest.fixture(params=COHORTS)
def cohort(request: pytest.FixtureRequest) -> Cohort:
    return COHORTS[request.param]()


def scale(cohort: Cohort) -> FloatArray:
    return np.nanstd(cohort.records.values, axis=0)


class TestAgainstTheDenseTwin:
    def test_heritability(self, cohort: Cohort) -> None:
        columns = [MILK, FERTILITY, MASTITIS]
        expected = [DenseModel.of(cohort, column).heritability() for column in columns]

        np.testing.assert_allclose(GBLUP().fit(cohort).heritability_[columns], expected, atol=1e-4)

    def test_breeding_values(self, cohort: Cohort) -> None:
        model = GBLUP().fit(cohort)
        twins = [DenseModel.of(cohort, column) for column in range(5)]
        expected = np.column_stack(
            [twin.breeding_values(h) for twin, h in zip(twins, model.heritability_, strict=True)]
        )

        np.testing.assert_allclose(model.breeding_values(cohort) / scale(cohort), expected / scale(cohort), atol=1e-9)

    def test_mean(self, cohort: Cohort) -> None:
        """The average fixed part of the records, by their weights."""
        model = GBLUP().fit(cohort)
        for column, h in enumerate(model.heritability_):
            twin = DenseModel.of(cohort, column)
            expected = np.average(twin.x @ twin.fixed(h), weights=twin.w)
            assert pytest.approx(expected, rel=1e-9) == model.mean_[column]

    def test_given_heritability(self, cohort: Cohort) -> None:
        given = [0.1, 0.3, 0.5, 0.7, 0.9]
        model = GBLUP(heritability=given).fit(cohort)
        expected = np.column_stack([DenseModel.of(cohort, c).breeding_values(h) for c, h in enumerate(given)])

        np.testing.assert_array_equal(given, model.heritability_)
        assert np.isnan(model.heritability_se_).all()
        np.testing.assert_allclose(model.breeding_values(cohort) / scale(cohort), expected / scale(cohort), atol=1e-9)

    def test_animals_never_seen(self, cohort: Cohort) -> None:
        """Their relationships with the training animals, Z_new Z'/k, times the dual coefficients."""
        model = GBLUP().fit(cohort)
        newborn = family_cohort(70, 120, seed=3).select([3, 7])
        genomic = GenomicScale.of(cohort.genotypes)
        p = genomic.frequencies
        z, z_new = (
            np.where(d < 0, 0, d - 2 * p)
            for d in (dosages(cohort.genotypes), dosages(genomic.read_through(newborn.genotypes)))
        )
        duals = [DenseModel.of(cohort, c).dual(h) for c, h in enumerate(model.heritability_)]

        expected = z_new @ z.T / genomic.divisor @ np.column_stack(duals)
        np.testing.assert_allclose(model.breeding_values(newborn) / scale(cohort), expected / scale(cohort), atol=1e-9)


class TestEquivalences:
    def test_ridge_regression_on_markers(self) -> None:
        """Marker effects solve [X'WX X'WZ; Z'WX Z'WZ + I k (1 - h)/h] [b; u] = [X'Wy; Z'Wy]."""
        cohort = weighted()
        model = GBLUP().fit(cohort)
        genomic = GenomicScale.of(cohort.genotypes)
        genotypes = dosages(cohort.genotypes)
        markers = np.where(genotypes < 0, 0, genotypes - 2 * genomic.frequencies)
        for column, h in enumerate(model.heritability_):
            twin = DenseModel.of(cohort, column)
            both = np.hstack([twin.x, twin.z @ markers])
            left = both.T @ (twin.w[:, None] * both)
            left[twin.x.shape[1] :, twin.x.shape[1] :] += np.eye(120) * genomic.divisor * (1 - h) / h
            expected = np.linalg.solve(left, both.T @ (twin.w * twin.y))[twin.x.shape[1] :]

            unit = scale(cohort)[column]
            np.testing.assert_allclose(model.marker_effects_[:, column] / unit, expected / unit, atol=1e-9)

    def test_weight_two_is_the_same_record_twice(self) -> None:
        """Given the heritability; its estimate would take a repeated record as proof of no error."""
        times = np.random.default_rng(7).integers(1, 4, 70)
        cohort = small()
        weights = np.repeat(times[:, None].astype(float), 5, axis=1)
        heavy = replace(cohort, records=replace(cohort.records, weights=weights))
        one, other = (GBLUP(heritability=0.4).fit(each) for each in (heavy, with_records_repeated(cohort, times)))

        np.testing.assert_allclose(one.mean_, other.mean_, rtol=1e-9)
        expected, actual = (model.breeding_values(cohort) / scale(cohort) for model in (one, other))
        np.testing.assert_allclose(actual, expected, atol=1e-9)

    def test_confounded_effects_change_nothing(self) -> None:
        one, other = (GBLUP().fit(with_formula(formula)) for formula in ("herd + age", "herd + twin + age + C(year)"))

        np.testing.assert_allclose(other.heritability_, one.heritability_, atol=1e-6)
        np.testing.assert_allclose(other.mean_, one.mean_, rtol=1e-9)

    def test_each_trait_has_its_own_fixed_effects(self) -> None:
        cohort = small()
        formulas = ("", "herd", "age", "herd + age", "C(age)")
        traits = tuple(replace(trait, fixed=f) for trait, f in zip(cohort.traits, formulas, strict=True))
        model = GBLUP().fit(replace(cohort, records=replace(cohort.records, traits=traits)))

        for column, formula in enumerate(formulas):
            single = with_trait_columns(cohort, [column])
            alone = GBLUP().fit(replace(single, records=single.records.with_fixed(formula)))
            assert alone.heritability_[0] == model.heritability_[column]
            assert alone.mean_[0] == model.mean_[column]

    def test_a_covariate_of_large_values(self) -> None:
        """A birth year beside an intercept is almost confounded with it, and must not cost digits."""
        cohort = small()
        year = 2020.0 + np.arange(70) % 5
        values = cohort.records.values + 3 * scale(cohort) * (year - 2022)[:, None] * (np.arange(5) != MASTITIS)
        effects = cohort.records.effects.assign(year=year.astype(int).astype(str), late=(year - 2020).astype(str))
        one, other = (
            GBLUP().fit(
                replace(cohort, records=replace(cohort.records, values=values, effects=effects).with_fixed(formula))
            )
            for formula in ("herd + late", "herd + year")
        )

        np.testing.assert_allclose(other.heritability_, one.heritability_, atol=1e-6)
        expected, actual = (model.predict(cohort) / scale(cohort) for model in (one, other))
        np.testing.assert_allclose(actual, expected, atol=1e-6)

    @pytest.mark.parametrize("factor", [1e-10, 1e10])
    def test_the_unit_of_a_covariate_does_not_matter(self, factor: float) -> None:
        cohort = small()
        ages = cohort.records.effects["age"].astype(float) * factor
        other = replace(cohort.records, effects=cohort.records.effects.assign(age=ages.map("{:.17g}".format)))
        expected, actual = (GBLUP().fit(replace(cohort, records=records)) for records in (cohort.records, other))

        np.testing.assert_allclose(actual.heritability_, expected.heritability_, atol=1e-6)
        np.testing.assert_allclose(actual.mean_, expected.mean_, rtol=1e-6)


class TestPredictions:
    def test_mean_and_breeding_value(self) -> None:
        cohort = small()
        model = GBLUP(heritability=0.99).fit(cohort)
        expected = model.mean_ + model.breeding_values(cohort)
        actual = model.predict(cohort)

        np.testing.assert_array_equal(expected[:, :MASTITIS], actual[:, :MASTITIS])
        np.testing.assert_array_equal(np.clip(expected[:, MASTITIS], 0, 1), actual[:, MASTITIS])
        assert expected[:, MASTITIS].min() < 0

    def test_palindromic_alleles_of_the_same_chip_are_no_obstacle(self) -> None:
        """Whichever of A and T the file counts, and wherever they are among others."""
        cohort = small()
        counted, other = (np.tile(list(letters), 30) for letters in ("TACG", "ATTC"))
        markers = replace(cohort.genotypes.markers, counted_alleles=as_ids(counted), other_alleles=as_ids(other))
        palindromic = with_genotypes(cohort, dosages(cohort.genotypes), markers)
        found = GBLUP(heritability=0.5).fit(palindromic).predict(palindromic)

        np.testing.assert_allclose(found, GBLUP(heritability=0.5).fit(cohort).predict(cohort), atol=1e-9)

    def test_an_animal_without_genotype_has_the_mean(self) -> None:
        cohort = small()
        model = GBLUP().fit(cohort)
        ghost = Cohort.from_arrays(np.full((1, 120), -1), np.full((1, 5), np.nan), markers=cohort.genotypes.markers)

        np.testing.assert_array_equal(model.mean_, model.predict(ghost)[0])


class TestSettings:
    @pytest.mark.parametrize("given", [0.3, [0.3]])
    def test_one_heritability_for_all(self, given: float | list[float]) -> None:
        model = GBLUP(heritability=given).fit(small())

        np.testing.assert_array_equal(np.full(5, 0.3), model.heritability_)

    def test_as_many_heritabilities_as_traits(self) -> None:
        with pytest.raises(SettingError, match=r"^heritability: expected one value, or 5, found 2\.$"):
            GBLUP(heritability=[0.3, 0.4]).fit(small())

    @pytest.mark.parametrize("given", [-0.1, 0.0, 1.0, float("nan")])
    def test_heritability_out_of_range(self, given: float) -> None:
        with pytest.raises(SettingError, match=r"^heritability: expected a number from 1e-05 to 0.99999, found "):
            GBLUP(heritability=given).fit(small())

    def test_too_few_records_for_the_fixed_effects(self) -> None:
        values = small().records.values.copy()
        values[7:, MILK] = np.nan

        with pytest.raises(
            AlignmentError, match=r"^trait [^:]+: expected at least three records more than fixed effects"
        ):
            GBLUP().fit(with_values(small(), values))


@pytest.fixture(scope="module", params=[0.2, 0.6])
def simulated(request: pytest.FixtureRequest) -> tuple[float, GBLUP]:
    """A heritability, and GBLUP of 100 traits that have it, on the same 200 animals."""
    h2, cohort = request.param, family_cohort(200, 300, seed=8).canonical()
    rng = np.random.default_rng(9)
    root = np.linalg.cholesky(relationships(cohort) + 1e-9 * np.eye(200))
    genetic, residual = root @ rng.standard_normal((200, 100)), rng.standard_normal((200, 100))
    values = np.sqrt(h2) * genetic + np.sqrt(1 - h2) * residual
    return h2, GBLUP().fit(Cohort.from_arrays(dosages(cohort.genotypes), values))


class TestSimulatedTruth:
    """What estimates and their errors are like on average."""

    def test_heritability_is_right_on_average(self, simulated: tuple[float, GBLUP]) -> None:
        h2, model = simulated

        assert abs(model.heritability_.mean() - h2) < 3 * model.heritability_.std() / np.sqrt(100)

    def test_standard_error_is_the_spread(self, simulated: tuple[float, GBLUP]) -> None:
        _, model = simulated

        assert pytest.approx(model.heritability_.std(), rel=0.25) == np.nanmean(model.heritability_se_)

    def test_coverage(self, simulated: tuple[float, GBLUP]) -> None:
        h2, model = simulated

        assert np.mean(np.abs(model.heritability_ - h2) < 2 * model.heritability_se_) > 0.85
