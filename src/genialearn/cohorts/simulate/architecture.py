"""Architecture: effects of QTL, a major gene, and nonlinear links between traits.

Genetic values are built in three steps, each scaled on the genotyped cohort to mean zero and variance one a trait:

1. *polygenic*: QTL act on factors and on the traits' own parts (see `correlations`); the effects are rotated so that
   these sources are uncorrelated in the cohort and the genetic correlations of the traits are those of the model;
2. *additive*: p becomes sqrt(1 - l^2) p + l q, where q is the standardised dosage of the major gene and l its loading;
3. *total*: a trait that is linked to a driver x becomes sqrt(1 - share) a + sqrt(share) f(x).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts.simulate.correlations import FactorModel, fit_factor_model

QTL_SHARE = 0.1
"""Share of the QTL that act on any one factor or own part."""

EFFECT_SHAPE = 0.4
"""Shape of the gamma distribution of effects (Hayes & Goddard 2001, Genet Sel Evol 33:209-229)."""

LEAST_ANIMALS_PER_SOURCE = 3
"""Below this the cohort is too small to make the sources exactly uncorrelated."""

MAJOR_GENE_LOADINGS = {"fat_percent": 0.5, "protein_percent": 0.2, "milk_yield": -0.2, "fat_yield": 0.15}
"""Correlations of traits with the DGAT1-like gene: a quarter of the variance of fat percent."""


@dataclass(frozen=True)
class Link:
    """A nonlinear dependence of one trait's genetic value on another's.

    Parameters
    ----------
    target, driver
        Names of the traits; no driver is itself a target.
    share
        Share of the target's genetic variance, from 0 to 1.
    function
        Name of a function in `FUNCTIONS`.
    """

    target: str
    driver: str
    share: float
    function: str = "quadratic"


def _quadratic(x: FloatArray) -> FloatArray:
    return np.asarray((x**2 - 1) / np.sqrt(2))


def _threshold(x: FloatArray) -> FloatArray:
    return np.where(x > 1, 1.0, 0.0)


def _exponential(x: FloatArray) -> FloatArray:
    return np.exp(x / 2)


FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "quadratic": _quadratic,
    "optimum": lambda x: -_quadratic(x),
    "threshold": _threshold,
    "exponential": _exponential,
}
"""Functions of a standardised driver; what they return is standardised again."""


def _realistic_links(share: float) -> tuple[Link, ...]:
    """Return the links for which there is evidence (Fuerst-Waltl et al. 1998; Rupp & Boichard 2003)."""
    return (
        Link("udder_depth", "milk_yield", share, "optimum"),
        Link("fore_udder_attachment", "milk_yield", share, "optimum"),
        Link("front_teat_placement", "milk_yield", share, "optimum"),
        Link("somatic_cell_score", "milking_speed", share),
        Link("ketosis", "fat_percent", share),
    )


@dataclass(frozen=True)
class Architecture:
    """What acts on traits besides many additive QTL."""

    major_gene: bool
    links: tuple[Link, ...]

    def links_among(self, traits: list[str]) -> tuple[Link, ...]:
        """Return the links whose target and driver are both among the traits."""
        return tuple(link for link in self.links if link.target in traits and link.driver in traits)


ARCHITECTURES = {
    "additive": Architecture(major_gene=False, links=()),
    "realistic": Architecture(major_gene=True, links=_realistic_links(0.15)),
    "nonlinear": Architecture(
        major_gene=True,
        links=(
            *_realistic_links(0.6),
            Link("cow_conception", "protein_percent", 0.6, "optimum"),
            Link("functional_longevity", "height", 0.6, "optimum"),
        ),
    ),
}


@dataclass(frozen=True, eq=False)
class GeneticModel:
    """How genotypes become genetic values, in genetic standard deviations.

    Parameters
    ----------
    effects
        Average effect of each counted allele, the links' linear part included, shape (qtl, traits).
    breeding_values
        Sums of average effects, centred on the cohort, shape (animals, traits).
    genetic_values
        Total genetic values, mean 0 and variance 1 a trait, shape (animals, traits).
    correlations_asked
        Of the factor model behind it, shape (traits, traits).
    """

    effects: FloatArray
    breeding_values: FloatArray
    genetic_values: FloatArray
    correlations_asked: FloatArray


def build_genetic_model(
    qtl: Int8Array, major_gene: int, traits: list[str], architecture: Architecture, rng: np.random.Generator
) -> GeneticModel:
    """Return effects and genetic values of a cohort.

    Parameters
    ----------
    qtl
        Dosages of the counted alleles, shape (animals, qtl).
    major_gene
        Which of the QTL stands for DGAT1.
    traits
        Names from the catalogue.
    architecture
        Major gene and links.
    rng
        Source of randomness; the polygenic effects are the same under every architecture.
    """
    factors = fit_factor_model().select(traits)
    effects = polygenic_effects(qtl, factors, rng)
    if architecture.major_gene:
        loadings = np.array([MAJOR_GENE_LOADINGS.get(trait, 0.0) for trait in traits])
        effects = with_major_gene(qtl, effects, major_gene, loadings)
    own = centred_values(qtl, effects)
    total, average = own.copy(), effects.copy()
    for link in architecture.links_among(traits):
        target, driver = traits.index(link.target), traits.index(link.driver)
        value, on_own, on_driver = linked(own[:, target], own[:, driver], link)
        total[:, target] = value
        average[:, target] = on_own * effects[:, target] + on_driver * effects[:, driver]
    return GeneticModel(average, centred_values(qtl, average), total, factors.correlations)


def centred_values(qtl: Int8Array, effects: FloatArray) -> FloatArray:
    """Return dosages x effects, less the mean of the cohort, shape (animals, traits)."""
    values = np.zeros((len(qtl), effects.shape[1]))
    for start in range(0, qtl.shape[1], 128):
        values += qtl[:, start : start + 128].astype(np.float64) @ effects[start : start + 128]
    return np.asarray(values - values.mean(axis=0))


def polygenic_effects(qtl: Int8Array, factors: FactorModel, rng: np.random.Generator) -> FloatArray:
    """Return effects whose values have variance 1 and the factor model's correlations, shape (qtl, traits)."""
    n_sources = factors.mixing.shape[1]
    acts = rng.random((qtl.shape[1], n_sources)) < QTL_SHARE
    acts[rng.integers(0, len(acts), n_sources), np.arange(n_sources)] = True  # no source without any QTL
    signs = rng.choice([-1.0, 1.0], size=acts.shape)
    raw = np.where(acts, signs * rng.gamma(EFFECT_SHAPE, size=acts.shape), 0.0)
    effects = raw @ _decorrelating(centred_values(qtl, raw)) @ factors.mixing.T
    return effects / _deviations(centred_values(qtl, effects))


def _decorrelating(values: FloatArray) -> FloatArray:
    """Return the symmetric C^(-1/2) that makes values uncorrelated and of variance 1, if there are enough animals."""
    scale = 1 / _deviations(values)
    if len(values) < LEAST_ANIMALS_PER_SOURCE * values.shape[1]:
        return np.diag(scale)
    correlations = np.cov(values * scale, rowvar=False, bias=True)
    roots, vectors = np.linalg.eigh(correlations)
    return np.asarray(scale[:, None] * ((vectors / np.sqrt(roots)) @ vectors.T))


def _deviations(values: FloatArray) -> FloatArray:
    """Return standard deviations a column, 1 for a constant one."""
    deviations = values.std(axis=0)
    return np.where(deviations > 0, deviations, 1.0)


def with_major_gene(qtl: Int8Array, effects: FloatArray, major_gene: int, loadings: FloatArray) -> FloatArray:
    """Return effects under which the major gene is correlated with each trait as its loading says, variances kept.

    Besides the gene's own effect, what other QTL in linkage disequilibrium with it explain of its dosage is taken away.
    """
    dosages = qtl[:, [major_gene]].astype(np.float64)
    deviation = dosages.std()
    if deviation == 0:
        return effects
    standard = (dosages - dosages.mean()) / deviation
    values = centred_values(qtl, effects)
    regressions = standard[:, 0] @ values / len(values)
    left_over = np.sqrt(np.maximum(1 - regressions**2, 1e-12))
    carries = loadings != 0
    shrinkage = np.where(carries, np.sqrt(1 - loadings**2) / left_over, 1.0)
    own_effect = np.where(carries, loadings - shrinkage * regressions, 0.0) / deviation
    out = effects * shrinkage
    out[major_gene] += own_effect
    return out


def linked(own: FloatArray, driver: FloatArray, link: Link) -> tuple[FloatArray, float, float]:
    """Return the linked total genetic value, and its average effects as weights on own part and driver.

    Parameters
    ----------
    own, driver
        Additive values of target and driver, mean 0 and variance 1, shape (animals,).
    link
        Function and share.

    Returns
    -------
    total
        sqrt(1 - share) own + sqrt(share) f(driver), scaled to variance 1, shape (animals,).
    on_own, on_driver
        total = on_own x own + on_driver x driver + what no linear function of the driver explains.
    """
    if link.share == 0:
        return own, 1.0, 0.0
    response = FUNCTIONS[link.function](driver)
    response = (response - response.mean()) / response.std()
    total = np.sqrt(1 - link.share) * own + np.sqrt(link.share) * response
    scale = 1 / total.std()
    slope = float(driver @ response / (driver @ driver))
    return scale * total, scale * np.sqrt(1 - link.share), scale * np.sqrt(link.share) * slope
