"""The genetic model: from dosages of QTL to genetic values, fixed on the animals that it was made of.

Genetic values are built in four steps, each scaled to mean zero and variance one a trait among the base animals:

1. *polygenic*: QTL act on factors and on the traits' own parts (see `correlations`); the effects are rotated so that
   these sources are uncorrelated in the base and the genetic correlations of the traits are those of the model;
2. *additive*: p becomes sqrt(1 - l^2) p + l q, where q is the standardised dosage of the major gene and l its loading;
3. *own*: a becomes sqrt(1 - d - e) a + sqrt(d) D + sqrt(e) E, with dominance deviations D and products of pairs E;
4. *total*: a trait that is linked to a driver x becomes sqrt(1 - share) o + sqrt(share) f(x), x being additive.

What was scaled stays as it was for animals that are born later, so that selection shows on one scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts.simulate.architecture import FUNCTIONS, Architecture, Link
from genialearn.cohorts.simulate.correlations import CorrelationModel
from genialearn.cohorts.simulate.effects import polygenic_effects, summed, with_major_gene
from genialearn.cohorts.simulate.interactions import Interactions
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign, names_of


@dataclass(frozen=True, eq=False)
class GeneticValues:
    """Values of animals, in genetic standard deviations of the base, shape (animals, traits) each.

    Parameters
    ----------
    breeding
        Sums of average effects, less the mean of the base.
    genetic
        Total genetic values; of the base mean 0 and variance 1.
    """

    breeding: FloatArray
    genetic: FloatArray


@dataclass(frozen=True)
class FixedLink:
    """A link with all that was estimated among base animals.

    Parameters
    ----------
    target, driver
        Columns.
    share
        Of the target's genetic variance.
    function
        Of the driver.
    mean, deviation
        Of the function among base animals.
    scale
        Brings the sum to variance one.
    slope
        Of the standardised function on the driver.
    """

    target: int
    driver: int
    share: float
    function: Callable[[FloatArray], FloatArray]
    mean: float
    deviation: float
    scale: float
    slope: float

    @classmethod
    def of(cls, own: FloatArray, driver: FloatArray, link: Link, columns: tuple[int, int]) -> FixedLink:
        """Return the link among base animals of own parts and driver, mean 0 and variance 1, shape (animals,)."""
        function = FUNCTIONS[link.function]
        response = function(driver)
        mean, deviation = float(response.mean()), float(response.std())
        response = (response - mean) / deviation
        total = np.sqrt(1 - link.share) * own + np.sqrt(link.share) * response
        slope = float(driver @ response / (driver @ driver))
        return cls(*columns, link.share, function, mean, deviation, 1 / float(total.std()), slope)

    def total(self, own: FloatArray, driver: FloatArray) -> FloatArray:
        """Return sqrt(1 - share) own + sqrt(share) f(driver), of variance 1 among base animals, shape (animals,)."""
        response = (self.function(driver) - self.mean) / self.deviation
        return np.asarray(self.scale * (np.sqrt(1 - self.share) * own + np.sqrt(self.share) * response))

    @property
    def on_own(self) -> float:
        """The weight of the target's own effects in its average effects."""
        return float(self.scale * np.sqrt(1 - self.share))

    @property
    def on_driver(self) -> float:
        """The weight of the driver's effects; what is left of the function is linear in nothing."""
        return float(self.scale * np.sqrt(self.share) * self.slope)


@dataclass(frozen=True, eq=False)
class GeneticModel:
    """How genotypes become genetic values, in genetic standard deviations of the base.

    Parameters
    ----------
    effects
        Average effect of each counted allele, the links' linear part included, shape (qtl, traits).
    correlations_asked
        Of the model of correlations behind it, shape (traits, traits).
    """

    effects: FloatArray
    correlations_asked: FloatArray
    _additive: FloatArray
    _means: FloatArray
    _average_means: FloatArray
    _interactions: Interactions
    _links: tuple[FixedLink, ...]

    def values(self, qtl: Int8Array) -> GeneticValues:
        """Return the values of animals with dosages of the QTL, shape (animals, qtl)."""
        additive = summed(qtl, self._additive) - self._means
        own = self._interactions.joined(qtl, additive)
        total = own.copy()
        for link in self._links:
            total[:, link.target] = link.total(own[:, link.target], additive[:, link.driver])
        return GeneticValues(summed(qtl, self.effects) - self._average_means, total)


def build_genetic_model(
    qtl: Int8Array,
    major_gene: int,
    traits: tuple[TraitDesign, ...],
    architecture: Architecture,
    rng: np.random.Generator,
    *,
    factors: CorrelationModel,
) -> GeneticModel:
    """Return the model whose genetic values have variance one and the correlations of `factors` among base animals.

    Parameters
    ----------
    qtl
        Dosages of the counted alleles of base animals, shape (animals, qtl).
    major_gene
        Which of the QTL stands for DGAT1.
    traits
        With their shares of dominance and of products of pairs.
    architecture
        Major gene and links.
    rng
        Source of randomness; the polygenic effects are the same under every architecture.
    factors
        Genetic correlations of the traits.
    """
    names = names_of(traits)
    effects = polygenic_effects(qtl, factors, rng)
    if architecture.major_gene:
        loadings = np.array([architecture.loadings.get(name, 0.0) for name in names])
        effects = with_major_gene(qtl, effects, major_gene, loadings)
    return fixed_model(qtl, effects, traits, architecture.links_among(names), rng, correlations=factors.correlations)


def fixed_model(
    qtl: Int8Array,
    effects: FloatArray,
    traits: tuple[TraitDesign, ...],
    links: tuple[Link, ...],
    rng: np.random.Generator,
    *,
    correlations: FloatArray,
) -> GeneticModel:
    """Return the model of given additive effects, whose values have variance one among base animals.

    Parameters
    ----------
    qtl
        Dosages of base animals, shape (animals, qtl).
    effects
        Additive effects, shape (qtl, traits).
    traits
        With their shares of dominance and of products of pairs.
    links
        Among these traits.
    rng
        Source of randomness.
    correlations
        Asked, shape (traits, traits).
    """
    names, sums = names_of(traits), summed(qtl, effects)
    additive = sums - sums.mean(axis=0)
    interactions = Interactions.of(qtl, additive, traits, rng)
    own = interactions.joined(qtl, additive)
    fixed, average = [], effects * interactions.weights
    for link in links:
        if link.share > 0:
            target, driver = names.index(link.target), names.index(link.driver)
            fixed.append(FixedLink.of(own[:, target], additive[:, driver], link, (target, driver)))
            weighted = average[:, target]
            average[:, target] = fixed[-1].on_own * weighted + fixed[-1].on_driver * effects[:, driver]
    return GeneticModel(
        average,
        correlations,
        effects,
        sums.mean(axis=0),
        summed(qtl, average).mean(axis=0),
        interactions,
        tuple(fixed),
    )
