"""Kernels that are no sum over markers: Gaussian and arc-cosine, exact from inner products or by random features.

Both depend on the inner products c_ij = z_i'z_j / k of animals' genotypes alone, VanRaden's G: the Gaussian one by
squared distances d_ij = c_ii + c_jj - 2 c_ij, the arc-cosine one by lengths and angles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg.blas import ssyrk

from genialearn._arrays import Float32Array, FloatArray
from genialearn.genotypes import GenotypeMatrix
from genialearn.genotypes.matrix import BLOCK_WIDTH
from genialearn.genotypes.products import centred

_WIDTH = 256
_NUMBERS, _FEWEST_ROWS = 16_000_000, 64
"""Of a matrix whose rows are made at one time, and rows of it at least."""

"""Rows that are mirrored at a time."""


class Kernel(Protocol):
    """A covariance of animals, as a function of inner products."""

    @property
    def name(self) -> str:
        """What tells it from its kind's others."""

    @property
    def has_features(self) -> bool:
        """Whether random features stand for it."""

    def of(self, inner: FloatArray, own: FloatArray, others: FloatArray) -> FloatArray:
        """Return the covariances of animals with others.

        Parameters
        ----------
        inner
            c, shape (animals, others).
        own, others
            c of each with itself, shapes (animals,) and (others,).
        """

    def features(self, projections: Float32Array, phases: Float32Array) -> Float32Array:
        """Return features whose inner products are the covariances on average over random projections.

        Parameters
        ----------
        projections
            Z W / sqrt(k) for standard normal W, shape (animals, features).
        phases
            Uniform from 0 to 2 pi, shape (features,).
        """


@dataclass(frozen=True)
class Gaussian:
    """exp(-theta d / s), the reproducing kernel of RKHS regression, averaged over some theta.

    Parameters
    ----------
    bandwidths
        theta.
    scale
        s: the median of d among training animals.

    References
    ----------
    Gianola and van Kaam 2008, Genetics 178:2289; averaging: de los Campos et al. 2010, Genet Res 92:295; random
    features: Rahimi and Recht 2007, NeurIPS 20:1177.
    """

    bandwidths: tuple[float, ...]
    scale: float

    @property
    def name(self) -> str:
        """Bandwidths, separated by spaces."""
        return " ".join(f"{theta:g}" for theta in self.bandwidths)

    @property
    def has_features(self) -> bool:
        """Yes."""
        return True

    def of(self, inner: FloatArray, own: FloatArray, others: FloatArray) -> FloatArray:
        """Return the covariances of animals with others, as `Kernel` has them."""
        distances = np.maximum(own[:, None] + others[None, :] - 2 * inner, 0.0) / self.scale
        total = sum((np.exp(-theta * distances) for theta in self.bandwidths), np.zeros_like(inner))
        return np.asarray(total / len(self.bandwidths))

    def features(self, projections: Float32Array, phases: Float32Array) -> Float32Array:
        """Return random Fourier features, each of one bandwidth, shape (animals, features)."""
        turn = np.sqrt(2 * np.resize(self.bandwidths, projections.shape[1]) / self.scale).astype(np.float32)
        return np.asarray(
            np.float32(np.sqrt(2 / projections.shape[1])) * np.cos(projections * turn + phases), dtype=np.float32
        )


@dataclass(frozen=True)
class ArcCosine:
    """The kernel of a network of infinitely many rectified units in each of some layers.

    k_0 = c; k_l = sqrt(k_l-1,ii k_l-1,jj) (sin t + (pi - t) cos t) / pi, t the angle between i and j in k_l-1.

    Parameters
    ----------
    layers
        How many.

    References
    ----------
    Cho and Saul 2009, NeurIPS 22:342; in genomic prediction: Cuevas et al. 2019, G3 9:2913, doi:10.1534/g3.119.400493.
    """

    layers: int

    @property
    def name(self) -> str:
        """The number of layers."""
        return str(self.layers)

    @property
    def has_features(self) -> bool:
        """Where there is one layer."""
        return self.layers == 1

    def of(self, inner: FloatArray, own: FloatArray, others: FloatArray) -> FloatArray:
        """Return the covariances of animals with others, as `Kernel` has them: lengths stay as they were."""
        lengths = np.outer(np.sqrt(np.maximum(own, 1e-300)), np.sqrt(np.maximum(others, 1e-300)))
        cosines = inner / lengths
        for _ in range(self.layers):
            angles = np.arccos(np.clip(cosines, -1.0, 1.0))
            cosines = (np.sin(angles) + (np.pi - angles) * np.cos(angles)) / np.pi
        return np.asarray(lengths * cosines)

    def features(self, projections: Float32Array, phases: Float32Array) -> Float32Array:
        """Return rectified projections, shape (animals, features): those of one layer."""
        return np.asarray(np.float32(np.sqrt(2 / projections.shape[1])) * np.maximum(projections, 0), dtype=np.float32)


def rows_at_once(n_columns: int) -> int:
    """Return of how many animals a matrix with so many columns should be there at one time."""
    return max(_FEWEST_ROWS, _NUMBERS // n_columns)


def inner_products(
    genotypes: GenotypeMatrix, others: GenotypeMatrix, frequencies: FloatArray, *, single: bool = False
) -> FloatArray:
    """Return Z Z_o' of animals with others of the same markers, shape (animals, others).

    With `single` blocks of markers are multiplied in float32, as in `float32_inner_products`, and added in float64.
    """
    out = np.zeros((genotypes.shape[0], others.shape[0]))
    for (columns, block), (_, other) in zip(genotypes.blocks(), others.blocks(), strict=True):
        z, theirs = centred(block, frequencies[columns]), centred(other, frequencies[columns])
        out += z.astype(np.float32) @ theirs.astype(np.float32).T if single else z @ theirs.T
    return out


def float32_inner_products(genotypes: GenotypeMatrix, frequencies: FloatArray) -> Float32Array:
    """Return Z Z' in float32, of animals too many for float64, shape (animals, animals)."""
    out = np.zeros((genotypes.shape[0], genotypes.shape[0]), dtype=np.float32, order="F")
    for columns, block in genotypes.blocks():
        z = centred(block, frequencies[columns]).astype(np.float32)
        out = ssyrk(1.0, z, beta=1.0, c=out, overwrite_c=True, lower=True)
    for start in range(0, len(out), _WIDTH):
        stop = start + _WIDTH
        out[start:stop, stop:] = out[stop:, start:stop].T
        square = out[start:stop, start:stop]
        square += np.tril(square, -1).T
    return out


def squared_lengths(genotypes: GenotypeMatrix, frequencies: FloatArray) -> FloatArray:
    """Return z'z of each animal, shape (animals,)."""
    out = np.zeros(genotypes.shape[0])
    for columns, block in genotypes.blocks():
        z = centred(block, frequencies[columns])
        out += np.einsum("ij,ij->i", z, z)
    return out


def random_projections(
    genotypes: GenotypeMatrix, frequencies: FloatArray, n_features: int, *, seed: int
) -> Float32Array:
    """Return Z W for standard normal W that the seed alone decides, drawn again for every call: (animals, features).

    A block of W is as large as a block of markers needs; 2 n p f flops for n animals, p markers and f features.
    """
    out = np.zeros((genotypes.shape[0], n_features), dtype=np.float32)
    for columns, block in genotypes.blocks(BLOCK_WIDTH):
        rng = np.random.default_rng([seed, columns.start])
        weights = rng.standard_normal((block.shape[1], n_features), dtype=np.float32)
        out += centred(block, frequencies[columns]).astype(np.float32) @ weights
    return out


@dataclass(frozen=True, eq=False)
class FormedKernel:
    """Covariances of animals as a matrix, in float32 where they are too many for float64.

    Parameters
    ----------
    matrix
        Symmetric, shape (animals, animals).
    """

    matrix: FloatArray | Float32Array

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, animals)."""
        return len(self.matrix), len(self.matrix)

    def centre(self) -> tuple[FloatArray, float]:
        """Make rows and columns sum to 0 and the mean diagonal 1, in place.

        Returns
        -------
        means, unit
            Of each row before, less half of that of all elements, shape (animals,), and what elements were divided by:
            the variance among these animals of values with these covariances.
        """
        rows = self.matrix.mean(axis=1, dtype=np.float64)
        unit = float(self.diagonal().mean() - rows.mean())
        means = rows - rows.mean() / 2
        if unit > 0:
            for start in range(0, len(rows), _WIDTH):
                some = slice(start, start + _WIDTH)
                self.matrix[:, some] = (self.matrix[:, some] - means[:, None] - means[some]) / unit
        return means, unit

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return the product with values (animals, columns)."""
        return np.asarray(self.matrix @ values.astype(self.matrix.dtype), dtype=np.float64)

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (animals,)."""
        return np.diagonal(self.matrix).astype(np.float64)


@dataclass(frozen=True, eq=False)
class FeatureKernel:
    """F F' as an operator that is never formed.

    Parameters
    ----------
    features
        F, float32, shape (animals, features).
    """

    features: Float32Array

    @property
    def shape(self) -> tuple[int, int]:
        """(animals, animals)."""
        return len(self.features), len(self.features)

    def matmat(self, values: FloatArray) -> FloatArray:
        """Return the product with values (animals, columns)."""
        return np.asarray(self.features @ self.to_features(values).astype(np.float32), dtype=np.float64)

    def to_features(self, values: FloatArray) -> FloatArray:
        """Return F'V for values V (animals, columns): shape (features, columns)."""
        return np.asarray(self.features.T @ values.astype(np.float32), dtype=np.float64)

    def diagonal(self) -> FloatArray:
        """Return the diagonal, shape (animals,)."""
        return np.asarray(np.einsum("ij,ij->i", self.features, self.features, dtype=np.float64))

    def draws(self, n_columns: int, rng: np.random.Generator) -> FloatArray:
        """Return independent columns of covariance F F', shape (animals, columns)."""
        drawn = rng.standard_normal((self.features.shape[1], n_columns), dtype=np.float32)
        return np.asarray(self.features @ drawn, dtype=np.float64)
