"""Interactions: dominance within loci, and products of pairs of loci, as shares of the genetic variance of a trait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, Int8Array, IntArray
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign

PAIRS = 200
"""Pairs of QTL whose products act, each on every trait that has such a share."""

_BLOCK = 4096
"""Animals whose deviations are held at a time."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """What acts besides sums of effects, as it was scaled among base animals.

    The dominance deviation of a genotype with 0, 1 or 2 counted alleles of frequency p is -2p^2, 2p(1 - p) or
    -2(1 - p)^2, which nothing additive explains in a random mating population (Falconer and Mackay 1996, Introduction
    to Quantitative Genetics, chapter 7); a product is (x - 2p)(z - 2r).

    Parameters
    ----------
    frequencies
        Of the counted alleles among base animals, shape (qtl,).
    dominance
        Effect of a unit of dominance deviation, shape (qtl, traits).
    pairs
        QTL whose products act, shape (pairs, 2).
    products
        Effect of a product, shape (pairs, traits).
    weights
        Of the additive part, shape (traits,).
    means
        Of the sum among base animals, shape (traits,).
    """

    frequencies: FloatArray
    dominance: FloatArray
    pairs: IntArray
    products: FloatArray
    weights: FloatArray
    means: FloatArray

    @classmethod
    def of(
        cls, qtl: Int8Array, additive: FloatArray, traits: tuple[TraitDesign, ...], rng: np.random.Generator
    ) -> Interactions:
        """Return interactions that take the traits' shares of the genetic variance of base animals.

        Parameters
        ----------
        qtl
            Dosages, shape (animals, qtl).
        additive
            Values of variance one, shape (animals, traits).
        traits
            With their shares.
        rng
            Source of randomness; unused where all shares are 0.
        """
        frequencies, n_traits = qtl.mean(axis=0) / 2, additive.shape[1]
        shares = np.array([[trait.dominance, trait.epistasis] for trait in traits]).T
        if not shares.any():
            return cls._none(frequencies, n_traits)
        pairs = rng.integers(0, qtl.shape[1], (PAIRS, 2))
        dominance = rng.standard_normal((qtl.shape[1], n_traits))
        products = rng.standard_normal((PAIRS, n_traits))
        raw = cls(frequencies, dominance, pairs, products, np.zeros(n_traits), np.zeros(n_traits))
        of_dominance, of_pairs = raw._parts(qtl)
        scales = [
            np.sqrt(share) / _deviation(part) for share, part in zip(shares, (of_dominance, of_pairs), strict=True)
        ]
        weights = np.sqrt(1 - shares.sum(axis=0))
        total = weights * additive + scales[0] * of_dominance + scales[1] * of_pairs
        to_one = 1 / _deviation(total)
        return cls(
            frequencies,
            dominance * scales[0] * to_one,
            pairs,
            products * scales[1] * to_one,
            weights * to_one,
            total.mean(axis=0) * to_one,
        )

    @classmethod
    def _none(cls, frequencies: FloatArray, n_traits: int) -> Interactions:
        no_pairs = np.zeros((0, 2), dtype=np.int64)
        nothing = np.zeros((len(frequencies), n_traits)), no_pairs, np.zeros((0, n_traits))
        return cls(frequencies, *nothing, np.ones(n_traits), np.zeros(n_traits))

    def joined(self, qtl: Int8Array, additive: FloatArray) -> FloatArray:
        """Return additive values with dominance and products, shape (animals, traits)."""
        if not len(self.pairs):
            return additive
        of_dominance, of_pairs = self._parts(qtl)
        return np.asarray(self.weights * additive + of_dominance + of_pairs - self.means)

    def _parts(self, qtl: Int8Array) -> tuple[FloatArray, FloatArray]:
        """Return the sums over dominance deviations and over products, shape (animals, traits) each."""
        out = [np.concatenate(part) for part in zip(*self._blocks(qtl), strict=True)]
        return out[0], out[1]

    def _blocks(self, qtl: Int8Array) -> Iterator[tuple[FloatArray, FloatArray]]:
        p = self.frequencies
        for start in range(0, len(qtl), _BLOCK):
            block = qtl[start : start + _BLOCK]
            deviations = np.select([block == 0, block == 1], [-2 * p**2, 2 * p * (1 - p)], -2 * (1 - p) ** 2)
            centred = block - 2 * p
            yield (
                deviations @ self.dominance,
                (centred[:, self.pairs[:, 0]] * centred[:, self.pairs[:, 1]]) @ self.products,
            )


def _deviation(values: FloatArray) -> FloatArray:
    deviation = values.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)
