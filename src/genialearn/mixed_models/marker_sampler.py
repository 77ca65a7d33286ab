"""Marker effects of all traits from one Gibbs sampler, under mixtures of normal distributions (BayesR, BayesC-pi).

y_t = X_t b_t + Z u_t + e_t for each trait t by itself; an effect u is 0 or normal with one of a few variances, which
are fixed multiples of one that is sampled. Traits have nothing in common but the genotypes, of which a sweep reads each
block of markers twice for all traits together (`marker_blocks`). Given a block's right-hand sides Z_b'W e, effects
within it are drawn one after the other, with products of its columns: the same chain as marker by marker.

Floor of a sweep of n animals, p markers and up to 16 traits: n p vector additions, one for every two genotypes in each
direction, and p draws a trait.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.marker_system import MarkerSystem
from genialearn.mixed_models.records import Pattern

FREEDOM = 4.0
"""Degrees of freedom of the priors of variances: as good as nothing beside the records."""

_SHARED_BY_CALLERS = ("omp", "tbb")
"""Layers of threads below numba that several threads may call at once."""

PRIOR_SHARE = 0.5
"""Of a trait's variance that markers explain in the prior's mean, as is usual (BGLR: Perez and de los Campos 2014)."""


_FARTHEST = 600.0
"""Logarithms of odds beyond this are brought down to it, before they are too large for a number."""


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _component(  # noqa: PLR0917 - numba knows no keywords
    place: int, half_square: float, spreads: FloatArray, weights: FloatArray, uniform: float, odds: FloatArray
) -> int:
    """Return of which component an effect is: c has odds of `weights[c] exp(half_square spreads[c])`.

    Parameters
    ----------
    place
        Of the marker in its block.
    half_square
        Half of (z'W e / s2e)^2, of the residuals e without this effect.
    spreads, weights
        Variance of the effect, given its component and the records, and share of the component over how much narrower
        that is than the prior, shape (components, markers); the first spread is 0, and they ascend.
    uniform
        A random number.
    odds
        Room for as many numbers as there are components.
    """
    shift = max(0.0, half_square * spreads[-1, place] - _FARTHEST)
    total = 0.0
    for c in range(len(odds)):
        odds[c] = weights[c, place] * np.exp(half_square * spreads[c, place] - shift)
        total += odds[c]
    left, chosen = uniform * total, 0
    while chosen < len(odds) - 1 and left >= odds[chosen]:
        left -= odds[chosen]
        chosen += 1
    return chosen


@njit(parallel=True, nogil=True, cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _draw_block(  # noqa: PLR0917 - numba knows no keywords
    block: int,
    sums: FloatArray,
    products: Float32Array,
    diagonals: FloatArray,
    product_of: IntArray,
    multiples: FloatArray,
    scales: FloatArray,
    shares: FloatArray,
    residual: FloatArray,
    normals: FloatArray,
    uniforms: FloatArray,
    effects: FloatArray,
    counts: IntArray,
    squares: FloatArray,
    changes: Float32Array,
) -> None:
    """Draw the effects of a block of markers; `effects` and `changes` are written, `counts` and `squares` added to.

    Most effects are 0, which a bound tells before any exponential is known: no component gains more than the widest and
    exp(x) <= (2 + x) / (2 - x) for x below 2.

    Parameters
    ----------
    block, sums, changes
        As in `marker_system.Visit`.
    products, diagonals, product_of
        As in `MarkerSystem`.
    multiples
        Variances of the components over the trait's own scale, shape (components,).
    scales, shares, residual
        Of each trait; shares by component.
    normals, uniforms
        Random numbers, shape (markers, traits), column-major.
    effects
        u, shape (markers, traits), column-major.
    counts, squares
        How many effects are of each component, shape (traits, components), and the sum of their squares, each over its
        component's multiple, shape (traits,).
    """
    width, n_components = sums.shape[0], len(multiples)
    for trait in prange(len(scales)):
        changes[:, trait] = 0.0
        if scales[trait] <= 0:
            continue
        first = block * width
        square = products[product_of[trait], block]
        own = diagonals[product_of[trait], first : first + width]
        right, precision = sums[:, trait].copy(), 1 / residual[trait]
        spreads, weights = np.zeros((n_components, width)), np.empty((n_components, width))
        others, odds = np.zeros(width), np.empty(n_components)
        weights[0] = shares[trait, 0]
        for c in range(1, n_components):
            variance, share = multiples[c] * scales[trait], shares[trait, c]
            for place in range(width):
                narrower = 1 / (1 + own[place] * precision * variance)
                spreads[c, place] = variance * narrower
                weights[c, place] = share * np.sqrt(narrower)
                others[place] += weights[c, place]
        for place in range(width):
            if own[place] <= 0:
                continue
            before, after = effects[first + place, trait], 0.0
            score = (right[place] + own[place] * before) * precision
            half_square, uniform = 0.5 * score * score, uniforms[first + place, trait]
            most = half_square * spreads[-1, place]
            nothing, chosen = weights[0, place] * (2 - most), 0
            if uniform * (nothing + others[place] * (2 + most)) >= nothing:
                chosen = _component(place, half_square, spreads, weights, uniform, odds)
            counts[trait, chosen] += 1
            if chosen > 0:
                spread = spreads[chosen, place]
                after = score * spread + normals[first + place, trait] * np.sqrt(spread)
                squares[trait] += after * after / multiples[chosen]
            change = after - before
            if change != 0:
                effects[first + place, trait] = after
                changes[place, trait] = change
                for other in range(place + 1, width):
                    right[other] -= square[place, other] * change


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed of effects.

    Parameters
    ----------
    multiples
        Variances of the components over one that is sampled, the first 0, shape (components,).
    few, many
        Shares of the markers that are of each component, where a chain begins; they are sampled, under Dirichlet(1, 1,
        ...). A chain that begins with few effects stays there long where many small ones are the truth, and the other
        way round: chains that begin at either end tell whether they have met.
    """

    multiples: tuple[float, ...]
    few: tuple[float, ...]
    many: tuple[float, ...]


BAYES_R = Prior((0.0, 0.01, 0.1, 1.0), (0.95, 0.03, 0.015, 0.005), (0.5, 0.3, 0.15, 0.05))
"""Erbe et al. 2012, J Dairy Sci 95:4114; Moser et al. 2015, PLoS Genet 11:e1004969."""

BAYES_C = Prior((0.0, 1.0), (0.95, 0.05), (0.5, 0.5))
"""Habier et al. 2011, BMC Bioinformatics 12:186, with the share of effects that are 0 sampled (BayesC-pi)."""


@dataclass(frozen=True, eq=False)
class Chain:
    """What was kept of a chain, all in standard deviations of the traits' records.

    Parameters
    ----------
    genetic, residual
        Variance of the training animals' Z u, and that of a residual of mean weight, shape (sweeps, traits).
    n_effects
        Effects that aren't 0, shape (sweeps, traits).
    mean_effects
        Mean of u, shape (markers, traits).
    inclusion
        Share of the sweeps in which u isn't 0, shape (markers, traits).
    draws
        Some u, float32, shape (draws, markers, traits).
    means
        Mean over sweeps of the average fixed part of the records, shape (traits,).
    """

    genetic: FloatArray
    residual: FloatArray
    n_effects: FloatArray
    mean_effects: FloatArray
    inclusion: FloatArray
    draws: Float32Array
    means: FloatArray


class MarkerSampler(MarkerSystem):
    """The records of a cohort, ready for chains.

    Parameters
    ----------
    cohort
        The training animals, canonical.
    prior
        Of effects.
    """

    def __init__(self, cohort: Cohort, prior: Prior) -> None:
        super().__init__(cohort)
        self.prior = prior

    def run_all(self, sweeps: int, burn_in: int, n_draws: int, rngs: Sequence[np.random.Generator]) -> list[Chain]:
        """Return a chain for each source of randomness, beginning with many effects and with few in turn.

        Chains run beside one another and share the threads, as threads of one chain wait for each other twice a block;
        how many there are doesn't change them.
        """
        threads = numba.get_num_threads()
        together = min(len(rngs), threads) if numba.threading_layer() in _SHARED_BY_CALLERS else 1

        def run(number: int) -> Chain:
            return self.run(sweeps, burn_in, n_draws, begin_with_many=number % 2 == 0, rng=rngs[number])

        if together == 1:
            return [run(number) for number in range(len(rngs))]
        with ThreadPoolExecutor(together, initializer=numba.set_num_threads, initargs=(threads // together,)) as pool:
            return list(pool.map(run, range(len(rngs))))

    def run(self, sweeps: int, burn_in: int, n_draws: int, *, begin_with_many: bool, rng: np.random.Generator) -> Chain:
        """Return one chain.

        Parameters
        ----------
        sweeps, burn_in
            All sweeps, and how many of them aren't kept.
        n_draws
            How many of the kept ones have their effects stored, evenly spread.
        begin_with_many
            Where the chain begins: with many effects that aren't 0, or with few.
        rng
            Draws everything.
        """
        state = _State(self, self.prior.many if begin_with_many else self.prior.few, rng)
        kept = sweeps - burn_in
        stored = set(np.linspace(burn_in, sweeps - 1, min(n_draws, kept)).astype(int).tolist())
        n_markers = self.blocks.n_markers
        genetic, residual, n_effects = (np.empty((kept, self.n_traits)) for _ in range(3))
        total, included = np.zeros_like(state.effects), np.zeros_like(state.effects)
        draws, means = [], np.zeros(self.n_traits)
        for sweep in range(sweeps):
            fixed = state.step()
            if sweep < burn_in:
                continue
            genetic[sweep - burn_in] = state.values[: self.n_animals, : self.n_traits].var(axis=0)
            residual[sweep - burn_in] = state.residual
            n_effects[sweep - burn_in] = state.counts[:, 1:].sum(axis=1)
            total += state.effects
            included += state.effects != 0
            means += fixed
            if sweep in stored:
                draws.append(state.effects[:n_markers].astype(np.float32))
        return Chain(
            genetic,
            residual,
            n_effects,
            total[:n_markers] / kept,
            included[:n_markers] / kept,
            np.stack(draws),
            means / kept,
        )


class _State:
    """Where a chain stands.

    Markers that don't vary among a trait's animals aren't drawn: as nobody can tell their effects, they say nothing of
    how many effects are 0.
    """

    def __init__(self, sampler: MarkerSampler, shares: tuple[float, ...], rng: np.random.Generator) -> None:
        self._sampler, self._rng = sampler, rng
        prior, n_traits = sampler.prior, sampler.n_traits
        n_rows, n_markers = sampler.blocks.shape
        self.values = np.zeros((n_rows, sampler.weights.shape[1]))
        self.effects = np.zeros((n_markers, n_traits), order="F")
        self._normals, self._uniforms = np.empty((n_traits, n_markers)), np.empty((n_traits, n_markers))
        self._multiples = np.array(prior.multiples)
        self.counts = np.zeros((n_traits, len(prior.multiples)), dtype=np.int64)
        self._squares = np.zeros(n_traits)
        self._shares = np.tile(shares, (n_traits, 1))
        usual = PRIOR_SHARE / max(sampler.spread * float(np.dot(prior.multiples, prior.few)), 1e-12)
        self._scales = np.where(sampler.varies, usual, 0.0)
        self.residual: FloatArray = np.full(n_traits, 1 - PRIOR_SHARE)
        self._prior_scale = usual * (FREEDOM - 2) / FREEDOM
        self._prior_residual = (1 - PRIOR_SHARE) * (FREEDOM - 2) / FREEDOM

    def step(self) -> FloatArray:
        """Draw everything once, and return the average fixed part of each trait's records, shape (traits,)."""
        sampler, rng = self._sampler, self._rng
        adjusted, means = self._without_fixed_effects()
        left = sampler.weighted_residuals(adjusted, self.values)
        rng.standard_normal(out=self._normals)
        rng.random(out=self._uniforms)
        self.sweep(left, self._normals.T, self._uniforms.T)
        for trait, pattern in sampler.enumerated():
            if sampler.units[trait] > 0:
                self._draw_variances(trait, pattern, adjusted[trait])
        return means

    def sweep(self, left: Float32Array, normals: FloatArray, uniforms: FloatArray) -> None:
        """Draw all effects once, given padded sums of weighted residuals and random numbers (markers, traits)."""
        system = self._sampler
        normals, uniforms = np.asfortranarray(normals), np.asfortranarray(uniforms)
        self.counts[:], self._squares[:] = 0, 0.0

        def visit(block: int, sums: FloatArray, changes: Float32Array) -> None:
            _draw_block(
                block,
                sums,
                system.products,
                system.diagonals,
                system.product_of,
                self._multiples,
                self._scales,
                self._shares,
                self.residual,
                normals,
                uniforms,
                self.effects,
                self.counts,
                self._squares,
                changes,
            )

        system.sweep(visit, left, self.values)

    def _without_fixed_effects(self) -> tuple[list[FloatArray], FloatArray]:
        """Draw fixed effects; return records without them, and their average part.

        Least squares on residuals plus noise of their own size have the mean and the covariance of the posterior.
        """
        adjusted, means = [], []
        for trait, pattern in self._sampler.enumerated():
            y = self._sampler.values[trait]
            noise = np.sqrt(self.residual[trait]) * self._rng.standard_normal(len(y))
            left = pattern.root_weights * (y - self.values[pattern.animals, trait])
            b = pattern.projection.coefficients((left + noise * self._sampler.varies[trait])[:, None])[:, 0]
            part = np.asarray(pattern.effects.matrix @ b)
            adjusted.append(y - part)
            means.append(np.average(part, weights=pattern.root_weights**2))
        return adjusted, np.array(means)

    def _draw_variances(self, trait: int, pattern: Pattern, adjusted: FloatArray) -> None:
        """Draw the residual variance, the scale of effects, and the shares of the components."""
        rng = self._rng
        e = pattern.root_weights * (adjusted - self.values[pattern.animals, trait])
        squares = float(e @ e) + FREEDOM * self._prior_residual
        self.residual[trait] = squares / rng.chisquare(len(e) + FREEDOM)
        counts = self.counts[trait]
        squares = float(self._squares[trait]) + FREEDOM * self._prior_scale
        self._scales[trait] = squares / rng.chisquare(int(counts[1:].sum()) + FREEDOM)
        self._shares[trait] = rng.dirichlet(counts + 1.0)
