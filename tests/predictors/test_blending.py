"""GBLUP with a share of pedigree relationships, and on relationships that are singular."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from cohorts_for_tests import family_cohort, with_genotypes
from dense_mixed_model import DenseModel, relationships
from genialearn._arrays import FloatArray, as_ids
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, SettingError
from genialearn.genotypes import dosages
from genialearn.mixed_models import exact
from genialearn.predictors.gblup import GBLUP, kernel_of
from genialearn.predictors.pedigree import PedigreeBLUP
from genialearn.relationships import GenomicScale, PedigreeRelationships
from messages import exactly

GIVEN = [0.1, 0.3, 0.5, 0.7, 0.9]


def small() -> Cohort:
    return family_cohort(70, 120, seed=3).canonical()


def scale(cohort: Cohort) -> FloatArray:
    return np.nanstd(cohort.records.values, axis=0)


def pedigree_matrix(cohort: Cohort) -> FloatArray:
    assert cohort.pedigree is not None
    return PedigreeRelationships.of(cohort.pedigree, cohort.animals).as_matrix()


def blended(cohort: Cohort, share: float) -> FloatArray:
    """Return (1 - w) G + w (a + b A) written plainly, a and b from means of matrices."""
    g, a = relationships(cohort), pedigree_matrix(cohort)
    slope = (np.mean(np.diag(g)) - g.mean()) / (np.mean(np.diag(a)) - a.mean())
    return np.asarray((1 - share) * g + share * (g.mean() + slope * (a - a.mean())))


def with_twins(cohort: Cohort) -> Cohort:
    """Return the cohort with its last three animals genetically identical to its first three."""
    values = dosages(cohort.genotypes).copy()
    values[-3:] = values[:3]
    return with_genotypes(cohort, values, cohort.genotypes.markers)


class TestAgainstTheDenseTwin:
    @pytest.mark.parametrize("share", [0.05, 0.2, 1.0])
    def test_breeding_values(self, share: float) -> None:
        """The twin has the shift a, which the model leaves out."""
        cohort = small()
        model = GBLUP(blend=share).fit(cohort)
        twins = [replace(DenseModel.of(cohort, column), g=blended(cohort, share)) for column in range(5)]
        expected = [each.breeding_values(h) for each, h in zip(twins, model.heritability_, strict=True)]

        np.testing.assert_allclose(
            model.breeding_values(cohort) / scale(cohort), np.transpose(expected) / scale(cohort), atol=1e-9
        )

    def test_heritability(self) -> None:
        cohort = small()
        model = GBLUP(blend=0.2).fit(cohort)
        expected = [
            replace(DenseModel.of(cohort, column), g=blended(cohort, 0.2)).heritability() for column in range(5)
        ]

        np.testing.assert_allclose(model.heritability_, expected, atol=1e-4)

    @pytest.mark.parametrize("form", ["vanraden1", "vanraden2"])
    def test_the_iterative_solver_comes_to_the_same(self, form: str) -> None:
        cohort = small()
        one, other = (
            GBLUP(heritability=GIVEN, relationships=form, blend=0.1, solver=solver).fit(cohort)
            for solver in ("exact", "iterative")
        )

        expected, actual = (model.breeding_values(cohort) / scale(cohort) for model in (one, other))
        np.testing.assert_allclose(actual, expected, atol=1e-5)
        np.testing.assert_allclose(
            other.marker_effects_ / scale(cohort), one.marker_effects_ / scale(cohort), atol=1e-5
        )

    def test_newborn_animals(self) -> None:
        """G and b A of new and training animals times the coefficients; rows of A from a pedigree of all."""
        whole = small()
        train, test = whole.select(slice(0, 60)), whole.select(slice(60, 70))
        model = GBLUP(blend=0.2, heritability=0.5).fit(train)
        scaling = GenomicScale.of(train.genotypes)
        z, z_new = (
            np.where(values < 0, 0, values - 2 * scaling.frequencies)
            for values in (dosages(train.genotypes), dosages(test.genotypes))
        )
        g, a = relationships(train), pedigree_matrix(train)
        slope = (np.mean(np.diag(g)) - g.mean()) / (np.mean(np.diag(a)) - a.mean())
        between = 0.8 * z_new @ z.T / scaling.divisor + 0.2 * slope * pedigree_matrix(whole)[60:, :60]
        twins = [replace(DenseModel.of(train, column), g=blended(train, 0.2)) for column in range(5)]

        expected = between @ np.column_stack([each.dual(0.5) for each in twins])
        np.testing.assert_allclose(model.breeding_values(test) / scale(whole), expected / scale(whole), atol=1e-9)


class TestWhatItMeans:
    def test_all_of_it_is_pedigree_blup(self) -> None:
        cohort = small()
        one, other = GBLUP(blend=1.0).fit(cohort), PedigreeBLUP().fit(cohort)

        np.testing.assert_array_equal(0, one.marker_effects_)
        expected, actual = (model.breeding_values(cohort) / scale(cohort) for model in (other, one))
        np.testing.assert_allclose(actual, expected, atol=1e-5)

    def test_none_of_it_is_gblup(self) -> None:
        cohort = small()
        one, other = GBLUP().fit(replace(cohort, pedigree=None)), GBLUP(blend=0.0).fit(cohort)

        np.testing.assert_array_equal(one.marker_effects_, other.marker_effects_)
        assert one.pedigree_part_ is other.pedigree_part_ is None

    def test_an_animal_without_a_link_has_its_marker_part(self) -> None:
        cohort = small()
        model = GBLUP(blend=0.2).fit(cohort)
        genotypes = replace(cohort.genotypes, animals=as_ids([f"stranger{row}" for row in range(70)]))
        others = Cohort(genotypes, cohort.without_records().records, cohort.pedigree)

        np.testing.assert_array_equal(
            model.scale_.breeding_values(cohort.genotypes, model.marker_effects_), model.breeding_values(others)
        )

    def test_what_is_required_follows_the_setting(self) -> None:
        model = GBLUP()

        assert {"genotypes"} == model.requires
        assert {"genotypes", "pedigree"} == model.set_params(blend=0.1).requires

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_relationships_of_fitted_models_are_blended(self, solver: str) -> None:
        """But for the shift."""
        cohort = small()
        fits = GBLUP(blend=0.2, heritability=0.5, solver=solver).fit_traits(cohort)
        kernel, part = kernel_of(fits, seed=1)
        expected = blended(cohort, 0.2)
        difference = kernel.matmat(np.eye(70)) - expected

        np.testing.assert_allclose(difference, difference[0, 0], atol=1e-6)
        np.testing.assert_allclose(part.values.sum(), np.trace(expected + difference), rtol=1e-4)
        assert (70, 2) == kernel.draws(2, np.random.default_rng(1)).shape

    def test_a_polygenic_part_that_markers_miss_is_found(self) -> None:
        """Breeding values of half the variance by pedigree alone: a blend predicts calves better than markers do."""
        whole = family_cohort(600, 60, seed=3, n_sires=12).canonical()
        assert whole.pedigree is not None
        rng = np.random.default_rng(1)
        by_pedigree = PedigreeRelationships.of(whole.pedigree, whole.animals).draws(20, rng)
        by_markers = GenomicScale.of(whole.genotypes).operator(whole.genotypes).draws(20, rng)
        truth = by_pedigree + 0.3 * by_markers
        values = truth + rng.standard_normal(truth.shape)
        cohort = Cohort.from_arrays(
            dosages(whole.genotypes), values, animals=list(whole.animals), pedigree=whole.pedigree
        )
        train, test = cohort.select(slice(0, 500)), cohort.select(slice(500, 600))

        def accuracy(model: GBLUP) -> float:
            predicted = model.fit(train).breeding_values(test)
            return float(np.mean([np.corrcoef(predicted[:, t], truth[500:, t])[0, 1] for t in range(20)]))

        assert accuracy(GBLUP(blend=0.5)) > accuracy(GBLUP()) + 0.02


class TestSingularRelationships:
    """Only h K + (1 - h) I is inverted, so nothing needs repair."""

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    @pytest.mark.parametrize("blend", [0.0, 0.1])
    @pytest.mark.parametrize("h", [1e-5, 0.5, 0.999])
    def test_identical_twins(self, solver: str, blend: float, h: float) -> None:
        cohort = with_twins(small())
        model = GBLUP(heritability=h, blend=blend, solver=solver).fit(cohort)
        twin = [
            replace(DenseModel.of(cohort, column), g=blended(cohort, blend)).breeding_values(h) for column in range(5)
        ]

        tolerance = 1e-8 if solver == "exact" else 1e-3
        np.testing.assert_allclose(
            model.breeding_values(cohort) / scale(cohort), np.transpose(twin) / scale(cohort), atol=tolerance
        )
        assert [] == model.notes_

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_a_twin_without_records_has_the_other_one_s_breeding_value(self, solver: str) -> None:
        cohort = with_twins(small())
        model = GBLUP(solver=solver).fit(cohort.select(slice(0, 67)))
        values = model.breeding_values(cohort)

        np.testing.assert_allclose(values[-3:], values[:3], atol=1e-10 * scale(cohort).max())

    @pytest.mark.parametrize("solver", ["exact", "iterative"])
    def test_animals_of_no_genotype_are_related_to_nobody(self, solver: str) -> None:
        """Rows of zeros in G."""
        cohort = small()
        values = dosages(cohort.genotypes).copy()
        values[:5] = -1
        model = GBLUP(solver=solver).fit(with_genotypes(cohort, values, cohort.genotypes.markers))
        empty = with_genotypes(cohort, values, cohort.genotypes.markers).select(slice(0, 5))

        np.testing.assert_array_equal(0, model.breeding_values(empty))

    def test_a_slightly_negative_eigenvalue_is_repaired_and_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        formed = GenomicScale.relationships

        def rounded(self: GenomicScale, genotypes: object) -> FloatArray:
            matrix = formed(self, genotypes)  # type: ignore[arg-type]
            values, vectors = np.linalg.eigh(matrix)
            values[:20] = -2e-5 * values[-1]
            return np.asarray((vectors * values) @ vectors.T)

        monkeypatch.setattr(GenomicScale, "relationships", rounded)
        model = GBLUP(solver="exact").fit(small())

        assert 1 == len(model.notes_)
        assert re.fullmatch(
            r"relationships: negative eigenvalues were set to 0; they reached [234]\.\de-05 of the largest",
            model.notes_[0],
        )
        assert np.isfinite(model.predict(small())).all()

    def test_an_indefinite_matrix_is_refused(self) -> None:
        cohort = small()
        message = "^relationship matrix: expected no eigenvalue below 0 by more than 0.0001 of the largest, found -"
        with pytest.raises(AlignmentError, match=message):
            exact.fit_trait_models(cohort, relationships(cohort) - 0.5 * np.eye(70), [None] * 5)


class TestUnusableSettings:
    @pytest.mark.parametrize("blend", [-0.1, 1.1, float("nan")])
    def test_a_share_is_from_zero_to_one(self, blend: float) -> None:
        with pytest.raises(SettingError, match=r"^blend: expected a number from 0 to 1, found "):
            GBLUP(blend=blend).fit(small())

    def test_a_pedigree_is_needed(self) -> None:
        message = (
            "pedigree: expected the parents of the training animals, found no pedigree. "
            "Give one with --pedigree, or use a model of the markers alone."
        )
        with pytest.raises(AlignmentError, match=exactly(message)):
            GBLUP(blend=0.1).fit(replace(small(), pedigree=None))
