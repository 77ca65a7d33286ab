"""Genetic and residual covariances of traits by REML, exact, on contrasts that an eigendecomposition made independent.

Traits that share records, weights and fixed effects share the eigenvectors U and eigenvalues d of `RecordPattern`. Row
i of their contrasts C = U'Y then has variance V_i = d_i S_g + S_e, independent of all other rows, and the restricted
log likelihood is -1/2 sum_i (log|V_i| + c_i' V_i^-1 c_i), without its constant (Meyer 1985, Biometrics 41:153-165;
Zhou and Stephens 2014, Nat Methods 11:407-409, doi:10.1038/nmeth.2848).

Any two covariance matrices are diagonal on the canonical traits T^-1 y: S_g = T H T' and S_e = T (I - H) T', H diagonal
(Hayes and Hill 1980, Biometrics 36:237-248). There V_i = H d_i + I - H is diagonal too, as in the single-trait model,
with canonical heritabilities in place of h. One value of the likelihood costs O(n t^2).

The estimate starts from single-trait REML and a regression of products of contrasts on d. A few steps of the EM
algorithm follow, then Newton's method on the square roots F of S = F^2, in the canonical traits of the moment, steps
halved where the likelihood doesn't rise. F can't leave the range of covariance matrices, on whose border, where S is
singular, it converges as fast as elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.linalg import block_diag

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least
from genialearn.errors import AlignmentError, ConvergenceError, SettingError
from genialearn.mixed_models.multivariate_likelihood import Point, Sample, directions_of, matrix_of, pairs_of
from genialearn.mixed_models.variance import LOWEST, Contrasts, restricted_maximum_likelihood

N_EM_STEPS = 5
"""Before Newton's method; each costs no more than a value of the likelihood."""

TOLERANCE = 1e-9
"""The search ends where a further step promises less log likelihood."""

_LONGEST_STEP = 0.5
"""Of F, whose canonical values are within 0 and 1."""

_COLLINEAR = 1e-8
"""Smallest eigenvalue of the correlations of contrasts; below it a trait is a combination of others."""


@dataclass(frozen=True, eq=False)
class Covariances:
    """The genetic and residual covariances of some traits.

    Standard errors are from the inverse observed information of all t(t + 1) covariances; at the border of the range,
    where a canonical heritability is 0 or 1, from the expected information instead, since nothing is known there about
    the curvature of the likelihood. They are NaN where the contrasts can't tell genetic from residual.

    Parameters
    ----------
    genetic
        S_g for G unscaled, in the traits' units, shape (traits, traits).
    residual
        S_e of a record of weight 1, shape (traits, traits).
    genetic_se, residual_se
        Standard errors, shape (traits, traits).
    genetic_correlations_se
        Standard errors by the delta method; NaN at the border, shape (traits, traits).
    log_likelihood
        Restricted, without its constant.
    """

    genetic: FloatArray
    residual: FloatArray
    genetic_se: FloatArray
    residual_se: FloatArray
    genetic_correlations_se: FloatArray
    log_likelihood: float

    @property
    def genetic_correlations(self) -> FloatArray:
        """r_g, NaN where a genetic variance is 0, shape (traits, traits)."""
        return _correlations(self.genetic)


def multivariate_reml(
    eigenvalues: FloatArray,
    contrasts: FloatArray,
    *,
    start: tuple[FloatArray, FloatArray] | None = None,
    max_iterations: int = 100,
    name: str = "traits",
) -> Covariances:
    """Return the REML estimates of the genetic and residual covariances of traits that share records.

    S_g may be singular: a genetic variance of 0, or a correlation of -1 or 1, is an estimate like any other. S_e is
    never singular, since S_e - e S_g is kept positive semidefinite for e = 1e-5 of the mean eigenvalue.

    A few dozen records may have several peaks of likelihood; the one above the start is found.

    Parameters
    ----------
    eigenvalues
        d of the contrasts, not negative, shape (contrasts,).
    contrasts
        U'Y, shape (contrasts, traits).
    start
        S_g and S_e to begin from, each of shape (traits, traits); by default single-trait REML and moments.
    max_iterations
        How many steps of Newton's method there may be.
    name
        What the contrasts are of, for messages.

    Raises
    ------
    AlignmentError
        Where there are too few records for traits and fixed effects, or a trait is a combination of others.
    SettingError
        Where `start` isn't two covariance matrices of these traits.
    ConvergenceError
        Where the likelihood still rises after `max_iterations` steps.

    References
    ----------
    Zhou and Stephens 2014, Nat Methods 11:407-409, doi:10.1038/nmeth.2848.
    """
    check_at_least("max_iterations", max_iterations, 1)
    scale, sample = _standardised(eigenvalues, contrasts, name)
    first = _moments(sample, name) if start is None else _given(start, scale)
    bounded = replace(sample, eigenvalues=sample.eigenvalues + LOWEST)
    found = _climb(bounded.at(*first).inside(), max_iterations, name)
    return _in_units(sample.at(found.genetic, found.residual + LOWEST * found.genetic).settled(), scale)


@dataclass(frozen=True, eq=False)
class _Scale:
    """What makes traits and eigenvalues free of units.

    Parameters
    ----------
    eigenvalue
        Mean of d.
    traits
        Root mean square of each trait's contrasts, shape (traits,).
    """

    eigenvalue: float
    traits: FloatArray

    @property
    def squares(self) -> FloatArray:
        """The units of a covariance matrix, shape (traits, traits)."""
        return np.outer(self.traits, self.traits)

    def standardised(self, genetic: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return S_g and S_e without units."""
        return genetic * self.eigenvalue / self.squares, residual / self.squares


def _standardised(eigenvalues: FloatArray, contrasts: FloatArray, name: str) -> tuple[_Scale, Sample]:
    _check_enough(contrasts, name)
    mean = float(np.mean(eigenvalues)) or 1.0
    lengths = np.sqrt(np.mean(contrasts**2, axis=0))
    unitless = contrasts / np.where(lengths > 0, lengths, 1.0)
    _check_independent(unitless, name)
    return _Scale(mean, lengths), Sample(eigenvalues / mean, unitless)


def _check_enough(contrasts: FloatArray, name: str) -> None:
    n, t = contrasts.shape
    if n < t + 2:
        raise AlignmentError(
            name,
            expected=f"at least {t + 2} records more than fixed effects",
            found=f"{n} more",
            advice="Use fewer fixed effects or leave traits out.",
        )


def _check_independent(unitless: FloatArray, name: str) -> None:
    smallest = float(np.linalg.eigvalsh(unitless.T @ unitless / len(unitless))[0])
    if smallest < _COLLINEAR:
        raise AlignmentError(
            name,
            expected="traits that vary, none a combination of others",
            found=f"correlations whose smallest eigenvalue is {smallest:.1g}",
            advice="Leave out the trait that the others or the fixed effects tell already.",
        )


def _given(start: tuple[FloatArray, FloatArray], scale: _Scale) -> tuple[FloatArray, FloatArray]:
    """Return the given S_g and S_e without units."""
    genetic, residual = (np.asarray(matrix, dtype=np.float64) for matrix in start)
    t = len(scale.traits)
    if genetic.shape == residual.shape == (t, t):
        unitless = scale.standardised(genetic, residual)
        if _are_covariances(*unitless):
            return unitless
    raise SettingError(
        "start",
        expected=f"genetic and residual covariances of {t} traits",
        found=f"{genetic.tolist()} and {residual.tolist()}",
        advice="Both must be symmetric without a negative eigenvalue, their sum without an eigenvalue of 0.",
    )


def _are_covariances(genetic: FloatArray, residual: FloatArray) -> bool:
    matrices = genetic, residual, genetic + residual
    if not all(np.isfinite(m).all() and np.allclose(m, m.T) for m in matrices):
        return False
    lowest = [float(np.linalg.eigvalsh(m)[0]) for m in matrices]
    return min(lowest) > -_COLLINEAR and lowest[2] > _COLLINEAR


def _correlations(covariances: FloatArray) -> FloatArray:
    variances = np.diag(covariances)
    roots = np.sqrt(np.where(variances > 0, variances, np.nan))
    return np.asarray(np.clip(covariances / np.outer(roots, roots), -1.0, 1.0))


def _moments(sample: Sample, name: str) -> tuple[FloatArray, FloatArray]:
    """Return single-trait variances, and covariances by regression of products of contrasts on d.

    The regression of c_a c_b on d has intercept S_e and slope S_g; its weights 1 / (v_a v_b) are the best ones where
    covariances are small (Haseman and Elston 1972, doi:10.1007/BF01066731). Correlations are pulled within the range.
    """
    fits = [restricted_maximum_likelihood(Contrasts(sample.eigenvalues, c), name=name) for c in sample.values.T]
    genetic, residual = (np.diag([getattr(fit, part) for fit in fits]) for part in ("genetic", "residual"))
    x = np.column_stack([sample.eigenvalues, np.ones(len(sample.values))])
    v = x @ np.stack([np.diag(genetic), np.diag(residual)])
    for a, b in combinations(range(len(fits)), 2):
        weighted = x / (v[:, a] * v[:, b])[:, None]
        slopes = np.linalg.lstsq(weighted.T @ x, weighted.T @ (sample.values[:, a] * sample.values[:, b]))[0]
        genetic[[a, b], [b, a]], residual[[a, b], [b, a]] = slopes
    return _within_range(genetic), _within_range(residual)


def _within_range(matrix: FloatArray) -> FloatArray:
    """Return a covariance matrix of the same variances whose correlations have no eigenvalue near or below 0."""
    roots = np.sqrt(np.diag(matrix))
    correlations = matrix / np.outer(roots, roots)
    values, vectors = np.linalg.eigh(correlations)
    positive = (vectors * np.maximum(values, 0.05)) @ vectors.T
    return np.asarray(_correlations(positive) * np.outer(roots, roots))


def _climb(point: Point, max_iterations: int, name: str) -> Point:
    """Return the point where no step promises a higher likelihood."""
    for _ in range(N_EM_STEPS):
        point = _em_step(point)
    for _ in range(max_iterations):
        step, gain = _newton_step(point)
        if gain < TOLERANCE:
            return point
        point = _ascend(point, step, gain)
    raise ConvergenceError(
        name,
        expected=f"REML covariances within {max_iterations} iterations",
        found=f"a log likelihood of {point.log_likelihood:.6g} that the last step meant to raise by {gain:.2g}",
        advice="Allow more iterations, give another start, or look for records far outside the range of the others.",
    )


def _em_step(point: Point) -> Point:
    """Return the next point of the EM algorithm, S + 2/n S M S for either matrix S."""
    n = len(point.v)
    shares = zip(point.shares, point.scores(), strict=True)
    return point.moved(*(np.diag(s) + 2 / n * s[:, None] * m * s for s, m in shares))


def _newton_step(point: Point) -> tuple[FloatArray, float]:
    """Return the step of both F, shape (t(t + 1),), and how much log likelihood it promises.

    With S = F^2 and F diagonal, dS = F dF + dF F + dF^2. Where the likelihood isn't concave, its curvature is reversed.
    """
    t = len(point.basis)
    rows, columns = pairs_of(t)
    slope = np.concatenate([np.sqrt(share)[rows] + np.sqrt(share)[columns] for share in point.shares])
    directions = directions_of(t)
    score = np.concatenate([np.tensordot(directions, m, axes=2) for m in point.scores()])
    bend = block_diag(*(_curvature(directions, m) for m in point.scores()))
    values, vectors = np.linalg.eigh(slope[:, None] * point.observed_information() * slope - bend)
    sizes = np.abs(values)
    step = vectors @ ((vectors.T @ (slope * score)) / np.maximum(sizes, 1e-10 * sizes.max()))
    return step, float(step @ (slope * score))


def _curvature(directions: FloatArray, score: FloatArray) -> FloatArray:
    """Return the second derivatives of tr(M dF^2) by the covariances in dF, shape (pairs, pairs)."""
    return np.asarray(2 * np.tensordot(directions @ score, directions, axes=((1, 2), (2, 1))))


def _ascend(point: Point, step: FloatArray, gain: float) -> Point:
    """Return the point after the longest step, halved as needed, that keeps a part of what it promises."""
    fraction = min(1.0, _LONGEST_STEP / float(np.linalg.norm(step)))
    for _ in range(40):
        new = _stepped(point, fraction * step)
        if new.log_likelihood > point.log_likelihood + 1e-4 * fraction * gain - _rounding(point):
            return new
        fraction /= 2
    return point


def _rounding(point: Point) -> float:
    return 1e-14 * point.v.size


def _stepped(point: Point, step: FloatArray) -> Point:
    t = len(point.basis)
    changes = zip(point.shares, np.split(step, 2), strict=True)
    roots = (np.diag(np.sqrt(share)) + matrix_of(change, t) for share, change in changes)
    return point.moved(*(root @ root for root in roots))


def _in_units(point: Point, scale: _Scale) -> Covariances:
    """Return the estimates and their standard errors in the traits' units."""
    t, n = point.basis.shape[0], len(point.v)
    pairs = len(pairs_of(t)[0])
    variance = _variance_of_estimates(point)
    genetic, residual = variance[:pairs, :pairs], variance[pairs:, pairs:]
    units, correlations_se = scale.squares, _correlation_errors(point, genetic)
    return Covariances(
        point.genetic * units / scale.eigenvalue,
        point.residual * units,
        matrix_of(np.sqrt(np.diag(genetic)), t) * units / scale.eigenvalue,
        matrix_of(np.sqrt(np.diag(residual)), t) * units,
        correlations_se,
        point.log_likelihood - n * float(np.sum(np.log(scale.traits))),
    )


def _variance_of_estimates(point: Point) -> FloatArray:
    """Return the variance of the estimates of all covariances of the traits, shape (t(t + 1), t(t + 1))."""
    rows, columns = pairs_of(len(point.basis))
    canonical = _inverse(point.expected_information() if point.is_at_border else point.observed_information())
    from_canonical = (point.basis @ directions_of(len(point.basis)) @ point.basis.T)[:, rows, columns].T
    both = block_diag(from_canonical, from_canonical)
    return np.asarray(both @ canonical @ both.T)


def _inverse(information: FloatArray) -> FloatArray:
    """Return the inverse of an information matrix; NaN where it isn't positive definite."""
    diagonal = np.abs(np.diag(information))
    roots = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(information / np.outer(roots, roots))
    if values[0] < 1e-10:
        return np.full_like(information, np.nan)
    half = vectors / np.sqrt(values) / roots[:, None]
    return np.asarray(half @ half.T)


def _correlation_errors(point: Point, variance: FloatArray) -> FloatArray:
    """Return the standard errors of genetic correlations, by the delta method from the variance of S_g.

    dr_ab = ds_ab / sqrt(s_aa s_bb) - r_ab/2 (ds_aa / s_aa + ds_bb / s_bb).
    """
    t = len(point.basis)
    if point.is_at_border:
        return np.full((t, t), np.nan)
    roots, r = np.sqrt(np.diag(point.genetic)), _correlations(point.genetic)
    relative = directions_of(t) / np.outer(roots, roots)
    own = np.diagonal(relative, axis1=1, axis2=2)
    slopes = relative - 0.5 * r * (own[:, :, None] + own[:, None, :])
    squares = np.einsum("pab,pq,qab->ab", slopes, variance, slopes)
    np.fill_diagonal(squares, 0.0)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))
