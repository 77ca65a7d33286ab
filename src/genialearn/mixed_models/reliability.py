"""Reliabilities of all animals, without a matrix of animals by animals.

The reliability of an animal's breeding value is 1 - PEV / (s2g G_jj). G is taken as F F' + E, F the dominant part and E
diagonal: given F, the prediction error variance of every animal has a closed form by Woodbury's formula, own records
included. What relatives tell beyond F is missing in it. So the reliabilities of some animals are computed exactly, by
one solution each, and those of the others by a regression on

- the approximate reliability,
- the share of the animal's own part E that its records tell,
- the squared norm of its row of G - F F' - E, from random vectors (Bekas, Kokiopoulou and Saad 2007, Appl Numer Math
  57:1214-1229),

whose error, left-one-out, is stated with the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank, dominant_part
from genialearn.linalg.operators import LinearOperator
from genialearn.mixed_models.fits import TraitModel
from genialearn.mixed_models.iterative import RANK, solve_duals
from genialearn.mixed_models.projections import Projection
from genialearn.mixed_models.records import Pattern, RecordSystems, patterns
from genialearn.mixed_models.variance import Variances

_RANK = 500
"""Eigenvectors of the dominant part: from 500 to 2,000 the result hardly changes any more, once it is calibrated."""

_VECTORS = 480
"""Random vectors behind the norms of rows: they are known to some 6 %."""

_EXACT_IN_ALL, _MOST_EXACT, _FEWEST_EXACT = 480, 96, 12
"""Exact solutions: of all traits together, and of one."""

_OWN_REGRESSION = 32
"""Exact animals from which on a trait has slopes of its own; below, traits share them."""

_WIDEST = 144
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Reliabilities:
    """Reliabilities of all animals, and how far they may be off.

    Parameters
    ----------
    values
        Between 0 and 1, shape (animals, traits).
    errors
        Root mean square of the left-one-out errors of exactly computed animals, by trait; 0 where all are exact.
    n_exact
        Animals computed exactly for each trait.
    """

    values: FloatArray
    errors: FloatArray
    n_exact: int


def estimate_reliabilities(
    cohort: Cohort,
    kernel: LinearOperator,
    models: Sequence[TraitModel],
    *,
    rng: np.random.Generator,
    rank: int = _RANK,
    exact: int | None = None,
) -> Reliabilities:
    """Return the reliability of every animal's breeding value for every trait.

    Parameters
    ----------
    cohort
        All animals, with records or without.
    kernel
        Their G.
    models
        The single-trait models, for their variances; their rows may be those of fewer animals.
    rng
        Draws the subspace, the random vectors and the animals that are computed exactly.
    rank
        Eigenvectors of the dominant part.
    exact
        Animals that are computed exactly for each trait; None for as many as 480 solutions allow, 12 to 96.
    """
    n_animals = len(cohort)
    variances = [model.variances for model in models]
    count = min(n_animals, exact or int(np.clip(_EXACT_IN_ALL // len(models), _FEWEST_EXACT, _MOST_EXACT)))
    approximation = _Approximation.of(kernel, dominant_part(kernel, min(rank, n_animals), rng=rng, passes=4), rng)
    columns = [_with_known_ratios(*pair) for pair in zip(patterns(cohort), models, strict=True)]
    chosen = [np.sort(rng.choice(n_animals, count, replace=False)) for _ in columns]
    known = _exact(kernel, columns, variances, chosen, approximation)
    features = [approximation.features(p, v) for p, v in zip(columns, variances, strict=True)]
    if count == n_animals:
        return Reliabilities(np.column_stack(known), np.zeros(len(columns)), count)
    values, errors = _calibrated(features, chosen, known)
    for trait, animals in enumerate(chosen):
        values[animals, trait] = known[trait]
    return Reliabilities(np.clip(values, 0.0, 1.0), errors, count)


def _with_known_ratios(pattern: Pattern, model: TraitModel) -> Pattern:
    return pattern if model.components is None else pattern.with_ratios(model.components.ratios)


@dataclass(frozen=True, eq=False)
class _Approximation:
    """G as F F' + E, and what it leaves.

    Parameters
    ----------
    part
        The dominant part of G.
    factor
        F, float32, shape (animals, rank).
    own
        Diagonal of E, shape (animals,).
    diagonal
        Of G, shape (animals,).
    rest
        Squared norms of the rows of G - F F' - E, shape (animals,).
    """

    part: LowRank
    factor: Float32Array
    own: FloatArray
    diagonal: FloatArray
    rest: FloatArray

    @classmethod
    def of(cls, kernel: LinearOperator, part: LowRank, rng: np.random.Generator) -> _Approximation:
        """Return the approximation, its rest from random vectors."""
        factor = part.vectors * np.sqrt(part.values).astype(np.float32)
        diagonal = kernel.diagonal()
        own = np.maximum(diagonal - np.einsum("ij,ij->i", factor, factor), 1e-8)
        rest = np.zeros(len(own))
        for start in range(0, _VECTORS, _WIDEST):
            n = min(_WIDEST, _VECTORS - start)
            signs = rng.integers(0, 2, (len(own), n)).astype(np.float64) * 2 - 1
            left = kernel.matmat(signs) - factor @ (factor.T @ signs.astype(np.float32)) - own[:, None] * signs
            rest += np.einsum("ij,ij->i", left, left)
        return cls(part, factor, own, diagonal, rest / _VECTORS)

    def features(self, pattern: Pattern, variances: Variances) -> FloatArray:
        """Return approximate reliability, share told by own records, and rest, relative to G_jj; shape (animals, 3)."""
        ratio = variances.residual / variances.genetic + pattern.total_ratio
        weights = pattern.root_weights**2
        total = np.bincount(pattern.animals, weights=weights, minlength=len(self.own))
        spread = (ratio + self.own[pattern.animals] * total[pattern.animals]) / weights
        told = self.own * total / (ratio + self.own * total)
        root = 1 / np.sqrt(spread)
        effects = Projection(pattern.effects.matrix.multiply(root[:, None]).tocsc())
        free = effects.remove(self.factor[pattern.animals] * root[:, None]).astype(np.float32)
        precision = (free.T @ free).astype(np.float64) + np.eye(self.factor.shape[1])
        half = np.linalg.cholesky(np.linalg.inv(precision)).astype(np.float32)
        common = np.sum((self.factor @ half) ** 2, axis=1, dtype=np.float64)
        errors = (1 - told) ** 2 * common + self.own * (1 - told)
        return np.column_stack([1 - errors / self.diagonal, told, self.rest / self.diagonal])


def _exact(
    kernel: LinearOperator,
    columns: list[Pattern],
    variances: Sequence[Variances],
    chosen: list[IntArray],
    approximation: _Approximation,
) -> list[FloatArray]:
    """Return c'(h K + (1 - h) I)^-1 c h / G_jj for c = S W^1/2 Z G e_j of chosen animals, one array a trait."""
    part = LowRank(approximation.part.values[:RANK], approximation.part.vectors[:, :RANK])
    places = [(trait, int(animal)) for trait, animals in enumerate(chosen) for animal in animals]
    found = np.empty(len(places))
    for start in range(0, len(places), _WIDEST):
        batch = places[start : start + _WIDEST]
        systems = RecordSystems(kernel, [columns[trait] for trait, _ in batch])
        h = np.array([variances[trait].heritability for trait, _ in batch])
        units = np.zeros((kernel.shape[0], len(batch)))
        units[[animal for _, animal in batch], np.arange(len(batch))] = 1.0
        contrasts = systems.to_contrasts(kernel.matmat(units), np.arange(len(batch)))
        solved, _ = solve_duals(systems, list(contrasts.T), h, part, what="reliabilities", tolerance=_TOLERANCE)
        found[start : start + len(batch)] = h * np.einsum("ij,ij->j", contrasts, solved)
    found /= approximation.diagonal[[animal for _, animal in places]]
    return np.split(found, np.cumsum([len(animals) for animals in chosen])[:-1])


def _calibrated(
    features: list[FloatArray], chosen: list[IntArray], known: list[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the regressions' values for all animals, and their left-one-out errors by trait."""
    count = len(chosen[0])
    if count >= _OWN_REGRESSION:
        fits = [_regression(_with_mean(x[rows]), y) for x, rows, y in zip(features, chosen, known, strict=True)]
        values = [_with_mean(x) @ b for x, (b, _) in zip(features, fits, strict=True)]
        return np.column_stack(values), np.array([np.sqrt(np.mean(left**2)) for _, left in fits])
    means = np.kron(np.eye(len(features)), np.ones((count, 1)))
    slopes = np.vstack([x[rows] for x, rows in zip(features, chosen, strict=True)])
    b, left = _regression(np.hstack([means, slopes]), np.concatenate(known))
    values = [b[trait] + x @ b[len(features) :] for trait, x in enumerate(features)]
    return np.column_stack(values), np.sqrt(np.mean(left.reshape(-1, count) ** 2, axis=1))


def _with_mean(features: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(features)), features])


def _regression(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return coefficients, with a ridge at rounding level, and left-one-out errors."""
    gram = x.T @ x
    factor = cho_factor(gram + 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram)))
    b = cho_solve(factor, x.T @ y)
    leverage = np.einsum("ij,ji->i", x, cho_solve(factor, x.T))
    return b, (y - x @ b) / np.maximum(1 - leverage, 1e-3)
