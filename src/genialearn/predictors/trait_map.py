"""The map from breeding values of all traits to each trait: linear borrowing and curves between traits."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import eval_hermitenorm, factorial
from threadpoolctl import threadpool_limits

from genialearn._arrays import BoolArray, FloatArray, IntArray, StrArray
from genialearn._checks import check_at_least
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator
from genialearn.predictors.adaptive_ridge import Moments, Regression, fit_parts
from genialearn.predictors.trait_curves import TraitCurve, curvature_p_values, trait_curves

_LEAST_RELIABILITY = 0.01

_TAME, _FEWEST_OUTSIDE = 3, 10
"""In terms of higher degree than the first, so many animals on either side count as the next one: polynomials of high
degree would otherwise hang on a few extremes."""


class TraitMap(Estimator):
    """Predict each trait from the breeding values of all traits, by lines and curves that the data support.

    trait_t = mean_t + u_t + sum_s a_ts z_s + sum_s sum_k c_tsk He_k(z_s), with z the standardised breeding values and
    He_k Hermite's polynomials of degree 2 and more, which normal breeding values make uncorrelated. The coefficients
    come from an adaptive ridge regression: a term keeps what its own t statistic justifies, and how strictly is chosen
    for each trait by cross-validation. What the data don't support shrinks to the trait's own breeding value u_t.

    With reliabilities r^2 of the breeding values, the terms are expectations of He_k of the *true* breeding value:
    E[He_k(g / s) | u] = r^k He_k(u / (r s)), s^2 the genetic variance (Mehler's formula). So animals of different
    reliability share one curve of the true breeding value, and each is shrunk as its own reliability asks.

    Parameters
    ----------
    degree
        Highest degree of the curves; 1 for lines only. A sine over two standard deviations needs 10 and more; terms of
        high degree that nothing supports cost next to nothing.
    folds
        Of the cross-validation.
    seed
        Of the folds.

    Attributes
    ----------
    coefficients_
        a and c, on standardised terms, shape (traits x degree, traits).
    range_, inner_range_
        Standardised breeding values between which curves are learned, of degrees 2 and 3 and of higher ones, shape
        (2, traits).
    strictness_
        Chosen q of lines and curves, shape (traits, 2).
    out_of_fold_corrections_
        What `corrections` gives each animal by a map that was fitted without its fold, shape (animals, traits).
    """

    def __init__(self, *, degree: int = 12, folds: int = 5, seed: int = 1) -> None:
        self.degree = degree
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        breeding_values: FloatArray,
        traits: FloatArray,
        *,
        reliabilities: FloatArray | None = None,
        weights: FloatArray | None = None,
        folds: IntArray | None = None,
        families: StrArray | None = None,
    ) -> Self:
        """Learn the map.

        Parameters
        ----------
        breeding_values
            Best predicted without the animal's own record (out of fold), shape (animals, traits).
        traits
            Records without fixed effects, NaN where there is none, shape (animals, traits).
        reliabilities
            Of the breeding values, between 0 and 1, shape (animals, traits); None where all animals are alike.
        weights
            Precision of the records, shape (animals, traits).
        folds
            Fold of each animal, at least two different ones; random where not given.
        families
            Whose errors aren't independent, such as offspring of one sire, shape (animals,); for tests of curves alone.
        """
        check_at_least("TraitMap degree", self.degree, 1)
        _check_same_shape("traits", breeding_values, traits)
        if folds is None:
            folds = np.random.default_rng(self.seed).permutation(len(traits)) % self.folds
        observed = np.isfinite(traits)
        weights = np.where(observed, 1.0 if weights is None else weights, 0.0)
        own = np.where(observed, traits - breeding_values, 0.0)
        self.mean_ = (weights * own).sum(axis=0) / weights.sum(axis=0)
        self._learn_scale(breeding_values, reliabilities)
        terms = self._terms(breeding_values, reliabilities)
        with threadpool_limits(1, user_api="blas"):  # many small systems: threads would only wait for each other
            self._fit_terms(terms, own - self.mean_, weights, folds)
            self.curvature_p_ = curvature_p_values(
                terms, own - self.mean_, weights, families, coefficients=self.coefficients_, degree=self.degree
            )
        return self

    def _fit_terms(self, terms: FloatArray, responses: FloatArray, weights: FloatArray, folds: IntArray) -> None:
        n_traits = responses.shape[1]
        self.regressions_: list[Regression] = []
        self.moments_: list[Moments] = []
        self.out_of_fold_corrections_ = np.zeros(responses.shape)
        labels = np.unique(folds)
        for t in range(n_traits):
            w = weights[:, t] / weights[weights[:, t] > 0, t].mean()
            parts = [Moments.of(terms, responses[:, t], w, folds == label) for label in labels]
            self.regressions_.append(fit_parts(parts, self._is_line))
            self.moments_.append(Moments.total(parts))
            for place, label in enumerate(labels):
                others = parts[:place] + parts[place + 1 :]
                without = fit_parts(others, self._is_line) if len(others) > 1 else self.regressions_[t]
                inside = folds == label
                self.out_of_fold_corrections_[inside, t] = terms[inside] @ without.coefficients + without.intercept
        self.coefficients_ = np.column_stack([regression.coefficients for regression in self.regressions_])
        self.intercepts_ = np.array([regression.intercept for regression in self.regressions_])
        self.strictness_ = np.array([regression.strictness for regression in self.regressions_])

    @property
    def _is_line(self) -> BoolArray:
        n_traits = len(self.centre_)
        return np.arange(n_traits * self.degree) < n_traits

    def predict(self, breeding_values: FloatArray, *, reliabilities: FloatArray | None = None) -> FloatArray:
        """Return traits, shape (animals, traits)."""
        corrections = self.corrections(breeding_values, reliabilities=reliabilities)
        return np.asarray(self.mean_ + breeding_values + corrections)

    def corrections(self, breeding_values: FloatArray, *, reliabilities: FloatArray | None = None) -> FloatArray:
        """Return what the other traits and the curves add to mean and own breeding value, shape (animals, traits)."""
        self._check_fitted()
        return np.asarray(self._terms(breeding_values, reliabilities) @ self.coefficients_ + self.intercepts_)

    def curves(self, *, points: int = 41) -> list[TraitCurve]:
        """Return what the breeding value of each trait adds to each trait, with its band and a test of its curvature.

        Parameters
        ----------
        points
            At how many breeding values, evenly spaced over the range that the map was fitted on.
        """
        self._check_fitted()
        return trait_curves(self, points)

    def _check_fitted(self) -> None:
        if not hasattr(self, "coefficients_"):
            raise NotFittedError("TraitMap", expected="fit before predict", found="a map that saw no data")

    def _learn_scale(self, breeding_values: FloatArray, reliabilities: FloatArray | None) -> None:
        self.centre_ = breeding_values.mean(axis=0)
        spread = breeding_values.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, np.inf)
        self.mean_reliability_: FloatArray | None = None
        if reliabilities is not None:
            _check_same_shape("reliabilities", breeding_values, reliabilities)
            self.mean_reliability_ = np.clip(reliabilities, _LEAST_RELIABILITY, 1.0).mean(axis=0)
        z = (breeding_values - self.centre_) / self.spread_ / self._accuracy(reliabilities)
        outside = min(_FEWEST_OUTSIDE, (len(z) - 1) // 2)
        ordered = np.sort(z, axis=0)
        self.range_, self.inner_range_ = ordered[[0, -1]], ordered[[outside, len(z) - 1 - outside]]

    def _accuracy(self, reliabilities: FloatArray | None) -> FloatArray | float:
        """Return r of each breeding value relative to the average animal's, shape (animals, traits)."""
        if reliabilities is None or self.mean_reliability_ is None:
            return 1.0
        return np.sqrt(np.clip(reliabilities, _LEAST_RELIABILITY, 1.0) / self.mean_reliability_)

    def _terms(self, breeding_values: FloatArray, reliabilities: FloatArray | None) -> FloatArray:
        """Return lines and curves, shape (animals, traits x degree); curves are level outside `range_`."""
        z = (breeding_values - self.centre_) / self.spread_
        accuracy = self._accuracy(reliabilities)
        inside, inner = (np.clip(z / accuracy, *limits) for limits in (self.range_, self.inner_range_))
        curves = (accuracy**k * hermite(inside if k <= _TAME else inner, k) for k in range(2, self.degree + 1))
        return np.concatenate([z, *curves], axis=1)


def hermite(z: FloatArray, degree: int) -> FloatArray:
    """Return the probabilists' Hermite polynomial He_k(z) / sqrt(k!), of variance 1 for a standard normal z."""
    return np.asarray(eval_hermitenorm(degree, z) / np.sqrt(factorial(degree)))


def _check_same_shape(what: str, breeding_values: FloatArray, other: FloatArray) -> None:
    if breeding_values.shape != other.shape:
        raise SettingError(
            "TraitMap",
            expected=f"breeding values and {what} of one shape",
            found=f"{breeding_values.shape} and {other.shape}",
        )
