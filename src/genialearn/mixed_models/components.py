"""REML of models with further random effects: permanent environment, herds.

V = s2g K + sum s2i C_i + s2e S on the contrasts. Average-information REML (Gilmour, Thompson and Cullis 1995,
Biometrics 51:1440-1450) needs V^-1 of the contrasts, of each term's product with that, and of some random vectors for
the traces (Matilainen et al. 2013, PLoS ONE 8:e80821, doi:10.1371/journal.pone.0080821); each set is solved together,
started from the last round's solutions. The random vectors stay the same, so that the rounds converge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.errors import ConvergenceError
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models.records import LowRankPreconditioner, Pattern, RecordSystems
from genialearn.mixed_models.stochastic import number_of_probes, signs
from genialearn.mixed_models.variance import HIGHEST, LOWEST, NO_VARIANCE

_ROUNDS = 40
_TOLERANCE = 1e-5
"""Relative residual of the solutions."""

_LEAST = 1e-6
"""Of a variance, over that of the records."""

_RIDGE = 1e-8
"""On the average information of unit diagonal."""

_SETTLED = 0.02
"""Rounds end when no variance moves by more than this share of its standard error."""


@dataclass(frozen=True, eq=False)
class Components:
    """The variances of one trait's model.

    Parameters
    ----------
    names
        "genetic", the random effects, "residual".
    values
        Variances, shape (components,).
    covariance
        Of their estimates, from the average information, shape (components, components).
    """

    names: tuple[str, ...]
    values: FloatArray
    covariance: FloatArray

    @property
    def standard_errors(self) -> FloatArray:
        """Of the variances, shape (components,)."""
        return np.asarray(np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0)))

    @property
    def heritability(self) -> float:
        """s2g / (s2g + s2e), within the range that the solvers take."""
        return min(max(float(self.values[0]) / float(self.values[0] + self.values[-1]), LOWEST), HIGHEST)

    @property
    def heritability_se(self) -> float:
        """Standard error of s2g / (s2g + s2e), by the delta method."""
        total = max(float(self.values[0] + self.values[-1]), NO_VARIANCE**0.5)
        slope = np.zeros(len(self.values))
        slope[0], slope[-1] = self.values[-1] / total**2, -self.values[0] / total**2
        return float(np.sqrt(max(float(slope @ self.covariance @ slope), 0.0)))

    @property
    def ratios(self) -> FloatArray:
        """Variances of the random effects over s2g, as a solver at `heritability` takes them."""
        h = self.heritability
        return np.asarray(self.values[1:-1] * (1 - h) / (h * self.values[-1]))


class _Trait:
    """One trait's terms on its own contrasts."""

    def __init__(
        self, kernel: LinearOperator, pattern: Pattern, contrasts: FloatArray, part: LowRank, probes: FloatArray
    ) -> None:
        self._kernel, self._pattern, self._part = kernel, pattern, part
        self.unit = max(float(contrasts @ contrasts) / pattern.n_contrasts, NO_VARIANCE)
        self.y = contrasts / np.sqrt(self.unit)
        self.probes = pattern.projection.remove(probes)
        self.images = [self.term(place, self.probes) for place in range(self.n_terms)]
        self._starts: dict[str, FloatArray] = {}

    @property
    def n_terms(self) -> int:
        """Genetic, the random effects, residual."""
        return len(self._pattern.random) + 2

    def term(self, place: int, values: FloatArray) -> FloatArray:
        """Return C_i v, shape (records, columns)."""
        if place == 0:
            animals = self._pattern.to_animals(values, self._kernel.shape[0])
            return self._pattern.to_contrasts(self._kernel.matmat(animals))
        if place == self.n_terms - 1:
            return values
        return self._pattern.projection.remove(self._pattern.random[place - 1].times(values))

    def solve(self, name: str, variances: FloatArray, values: FloatArray) -> FloatArray:
        """Return V^-1 v, shape (records, columns)."""
        components = Components((), variances, np.empty((0, 0)))
        h, pattern = components.heritability, self._pattern.with_ratios(components.ratios)
        systems = RecordSystems(self._kernel, [pattern] * values.shape[1])
        preconditioner = LowRankPreconditioner(systems, self._part, np.full(values.shape[1], h))
        solution = conjugate_gradients(
            lambda v, which: h * systems.product(v, which) + (1 - h) * v,
            values,
            precondition=preconditioner,
            start=self._starts.get(name),
            tolerance=_TOLERANCE,
        )
        self._starts[name] = solution.checked("variance components")
        return np.asarray(solution.values * (1 - h) / variances[-1])


def estimate_components(
    kernel: LinearOperator,
    pattern: Pattern,
    contrasts: FloatArray,
    part: LowRank,
    *,
    rng: np.random.Generator,
    probes: int | None = None,
    name: str = "records",
) -> Components:
    """Return the REML estimates of one trait's variances.

    Parameters
    ----------
    kernel
        G of all animals.
    pattern
        The trait's records, with their random effects.
    contrasts
        S W^1/2 y, shape (records,).
    part
        The dominant part of G.
    rng
        Draws random vectors.
    probes
        How many of them; None for a number that fits the records.
    name
        What the contrasts are of, for messages.

    Raises
    ------
    ConvergenceError
        Where the variances haven't settled after 40 rounds.
    """
    count = probes or number_of_probes(len(pattern.records))
    trait = _Trait(kernel, pattern, contrasts, part, signs(len(pattern.records), count, rng))
    names = ("genetic", *(effect.name for effect in pattern.random), "residual")
    variances = np.array([0.3, *[0.1] * (trait.n_terms - 2), 0.6])
    for _ in range(_ROUNDS):
        score, information = _derivatives(trait, variances)
        step = bounded_step(score, information, np.maximum(_LEAST, 0.1 * variances) - variances)
        errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(information)), 0.0))
        variances = variances + step
        if np.all(np.abs(step) <= np.maximum(_SETTLED * errors, 1e-5)):
            covariance: FloatArray = np.linalg.pinv(information).astype(np.float64) * (1 + 1 / count)
            return Components(names, variances * trait.unit, covariance * trait.unit**2)
    raise ConvergenceError(
        f"{name}: variance components",
        expected=f"variances that settle within {_ROUNDS} rounds",
        found=f"steps of {', '.join(f'{size:.1g}' for size in np.abs(step))} of the records' variance",
        advice="Are two random effects nearly the same, or is one a fixed effect as well? Leave one out.",
    )


def _derivatives(trait: _Trait, variances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the slope of the likelihood and the average information, shapes (terms,) and (terms, terms)."""
    solved = trait.solve("records", variances, np.column_stack([trait.y, trait.probes]))
    py, pz = solved[:, :1], solved[:, 1:]
    images = np.hstack([trait.term(place, py) for place in range(trait.n_terms)])
    traces = [np.mean(np.einsum("ij,ij->j", pz, image)) for image in trait.images]
    score = 0.5 * (py[:, 0] @ images - np.array(traces))
    return score, 0.5 * images.T @ trait.solve("terms", variances, images)


def bounded_step(score: FloatArray, information: FloatArray, lowest: FloatArray) -> FloatArray:
    """Return the highest point of the parabola of score and average information that no bound is in the way of.

    However much of the way is gone, the likelihood rises at first, which a step that is cut afterwards can't promise.

    Parameters
    ----------
    score, information
        Slope of the likelihood and average information, shapes (terms,) and (terms, terms).
    lowest
        How far down each variance may go at most, not above 0, shape (terms,).
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import lsq_linear

    units = np.sqrt(np.diag(information))
    units = np.where(units > 0, units, 1.0)  # of records that are all 0
    inner = information / np.outer(units, units)
    inner[np.diag_indices_from(inner)] += _RIDGE
    triangle = np.linalg.cholesky(inner).T
    right = solve_triangular(triangle, score / units, trans="T")
    found = lsq_linear(triangle, right, bounds=(np.minimum(lowest * units, -1e-12), np.inf), tol=1e-12).x
    return np.asarray(found / units)
