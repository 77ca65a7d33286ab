"""What regressions on kernels know after fitting: values of any animals, and whose kernel suits a trait best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genialearn._arrays import Float32Array, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError
from genialearn.genotypes import GenotypeMatrix
from genialearn.mixed_models import exact
from genialearn.mixed_models.exact import ExactFits, ExactTraitModel
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonlinear import Kernel, inner_products, random_projections, squared_lengths

ALIKE = 1e-12
"""Variance, or squared distance, up to which animals count as the same."""


@dataclass(frozen=True, eq=False)
class KernelValues:
    """Genetic values of any animals from their covariances with the training animals.

    Parameters
    ----------
    scale, training
        Scale and genotypes of the training animals.
    own
        Their squared lengths, shape (training animals,).
    kernels, units
        What covariances are made by and divided by.
    chosen
        Place of each trait's kernel, shape (traits,).
    dual
        Weights of the covariances, shape (training animals, traits).
    shift
        What is subtracted of each trait.
    single
        Whether inner products may be in float32, as those of the training animals were.
    """

    scale: GenomicScale
    training: GenotypeMatrix
    own: FloatArray
    kernels: list[Kernel]
    units: list[float]
    chosen: IntArray
    dual: FloatArray
    shift: FloatArray | float = 0.0
    single: bool = False

    @property
    def n_columns(self) -> int:
        """Numbers that an animal needs."""
        return len(self.own)

    def of(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return those of animals whose columns are already the markers of the scale, shape (animals, traits)."""
        inner = inner_products(genotypes, self.training, self.scale.frequencies, single=self.single)
        inner /= self.scale.divisor
        lengths = squared_lengths(genotypes, self.scale.frequencies) / self.scale.divisor
        out = np.empty((genotypes.shape[0], self.dual.shape[1]))
        for place in np.unique(self.chosen):
            covariances = self.kernels[place].of(inner, lengths, self.own) / self.units[place]
            traits = self.chosen == place
            out[:, traits] = covariances @ self.dual[:, traits]
        return out - self.shift


@dataclass(frozen=True, eq=False)
class RandomFeatures:
    """Features of any animals whose inner products are about a kernel's covariances, less their mean.

    Parameters
    ----------
    scale
        Markers and frequencies.
    kernel
        Which one.
    phases
        As in `Kernel.features`.
    seed
        Of the projections.
    means, unit
        What is subtracted of each feature, and what they are divided by, shape (features,).
    """

    scale: GenomicScale
    kernel: Kernel
    phases: Float32Array
    seed: int
    means: Float32Array
    unit: float

    @classmethod
    def of(
        cls, scale: GenomicScale, kernel: Kernel, phases: Float32Array, seed: int, training: GenotypeMatrix
    ) -> tuple[RandomFeatures, Float32Array]:
        """Return features of mean 0 and mean squared length 1 among training animals, and theirs."""
        raw = cls(scale, kernel, phases, seed, np.zeros_like(phases), 1.0)
        features = raw.features(training)
        means = features.mean(axis=0)
        features -= means
        length = float(np.mean(np.einsum("ij,ij->i", features, features, dtype=np.float64)))
        if not length > 0:
            raise alike()
        features /= np.float32(np.sqrt(length))
        return replace(raw, means=means, unit=float(np.sqrt(length))), features

    def features(self, genotypes: GenotypeMatrix) -> Float32Array:
        """Return those of animals whose columns are already the markers of the scale, shape (animals, features)."""
        projections = random_projections(genotypes, self.scale.frequencies, len(self.phases), seed=self.seed)
        projections /= np.float32(np.sqrt(self.scale.divisor))
        return np.asarray((self.kernel.features(projections, self.phases) - self.means) / np.float32(self.unit))


@dataclass(frozen=True, eq=False)
class FeatureValues:
    """Genetic values of any animals from random features."""

    drawn: RandomFeatures
    effects: FloatArray

    @property
    def n_columns(self) -> int:
        """Numbers that an animal needs."""
        return len(self.effects)

    def of(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return those of animals whose columns are already the markers of the scale, shape (animals, traits)."""
        return np.asarray(self.drawn.features(genotypes) @ self.effects.astype(np.float32), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ChosenFits:
    """The models of all traits, each on the matrix among several that suits it best.

    Parameters
    ----------
    models
        One a trait.
    matrices
        Shape (animals, animals) each.
    chosen
        Place of each trait's matrix, shape (traits,).
    """

    models: list[ExactTraitModel]
    matrices: list[FloatArray]
    chosen: IntArray
    solver: str = "exact"

    @classmethod
    def best(cls, cohort: Cohort, matrices: list[FloatArray], given: Sequence[float | None]) -> ChosenFits:
        """Return the models whose matrix has the highest restricted likelihood."""
        tried = [exact.fit_trait_models(cohort, matrix, given).models for matrix in matrices]
        likelihoods = [[model.variances.log_likelihood for model in models] for models in tried]
        chosen = np.argmax(likelihoods, axis=0)
        return cls([tried[place][trait] for trait, place in enumerate(chosen)], matrices, chosen)

    def out_of_fold_breeding_values(self, folds: IntArray) -> FloatArray:
        """Return each animal's genetic values as if no animal of its fold had records, shape (animals, traits)."""
        singles = [ExactFits([model], self.matrices[k]) for model, k in zip(self.models, self.chosen, strict=True)]
        return np.concatenate([fits.out_of_fold_breeding_values(folds) for fits in singles], axis=1)


def best_for_all(cohort: Cohort, matrices: list[FloatArray], given: Sequence[float | None]) -> int:
    """Return the place of the matrix whose restricted likelihoods of all traits have the highest product."""
    sums = [
        sum(model.variances.log_likelihood for model in exact.fit_trait_models(cohort, matrix, given).models)
        for matrix in matrices
    ]
    return int(np.argmax(sums))


def standardised(matrix: FloatArray) -> tuple[FloatArray, float]:
    """Return covariances over the variance that values have among these animals, and that variance."""
    unit = float(np.mean(np.diagonal(matrix)) - np.mean(matrix))
    if not unit > ALIKE:
        raise alike()
    return matrix / unit, unit


def alike() -> AlignmentError:
    """Return what to raise where a kernel sees no difference between the training animals."""
    return AlignmentError(
        "genotypes",
        expected="training animals that differ",
        found="animals that are all alike to the kernel",
        advice="Train on more animals, or on another set of markers.",
    )
