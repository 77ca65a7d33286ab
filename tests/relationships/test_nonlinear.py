"""Gaussian and arc-cosine kernels, exact and by random features, against their formulas written plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genialearn._arrays import Float32Array, FloatArray, IntArray, as_ids
from genialearn.genotypes import DenseGenotypes, MarkerMap
from genialearn.linalg.operators import as_matrix
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonlinear import (
    ArcCosine,
    FeatureKernel,
    Gaussian,
    Kernel,
    float32_inner_products,
    inner_products,
    random_projections,
    rows_at_once,
    squared_lengths,
)

N_ANIMALS, N_MARKERS = 40, 600
"""More markers than two blocks."""


def genotypes_of(values: IntArray) -> DenseGenotypes:
    matrix = np.asfortranarray(values, dtype=np.int8)
    return DenseGenotypes(as_ids(range(len(matrix))), MarkerMap.numbered(matrix.shape[1]), matrix)


def drawn(n_animals: int = N_ANIMALS, n_markers: int = N_MARKERS, *, seed: int = 1) -> DenseGenotypes:
    """Return genotypes of which a tenth are missing."""
    rng = np.random.default_rng(seed)
    values = rng.binomial(2, rng.uniform(0.1, 0.9, n_markers), (n_animals, n_markers))
    return genotypes_of(np.where(rng.random(values.shape) < 0.1, -1, values))


def plainly_centred(genotypes: DenseGenotypes, frequencies: FloatArray) -> FloatArray:
    return np.where(genotypes.values < 0, 0.0, genotypes.values - 2 * frequencies)


def lines(n_animals: int, n_columns: int = 4, *, seed: int = 2) -> FloatArray:
    """Return coordinates of animals, of whom two are the same and two are opposite."""
    z = np.random.default_rng(seed).standard_normal((n_animals, n_columns))
    z[1], z[2] = z[0], -z[0]
    return z


def with_inner_products(kernel: Kernel, z: FloatArray, others: FloatArray) -> FloatArray:
    return kernel.of(z @ others.T, np.sum(z**2, axis=1), np.sum(others**2, axis=1))


def plain_gaussian(one: FloatArray, other: FloatArray, bandwidths: tuple[float, ...], scale: float) -> float:
    distance = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
    return sum(math.exp(-theta * distance / scale) for theta in bandwidths) / len(bandwidths)


def plain_arc_cosine(one: FloatArray, other: FloatArray, layers: int) -> float:
    first, second, both = float(one @ one), float(other @ other), float(one @ other)
    for _ in range(layers):
        angle = math.acos(max(-1.0, min(1.0, both / math.sqrt(first * second))))
        both = math.sqrt(first * second) * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / math.pi
    return both


class TestGaussian:
    @pytest.mark.parametrize("bandwidths", [(1.0,), (0.2, 1.0, 3.0)])
    def test_it_is_the_plain_formula(self, bandwidths: tuple[float, ...]) -> None:
        z, others = lines(7), lines(5, seed=3)
        expected = [[plain_gaussian(one, other, bandwidths, 2.5) for other in others] for one in z]

        np.testing.assert_allclose(expected, with_inner_products(Gaussian(bandwidths, 2.5), z, others), rtol=1e-12)

    def test_an_animal_is_itself(self) -> None:
        z = 1e4 * lines(6)

        kernel = with_inner_products(Gaussian((1.0,), 1e8), z, z)
        np.testing.assert_allclose(1.0, np.diag(kernel), rtol=1e-12)
        assert pytest.approx(1.0) == kernel[0, 1]
        assert kernel.max() <= 1.0

    def test_its_name_tells_the_bandwidths(self) -> None:
        assert Gaussian((0.2, 1.0, 3.0), 1.0).name == "0.2 1 3"


class TestArcCosine:
    @pytest.mark.parametrize("layers", [1, 2, 4])
    def test_it_is_the_plain_formula(self, layers: int) -> None:
        z, others = lines(7), lines(5, seed=3)
        expected = [[plain_arc_cosine(one, other, layers) for other in others] for one in z]

        np.testing.assert_allclose(expected, with_inner_products(ArcCosine(layers), z, others), atol=1e-7)

    @pytest.mark.parametrize("layers", [1, 3])
    def test_lengths_stay(self, layers: int) -> None:
        z = lines(6)

        kernel = with_inner_products(ArcCosine(layers), z, z)
        np.testing.assert_allclose(np.sum(z**2, axis=1), np.diag(kernel), rtol=1e-6)

    def test_opposite_animals_share_nothing_in_one_layer(self) -> None:
        z = lines(6)

        assert pytest.approx(0.0, abs=1e-7) == with_inner_products(ArcCosine(1), z, z)[0, 2]

    def test_one_layer_is_the_mean_product_of_rectified_units(self) -> None:
        """2 E max(0, w'x) max(0, w'y) over standard normal w."""
        z = lines(5)
        units = np.maximum(np.random.default_rng(4).standard_normal((400_000, z.shape[1])) @ z.T, 0)

        expected = 2 * units.T @ units / len(units)
        largest = np.sum(z**2, axis=1).max()
        np.testing.assert_allclose(expected, with_inner_products(ArcCosine(1), z, z), atol=0.01 * largest)

    def test_an_animal_without_length_is_covariant_with_nobody(self) -> None:
        z = np.vstack([np.zeros(4), lines(3)])

        kernel = with_inner_products(ArcCosine(2), z, z)
        np.testing.assert_allclose(0.0, kernel[0], atol=1e-12)

    def test_its_name_tells_the_layers(self) -> None:
        assert ArcCosine(3).name == "3"


def features_of(kernel: Kernel, z: FloatArray, n_features: int, *, seed: int = 5) -> Float32Array:
    rng = np.random.default_rng(seed)
    projections = (z @ rng.standard_normal((z.shape[1], n_features))).astype(np.float32)
    return kernel.features(projections, rng.uniform(0, 2 * np.pi, n_features).astype(np.float32))


@pytest.mark.parametrize("n_features", [300, 3_000, 30_000])
class TestFeatures:
    """The error of an element falls with the root of the number of features."""

    @pytest.mark.parametrize("bandwidths", [(1.0,), (0.2, 1.0, 3.0)])
    def test_products_of_waves_are_about_the_gaussian_kernel(
        self, n_features: int, bandwidths: tuple[float, ...]
    ) -> None:
        kernel, z = Gaussian(bandwidths, 5.0), lines(20)
        features = features_of(kernel, z, n_features)

        errors = features @ features.T - with_inner_products(kernel, z, z)
        assert np.abs(errors).max() < 5 / np.sqrt(n_features)
        assert 0.2 / np.sqrt(n_features) < np.sqrt(np.mean(errors**2)) < 1.5 / np.sqrt(n_features)

    def test_products_of_rectified_projections_are_about_the_arc_cosine_kernel(self, n_features: int) -> None:
        z = lines(20)
        z /= np.linalg.norm(z, axis=1)[:, None]
        features = features_of(ArcCosine(1), z, n_features)

        errors = features @ features.T - with_inner_products(ArcCosine(1), z, z)
        assert np.abs(errors).max() < 5 * np.sqrt(5) / np.sqrt(n_features)
        assert 0.2 / np.sqrt(n_features) < np.sqrt(np.mean(errors**2)) < 2.5 / np.sqrt(n_features)


class TestInnerProducts:
    def test_with_others(self) -> None:
        one, other, p = drawn(), drawn(17, seed=6), np.random.default_rng(7).uniform(0.1, 0.9, N_MARKERS)
        expected = plainly_centred(one, p) @ plainly_centred(other, p).T

        np.testing.assert_allclose(expected, inner_products(one, other, p), atol=1e-10)

    def test_with_itself(self) -> None:
        one, p = drawn(), np.random.default_rng(7).uniform(0.1, 0.9, N_MARKERS)
        z = plainly_centred(one, p)

        np.testing.assert_allclose(np.sum(z**2, axis=1), squared_lengths(one, p), atol=1e-10)

    @pytest.mark.parametrize("n_animals", [40, 256, 300])
    def test_in_float32(self, n_animals: int) -> None:
        """Rows are mirrored in blocks of 256."""
        one, p = drawn(n_animals), np.random.default_rng(7).uniform(0.1, 0.9, N_MARKERS)
        z = plainly_centred(one, p)

        actual = float32_inner_products(one, p)
        assert actual.dtype == np.float32
        np.testing.assert_array_equal(actual.T, actual)
        np.testing.assert_allclose(z @ z.T, actual, atol=1e-5 * np.max(np.sum(z**2, axis=1)))


class TestRandomProjections:
    def test_their_products_are_about_those_of_animals(self) -> None:
        genotypes, n_features = drawn(), 4_000
        p = GenomicScale.of(genotypes).frequencies
        projections, z = random_projections(genotypes, p, n_features, seed=1), plainly_centred(genotypes, p)

        errors = projections @ projections.T / n_features - z @ z.T
        assert projections.shape == (N_ANIMALS, n_features)
        assert np.abs(errors).max() < 5 * np.sqrt(2 / n_features) * np.max(np.sum(z**2, axis=1))

    def test_company_does_not_matter(self) -> None:
        genotypes = drawn()
        p, some = GenomicScale.of(genotypes).frequencies, np.array([31, 2, 17])
        together = random_projections(genotypes, p, 50, seed=1)

        alone = random_projections(genotypes.select(animals=some), p, 50, seed=1)
        np.testing.assert_allclose(together[some], alone, atol=1e-5 * np.abs(together).max())

    def test_the_seed_decides(self) -> None:
        genotypes = drawn()
        p = GenomicScale.of(genotypes).frequencies
        one, again, other = (random_projections(genotypes, p, 200, seed=seed) for seed in (1, 1, 2))

        assert one.tobytes() == again.tobytes()
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


class TestFeatureKernel:
    @staticmethod
    def features() -> Float32Array:
        return np.random.default_rng(8).standard_normal((12, 30)).astype(np.float32)

    def test_it_is_the_product_of_its_features(self) -> None:
        kernel, f = FeatureKernel(self.features()), self.features().astype(np.float64)

        assert kernel.shape == (12, 12)
        np.testing.assert_allclose(f @ f.T, as_matrix(kernel), atol=1e-4)
        np.testing.assert_allclose(np.sum(f**2, axis=1), kernel.diagonal(), rtol=1e-6)
        values = np.random.default_rng(9).standard_normal((12, 3))
        np.testing.assert_allclose(f @ (f.T @ values), kernel.matmat(values), atol=1e-3)
        np.testing.assert_allclose(f.T @ values, kernel.to_features(values), atol=1e-4)

    def test_products_are_float64(self) -> None:
        kernel = FeatureKernel(self.features())

        assert kernel.matmat(np.ones((12, 1))).dtype == kernel.diagonal().dtype == np.float64

    def test_draws_have_its_covariance(self) -> None:
        kernel, f = FeatureKernel(self.features()), self.features().astype(np.float64)
        columns = kernel.draws(20_000, np.random.default_rng(10))

        largest = np.max(np.sum(f**2, axis=1))
        np.testing.assert_allclose(f @ f.T, columns @ columns.T / 20_000, atol=5 * np.sqrt(2 / 20_000) * largest)


def test_rows_at_once_are_fewer_where_they_are_longer() -> None:
    assert [160_000, 1000, 64] == [rows_at_once(n) for n in (100, 16_000, 10_000_000)]
