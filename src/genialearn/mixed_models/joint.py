"""One mixed model of all traits at once, given their genetic and residual covariances.

V = Z (G x S_g) Z' + R over all observed (record, trait), where R has a block for each record: its residual covariances
among the traits observed on it, over the roots of their weights. Holes are just absent rows; fixed effects differ by
trait.

The system is solved after whitening: with the blocks C C' = R + d S_g, d what the dominant part of G leaves of its
diagonal, it is S C^-1 V C'^-1 S for the projection S off the whitened fixed effects, close to the identity plus the
dominant part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit, prange
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import splu

from genialearn._arrays import BoolArray, Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.linalg.low_rank import LowRank
from genialearn.linalg.operators import Dense, LinearOperator
from genialearn.linalg.solvers import conjugate_gradients
from genialearn.mixed_models.records import Pattern, patterns

_RIDGE = 1e-9
_REFINEMENTS, _FEW_REFINEMENTS = 3, 2
"""Of the projection off fixed effects: with a formed G, and with products that are right to about 1e-7."""

_ROUNDING = 1e-12
"""What least squares leave of records is rounding where it is a smaller share of them."""

_MOST_UNKNOWNS = 3_000
"""Eigenvectors times traits in the preconditioner: a matrix of so many rows is factorised once."""


def eigenvectors_used(n_traits: int) -> int:
    """Return how many eigenvectors of the dominant part of G the preconditioner takes at most."""
    return max(1, _MOST_UNKNOWNS // n_traits)


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _invert_factors(root_weights: FloatArray, covariance: FloatArray, extra: FloatArray, out: Float32Array) -> None:
    """Write the inverse Cholesky factor of each record's block, 0 in rows and columns of traits not observed."""
    n_traits = len(covariance)
    for record in prange(len(root_weights)):
        observed = np.flatnonzero(root_weights[record] > 0)
        t = len(observed)
        factor = np.empty((t, t))
        for i in range(t):
            for j in range(i + 1):
                one, other = observed[i], observed[j]
                total = covariance[one, other] / (root_weights[record, one] * root_weights[record, other])
                total += extra[one, other]
                for k in range(j):
                    total -= factor[i, k] * factor[j, k]
                factor[i, j] = np.sqrt(total) if i == j else total / factor[j, j]
        inverse = np.zeros((t, t))
        for j in range(t):
            inverse[j, j] = 1 / factor[j, j]
            for i in range(j + 1, t):
                total = 0.0
                for k in range(j, i):
                    total += factor[i, k] * inverse[k, j]
                inverse[i, j] = -total / factor[i, i]
        for i in range(n_traits):
            for j in range(n_traits):
                out[record, i, j] = 0.0
        for i in range(t):
            for j in range(i + 1):
                out[record, observed[i], observed[j]] = inverse[i, j]


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _times_blocks(
    blocks: Float32Array, block_of: IntArray, values: FloatArray, transposed: bool, out: FloatArray
) -> None:
    """Write B v, or B'v, of each record's lower triangular block."""
    n_traits = values.shape[1]
    for record in prange(len(values)):
        block = blocks[block_of[record]]
        for trait in range(n_traits):
            out[record, trait] = 0.0
        for trait in range(n_traits):
            if transposed:
                value = values[record, trait]
                for other in range(trait + 1):
                    out[record, other] += block[trait, other] * value
            else:
                total = 0.0
                for other in range(trait + 1):
                    total += block[trait, other] * values[record, other]
                out[record, trait] = total


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _entries_of_inverse(blocks: Float32Array, trait: int, out: FloatArray) -> None:
    """Write B'B between a trait and those before it, itself included, for each block."""
    for kind in prange(len(blocks)):
        block = blocks[kind]
        for other in range(trait + 1):
            out[kind, other] = 0.0
        for row in range(trait, blocks.shape[1]):
            value = np.float64(block[row, trait])
            for other in range(trait + 1):
                out[kind, other] += value * block[row, other]


@dataclass(frozen=True, eq=False)
class Whitening:
    """The inverse Cholesky factors C^-1 of all records, those of equal records shared.

    Parameters
    ----------
    blocks
        Lower triangular, 0 in rows and columns of traits that aren't observed, shape (kinds of record, traits, traits).
        In float32, as they are what memory and time go to; any C will do, as long as it is the same one everywhere.
    block_of
        Kind of each record, shape (records,).
    """

    blocks: Float32Array
    block_of: IntArray

    @classmethod
    def of(cls, root_weights: FloatArray, covariance: FloatArray, extra: FloatArray) -> Whitening:
        """Return the factors of D^-1/2 covariance D^-1/2 + extra among observed traits.

        Parameters
        ----------
        root_weights
            Roots of the weights D, 0 where there is no record, shape (records, traits).
        covariance, extra
            Shape (traits, traits).
        """
        kinds, block_of = np.unique(root_weights, axis=0, return_inverse=True)
        blocks = np.empty((len(kinds), *covariance.shape), dtype=np.float32)
        _invert_factors(kinds, np.ascontiguousarray(covariance), np.ascontiguousarray(extra), blocks)
        return cls(blocks, block_of.ravel().astype(np.int64))

    def times(self, values: FloatArray) -> FloatArray:
        """Return C^-1 v, shape (records, traits)."""
        return self._product(values, transposed=False)

    def times_transposed(self, values: FloatArray) -> FloatArray:
        """Return C'^-1 v, shape (records, traits)."""
        return self._product(values, transposed=True)

    def _product(self, values: FloatArray, *, transposed: bool) -> FloatArray:
        out = np.empty_like(values)
        _times_blocks(self.blocks, self.block_of, np.ascontiguousarray(values), transposed, out)
        return out

    def inverse_entries(self, trait: int) -> FloatArray:
        """Return (C C')^-1 of a trait with each one before it and itself, by record, shape (records, trait + 1)."""
        out = np.empty((len(self.blocks), trait + 1))
        _entries_of_inverse(self.blocks, trait, out)
        return np.asarray(out[self.block_of])


class _FixedEffects:
    """The projection off the whitened fixed effects of all traits, S = I - X~ (X~'X~)^-1 X~'."""

    def __init__(self, incidences: list[sparse.csr_matrix], whitening: Whitening, refinements: int) -> None:
        self._incidences, self._whitening, self._refinements = incidences, whitening, refinements
        self._ends = np.cumsum([0, *(x.shape[1] for x in incidences)])
        rows: list[list[sparse.csr_matrix | None]] = [[None] * len(incidences) for _ in incidences]
        for trait, x in enumerate(incidences):
            entries = whitening.inverse_entries(trait)
            for other, y in enumerate(incidences[: trait + 1]):
                block = sparse.csr_matrix(x.T @ y.multiply(entries[:, [other]]))
                rows[trait][other], rows[other][trait] = block, block.T
        gram = sparse.csc_matrix(sparse.bmat(rows))
        lengths = np.sqrt(gram.diagonal())
        self._units = 1 / np.where(lengths > 0, lengths, 1.0)
        scaled = sparse.diags(self._units) @ gram @ sparse.diags(self._units)
        self._solver = splu(sparse.csc_matrix(scaled + _RIDGE * sparse.eye(len(lengths))))

    def remove(self, values: FloatArray) -> FloatArray:
        """Return S v, shape (records, traits)."""
        left = values
        for _ in range(self._refinements):
            effects = self._units * self._solver.solve(self._units * self._sums(left))
            left = left - self._whitening.times(self.fixed_part(effects))
        return left

    def _sums(self, values: FloatArray) -> FloatArray:
        """Return X~'v, shape (fixed effects of all traits,)."""
        unwhitened = self._whitening.times_transposed(values)
        return np.concatenate([x.T @ unwhitened[:, trait] for trait, x in enumerate(self._incidences)])

    def fixed_part(self, effects: FloatArray) -> FloatArray:
        """Return X b, shape (records, traits)."""
        parts = [x @ effects[self._ends[t] : self._ends[t + 1]] for t, x in enumerate(self._incidences)]
        return np.column_stack(parts)


@dataclass(frozen=True, eq=False)
class JointModel:
    """The fitted model of all traits.

    Parameters
    ----------
    coefficients
        Dual coefficients a = Z'V^-1 (y - X b) S_g: breeding values are G a, shape (animals, traits).
    fixed
        Fixed effects of each trait.
    fixed_names
        What each of them is.
    means
        Weighted average of the fixed part over a trait's records, shape (traits,).
    iterations
        Products that the solution took.
    whitened
        The solution of the whitened system, from which another one may start, shape (records, traits).
    """

    coefficients: FloatArray
    fixed: list[FloatArray]
    fixed_names: list[tuple[str, ...]]
    means: FloatArray
    iterations: int
    whitened: FloatArray


class JointSystem:
    """The equations of all traits.

    Parameters
    ----------
    cohort
        The training animals.
    kernel
        Their G.
    genetic, residual
        S_g and S_e, positive definite, shape (traits, traits).
    part
        The dominant part of G, largest eigenvalues first; the preconditioner takes as many as it has room for.
    """

    def __init__(
        self, cohort: Cohort, kernel: LinearOperator, genetic: FloatArray, residual: FloatArray, part: LowRank
    ) -> None:
        self._units = np.sqrt(np.diag(genetic) + np.diag(residual))
        scale = np.outer(self._units, self._units)
        self._cohort, self._kernel, self._genetic, self._residual = cohort, kernel, genetic / scale, residual / scale
        genetic, residual = self._genetic, self._residual
        self._patterns = patterns(cohort)
        observed: BoolArray = np.isfinite(cohort.records.values)
        self._root_weights = np.where(observed, np.sqrt(cohort.records.weights), 0.0)
        self._least_squares, self._values = self._without_fixed_effects()
        few = eigenvectors_used(len(genetic))
        self._factor = (part.vectors[:, :few] * np.sqrt(part.values[:few])).astype(np.float64)
        self._rest = max(float(np.mean(kernel.diagonal() - np.sum(self._factor**2, axis=1))), 0.0)
        self._whitening = Whitening.of(self._root_weights, residual, self._rest * genetic)
        refinements = _REFINEMENTS if isinstance(kernel, Dense) else _FEW_REFINEMENTS
        incidences = [self._incidence(pattern) for pattern in self._patterns]
        self._fixed = _FixedEffects(incidences, self._whitening, refinements)
        self._root_genetic = np.linalg.cholesky(genetic)

    def _without_fixed_effects(self) -> tuple[list[FloatArray], FloatArray]:
        """Return fixed effects by least squares, and what they leave of the records in units of the traits.

        The joint estimate changes them; but large means, taken away first, can't drown the rest in rounding.
        """
        values = np.zeros(self._root_weights.shape)
        effects = []
        for trait, pattern in enumerate(self._patterns):
            y = self._cohort.records.values[pattern.records, trait]
            b = pattern.projection.coefficients((pattern.root_weights * y)[:, None])[:, 0]
            left = y - pattern.effects.matrix @ b
            varies = np.abs(left).max() > _ROUNDING * np.abs(y).max()
            values[pattern.records, trait] = left / self._units[trait] if varies else 0.0
            effects.append(b)
        return effects, values

    def _incidence(self, pattern: Pattern) -> sparse.csr_matrix:
        """Return X of a trait on all records, 0 where the trait has none."""
        effects = sparse.csr_matrix(pattern.effects.matrix)
        place = sparse.csr_matrix(
            (np.ones(len(pattern.records)), (pattern.records, np.arange(len(pattern.records)))),
            shape=(len(self._values), len(pattern.records)),
        )
        return sparse.csr_matrix(place @ effects)

    @cached_property
    def _animals(self) -> sparse.csr_matrix:
        """Z, shape (records, animals)."""
        rows = self._cohort.record_rows
        shape = (len(rows), len(self._cohort))
        return sparse.csr_matrix((np.ones(len(rows)), (np.arange(len(rows)), rows)), shape=shape)

    def covariance_times(self, values: FloatArray) -> FloatArray:
        """Return V a for values a of records that are 0 where nothing is observed, shape (records, traits)."""
        genetic = self._animals @ (self._kernel.matmat(self._animals.T @ values) @ self._genetic)
        scale = np.divide(1.0, self._root_weights, out=np.zeros_like(values), where=self._root_weights > 0)
        return np.asarray(np.where(self._root_weights > 0, genetic, 0.0) + scale * ((scale * values) @ self._residual))

    def _product(self, values: FloatArray, columns: IntArray) -> FloatArray:
        unwhitened = self._whitening.times_transposed(values)
        return self._fixed.remove(self._whitening.times(self.covariance_times(unwhitened)))

    @cached_property
    def _inner(self) -> tuple[FloatArray, bool]:
        """The Cholesky factor of I + A'A for A = C^-1 Z (U D^1/2 x L), L L' = S_g: traits within eigenvectors."""
        n_traits, rank = len(self._genetic), self._factor.shape[1]
        by_record = self._factor[self._cohort.record_rows]
        blocks = np.empty((rank, n_traits, rank, n_traits))
        for trait in range(n_traits):
            entries = self._whitening.inverse_entries(trait)
            for other in range(trait + 1):
                weighted = entries[:, [other]] * by_record
                blocks[:, trait, :, other] = by_record.T @ weighted
                blocks[:, other, :, trait] = blocks[:, trait, :, other].T
        rotated = np.einsum("ta,rtsu,ub->rasb", self._root_genetic, blocks, self._root_genetic, optimize=True)
        size = rank * n_traits
        factor, lower = cho_factor(rotated.reshape(size, size) + np.eye(size), lower=True, overwrite_a=True)
        return factor, bool(lower)

    def _precondition(self, values: FloatArray, columns: IntArray) -> FloatArray:
        """Return S (I - A (I + A'A)^-1 A') v."""
        by_animal = self._animals.T @ self._whitening.times_transposed(values)
        inner = (self._factor.T @ by_animal) @ self._root_genetic
        solved = cho_solve(self._inner, inner.ravel()).reshape(inner.shape)
        outer = self._factor @ (solved @ self._root_genetic.T)
        return self._fixed.remove(values - self._whitening.times(self._animals @ outer))

    def solve(
        self, *, tolerance: float = 1e-6, max_iterations: int = 500, start: FloatArray | None = None
    ) -> JointModel:
        """Return the solution.

        Parameters
        ----------
        tolerance
            Of the residual, relative to the whitened records.
        max_iterations
            More than these are an error.
        start
            `JointModel.whitened` of a system of nearly the same records.

        Raises
        ------
        ConvergenceError
            Where it isn't reached.
        """
        right = self._fixed.remove(self._whitening.times(self._values))
        if start is not None:
            start = self._fixed.remove(np.where(self._root_weights > 0, start, 0.0))
        solution = conjugate_gradients(
            self._product,
            right,
            precondition=self._precondition,
            start=start,
            groups=np.zeros(right.shape[1], dtype=np.int64),
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        whitened = solution.checked("breeding values of all traits")
        solved = self._whitening.times_transposed(whitened)
        fixed_part = self._values - self.covariance_times(solved)
        fixed = [
            first + unit * pattern.projection.coefficients((pattern.root_weights * part)[:, None])[:, 0]
            for first, unit, pattern, part in zip(
                self._least_squares, self._units, self._patterns, self._fixed_parts(fixed_part), strict=True
            )
        ]
        means = [
            np.average(pattern.effects.matrix @ b, weights=pattern.root_weights**2)
            for pattern, b in zip(self._patterns, fixed, strict=True)
        ]
        names = [pattern.effects.names for pattern in self._patterns]
        coefficients = self._animals.T @ solved @ self._genetic * self._units
        iterations = int(solution.iterations.max())
        return JointModel(np.asarray(coefficients), fixed, names, np.array(means), iterations, whitened)

    def _fixed_parts(self, values: FloatArray) -> list[FloatArray]:
        """Return each trait's own records of an array (records, traits)."""
        return [values[pattern.records, trait] for trait, pattern in enumerate(self._patterns)]
