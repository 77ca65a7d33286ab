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

from genialearn._arrays import ByteArray, Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.mixed_models.marker_system import MarkerSystem
from genialearn.mixed_models.records import Pattern

FREEDOM = 4.0
"""Degrees of freedom of the priors of variances: as good as nothing beside the records."""

_SHARED_BY_CALLERS = ("omp", "tbb")
"""Layers of threads below numba that several threads may call at once."""

PRIOR_SHARE = 0.5
"""Of a trait's variance that markers explain in the prior's mean, as is usual (BGLR: Perez and de los Campos 2014)."""


@njit(cache=True)  # type: ignore[untyped-decorator]
def component_weights(
    score: float, precision: float, variances: FloatArray, shares: FloatArray, weights: FloatArray
) -> float:
    """Write how probable each component of an effect is, up to a factor, and return their sum.

    Parameters
    ----------
    score, precision
        z'W e / s2e and z'W z / s2e, of the residuals e without this effect.
    variances, shares
        Of the components, the first variance 0.
    weights
        Shape (components,).
    """
    highest = 0.0
    for c in range(1, len(variances)):
        weights[c] = 0.5 * score * score * variances[c] / (1 + precision * variances[c])
        highest = max(highest, weights[c])
    total: float = shares[0] * np.exp(-highest)
    weights[0] = total
    for c in range(1, len(variances)):
        weights[c] = shares[c] * np.exp(weights[c] - highest) / np.sqrt(1 + precision * variances[c])
        total += weights[c]
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _drawn(  # noqa: PLR0917 - numba knows no keywords
    score: float,
    precision: float,
    variances: FloatArray,
    shares: FloatArray,
    normal: float,
    uniform: float,
    weights: FloatArray,
) -> tuple[int, float]:
    """Return the component and the value of one effect.

    Most effects are 0, which a bound tells before the weights are known: no component gains more than the widest.

    Parameters
    ----------
    score, precision, variances, shares
        As in `component_weights`; variances ascend.
    normal, uniform
        Random numbers.
    weights
        Room for as many numbers as there are components.
    """
    widest = variances[-1]
    gain = np.exp(0.5 * score * score * widest / (1 + precision * widest))
    if uniform * (shares[0] + (1 - shares[0]) * gain) < shares[0]:
        return 0, 0.0
    total = component_weights(score, precision, variances, shares, weights)
    left, chosen = uniform * total, 0
    while chosen < len(variances) - 1 and left >= weights[chosen]:
        left -= weights[chosen]
        chosen += 1
    if chosen == 0:
        return 0, 0.0
    posterior = precision + 1 / variances[chosen]
    return chosen, score / posterior + normal / np.sqrt(posterior)


@njit(parallel=True, nogil=True, cache=True)  # type: ignore[untyped-decorator]
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
    components: ByteArray,
    changes: Float32Array,
) -> None:
    """Draw the effects of a block of markers; `effects`, `components` and `changes` are written.

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
        Random numbers, shape (markers, traits).
    effects, components
        u and which component it is of, shape (markers, traits).
    """
    width = sums.shape[0]
    for trait in prange(len(scales)):
        square, diagonal = products[product_of[trait], block], diagonals[product_of[trait]]
        right = sums[:, trait].copy()
        noise, variances = residual[trait], multiples * scales[trait]
        room = np.empty(len(multiples))
        for place in range(width):
            marker = block * width + place
            own = diagonal[marker]
            changes[place, trait] = 0.0
            if own <= 0 or scales[trait] <= 0:
                continue
            before = effects[marker, trait]
            chosen, after = _drawn(
                (right[place] + own * before) / noise,
                own / noise,
                variances,
                shares[trait],
                normals[marker, trait],
                uniforms[marker, trait],
                room,
            )
            components[marker, trait] = chosen
            change = after - before
            if change != 0:
                effects[marker, trait] = after
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

    Attributes
    ----------
    n_fixed
        Markers that don't vary among a trait's animals: as nobody can tell their effects, they say nothing of how many
        effects are 0, shape (traits,).
    """

    def __init__(self, cohort: Cohort, prior: Prior) -> None:
        super().__init__(cohort)
        self.prior = prior
        markers = self.diagonals[self.product_of, : self.blocks.n_markers]
        self.n_fixed: IntArray = np.count_nonzero(markers <= 0, axis=1)

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
        total, included = np.zeros(state.effects.shape), np.zeros(state.effects.shape)
        draws, means = [], np.zeros(self.n_traits)
        for sweep in range(sweeps):
            fixed = state.step()
            if sweep < burn_in:
                continue
            genetic[sweep - burn_in] = state.values[: self.n_animals, : self.n_traits].var(axis=0)
            residual[sweep - burn_in] = state.residual
            n_effects[sweep - burn_in] = np.count_nonzero(state.components[:n_markers], axis=0)
            total += state.effects
            included += state.components > 0
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
    """Where a chain stands."""

    def __init__(self, sampler: MarkerSampler, shares: tuple[float, ...], rng: np.random.Generator) -> None:
        self._sampler, self._rng = sampler, rng
        prior, n_traits = sampler.prior, sampler.n_traits
        n_rows, n_markers = sampler.blocks.shape
        self.values = np.zeros((n_rows, sampler.weights.shape[1]))
        self.effects = np.zeros((n_markers, n_traits))
        self.components = np.zeros((n_markers, n_traits), dtype=np.uint8)
        self._multiples = np.array(prior.multiples)
        self._shares = np.tile(shares, (n_traits, 1))
        usual = PRIOR_SHARE / max(sampler.spread * float(np.dot(prior.multiples, prior.few)), 1e-12)
        self._scales = np.where(sampler.varies, usual, 0.0)
        self.residual: FloatArray = np.full(n_traits, 1 - PRIOR_SHARE)
        self._prior_scale = usual * (FREEDOM - 2) / FREEDOM
        self._prior_residual = (1 - PRIOR_SHARE) * (FREEDOM - 2) / FREEDOM

    def step(self) -> FloatArray:
        """Draw everything once, and return the average fixed part of each trait's records, shape (traits,)."""
        sampler, rng = self._sampler, self._rng
        shape = self.effects.shape
        adjusted, means = self._without_fixed_effects()
        left = sampler.weighted_residuals(adjusted, self.values)
        self.sweep(left, rng.standard_normal(shape), rng.random(shape))
        for trait, pattern in sampler.enumerated():
            if sampler.units[trait] > 0:
                self._draw_variances(trait, pattern, adjusted[trait])
        return means

    def sweep(self, left: Float32Array, normals: FloatArray, uniforms: FloatArray) -> None:
        """Draw all effects once, given padded sums of weighted residuals and random numbers (markers, traits)."""
        system = self._sampler

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
                self.components,
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
        components = self.components[: self._sampler.blocks.n_markers, trait]
        inside = components > 0
        own = self.effects[: len(components), trait][inside]
        squares = float(np.sum(own**2 / self._multiples[components[inside]])) + FREEDOM * self._prior_scale
        self._scales[trait] = squares / rng.chisquare(int(inside.sum()) + FREEDOM)
        counts = np.bincount(components, minlength=len(self._multiples))
        counts[0] -= self._sampler.n_fixed[trait]
        self._shares[trait] = rng.dirichlet(counts + 1.0)
