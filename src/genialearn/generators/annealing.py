"""The constant that makes weights of a Boltzmann machine probabilities: log Z, by annealed importance sampling.

Chains begin at independent markers, whose Z is known, and pass through machines in between, t from 0 to 1,

    p_t(v) ~ exp((1 - t) a_0'v + t E(v)) prod_k (1 + exp(t (b + W'v)_k)),

with E(v) what the alleles alone have (see `energy`).

The mean of the products of p_t'(v) / p_t(v) along a chain is Z / Z_0, whatever the number of machines (Neal 2001,
Statistics and Computing 11:125-139; for restricted Boltzmann machines Salakhutdinov & Murray 2008, ICML). With few of
them single chains make up the mean, and log Z comes out too low: its standard error tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.special import logsumexp

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.generators.energy import Chains, Energy


@dataclass(frozen=True)
class LogPartition:
    """log Z, and its standard error over chains."""

    value: float
    se: float


def log_partition(
    energy: Energy,
    frequencies: FloatArray,
    starts: IntArray,
    pairs: IntArray,
    *,
    rng: np.random.Generator,
    n_chains: int = 256,
    n_machines: int = 2000,
) -> LogPartition:
    """Return log Z of a machine.

    Parameters
    ----------
    energy
        The machine.
    frequencies
        Where chains begin, between 0 and 1, shape (markers,).
    starts, pairs
        As in `Chains`.
    rng
        Source of randomness.
    n_chains, n_machines
        Chains, and machines that they pass through.
    """
    first = np.log(frequencies / (1 - frequencies)).astype(np.float32)
    alleles = rng.random((len(first), n_chains)) < frequencies[:, None]
    chains = Chains(alleles.astype(np.float32), energy.reach, starts, pairs)
    times = np.linspace(0.0, 1.0, n_machines + 1)
    gained = np.zeros(n_chains)
    for now, following in pairwise(times):
        gained += _gain(energy, first, chains, now, following)
        chains.step(_between(energy, first, following), rng, crossing=False)
    begun = float(np.logaddexp(0.0, first.astype(np.float64)).sum() + len(energy.hidden_biases) * np.log(2.0))
    mean = float(logsumexp(gained) - np.log(n_chains))
    spread = np.exp(gained - mean).std(ddof=1) / np.sqrt(n_chains)
    return LogPartition(begun + mean, float(spread))


def _between(energy: Energy, first: Float32Array, time: float) -> Energy:
    """Return the machine at a time from 0 to 1."""
    there = energy.scaled(time)
    return replace(there, biases=np.float32(1 - time) * first + there.biases)


def _gain(energy: Energy, first: Float32Array, chains: Chains, now: float, following: float) -> FloatArray:
    """Return log p_t'(v) - log p_t(v), neither normalised, shape (chains,)."""
    inputs = energy.hidden_inputs(chains.alleles).astype(np.float64)
    begun = first.astype(np.float64) @ energy.inside(chains.alleles)
    hidden = np.logaddexp(0.0, following * inputs) - np.logaddexp(0.0, now * inputs)
    gained = (following - now) * (energy.of_alleles(chains.alleles) - begun) + hidden.sum(axis=0)
    return np.asarray(gained)
