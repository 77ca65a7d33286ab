"""Genetic and residual covariances of all pairs of traits, whatever their holes, from single-trait models of each.

With P of the single-trait models, quadratic forms of a pair's records have the expectations

    E[y_i'P_i K P_j y_j] = s_g tr(P_i K P_j K') + s_e tr(P_i D P_j K')
    E[y_i'P_i D P_j y_j] = s_g tr(P_i K P_j D') + s_e tr(P_i D P_j D')

K = Z_i G Z_j' and D the incidence of records of one row, over the roots of their weights: two equations for the two
covariances of the pair (MIVQUE at no covariance: Rao 1971, J Multivar Anal 1:445-456; for a trait with itself they are
those that REML solves). Traces are averages over random vectors, drawn once for all traits, so that t solutions a
vector give the coefficients of all t(t - 1)/2 pairs. Pairs with the same records get two-trait REML instead
where an exact solver has put them in diagonal form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, ConvergenceError
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import LinearOperator, RandomOperator
from genialearn.mixed_models.bending import Bent, bent, predictive
from genialearn.mixed_models.exact import ExactTraitModel
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.iterative import solve_duals
from genialearn.mixed_models.multivariate import Covariances, multivariate_reml
from genialearn.mixed_models.records import Pattern, RecordSystems, patterns

_TOLERANCE = 1e-4
"""Relative residual of solutions that only enter averages over random vectors."""

_FEWEST_VECTORS, _MOST_VECTORS = 4, 40

_WIDEST = 144
"""Systems solved at a time."""

_UNKNOWN = 1e4
"""Variance of a residual covariance that no records tell, relative to the largest that some do; it is taken as 0."""

_FEWEST_CONTRASTS = 10
"""Records more than fixed effects that a trait needs for any covariance with it to be told."""

_LEAST_SHARE = 0.05
"""Of what an uncorrelated pair would have: how small the variance of a correlation may get near -1 and 1."""


@dataclass(frozen=True, eq=False)
class CovarianceEstimates:
    """Covariance matrices of traits, positive definite, and how sure they are.

    Parameters
    ----------
    genetic, residual
        S_g and S_e of a record of weight 1, in the traits' units.
    genetic_se, residual_se
        Standard errors of the pairwise estimates, shape (traits, traits).
    predictive
        S_g for predictions: what is chance in the estimates is pulled towards 0, shape (traits, traits).
    """

    genetic: Bent
    residual: Bent
    predictive: FloatArray
    genetic_se: FloatArray
    residual_se: FloatArray

    @property
    def genetic_correlations(self) -> FloatArray:
        """r_g, shape (traits, traits)."""
        return correlations(self.genetic.matrix)

    @property
    def genetic_correlations_se(self) -> FloatArray:
        """Standard errors of r_g, 0 on the diagonal, shape (traits, traits).

        With v the variance of s_g over the product of the genetic variances, were the traits uncorrelated, and r_p the
        correlation of records: var(r_g) = v ((1 + r_p^2)(1 + r_g^2) - 4 r_g r_p), by the delta method for variances and
        covariances that are as uncertain as those of one Wishart matrix.
        """
        genetic, total = self.genetic_correlations, correlations(self.genetic.matrix + self.residual.matrix)
        scale = np.sqrt(np.outer(np.diag(self.genetic.matrix), np.diag(self.genetic.matrix)))
        share = (1 + total**2) * (1 + genetic**2) - 4 * genetic * total
        errors = self.genetic_se / scale * np.sqrt(np.maximum(share, _LEAST_SHARE))
        np.fill_diagonal(errors, 0.0)
        return np.asarray(errors)


def correlations(covariances: FloatArray) -> FloatArray:
    """Return the correlations of a covariance matrix, shape (traits, traits)."""
    deviations = np.sqrt(np.diag(covariances))
    return np.asarray(covariances / np.outer(deviations, deviations))


def estimate_covariances(
    cohort: Cohort,
    kernel: RandomOperator,
    models: Sequence[TraitModel],
    part: LowRank,
    *,
    rng: np.random.Generator,
    vectors: int | None = None,
) -> CovarianceEstimates:
    """Return genetic and residual covariance matrices of all traits.

    Traits with hardly any records have covariances of 0 with all others, of unknown standard errors.

    Parameters
    ----------
    cohort
        The training animals, as the models saw them.
    kernel
        Their G.
    models
        The single-trait models: their variances become the diagonals.
    part
        The dominant part of G, for the solver.
    rng
        Draws random vectors.
    vectors
        How many of each kind; None for a number that fits the records.
    """
    known = informative(cohort)
    if not known.all():
        own = [model for model, told in zip(models, known, strict=True) if told]
        rest = of_traits(cohort, known)
        found = estimate_covariances(rest, kernel, own, part, rng=rng, vectors=vectors) if known.any() else None
        return _with_unknown(found, known, models)
    by_animal, by_record = _projected_records(cohort, kernel, models)
    observed = np.stack([by_animal.T @ kernel.matmat(by_animal), by_record.T @ by_record])
    traits = _Traits.of(cohort, kernel, models, part)
    pairs = _pairwise(observed, traits.expected_forms(vectors or number_of_vectors(cohort), rng))
    pairs.take_exact(models)
    for place, model in enumerate(models):
        pairs.set_diagonal(place, model.variances.heritability, model.heritability_se)
    units = np.sqrt([model.variances.total for model in models])
    genetic, residual = bent(pairs.genetic, pairs.genetic_se), bent(pairs.residual, pairs.residual_se)
    scale = np.outer(units, units)
    return CovarianceEstimates(
        genetic.scaled(units),
        residual.scaled(units),
        predictive(pairs.genetic, pairs.genetic_se) * scale,
        pairs.genetic_se * scale,
        pairs.residual_se * scale,
    )


def informative(cohort: Cohort) -> BoolArray:
    """Return which traits have enough records that covariances with them can be told, shape (traits,)."""
    return np.array([pattern.n_contrasts >= _FEWEST_CONTRASTS for pattern in patterns(cohort)])


def of_traits(cohort: Cohort, which: BoolArray) -> Cohort:
    """Return a cohort with the records of some traits alone."""
    records = cohort.records
    traits = tuple(trait for trait, wanted in zip(records.traits, which, strict=True) if wanted)
    own = replace(records, traits=traits, values=records.values[:, which], weights=records.weights[:, which])
    return replace(cohort, records=own)


def apart(matrix: FloatArray, known: BoolArray, variances: FloatArray) -> FloatArray:
    """Return the covariances of all traits, from those of some: 0 with the others, whose variances are given.

    Parameters
    ----------
    matrix
        Shape (known traits, known traits).
    known
        Which traits these are, shape (traits,).
    variances
        Of all traits; those of the known ones aren't used, shape (traits,).
    """
    out = np.diag(variances).astype(np.float64)
    out[np.ix_(known, known)] = matrix
    return out


def _with_unknown(
    found: CovarianceEstimates | None, known: BoolArray, models: Sequence[TraitModel]
) -> CovarianceEstimates:
    """Return estimates of all traits from those of the known ones."""
    genetic, residual = (np.array([getattr(m.variances, part) for m in models]) for part in ("genetic", "residual"))
    nothing = np.full((len(known), len(known)), np.nan)
    if found is None:
        plain = [Bent(np.diag(values), np.diag(values), 0.0, 0) for values in (genetic, residual)]
        return CovarianceEstimates(plain[0], plain[1], np.diag(genetic), nothing, nothing.copy())

    def all_of(part: Bent, variances: FloatArray) -> Bent:
        matrix, estimates = (apart(values, known, variances) for values in (part.matrix, part.estimates))
        return replace(part, matrix=matrix, estimates=estimates)

    errors = [nothing.copy(), nothing.copy()]
    for whole, own in zip(errors, (found.genetic_se, found.residual_se), strict=True):
        whole[np.ix_(known, known)] = own
    return CovarianceEstimates(
        all_of(found.genetic, genetic),
        all_of(found.residual, residual),
        apart(found.predictive, known, genetic),
        errors[0],
        errors[1],
    )


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Estimates pair by pair, of traits of variance 1, each of shape (traits, traits)."""

    genetic: FloatArray
    residual: FloatArray
    genetic_se: FloatArray
    residual_se: FloatArray

    def take_exact(self, models: Sequence[TraitModel]) -> None:
        """Take two-trait REML for pairs whose records are the same and in diagonal form."""
        for (i, one), (j, other) in combinations(enumerate(models), 2):
            if isinstance(one, ExactTraitModel) and isinstance(other, ExactTraitModel) and one.pattern is other.pattern:
                found = _two_trait_reml(one, other)
                if found is not None and np.isfinite(found.genetic_se[0, 1] + found.residual_se[0, 1]):
                    both = [i, j], [j, i]
                    self.genetic[both], self.residual[both] = found.genetic[0, 1], found.residual[0, 1]
                    self.genetic_se[both], self.residual_se[both] = found.genetic_se[0, 1], found.residual_se[0, 1]

    def set_diagonal(self, place: int, h: float, standard_error: float) -> None:
        """Take a trait's own variances; where no standard error is known, that of the pairwise equations stays."""
        self.genetic[place, place], self.residual[place, place] = h, 1 - h
        if np.isfinite(standard_error):
            self.genetic_se[place, place] = standard_error


def _two_trait_reml(one: ExactTraitModel, other: ExactTraitModel) -> Covariances | None:
    """Return the exact estimate of two traits with the same records, or None where there is none to be had."""
    contrasts = np.column_stack([model.contrasts.values / np.sqrt(model.variances.total) for model in (one, other)])
    try:
        return multivariate_reml(one.contrasts.eigenvalues, contrasts)
    except (AlignmentError, ConvergenceError):
        return None


def _pairwise(observed: FloatArray, coefficients: FloatArray) -> _Pairs:
    """Return the solutions of each pair's two equations, and standard errors were the traits uncorrelated."""
    coefficients = coefficients.copy()
    apart = _share_no_records(coefficients)
    coefficients[apart, 0, 1] = coefficients[apart, 1, 0] = 0.0
    coefficients[apart, 1, 1] = np.nanmin(np.where(apart, np.nan, coefficients[:, :, 1, 1])) / _UNKNOWN
    inverse = np.linalg.inv(coefficients)
    solved = np.einsum("tuab,btu->atu", inverse, observed)
    errors = np.sqrt(np.maximum(np.einsum("tuaa->atu", inverse), 0.0) * (1 + np.eye(len(coefficients))))
    return _Pairs(solved[0], solved[1], errors[0], errors[1])


def _share_no_records(coefficients: FloatArray) -> BoolArray:
    """Return which pairs have no record in common, so that nothing tells their residual covariance."""
    own = np.diagonal(coefficients[:, :, 1, 1])
    return np.asarray(coefficients[:, :, 1, 1] < 1e-9 * np.sqrt(np.outer(own, own)))


def number_of_vectors(cohort: Cohort) -> int:
    """Return how many random vectors of each kind fit the records."""
    return int(np.clip(200_000 // max(len(cohort.records.animals), 1), _FEWEST_VECTORS, _MOST_VECTORS))


def _projected_records(
    cohort: Cohort, kernel: LinearOperator, models: Sequence[TraitModel]
) -> tuple[FloatArray, FloatArray]:
    """Return Z'P y by animal and P y over root weights by record, of traits of variance 1.

    P y = W e / s2e for the estimated residuals e.
    """
    values = kernel.matmat(np.column_stack([model.dual for model in models]))
    by_animal = np.zeros((len(cohort), len(models)))
    by_record = np.zeros((len(cohort.records.animals), len(models)))
    for place, model in enumerate(models):
        h, unit = model.variances.heritability, np.sqrt(model.variances.total)
        residuals = model.adjusted - model.mean - values[model.animals, place]
        by_record[model.records, place] = np.sqrt(model.weights) * residuals / ((1 - h) * unit)
        by_animal[:, place] = model.dual / (h * unit)
    return by_animal, by_record


def _signs(n_records: int, n_vectors: int, rng: np.random.Generator) -> FloatArray:
    return rng.integers(0, 2, (n_records, n_vectors)).astype(np.float64) * 2 - 1


@dataclass(frozen=True, eq=False)
class _Traits:
    """The single-trait models as the solver sees them."""

    kernel: RandomOperator
    part: LowRank
    record_rows: IntArray
    columns: list[Pattern]
    heritabilities: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, kernel: RandomOperator, models: Sequence[TraitModel], part: LowRank) -> _Traits:
        heritabilities = np.array([model.variances.heritability for model in models])
        return cls(kernel, part, cohort.record_rows, patterns(cohort), heritabilities)

    def expected_forms(self, n_vectors: int, rng: np.random.Generator) -> FloatArray:
        """Return the 2 x 2 coefficients of every pair, shape (traits, traits, 2, 2)."""
        n_traits = len(self.columns)
        out = np.zeros((n_traits, n_traits, 2, 2))
        for n in _portions(n_vectors, max(1, _WIDEST // n_traits)):
            out[:, :, 0] += self._forms(self.kernel.draws(n, rng)[self.record_rows], genetic=True)
            out[:, :, 1] += self._forms(_signs(len(self.record_rows), n, rng), genetic=False)
        out[:, :, 0, 1] = out[:, :, 1, 0] = (out[:, :, 0, 1] + out[:, :, 1, 0]) / 2
        return (out + out.transpose(1, 0, 2, 3)) / (2 * n_vectors)

    def _forms(self, draws: FloatArray, *, genetic: bool) -> FloatArray:
        """Return the two quadratic forms of every pair, summed over draws, shape (traits, traits, 2)."""
        by_animal, by_record = self._projected(draws, genetic=genetic)
        image, n_traits = self.kernel.matmat(by_animal), len(self.columns)
        out = np.zeros((n_traits, n_traits, 2))
        for start in range(0, by_animal.shape[1], n_traits):
            own = slice(start, start + n_traits)
            out[:, :, 0] += by_animal[:, own].T @ image[:, own]
            out[:, :, 1] += by_record[:, own].T @ by_record[:, own]
        return out

    def _projected(self, draws: FloatArray, *, genetic: bool) -> tuple[FloatArray, FloatArray]:
        """Return Z'P x by animal and P x over root weights by record, for each draw the columns of all traits.

        Genetic draws x are values of animals; others are residuals, of variance one over the weight.
        """
        n_draws = draws.shape[1]
        contrasts = []
        for draw in draws.T:
            for pattern in self.columns:
                roots = pattern.root_weights if genetic else np.ones(len(pattern.records))
                contrasts.append(pattern.projection.remove((roots * draw[pattern.records])[:, None])[:, 0])
        systems = RecordSystems(self.kernel, self.columns * n_draws)
        h = np.tile(self.heritabilities, n_draws)
        solved, dual = solve_duals(systems, contrasts, h, self.part, what="covariances of traits", tolerance=_TOLERANCE)
        by_record = np.zeros((len(draws), n_draws * len(self.columns)))
        for column, pattern in enumerate(systems.columns):
            by_record[pattern.records, column] = solved[: len(pattern.records), column]
        return dual / h, by_record


def _portions(total: int, at_a_time: int) -> list[int]:
    """Return how many to take each time until all are taken."""
    return [min(at_a_time, total - start) for start in range(0, total, at_a_time)]
