"""Effects of QTL: many small ones with the genetic correlations asked, and a major gene."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray, Int8Array
from genialearn.cohorts.simulate.correlations import CorrelationModel

QTL_SHARE = 0.1
"""Share of the QTL that act on any one factor or own part."""

EFFECT_SHAPE = 0.4
"""Shape of the gamma distribution of effects (Hayes & Goddard 2001, Genet Sel Evol 33:209-229)."""

LEAST_ANIMALS_PER_SOURCE = 3
"""Below this the cohort is too small to make the sources exactly uncorrelated."""

_BLOCK = 128


def summed(qtl: Int8Array, effects: FloatArray) -> FloatArray:
    """Return dosages x effects, shape (animals, traits)."""
    values = np.zeros((len(qtl), effects.shape[1]))
    for start in range(0, qtl.shape[1], _BLOCK):
        values += qtl[:, start : start + _BLOCK].astype(np.float64) @ effects[start : start + _BLOCK]
    return values


def centred_values(qtl: Int8Array, effects: FloatArray) -> FloatArray:
    """Return dosages x effects, less the mean of the cohort, shape (animals, traits)."""
    values = summed(qtl, effects)
    return np.asarray(values - values.mean(axis=0))


def polygenic_effects(qtl: Int8Array, factors: CorrelationModel, rng: np.random.Generator) -> FloatArray:
    """Return effects whose values have variance 1 and the model's correlations, shape (qtl, traits)."""
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
