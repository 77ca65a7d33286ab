from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genialearn._arrays import FloatArray
from genialearn.errors import AlignmentError
from genialearn.linalg import Spectrum

TOO_FAR = "expected no eigenvalue below 0 by more than 0.0001 of the largest, found "


def positive_semidefinite(size: int, rank: int, seed: int) -> FloatArray:
    factor = np.random.default_rng(seed).standard_normal((size, rank))
    return np.asarray(factor @ factor.T)


class TestSpectrum:
    @settings(max_examples=25, deadline=None)
    @given(size=st.integers(1, 12), rank=st.integers(0, 12), seed=st.integers(0, 100))
    def test_it_is_the_matrix(self, size: int, rank: int, seed: int) -> None:
        matrix = positive_semidefinite(size, rank, seed)
        spectrum = Spectrum.of(matrix)
        vectors = spectrum.vectors

        np.testing.assert_allclose(vectors @ np.diag(spectrum.values) @ vectors.T, matrix, atol=1e-10)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(size), atol=1e-12)
        assert np.all(np.diff(spectrum.values) >= 0)
        assert np.all(spectrum.values >= 0)

    def test_only_the_lower_triangle_is_read(self) -> None:
        matrix = positive_semidefinite(6, 6, seed=1)

        np.testing.assert_array_equal(Spectrum.of(matrix).values, Spectrum.of(np.tril(matrix)).values)

    def test_no_animals(self) -> None:
        spectrum = Spectrum.of(np.empty((0, 0)))

        assert (0,) == spectrum.values.shape
        assert (0, 0) == spectrum.vectors.shape

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
    def test_rounding_errors_become_zero_at_any_scale(self, scale: float) -> None:
        values = Spectrum.of(scale * positive_semidefinite(10, 3, seed=2)).values

        assert values.min() >= 0
        assert 3 == np.sum(values > 1e-10 * scale)

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
    def test_small_negative_eigenvalues_are_set_to_zero_and_their_size_is_told(self, scale: float) -> None:
        spectrum = Spectrum.of(scale * np.diag([10.0, -2e-4, 3.0, -5e-4]))

        assert [0, 0, 3 * scale, 10 * scale] == spectrum.values.tolist()
        assert spectrum.repaired == pytest.approx(5e-5)

    def test_rounding_is_no_repair(self) -> None:
        assert 0 == Spectrum.of(np.diag([10.0, -1e-8])).repaired

    @pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
    def test_a_negative_eigenvalue_is_refused_at_any_scale(self, scale: float) -> None:
        with pytest.raises(AlignmentError, match=f"^relationship matrix: {TOO_FAR}-"):
            Spectrum.of(scale * np.array([[1.0, 2.0], [2.0, 1.0]]))


class TestSpectrumOfAComplement:
    @pytest.mark.parametrize("n_fixed", [1, 3, 8])
    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_it_is_the_projected_matrix(self, n_fixed: int, scale: float) -> None:
        rng = np.random.default_rng(3)
        matrix = scale * positive_semidefinite(12, 9, seed=3)
        basis = np.linalg.qr(rng.standard_normal((12, n_fixed)))[0]
        spectrum = Spectrum.of_complement(matrix, basis)

        projection = np.eye(12) - basis @ basis.T
        rebuilt = spectrum.vectors @ np.diag(spectrum.values) @ spectrum.vectors.T
        np.testing.assert_allclose(rebuilt, projection @ matrix @ projection, atol=1e-11 * scale)
        np.testing.assert_allclose(spectrum.vectors.T @ basis, 0, atol=1e-12)
        np.testing.assert_allclose(spectrum.vectors.T @ spectrum.vectors, np.eye(12 - n_fixed), atol=1e-12)

    def test_a_basis_of_everything_leaves_nothing(self) -> None:
        spectrum = Spectrum.of_complement(positive_semidefinite(4, 4, seed=4), np.eye(4))

        assert (0,) == spectrum.values.shape
        assert (4, 0) == spectrum.vectors.shape

    def test_a_negative_eigenvalue_is_refused(self) -> None:
        with pytest.raises(AlignmentError, match=f"^relationship matrix: {TOO_FAR}-2"):
            Spectrum.of_complement(np.diag([1.0, -2.0, 3.0]), np.array([[1.0], [0.0], [0.0]]))

    def test_small_negative_eigenvalues_are_set_to_zero_and_their_size_is_told(self) -> None:
        basis = np.array([[1.0], [0.0], [0.0]])
        spectrum = Spectrum.of_complement(np.diag([-1.0, -1e-5, 2.0]), basis)

        assert [0, 2] == spectrum.values.tolist()
        assert spectrum.repaired == pytest.approx(5e-6)
