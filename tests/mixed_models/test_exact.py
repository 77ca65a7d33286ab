from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kinds_of_records import COHORTS, HERITABILITIES, N_ANIMALS, N_FOLDS, plain, weighted

from cohorts_for_tests import with_values
from dense_mixed_model import DenseModel, random_folds, relationships
from genialearn._arrays import FloatArray
from genialearn.mixed_models.exact import (
    fit_trait_models,
    out_of_fold_breeding_values,
    record_patterns,
)
from genialearn.mixed_models.fits import adjusted_by_animal


class TestOutOfFold:
    @pytest.mark.parametrize("name", COHORTS)
    def test_it_is_refitting_without_the_fold(self, name: str) -> None:
        cohort = COHORTS[name]()
        g, folds = relationships(cohort), random_folds(N_ANIMALS, N_FOLDS)
        for column, model in enumerate(fit_trait_models(cohort, g, HERITABILITIES).models):
            expected = self.refitted(DenseModel.of(cohort, column), HERITABILITIES[column], folds)
            actual = out_of_fold_breeding_values(model, g, folds)

            unit = np.nanstd(cohort.records.values[:, column])
            np.testing.assert_allclose(actual / unit, expected / unit, atol=1e-7)

    @staticmethod
    def refitted(twin: DenseModel, h: float, folds: np.ndarray) -> FloatArray:
        out = np.empty(len(folds))
        for fold in np.unique(folds):
            inside = folds == fold
            out[inside] = twin.without(inside).breeding_values(h)[inside]
        return out

    def test_own_record_does_not_matter(self) -> None:
        """Whatever is recorded on a fold, its animals' values stay."""
        cohort, folds = plain(), random_folds(N_ANIMALS, N_FOLDS)
        g, values = relationships(cohort), cohort.records.values.copy()
        values[folds[cohort.record_rows] == 2] *= -3
        one, other = (
            out_of_fold_breeding_values(fit_trait_models(each, g, HERITABILITIES).models[0], g, folds)
            for each in (cohort, with_values(cohort, values))
        )

        np.testing.assert_allclose(other[folds == 2], one[folds == 2], atol=1e-6)
        assert np.all(np.abs(other[folds == 1] - one[folds == 1]) > 1e-3)

    def test_leaving_out_one_animal_at_a_time(self) -> None:
        cohort, folds = plain(), np.arange(N_ANIMALS)
        g = relationships(cohort)
        actual = out_of_fold_breeding_values(fit_trait_models(cohort, g, HERITABILITIES).models[0], g, folds)

        np.testing.assert_allclose(actual, self.refitted(DenseModel.of(cohort, 0), 0.3, folds), rtol=1e-7)


class TestRecordPatterns:
    def test_traits_with_the_same_records_share_one(self) -> None:
        cohort = plain()
        values = cohort.records.values.copy()
        values[:, 2] = np.where(np.isfinite(values[:, 1]), np.arange(N_ANIMALS), np.nan)
        patterns = record_patterns(with_values(cohort, values), relationships(cohort))

        assert patterns[1] is patterns[2]
        assert patterns[0] is not patterns[1]

    def test_other_weights_or_fixed_effects_are_another(self) -> None:
        cohort = plain()
        values = np.tile(cohort.records.values[:, :1], 5)
        weights = np.ones_like(values)
        weights[0, 1] = 2
        traits = [replace(trait, fixed="herd" if i == 2 else trait.fixed) for i, trait in enumerate(cohort.traits)]
        records = replace(cohort.records, values=values, weights=weights, traits=tuple(traits))
        patterns = record_patterns(replace(cohort, records=records), relationships(cohort))

        assert patterns[0] is patterns[3] is patterns[4]
        assert len({id(pattern) for pattern in patterns}) == 3


class TestAdjustedByAnimal:
    @pytest.mark.parametrize("name", COHORTS)
    def test_it_is_the_weighted_average_of_records_without_fixed_effects(self, name: str) -> None:
        cohort = COHORTS[name]()
        models = fit_trait_models(cohort, relationships(cohort), HERITABILITIES).models
        values, weights = adjusted_by_animal(models, N_ANIMALS)
        for column, h in enumerate(HERITABILITIES):
            twin = DenseModel.of(cohort, column)
            fixed_part = twin.x @ twin.fixed(h)
            adjusted = twin.y - fixed_part + np.average(fixed_part, weights=twin.w)
            for animal in range(N_ANIMALS):
                own = twin.z[:, animal] > 0
                if own.any():
                    expected = np.average(adjusted[own], weights=twin.w[own])
                    assert pytest.approx(expected, rel=1e-9) == values[animal, column]
                else:
                    assert np.isnan(values[animal, column])
                assert pytest.approx(twin.w[own].sum()) == weights[animal, column]


class TestFixedEffects:
    def test_estimates_and_standard_errors(self) -> None:
        """B = (X'V^-1 X)^-1 X'V^-1 y and var(b) = s2 (X'V^-1 X)^-1."""
        cohort = weighted()
        models = fit_trait_models(cohort, relationships(cohort), HERITABILITIES).models
        for column, (model, h) in enumerate(zip(models, HERITABILITIES, strict=True)):
            twin = DenseModel.of(cohort, column)
            v = twin.covariance(h)
            residual = twin.y - twin.x @ twin.fixed(h)
            s2 = residual @ np.linalg.solve(v, residual) / (len(twin.y) - twin.x.shape[1])
            variances = s2 * np.diag(np.linalg.inv(twin.x.T @ np.linalg.solve(v, twin.x)))

            np.testing.assert_allclose(model.fixed, twin.fixed(h), rtol=1e-8)
            np.testing.assert_allclose(model.fixed_se, np.sqrt(variances), rtol=1e-8)
            assert pytest.approx(s2) == model.variances.total
            assert pytest.approx([h * s2, (1 - h) * s2]) == [model.variances.genetic, model.variances.residual]
