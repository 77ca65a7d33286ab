"""Means of marker effects that are of two normal distributions, without drawing: mean-field variation.

An effect is of a wide normal distribution with some probability, else of a narrow one; all variances are given. The
posterior is approached by the closest distribution in which effects are independent of one another. Visiting markers
one after the other, as a chain does, makes it closer every time (Carbonetto and Stephens 2012, Bayesian Anal 7:73; with
two normal distributions Loh et al. 2015, Nat Genet 47:284). Some tens of sweeps take the place of thousands; posterior
variances would be too small where markers are correlated, and so would be variances estimated on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.marker_system import MarkerSystem


@dataclass(frozen=True, eq=False)
class TwoNormals:
    """What is believed of the effects of each trait, in standard deviations of its records; all of shape (traits,).

    Parameters
    ----------
    narrow, wide
        Variances of effects; a wide one of 0 for traits that don't vary, whose effects are left as they are.
    share
        Probability of the wide ones.
    residual
        Variance of a residual of mean weight.
    """

    narrow: FloatArray
    wide: FloatArray
    share: FloatArray
    residual: FloatArray

    @classmethod
    def of(
        cls, system: MarkerSystem, genetic: FloatArray, residual: FloatArray, narrow_part: FloatArray, share: FloatArray
    ) -> Self:
        """Return the prior under which markers explain as much as relationships do.

        Parameters
        ----------
        system
            The records.
        genetic, residual
            Variances of GBLUP, of a record of weight 1, in the units of the records, shape (traits,).
        narrow_part
            What effects of the narrow distribution make of the genetic variance, shape (traits,).
        share
            Probability of the wide distribution, shape (traits,).
        """
        unit = np.where(system.varies, system.units, np.inf) ** 2
        each = genetic / unit / max(system.spread, 1e-12)
        noise = np.where(system.varies, residual / (system.units**2 + ~system.varies) / system.mean_weights, 1.0)
        return cls(narrow_part * each / (1 - share), (1 - narrow_part) * each / share, share, noise)


@njit(parallel=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _update_block(  # noqa: PLR0917 - numba knows no keywords
    block: int,
    sums: FloatArray,
    products: Float32Array,
    diagonals: FloatArray,
    product_of: IntArray,
    narrow: FloatArray,
    wide: FloatArray,
    share: FloatArray,
    residual: FloatArray,
    effects: FloatArray,
    wideness: Float32Array,
    changes: Float32Array,
) -> None:
    """Visit a block of markers; `effects`, `wideness` and `changes` are written.

    Parameters
    ----------
    block, sums, changes
        As in `marker_system.Visit`.
    products, diagonals, product_of
        As in `MarkerSystem`.
    narrow, wide, share, residual
        As in `TwoNormals`.
    effects, wideness
        Means of u, and the probability that it is of the wide distribution, shape (markers, traits), column-major.
    """
    width = sums.shape[0]
    for trait in prange(len(wide)):
        changes[:, trait] = 0.0
        if wide[trait] <= 0:
            continue
        first = block * width
        square = products[product_of[trait], block]
        own = diagonals[product_of[trait], first : first + width]
        right, precision = sums[:, trait].copy(), 1 / residual[trait]
        least, more, against = np.empty(width), np.empty(width), np.empty(width)
        for place in range(width):
            narrower = 1 / (1 + own[place] * precision * narrow[trait])
            wider = 1 / (1 + own[place] * precision * wide[trait])
            least[place] = narrow[trait] * narrower
            more[place] = wide[trait] * wider - least[place]
            against[place] = (1 - share[trait]) / share[trait] * np.sqrt(narrower / wider)
        for place in range(width):
            if own[place] <= 0:
                continue
            before = effects[first + place, trait]
            score = (right[place] + own[place] * before) * precision
            probability = 1 / (1 + against[place] * np.exp(-0.5 * score * score * more[place]))
            after = score * (least[place] + probability * more[place])
            wideness[first + place, trait] = probability
            change = after - before
            effects[first + place, trait] = after
            changes[place, trait] = change
            for other in range(place + 1, width):
                right[other] -= square[place, other] * change


class MarkerMixtures:
    """Means of effects, all in standard deviations of the traits' records.

    Parameters
    ----------
    cohort
        The training animals, canonical.

    Attributes
    ----------
    system
        Records and genotypes.
    effects, wideness
        Means of effects, and the probability that they are of the wide distribution, shape (markers, traits).
    means
        Average fixed part of the records, shape (traits,).
    """

    def __init__(self, cohort: Cohort) -> None:
        self.system = MarkerSystem(cohort)
        n_rows, n_markers = self.system.blocks.shape
        self._values = np.zeros((n_rows, self.system.weights.shape[1]))
        self._effects = np.zeros((n_markers, self.system.n_traits), order="F")
        self._wideness = np.zeros((n_markers, self.system.n_traits), dtype=np.float32, order="F")
        self.means = np.zeros(self.system.n_traits)

    @property
    def effects(self) -> FloatArray:
        """Means of effects, shape (markers, traits)."""
        return self._effects[: self.system.blocks.n_markers]

    @property
    def wideness(self) -> Float32Array:
        """Probability that an effect is of the wide distribution, shape (markers, traits)."""
        return self._wideness[: self.system.blocks.n_markers]

    def settle(self, prior: TwoNormals, *, tolerance: float, most_sweeps: int) -> FloatArray:
        """Sweep until each trait's Z u moves by no more than a share of its size; begin where the last prior led.

        A trait that has settled is left as it is, so that none depends on how long others take.

        Returns
        -------
        array, shape (traits,)
            By how much the last sweep over a trait's effects moved it.
        """
        moved = np.full(self.system.n_traits, np.inf)
        for _ in range(most_sweeps):
            moving = moved > tolerance
            moved[moving] = self.step(replace(prior, wide=np.where(moving, prior.wide, 0.0)))[moving]
            if moved.max() <= tolerance:
                break
        return moved

    def step(self, prior: TwoNormals) -> FloatArray:
        """Visit every marker once, and return by how much that moved Z u, relative to its size, shape (traits,)."""
        system, before = self.system, self._values.copy()
        adjusted, self.means = system.without_fixed_effects(self._values)
        left = system.weighted_residuals(adjusted, self._values)

        def visit(block: int, sums: FloatArray, changes: Float32Array) -> None:
            _update_block(
                block,
                sums,
                system.products,
                system.diagonals,
                system.product_of,
                prior.narrow,
                prior.wide,
                prior.share,
                prior.residual,
                self._effects,
                self._wideness,
                changes,
            )

        system.sweep(visit, left, self._values)
        moved, size = (np.linalg.norm(v[:, : system.n_traits], axis=0) for v in (self._values - before, self._values))
        return np.asarray(np.divide(moved, size, out=np.zeros_like(moved), where=size > 0))
