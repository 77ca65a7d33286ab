"""Conjugate gradients for many right-hand sides at once, each with steps of its own.

Hestenes and Stiefel 1952, J Res Natl Bur Stand 49:409-436. The product is shared, so that one pass over the genotypes
serves all; a system that has converged leaves the product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import ConvergenceError

Product = Callable[[FloatArray, IntArray], FloatArray]
"""Told values (n, k) and which k of the columns these are; returns the product, shape (n, k)."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of systems, and what became of them.

    Parameters
    ----------
    values
        Shape (n, columns).
    iterations
        Steps that each column took, shape (columns,).
    residuals
        Norm of what is left of each column's right-hand side, relative to it, shape (columns,).
    tolerance
        What the residuals were asked to be, shape (systems,).
    """

    values: FloatArray
    iterations: IntArray
    residuals: FloatArray
    tolerance: FloatArray

    def checked(self, what: str) -> FloatArray:
        """Return the values.

        Raises
        ------
        ConvergenceError
            Where a system hasn't converged.
        """
        late = int(np.sum(self.residuals > self.tolerance))
        if late:
            raise ConvergenceError(
                what,
                expected=f"a relative residual of {self.tolerance.min():.0e} in all {len(self.residuals):,} systems",
                found=f"{late:,} not there after {int(self.iterations.max()):,} iterations, "
                f"the worst at {float(self.residuals.max()):.1e}",
                advice="Allow more iterations, ask for a larger tolerance, or look for a heritability near 1.",
            )
        return self.values


def conjugate_gradients(
    product: Product,
    right_hand_sides: FloatArray,
    *,
    precondition: Product | None = None,
    start: FloatArray | None = None,
    groups: IntArray | None = None,
    tolerance: float | FloatArray = 1e-6,
    max_iterations: int = 500,
) -> Solution:
    """Return x with A x = b for many b, A symmetric and positive definite on the space of the right-hand sides.

    Parameters
    ----------
    product
        A, which may differ from column to column.
    right_hand_sides
        b, shape (n, columns).
    precondition
        An approximate inverse of A, symmetric and positive definite.
    start
        A first guess, shape (n, columns).
    groups
        System of each column, for systems whose unknowns are several columns; None where each column is one.
        Shape (columns,), from 0 on.
    tolerance
        Of the residual's norm relative to the right-hand side's: of all systems, or of each, shape (systems,).
    max_iterations
        After so many the solution is returned as it is: see `Solution.checked`.
    """
    system = np.arange(right_hand_sides.shape[1]) if groups is None else groups
    scale = _norms(right_hand_sides, system)
    everyone = np.arange(len(system))
    x = np.zeros_like(right_hand_sides) if start is None else start.copy()
    r = right_hand_sides - (0.0 if start is None else product(x, everyone))
    asked: FloatArray = np.broadcast_to(np.asarray(tolerance, dtype=np.float64), scale.shape)
    left, taken = _relative(r, system, scale), np.zeros(len(scale), dtype=np.int64)
    direction = np.zeros_like(r)
    before = np.ones(len(scale))
    for step in range(max_iterations):
        columns = np.flatnonzero((left > asked)[system])
        if not len(columns):
            break
        active = system[columns]
        residual = r[:, columns]
        z = residual if precondition is None else precondition(residual, columns)
        now = _dots(residual, z, active, len(scale))
        ratio = np.divide(now, before, out=np.zeros_like(now), where=(before > 0) & (step > 0))
        direction[:, columns] = z + ratio[active] * direction[:, columns]
        image = product(direction[:, columns], columns)
        curvature = _dots(direction[:, columns], image, active, len(scale))
        length = np.divide(now, curvature, out=np.zeros_like(now), where=curvature > 0)
        x[:, columns] += length[active] * direction[:, columns]
        r[:, columns] -= length[active] * image
        before = now
        taken[np.unique(active)] += 1
        left[np.unique(active)] = _relative(r, system, scale)[np.unique(active)]
    return Solution(x, taken, left, asked)


def _dots(a: FloatArray, b: FloatArray, system: IntArray, n_systems: int) -> FloatArray:
    """Return the inner product of each system, shape (systems,)."""
    return np.bincount(system, weights=np.einsum("ij,ij->j", a, b), minlength=n_systems).astype(np.float64)


def _norms(values: FloatArray, system: IntArray) -> FloatArray:
    return np.sqrt(_dots(values, values, system, int(system.max()) + 1 if len(system) else 0))


def _relative(residual: FloatArray, system: IntArray, scale: FloatArray) -> FloatArray:
    return _norms(residual, system) / np.where(scale > 0, scale, 1.0)
