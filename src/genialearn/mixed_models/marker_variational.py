"""Posterior means of marker effects under mixtures of normal distributions, without drawing: mean-field variation.

The model is that of `marker_sampler`. The posterior is approached by the closest distribution in which effects are
independent of one another: each is 0 or normal, with a probability for each component. Visiting markers one after the
other, as a chain does, makes it closer every time (Carbonetto and Stephens 2012, Bayesian Anal 7:73, for one component
that isn't 0; Moser et al. 2015, PLoS Genet 11:e1004969, for the mixture). Some tens of sweeps take the place of
thousands; what is lost are posterior variances, which are too small where markers are correlated.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.marker_sampler import FREEDOM, PRIOR_SHARE, Prior, component_weights
from genialearn.mixed_models.marker_system import MarkerSystem

_ROW = 3
"""Sums over markers beside those of components: sizes over their multiples, and variances times z'D z and times z'z."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def _expected(  # noqa: PLR0917 - numba knows no keywords
    score: float,
    precision: float,
    variances: FloatArray,
    multiples: FloatArray,
    shares: FloatArray,
    weights: FloatArray,
) -> tuple[float, float, float]:
    """Return mean and mean square of an effect, and its mean square over the multiples; fill probabilities.

    Parameters
    ----------
    score, precision, variances, shares
        As in `component_weights`.
    multiples
        Of the components, the first 0.
    weights
        Probabilities of the components; written.
    """
    total = component_weights(score, precision, variances, shares, weights)
    mean, square, size = 0.0, 0.0, 0.0
    weights[0] /= total
    for c in range(1, len(variances)):
        weights[c] /= total
        own = variances[c] / (1 + precision * variances[c])
        centre = own * score
        mean += weights[c] * centre
        square += weights[c] * (own + centre * centre)
        size += weights[c] * (own + centre * centre) / multiples[c]
    return mean, square, size


@njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _update_block(  # noqa: PLR0917 - numba knows no keywords
    block: int,
    sums: FloatArray,
    products: Float32Array,
    diagonals: FloatArray,
    product_of: IntArray,
    multiples: FloatArray,
    scales: FloatArray,
    shares: FloatArray,
    residual: FloatArray,
    spreads: FloatArray,
    effects: FloatArray,
    inside: Float32Array,
    totals: FloatArray,
    changes: Float32Array,
) -> None:
    """Visit a block of markers; `effects`, `inside`, `totals` and `changes` are changed in place.

    Parameters
    ----------
    block, sums, changes
        As in `marker_system.Visit`.
    products, diagonals, product_of, multiples, scales, shares, residual
        As in `marker_sampler`.
    spreads
        2p(1 - p), shape (markers,).
    effects, inside
        Means of u, and the probability that it isn't 0, shape (markers, traits).
    totals
        Sums of the components' probabilities, and the three of `_ROW`, shape (traits, components + 3).
    """
    width, n_components = sums.shape[0], len(multiples)
    for trait in prange(len(scales)):
        square, diagonal = products[product_of[trait], block], diagonals[product_of[trait]]
        right = sums[:, trait].copy()
        noise, variances = residual[trait], multiples * scales[trait]
        room = np.empty(n_components)
        for place in range(width):
            marker = block * width + place
            own = diagonal[marker]
            changes[place, trait] = 0.0
            if own <= 0 or scales[trait] <= 0:
                continue
            before = effects[marker, trait]
            after, mean_square, size = _expected(
                (right[place] + own * before) / noise, own / noise, variances, multiples, shares[trait], room
            )
            for c in range(n_components):
                totals[trait, c] += room[c]
            totals[trait, n_components] += size
            totals[trait, n_components + 1] += own * (mean_square - after * after)
            totals[trait, n_components + 2] += spreads[marker] * (mean_square - after * after)
            inside[marker, trait] = 1 - room[0]
            change = after - before
            effects[marker, trait] = after
            changes[place, trait] = change
            for other in range(place + 1, width):
                right[other] -= square[place, other] * change


class VariationalMarkers:
    """The closest distribution of independent effects, all in standard deviations of the traits' records.

    Parameters
    ----------
    cohort
        The training animals, canonical.
    prior
        Of effects.

    Attributes
    ----------
    system
        Records and genotypes.
    effects, inside
        Means of effects, and the probability that they aren't 0, shape (markers, traits).
    genetic, residual
        Mean variance of the training animals' Z u, and that of a residual of mean weight, shape (traits,).
    shares
        Of the components, shape (traits, components).
    means
        Average fixed part of the records, shape (traits,).
    """

    def __init__(self, cohort: Cohort, prior: Prior) -> None:
        self.system = MarkerSystem(cohort)
        system, blocks = self.system, self.system.blocks
        n_rows, n_markers = blocks.shape
        self._multiples, p = np.array(prior.multiples), blocks.frequencies
        self._spreads = np.zeros(n_markers)
        self._spreads[: len(p)] = 2 * p * (1 - p)
        self._values = np.zeros((n_rows, system.weights.shape[1]))
        self._effects = np.zeros((n_markers, system.n_traits))
        self._inside = np.zeros((n_markers, system.n_traits), dtype=np.float32)
        self.shares = np.tile(prior.many, (system.n_traits, 1))
        usual = PRIOR_SHARE / max(system.spread * float(np.dot(prior.multiples, prior.many)), 1e-12)
        self._usual = PRIOR_SHARE / max(system.spread * float(np.dot(prior.multiples, prior.few)), 1e-12)
        self._scales = np.where(system.varies, usual, 0.0)
        self.residual = np.full(system.n_traits, 1 - PRIOR_SHARE)
        self.genetic = np.zeros(system.n_traits)
        self.means = np.zeros(system.n_traits)

    @property
    def effects(self) -> FloatArray:
        """Means of effects, shape (markers, traits)."""
        return self._effects[: self.system.blocks.n_markers]

    @property
    def inside(self) -> Float32Array:
        """Probability that an effect isn't 0, shape (markers, traits)."""
        return self._inside[: self.system.blocks.n_markers]

    def step(self) -> FloatArray:
        """Visit every marker once, and return by how much that moved Z u, relative to its size, shape (traits,)."""
        system = self.system
        adjusted, self.means = system.without_fixed_effects(self._values)
        left = np.column_stack([system.weighted_residuals(t, y, self._values) for t, y in enumerate(adjusted)])
        before, n_components = self._values.copy(), len(self._multiples)
        totals = np.zeros((system.n_traits, n_components + _ROW))

        def visit(block: int, sums: FloatArray, changes: Float32Array) -> None:
            _update_block(
                block,
                sums,
                system.products,
                system.diagonals,
                system.product_of,
                self._multiples,
                self._scales,
                self.shares,
                self.residual,
                self._spreads,
                self._effects,
                self._inside,
                totals,
                changes,
            )

        system.sweep(visit, system.padded(left), self._values)
        for trait in np.flatnonzero(system.varies).tolist():
            self._update(trait, adjusted[trait], totals[trait])
        moved, size = (np.linalg.norm(v[:, : system.n_traits], axis=0) for v in (self._values - before, self._values))
        return np.asarray(np.divide(moved, size, out=np.zeros_like(moved), where=size > 0))

    def _update(self, trait: int, adjusted: FloatArray, totals: FloatArray) -> None:
        """Set variances and shares to what is most probable beside the effects."""
        pattern, n_components = self.system.patterns[trait], len(self._multiples)
        in_components, (size, noise, spread) = totals[:n_components], totals[n_components:]
        e = pattern.root_weights * (adjusted - self._values[pattern.animals, trait])
        prior = FREEDOM * (1 - PRIOR_SHARE) * (FREEDOM - 2) / FREEDOM
        self.residual[trait] = (float(e @ e) + noise + prior) / (pattern.n_contrasts + FREEDOM)
        prior = FREEDOM * self._usual * (FREEDOM - 2) / FREEDOM
        self._scales[trait] = (size + prior) / (in_components[1:].sum() + FREEDOM)
        self.shares[trait] = (in_components + 1) / (in_components.sum() + n_components)
        values = self._values[: self.system.n_animals, trait]
        self.genetic[trait] = float(values.var()) + spread
