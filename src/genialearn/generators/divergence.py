"""Learning a semi-restricted Boltzmann machine by persistent contrastive divergence.

The gradient of the log-likelihood is the difference of the statistics E[v], E[v v'], E[v h'] and E[v_i v_i+1 v_i+2]
between data and machine. Those of the machine come from chains that go on from step to step (Tieleman 2008, ICML).
Products are those of deviations from means, v - mu and h - lambda, which takes most of the correlation out of the
gradient (Cho, Raiko & Ilin 2013, Neural Comput 25:805-831; Montavon & Mueller 2012), and are divided by the variances
of alleles, p(1 - p), so that rare and common alleles are learned alike. Rates are constant for half of the steps and
then fall as a cosine; the parameters of the last part are averaged.

What one animal's chromosomes have in common beyond its population or family isn't learned where haplotypes near to each
one are given: then each chromosome of a haplotype comes from one of those near to it, anew at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numba import njit, prange

from genialearn._arrays import Float32Array, FloatArray, Int8Array, IntArray
from genialearn.errors import ConvergenceError
from genialearn.generators.energy import Chains, Energy
from genialearn.neural.checkpoints import Checkpoint, State, Unkept

LEAST_VARIANCE = 0.01
"""Below which an allele's variance isn't taken for dividing by it: rare ones are learned more slowly."""

LEAST_TRIPLE = 1e-3
"""The same of the product of three variances: the rate of rare alleles would be too high for what chains tell."""

AVERAGED = 0.3
"""Share of the steps, at the end, whose parameters are averaged."""

FIRST_WEIGHTS = 0.01
"""Standard deviation of weights before learning."""

FARTHEST = 1e3
"""A parameter of this size says that learning has run away."""


@dataclass(frozen=True)
class Learning:
    """How a machine is learned.

    Parameters
    ----------
    hidden
        Number of hidden units.
    reach
        How many places further on markers are coupled.
    steps, chains
        Steps of learning, and chains that the machine's statistics are taken from.
    coupling_rate, weight_rate
        Step sizes of a, J and K, and of W and b.
    coupling_decay, weight_decay
        Penalties that pull J, K and W towards 0.
    """

    hidden: int
    reach: int
    steps: int
    chains: int
    coupling_rate: float
    weight_rate: float
    coupling_decay: float
    weight_decay: float

    def rate(self, step: int) -> float:
        """Return by what the rates are multiplied at a step."""
        done = step / self.steps
        return 1.0 if done < 0.5 else 0.5 * (1.0 + np.cos(2.0 * np.pi * (done - 0.5)))


def learn(
    alleles: Int8Array,
    starts: IntArray,
    pairs: IntArray,
    learning: Learning,
    *,
    near: IntArray | None = None,
    rng: np.random.Generator,
    checkpoint: Checkpoint | None = None,
) -> tuple[Energy, Chains]:
    """Return the machine of some haplotypes, and the chains it was learned with.

    Parameters
    ----------
    alleles
        Without a missing one, shape (haplotypes, markers).
    starts, pairs
        As in `Chains`.
    learning
        Settings.
    near
        Haplotypes near to each one, from which its chromosomes are taken, shape (haplotypes, neighbours); None for its
        own alone.
    rng
        Source of randomness.
    checkpoint
        Where the state of learning is kept, and gone on from.

    Raises
    ------
    ConvergenceError
        Where parameters run away.
    """
    checkpoint = checkpoint or Unkept()
    learner = _Learner(alleles, starts=starts, pairs=pairs, learning=learning, near=near, rng=rng)
    for step in range(learner.restored(checkpoint.load()), learning.steps):
        checkpoint.save(partial(learner.state, step))
        learner.step(learning.rate(step), averaged=step >= (1.0 - AVERAGED) * learning.steps)
        if step % 100 == 99 or step == learning.steps - 1:
            learner.check(step)
    return learner.averaged(), learner.chains


class _Learner:
    """Parameters, data and chains between steps."""

    def __init__(
        self,
        alleles: Int8Array,
        *,
        starts: IntArray,
        pairs: IntArray,
        learning: Learning,
        near: IntArray | None,
        rng: np.random.Generator,
    ) -> None:
        self._learning, self._near, self._rng = learning, near, rng
        self._data = np.ascontiguousarray(alleles.T)
        n_markers = len(self._data)
        self._means = _within(self._data.mean(axis=1, dtype=np.float64), len(alleles))
        self._variances = np.maximum(self._means * (1 - self._means), LEAST_VARIANCE)
        self._coupled = _coupled(starts, learning.reach)
        self._products = _products_of_data(self._data, learning.reach)
        self._tripled = self._coupled[:, 1] if learning.reach > 1 else np.zeros(n_markers)
        triple = self._variances * _shifted(self._variances, 2).prod(axis=1)
        self._triple_units = np.maximum(triple, LEAST_TRIPLE)
        self._moments = self._third_moments(self._data)
        weights = FIRST_WEIGHTS * rng.standard_normal((n_markers, learning.hidden))
        biases = np.log(self._means / (1 - self._means)) - 0.5 * weights.sum(axis=1)
        self._parameters = [
            biases,
            np.zeros((n_markers, learning.reach)),
            weights,
            -weights.T @ self._means,
            np.zeros(n_markers),
        ]
        self._hidden_means = np.full(learning.hidden, 0.5)
        self._sums, self._n_summed = [np.zeros_like(part) for part in self._parameters], 0
        self.chains = Chains(
            self._data[:, self._some(learning.chains)].astype(np.float32), learning.reach, starts, pairs
        )

    def state(self, step: int) -> State:
        """Return what learning goes on from at a step."""
        return {
            "step": step,
            "parameters": self._parameters,
            "hidden_means": self._hidden_means,
            "sums": self._sums,
            "n_summed": self._n_summed,
            "chains": self.chains.alleles,
            "rng": self._rng.bit_generator.state,
        }

    def restored(self, state: State | None) -> int:
        """Go back to a state, if there is one, and return the step to go on with."""
        if state is None:
            return 0
        self._parameters, self._sums = ([np.asarray(part) for part in state[name]] for name in ("parameters", "sums"))
        self._hidden_means, self.chains.alleles = np.asarray(state["hidden_means"]), np.asarray(state["chains"])
        self._n_summed, self._rng.bit_generator.state = state["n_summed"], state["rng"]
        return int(state["step"])

    def _some(self, n_rows: int) -> IntArray:
        """Return random haplotypes, one after the other, each once where there are enough, shape (rows,)."""
        n_all = self._data.shape[1]
        rounds = [self._rng.permutation(n_all) for _ in range(-(-n_rows // n_all))]
        return np.concatenate(rounds)[:n_rows]

    def _seen(self, n_rows: int) -> Float32Array:
        """Return what is learned from at a step, shape (markers, rows)."""
        chosen = self._some(n_rows)
        if self._near is None:
            return np.asarray(self._data[:, chosen].astype(np.float32))
        out = np.empty((len(self._data), n_rows), dtype=np.float32)
        for first, end in pairwise(self.chains.starts):
            donors = self._near[chosen, self._rng.integers(0, self._near.shape[1], n_rows)]
            out[first:end] = self._data[first:end, donors]
        return out

    def step(self, rate: float, *, averaged: bool) -> None:
        """Follow the gradient once."""
        energy = self._energy()
        self.chains.step(energy, self._rng)
        own = energy.inside(self.chains.alleles)
        data = self._seen(min(own.shape[1], self._data.shape[1]))
        seen = _sigmoid(energy.weights.T @ data + energy.hidden_biases[:, None])
        dreamt = _sigmoid(energy.hidden_inputs(self.chains.alleles))
        self._follow(rate, data, seen, own, dreamt)
        if averaged:
            self._n_summed += 1
            self._sums = [total + part for total, part in zip(self._sums, self._parameters, strict=True)]

    def _follow(
        self, rate: float, data: Float32Array, seen: Float32Array, own: Float32Array, dreamt: Float32Array
    ) -> None:
        """Change the parameters by the statistics of data and chains (markers, rows), hidden units (units, rows)."""
        learning = self._learning
        biases, couplings, weights, hidden_biases, triples = self._parameters
        data_hidden, own_hidden = seen.mean(axis=1, dtype=np.float64), dreamt.mean(axis=1, dtype=np.float64)
        self._hidden_means += 0.05 * (data_hidden - self._hidden_means)
        own_means = own.mean(axis=1, dtype=np.float64)
        products = _products(np.ascontiguousarray(own), learning.reach)
        d_couplings = self._centred(self._products, self._means) - self._centred(products, own_means)
        d_weights = self._covariances(data, seen) - self._covariances(own, dreamt)
        d_couplings = d_couplings / (self._variances[:, None] * _shifted(self._variances, learning.reach))
        d_couplings = self._coupled * (d_couplings - learning.coupling_decay * couplings)
        d_weights = d_weights / self._variances[:, None] - learning.weight_decay * weights
        d_biases = (self._means - own_means) / self._variances
        step_j, step_w = rate * learning.coupling_rate, rate * learning.weight_rate
        moved = step_j * d_couplings
        couplings += moved
        weights += step_w * d_weights
        biases += step_j * d_biases - step_w * (d_weights @ self._hidden_means) - _told(moved, self._means)
        hidden_biases += step_w * (data_hidden - own_hidden) - step_w * (d_weights.T @ self._means)
        if learning.reach > 1:
            d_triples = (self._moments - self._third_moments(own)) / self._triple_units
            self._move_triples(step_j * self._tripled * (d_triples - learning.coupling_decay * triples))

    def _move_triples(self, moved: FloatArray) -> None:
        """Add to K, and take from J and a what it says where alleles are at their means."""
        biases, couplings, _, _, triples = self._parameters
        mu = np.append(self._means, np.zeros(2))
        triples += moved
        couplings[:, 0] -= moved * mu[2:]
        couplings[1:, 0] -= moved[:-1] * mu[:-3]
        couplings[:, 1] -= moved * mu[1:-1]
        biases += moved * mu[1:-1] * mu[2:]
        biases[1:] += moved[:-1] * mu[:-3] * mu[2:-1]
        biases[2:] += moved[:-2] * mu[:-4] * mu[1:-3]

    def _third_moments(self, alleles: Float32Array | Int8Array) -> FloatArray:
        """Return E[(v_i - mu_i)(v_i+1 - mu_i+1)(v_i+2 - mu_i+2)] of (markers, rows), 0 at the end, shape (markers,)."""
        out = np.zeros(len(alleles))
        if len(alleles) > 2:
            out[:-2] = _mean_triples(alleles, self._means.astype(np.float32))
        return out

    def _centred(self, products: FloatArray, means: FloatArray) -> FloatArray:
        """Return E[(v_i - mu_i)(v_j - mu_j)] of E[v_i v_j] (markers, reach) and E[v], mu the means of the data."""
        reach = self._learning.reach
        further, own = _shifted(means, reach), _shifted(self._means, reach)
        return products - self._means[:, None] * further - means[:, None] * own + self._means[:, None] * own

    def _covariances(self, alleles: Float32Array, hidden: Float32Array) -> FloatArray:
        """Return E[(v - mu)(h - lambda)'], shape (markers, units)."""
        n_rows = alleles.shape[1]
        deviations = hidden - self._hidden_means[:, None].astype(np.float32)
        products = (alleles @ deviations.T).astype(np.float64) / n_rows
        return np.asarray(products - np.outer(self._means, deviations.mean(axis=1, dtype=np.float64)))

    def _energy(self) -> Energy:
        return Energy(*(part.astype(np.float32) for part in self._parameters))

    def averaged(self) -> Energy:
        """Return the machine of averaged parameters; of the last ones before any were averaged."""
        if not self._n_summed:
            return self._energy()
        return Energy(*((total / self._n_summed).astype(np.float32) for total in self._sums))

    def check(self, step: int) -> None:
        """Raise `ConvergenceError` where a parameter is out of all bounds."""
        largest = max(float(np.abs(part).max(initial=0.0)) for part in self._parameters)
        if not largest < FARTHEST:
            raise ConvergenceError(
                f"learning, step {step + 1:,}",
                expected=f"parameters below {FARTHEST:g}",
                found=f"{largest:.3g}",
                advice="Use lower rates, or stronger decay.",
            )


def _within(means: FloatArray, n_rows: int) -> FloatArray:
    """Return means that aren't 0 or 1: at least half a copy among all rows."""
    least = 0.5 / n_rows
    return np.clip(means, least, 1 - least)


def _shifted(values: FloatArray, reach: int) -> FloatArray:
    """Return the values 1, 2, ... places further on, 1 beyond the end, shape (markers, reach)."""
    padded = np.append(values, np.ones(reach))
    return np.stack([padded[places : places + len(values)] for places in range(1, reach + 1)], axis=1)


def _told(couplings: FloatArray, means: FloatArray) -> FloatArray:
    """Return what couplings (markers, reach) add to each marker where all others are at their means, (markers,)."""
    reach = couplings.shape[1]
    out = (couplings * np.where(couplings != 0, _shifted(means, reach), 0.0)).sum(axis=1)
    for places in range(1, min(reach, len(means) - 1) + 1):
        out[places:] += couplings[:-places, places - 1] * means[:-places]
    return np.asarray(out)


def _coupled(starts: IntArray, reach: int) -> FloatArray:
    """Return 1 where the marker some places further on is of the same chromosome, else 0, shape (markers, reach)."""
    number = np.repeat(np.arange(len(starts) - 1), np.diff(starts)).astype(np.float64)
    padded = np.append(number, np.full(reach, -1.0))
    return np.stack([padded[p : p + len(number)] == number for p in range(1, reach + 1)], axis=1).astype(np.float64)


def _sigmoid(inputs: Float32Array) -> Float32Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(inputs, -80, 80))))


def _products_of_data(data: Int8Array, reach: int) -> FloatArray:
    """Return E[v_i v_j] of all haplotypes (markers, haplotypes), shape (markers, reach)."""
    total = np.zeros((len(data), reach))
    for start in range(0, data.shape[1], 4096):
        part = np.ascontiguousarray(data[:, start : start + 4096].astype(np.float32))
        total += _products(part, reach) * part.shape[1]
    return np.asarray(total / data.shape[1])


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})  # type: ignore[untyped-decorator]
def _products(alleles: Float32Array, reach: int) -> FloatArray:
    """Return the mean products of each marker's alleles with those some places further on, shape (markers, reach)."""
    n_markers, n_rows = alleles.shape
    out = np.zeros((n_markers, reach))
    for marker in prange(n_markers):
        for places in range(1, min(reach, n_markers - 1 - marker) + 1):
            total = np.float32(0.0)
            for row in range(n_rows):
                total += alleles[marker, row] * alleles[marker + places, row]
            out[marker, places - 1] = total / n_rows
    return out


@njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})  # type: ignore[untyped-decorator]
def _mean_triples(alleles: Float32Array | Int8Array, means: Float32Array) -> FloatArray:
    """Return the mean product of the deviations of three alleles in a row, shape (markers - 2,)."""
    n_markers, n_rows = alleles.shape
    out = np.zeros(n_markers - 2)
    for marker in prange(n_markers - 2):
        total = np.float32(0.0)
        for row in range(n_rows):
            first = np.float32(alleles[marker, row]) - means[marker]
            second = np.float32(alleles[marker + 1, row]) - means[marker + 1]
            total += first * second * (np.float32(alleles[marker + 2, row]) - means[marker + 2])
        out[marker] = total / n_rows
    return out
