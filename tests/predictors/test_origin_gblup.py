"""Prediction of crossbreds with effects by breed of origin."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from crossbred_cohorts import SIZES, crossbreds, with_values
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.contracts import Predictor
from genialearn.errors import AlignmentError, NotFittedError, SettingError
from genialearn.mixed_models import exact
from genialearn.predictors.breed_of_origin import (
    CORRELATIONS,
    OriginGBLUP,
    ShareEffects,
    with_breed_shares,
)
from genialearn.predictors.gblup import GBLUP
from genialearn.relationships.by_origin import OriginScale, breed_shares
from phased_cohorts import with_alleles_swapped, with_markers_reordered

OWN, SAME = 0, 1


def train() -> Cohort:
    return crossbreds().cohort.select(slice(0, 130))


def the_others() -> Cohort:
    return crossbreds().cohort.select(slice(130, 180))


def unfitted(**settings: Any) -> OriginGBLUP:
    return OriginGBLUP(breeds=crossbreds().breeds, **settings)


@cache
def fitted() -> OriginGBLUP:
    return unfitted().fit(train())


@cache
def expected() -> FloatArray:
    return fitted().predict(the_others())


class TestAsAPredictor:
    def test_it_has_the_manners_of_one(self) -> None:
        assert isinstance(unfitted(), Predictor)
        assert crossbreds().breeds == clone(unfitted(donors=7)).get_params()["breeds"]
        with pytest.raises(NotFittedError, match="expected fit before predict"):
            unfitted().predict(the_others())

    def test_same_seed_same_bytes(self) -> None:
        assert expected().tobytes() == unfitted().fit(train()).predict(the_others()).tobytes()

    def test_order_of_animals(self) -> None:
        shuffled = train().select(np.random.default_rng(2).permutation(130))

        np.testing.assert_allclose(expected(), unfitted().fit(shuffled).predict(the_others()), atol=1e-8)

    def test_order_of_markers(self) -> None:
        order = np.random.default_rng(2).permutation(sum(SIZES))
        model = unfitted().fit(with_markers_reordered(train(), order))

        np.testing.assert_allclose(expected(), model.predict(the_others()), atol=1e-8)

    def test_counted_allele(self) -> None:
        swap = np.random.default_rng(2).random(sum(SIZES)) < 0.5

        model = unfitted().fit(with_alleles_swapped(train(), swap))
        np.testing.assert_allclose(expected(), model.predict(the_others()), atol=1e-5)
        np.testing.assert_allclose(expected(), fitted().predict(with_alleles_swapped(the_others(), swap)), atol=1e-8)

    def test_company_and_records_do_not_matter(self) -> None:
        backwards = the_others().select(slice(None, None, -1)).without_records()

        np.testing.assert_allclose(expected(), fitted().predict(backwards)[::-1], atol=1e-9)

    def test_unit_of_a_trait(self) -> None:
        other = with_values(train(), 3 * train().records.values - 50)

        np.testing.assert_allclose(3 * expected() - 50, unfitted().fit(other).predict(the_others()), atol=1e-4)


def test_it_predicts_crossbreds_that_it_has_not_seen() -> None:
    observed = the_others().records.values

    assert np.corrcoef(expected()[:, OWN], observed[:, OWN])[0, 1] > 0.5
    assert np.corrcoef(expected()[:, SAME], observed[:, SAME])[0, 1] > 0.5


def test_the_correlation_is_the_likeliest_of_those_tried() -> None:
    models = [unfitted(correlation=c).fit(train()).models_ for c in CORRELATIONS]
    likelihoods = np.array([[model.variances.log_likelihood for model in each] for each in models])

    np.testing.assert_array_equal(np.array(CORRELATIONS)[likelihoods.argmax(axis=0)], fitted().correlation_)
    assert fitted().correlation_[OWN] < fitted().correlation_[SAME]


def test_without_differences_between_breeds_it_is_gblup_with_shares() -> None:
    model = unfitted(correlation=1.0).fit(train())
    ordered = train().canonical()
    assert ordered.haplotypes is not None
    shares = breed_shares(model.panel_.origins(ordered.haplotypes, declared=True), 2)
    gblup = GBLUP(solver="exact").fit(with_breed_shares(ordered, shares))
    others = model.scale_.read_through(the_others().haplotypes)  # type: ignore[arg-type]
    seen = breed_shares(model.panel_.origins(others), 2)
    predicted = gblup.predict(the_others()) + ShareEffects.of(gblup.models_, shares).values(seen)

    np.testing.assert_allclose(predicted, model.predict(the_others()), atol=1e-6)


def test_out_of_fold_breeding_values_are_those_of_refits() -> None:
    fits = unfitted(correlation=0.4).fit_traits(train())
    ordered, folds = train().canonical(), np.arange(130) % 4
    values = ordered.records.values.copy()
    values[folds == 1] = np.nan
    assert ordered.haplotypes is not None
    origins = fitted().panel_.origins(ordered.haplotypes, declared=True)
    across, within = OriginScale.of(ordered.haplotypes, origins, 2).relationships(ordered.haplotypes, origins)
    kernel = 0.4 * across + 0.6 * within
    told = with_breed_shares(with_values(ordered, values), breed_shares(origins, 2))
    refit = exact.fit_trait_models(told, kernel, [model.variances.heritability for model in fits.models])
    expected = kernel @ np.column_stack([model.dual for model in refit.models])

    np.testing.assert_allclose(expected[folds == 1], fits.out_of_fold_breeding_values(folds)[folds == 1], atol=1e-6)


def test_share_effects_are_zero_on_average() -> None:
    shares = breed_shares(fitted().panel_.origins(train().canonical().haplotypes, declared=True), 2)  # type: ignore[arg-type]
    added = fitted().share_effects_.values(shares)
    recorded = np.isfinite(train().canonical().records.values[:, OWN])

    np.testing.assert_allclose(0, added[recorded].mean(axis=0), atol=1e-9)
    assert np.all(added.std(axis=0) > 0)


def test_frequencies_by_breed_are_another_model() -> None:
    other = unfitted(frequencies="breed").fit(train()).predict(the_others())

    assert np.isfinite(other).all()
    assert np.abs(other - expected()).max() > 1e-3


def test_unphased_animals_are_refused() -> None:
    with pytest.raises(
        AlignmentError, match=r"^haplotypes: expected phased genotypes, found none\. Phase the animals, and put"
    ):
        unfitted().fit(replace(train(), haplotypes=None))
    with pytest.raises(AlignmentError, match=r"^haplotypes: expected phased genotypes"):
        fitted().predict(replace(the_others(), haplotypes=None))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"correlation": 1.5}, "^correlation: expected a number from 0 to 1, found 1.5"),
        ({"frequencies": "breeds"}, "^frequencies: expected a known name, found 'breeds'. Did you mean breed\\?"),
        ({"donors": 0}, "^donors: expected a whole number of at least 1, found 0"),
    ],
)
def test_impossible_settings_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        unfitted(**setting).fit(train())
