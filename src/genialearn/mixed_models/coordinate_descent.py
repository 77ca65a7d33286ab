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

from genialearn._arrays import BoolArray, Float32Array, FloatArray, IntArray
from genialearn.genotypes.marker_blocks import sums_over_animals
from genialearn.mixed_models.marker_system import MarkerSystem

_SETTLED = 1e-3
"""Sweeps end when no effect moves by more than this, in standard deviations of a trait for one of the marker."""

_MOST_SWEEPS = 12
"""At each penalty; the next one begins with a full sweep again."""


@njit(parallel=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _descend_block(  # noqa: PLR0917 - numba knows no keywords
    block: int,
    sums: FloatArray,
    products: Float32Array,
    diagonals: FloatArray,
    product_of: IntArray,
    first: FloatArray,
    second: FloatArray,
    spreads: FloatArray,
    effects: FloatArray,
    largest: FloatArray,
    changes: Float32Array,
) -> None:
    """Visit a block of markers; `effects`, `largest` and `changes` are changed in place.

    Parameters
    ----------
    block, sums, changes
        As in `marker_system.Visit`.
    products, diagonals, product_of
        As in `MarkerSystem`.
    first, second
        W l a and W l (1 - a) of each trait, shape (traits,).
    spreads
        s, shape (markers,).
    effects
        u, shape (markers, traits), column-major.
    largest
        The largest change of an effect times s, shape (traits,).
    """
    width = sums.shape[0]
    for trait in prange(len(first)):
        changes[:, trait] = 0.0
        if first[trait] + second[trait] <= 0:
            continue
        start = block * width
        square = products[product_of[trait], block]
        own, spread = diagonals[product_of[trait], start : start + width], spreads[start : start + width]
        right = sums[:, trait].copy()
        for place in range(width):
            if own[place] <= 0 or spread[place] <= 0:
                continue
            before, after = effects[start + place, trait], 0.0
            score = right[place] + own[place] * before
            over = abs(score) - first[trait] * spread[place]
            if over > 0:
                after = np.sign(score) * over / (own[place] + second[trait] * spread[place] * spread[place])
            change = after - before
            if change != 0:
                effects[start + place, trait] = after
                changes[place, trait] = change
                largest[trait] = max(largest[trait], abs(change) * spread[place])
                for other in range(place + 1, width):
                    right[other] -= square[place, other] * change


class ElasticNetPath:
    """Solutions of all traits, one penalty after the other.

    Parameters
    ----------
    system
        Of the training animals; it isn't changed.
    l1_ratio
        a, above 0.

    Attributes
    ----------
    effects
        u over the traits' units, with the markers that fill up the last block, shape (markers, traits).
    means
        Average fixed part of each trait's records over its unit, shape (traits,).
    followed
        Traits whose solutions are wanted at further penalties; others keep the last one, shape (traits,).
    """

    def __init__(self, system: MarkerSystem, l1_ratio: float) -> None:
        self.system = system
        self._ratio = l1_ratio
        blocks, p = self.system.blocks, self.system.blocks.frequencies
        n_rows, n_markers = blocks.shape
        self._spreads = np.zeros(n_markers)
        self._spreads[: len(p)] = np.sqrt(2 * p * (1 - p))
        self._totals = np.array([float(np.sum(pattern.root_weights**2)) for pattern in self.system.patterns])
        self._values = np.zeros((n_rows, self.system.weights.shape[1]))
        self.effects = np.zeros((n_markers, self.system.n_traits), order="F")
        self.means = np.zeros(self.system.n_traits)
        self.followed: BoolArray = np.ones(self.system.n_traits, dtype=bool)

    @property
    def highest(self) -> FloatArray:
        """The penalty of each trait above which all effects are 0, 0 where records don't vary, shape (traits,)."""
        system, blocks = self.system, self.system.blocks
        left = self._left(np.zeros_like(self._values))
        sums, out = np.empty((blocks.width, left.shape[1])), np.zeros(system.n_traits)
        for block, squares in enumerate(blocks.squares):
            sums_over_animals(squares, left, blocks.missing[block], blocks.any_missing, sums)
            spreads = self._spreads[block * blocks.width : (block + 1) * blocks.width, None]
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
        """Solve at a penalty of each trait: full sweeps around others that visit only what isn't 0.

        A trait whose effects a full sweep didn't move is left as it is, however long others take.
        """
        n_blocks = len(self.system.blocks.squares)
        moving = self.followed.copy()
        for sweep in range(_MOST_SWEEPS):
            full = sweep % 3 == 0
            active = np.flatnonzero(np.any(self.effects[:, moving].reshape(n_blocks, -1), axis=1))
            moved = self._swept(np.where(moving, penalty, 0.0), None if full else active.tolist())
            if full:
                moving &= moved > _SETTLED
            if not moving.any():
                return

    def _swept(self, penalty: FloatArray, blocks: list[int] | None) -> FloatArray:
        """Sweep over some blocks, or all, and return each trait's largest change; one without a penalty is left."""
        system, largest = self.system, np.zeros(self.system.n_traits)
        first, second = (self._totals * penalty * share for share in (self._ratio, 1 - self._ratio))

        def visit(block: int, sums: FloatArray, changes: Float32Array) -> None:
            _descend_block(
                block,
                sums,
                system.products,
                system.diagonals,
                system.product_of,
                first,
                second,
                self._spreads,
                self.effects,
                largest,
                changes,
            )

        system.sweep(visit, self._left(self._values), self._values, blocks)
        return largest

    def _left(self, fitted: FloatArray) -> Float32Array:
        """Return weighted residuals of the best fixed effects beside fitted values, padded; and keep their means."""
        system = self.system
        adjusted, self.means = system.without_fixed_effects(fitted)
        return system.weighted_residuals(adjusted, fitted)
