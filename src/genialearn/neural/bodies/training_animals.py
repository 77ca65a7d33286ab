"""What some bodies are given of the animals that they are trained on: axes, local breeding values, anchors."""

from __future__ import annotations

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.genotypes import GenotypeMatrix
from genialearn.genotypes.by_animal import GenotypesByAnimal
from genialearn.genotypes.centred import CentredGenotypes
from genialearn.linalg.low_rank import dominant_part
from genialearn.neural.bodies.windows import Windows
from genialearn.relationships import GenomicRelationships

_PASSES = 6
"""Products with the subspace, as for principal components of a report."""

_FOR_SCALE = 1024
"""Animals that the variance of scores is taken of, at most."""


def principal_weights(
    genotypes: GenotypeMatrix, frequencies: FloatArray, n_axes: int = 64, *, seed: int = 1
) -> FloatArray:
    """Return weights W whose scores X W are the principal components of the animals, each of mean square 1.

    With XX' = U D U', W = X'U sqrt(n) / D for n animals.

    Parameters
    ----------
    genotypes
        Of the training animals.
    frequencies
        Those that standardise dosages to X, shape (markers,).
    n_axes
        How many; fewer where there are fewer animals or axes.
    seed
        Of the first subspace.

    Returns
    -------
    FloatArray
        Shape (markers, axes).
    """
    centred = CentredGenotypes.of(genotypes, frequencies, standardised=True)
    largest = min(n_axes, *genotypes.shape)
    part = dominant_part(GenomicRelationships(centred, 1.0), largest, rng=np.random.default_rng(seed), passes=_PASSES)
    real = part.values > 1e-6 * part.values.max(initial=0.0)
    vectors = part.vectors[:, real].astype(np.float64)
    weights: FloatArray = centred.times_animal_values(vectors) * (np.sqrt(genotypes.shape[0]) / part.values[real])
    return weights


def local_weights(
    genotypes: GenotypeMatrix, frequencies: FloatArray, effects: FloatArray, windows: Windows
) -> FloatArray:
    """Return weights whose scores within windows are local breeding values, of mean variance 1 for each trait.

    Windows keep their proportions: one without effects has scores near 0.

    Parameters
    ----------
    genotypes
        Of the training animals.
    frequencies
        Those that standardise dosages, shape (markers,).
    effects
        Of one copy of an allele, as `GenomicScale.marker_effects` gives them, of records that the network may learn
        from, shape (markers, traits).
    windows
        Of the markers.

    Returns
    -------
    FloatArray
        Shape (markers, traits).
    """
    weights = effects * np.sqrt(2 * frequencies * (1 - frequencies))[:, None]
    rows = np.unique(np.linspace(0, genotypes.shape[0] - 1, _FOR_SCALE).astype(np.int64))
    markers = standardised_dosages(genotypes.select(animals=rows), frequencies)
    variances = np.zeros(effects.shape[1])
    for columns, length in zip(windows.columns, windows.lengths, strict=True):
        inside = columns[:length]
        variances += np.var(markers[:, inside] @ weights[inside], axis=0) / len(windows)
    return weights / np.sqrt(np.where(variances > 0, variances, 1.0))


def anchor_dosages(
    genotypes: GenotypeMatrix, frequencies: FloatArray, n_anchors: int = 256, *, seed: int = 1
) -> FloatArray:
    """Return standardised dosages of random animals, in their order, shape (anchors, markers).

    Parameters
    ----------
    genotypes
        Of the training animals.
    frequencies
        Those that standardise dosages, shape (markers,).
    n_anchors
        How many; fewer where there are fewer animals.
    seed
        Of the draw.
    """
    rng = np.random.default_rng(seed)
    n_animals = genotypes.shape[0]
    chosen = np.sort(rng.permutation(n_animals)[:n_anchors])
    return standardised_dosages(genotypes.select(animals=chosen), frequencies)


def standardised_dosages(genotypes: GenotypeMatrix, frequencies: FloatArray) -> FloatArray:
    """Return what networks see of few animals, in float64, missing dosages 0, shape (animals, markers)."""
    animals = GenotypesByAnimal.of(genotypes, frequencies)
    values = animals.standardised(np.arange(len(animals)), None, np.float64)
    return values.astype(np.float64, copy=False)
