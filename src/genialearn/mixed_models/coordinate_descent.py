"""Elastic nets of all traits by coordinate descent over genotypes at two bits each.

Of each trait, sum w (y - x'b - z'u)^2 / 2 + W l sum_j s_j (a |u_j| + (1 - a) s_j u_j^2 / 2) is made least, with W the
sum of weights, s_j the standard deviation of marker j, a the share of the first penalty, and fixed effects b free of
any. A path of penalties l begins where no effect differs from 0 and follows each solution to the next (Friedman, Hastie
and Tibshirani 2010, J Stat Softw 33:1). A sweep reads a block of markers twice for all traits; between full sweeps only
blocks are visited in which an effect isn't 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit, prange

from genialearn._arrays import BoolArray, ByteArray, Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.genotypes.marker_blocks import WIDTH, add_effects, sums_over_animals
from genialearn.mixed_models.marker_system import MarkerSystem

_SETTLED = 1e-3
"""Sweeps end when no effect moves by more than this, in standard deviations of a trait for one of the marker."""

_MOST_SWEEPS = 12
"""At each penalty; the next one begins with a full sweep again."""


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _sweep(  # noqa: PLR0917 - numba knows no keywords
    squares: ByteArray,
    by_code: Float32Array,
    missing: Float32Array,
    any_missing: bool,
    products: Float32Array,
    diagonals: FloatArray,
    product_of: IntArray,
    weights: Float32Array,
    visited: BoolArray,
    first: FloatArray,
    second: FloatArray,
    spreads: FloatArray,
    left: Float32Array,
    values: FloatArray,
    effects: FloatArray,
    largest: FloatArray,
) -> None:
    """Visit every marker of some blocks once; `left`, `values`, `effects` and `largest` are changed in place.

    Parameters
    ----------
    squares, by_code, missing, any_missing, products, diagonals, product_of, weights
        As in `MarkerBlocks` and `MarkerSystem`.
    visited
        Which blocks, shape (blocks,).
    first, second
        W l a and W l (1 - a) of each trait, shape (traits,).
    spreads
        s, shape (markers,).
    left, values
        D e and Z u, shape (animals, traits).
    effects
        u, shape (markers, traits).
    largest
        The largest change of an effect times s, shape (traits,).
    """
    width, n_traits = products.shape[2], len(first)
    sums = np.empty((width, left.shape[1]))
    changes = np.zeros((width, left.shape[1]), dtype=np.float32)
    moved = np.zeros(left.shape, dtype=np.float32)
    for block in range(squares.shape[0]):
        if not visited[block]:
            continue
        sums_over_animals(squares[block], left, missing[block], any_missing, sums)
        for trait in prange(n_traits):
            square, diagonal = products[product_of[trait], block], diagonals[product_of[trait]]
            right = sums[:, trait].copy()
            for place in range(width):
                marker = block * width + place
                own, spread = diagonal[marker], spreads[marker]
                changes[place, trait] = 0.0
                if own <= 0 or spread <= 0 or first[trait] + second[trait] <= 0:
                    continue
                before = effects[marker, trait]
                score = right[place] + own * before
                over = abs(score) - first[trait] * spread
                after = np.sign(score) * over / (own + second[trait] * spread * spread) if over > 0 else 0.0
                change = after - before
                if change != 0:
                    effects[marker, trait] = after
                    changes[place, trait] = change
                    largest[trait] = max(largest[trait], abs(change) * spread)
                    for other in range(place + 1, width):
                        right[other] -= square[place, other] * change
        if np.any(changes):
            add_effects(squares[block], changes, by_code[block], weights, left, moved)
    values += moved


class ElasticNetPath:
    """Solutions of all traits, one penalty after the other.

    Parameters
    ----------
    cohort
        The training animals, canonical.
    l1_ratio
        a, above 0.
    """

    def __init__(self, cohort: Cohort, l1_ratio: float) -> None:
        self.system = MarkerSystem(cohort)
        self._ratio = l1_ratio
        blocks, p = self.system.blocks, self.system.blocks.frequencies
        n_rows, n_markers = blocks.shape
        self._spreads = np.zeros(n_markers)
        self._spreads[: len(p)] = np.sqrt(2 * p * (1 - p))
        self._totals = np.array([float(np.sum(pattern.root_weights**2)) for pattern in self.system.patterns])
        self._values = np.zeros((n_rows, self.system.weights.shape[1]))
        self.effects = np.zeros((n_markers, self.system.n_traits))
        """u over the traits' units, with the markers that fill up the last block, shape (markers, traits)."""
        self.means = np.zeros(self.system.n_traits)
        """Average fixed part of each trait's records over its unit, shape (traits,)."""

    @property
    def highest(self) -> FloatArray:
        """The penalty of each trait above which all effects are 0, 0 where records don't vary, shape (traits,)."""
        system, blocks = self.system, self.system.blocks
        left = self._left(np.zeros_like(self._values))
        sums, out = np.empty((WIDTH, left.shape[1])), np.zeros(system.n_traits)
        for block, squares in enumerate(blocks.squares):
            sums_over_animals(squares, left, blocks.missing[block], blocks.any_missing, sums)
            spreads = self._spreads[block * WIDTH : (block + 1) * WIDTH, None]
            scores = np.abs(sums[:, : system.n_traits]) / np.where(spreads > 0, spreads, np.inf)
            out = np.maximum(out, scores.max(axis=0))
        return np.where(system.varies, out / (self._totals * self._ratio), 0.0)

    def follow(self, penalties: FloatArray) -> Iterator[FloatArray]:
        """Yield marker effects in the units of the records (markers, traits) at each of some falling penalties.

        Parameters
        ----------
        penalties
            l of each trait, shape (steps, traits).
        """
        n_markers = self.system.blocks.n_markers
        units = np.where(self.system.varies, self.system.units, 1.0)
        for penalty in penalties:
            self._solve(penalty)
            yield self.effects[:n_markers] * units

    def _solve(self, penalty: FloatArray) -> None:
        """Solve at a penalty of each trait: full sweeps around others that visit only what isn't 0."""
        everything = np.ones(len(self.system.blocks.squares), dtype=bool)
        for sweep in range(_MOST_SWEEPS):
            full = sweep % 3 == 0
            active = np.asarray(np.any(self.effects.reshape(len(everything), -1), axis=1))
            moved = self._swept(penalty, everything if full else active)
            if moved <= _SETTLED and full:
                return

    def _swept(self, penalty: FloatArray, visited: BoolArray) -> float:
        """Sweep once, and return the largest change."""
        system, blocks = self.system, self.system.blocks
        largest = np.zeros(system.n_traits)
        _sweep(
            blocks.squares,
            blocks.by_code,
            blocks.missing,
            blocks.any_missing,
            system.products,
            system.diagonals,
            system.product_of,
            system.weights,
            visited,
            self._totals * penalty * self._ratio,
            self._totals * penalty * (1 - self._ratio),
            self._spreads,
            self._left(self._values),
            self._values,
            self.effects,
            largest,
        )
        return float(largest.max())

    def _left(self, fitted: FloatArray) -> Float32Array:
        """Return weighted residuals of the best fixed effects beside fitted values, padded; and keep their means."""
        system = self.system
        adjusted, self.means = system.without_fixed_effects(fitted)
        return system.padded(
            np.column_stack([system.weighted_residuals(trait, y, fitted) for trait, y in enumerate(adjusted)])
        )
