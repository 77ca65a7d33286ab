from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genialearn._arrays import FloatArray, IntArray
from genialearn.errors import ConvergenceError
from genialearn.linalg.lanczos import Lanczos
from genialearn.linalg.low_rank import dominant_part
from genialearn.linalg.operators import Dense, Sum, as_matrix
from genialearn.linalg.solvers import Solution, conjugate_gradients


def positive_definite(n: int, seed: int = 1, condition: float = 50.0) -> FloatArray:
    rng = np.random.default_rng(seed)
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return np.asarray((vectors * np.geomspace(1, condition, n)) @ vectors.T)


class TestConjugateGradients:
    @given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 100))
    def test_they_solve(self, n: int, columns: int, seed: int) -> None:
        matrix = positive_definite(n, seed)
        b = np.random.default_rng(seed).standard_normal((n, columns))

        solution = conjugate_gradients(lambda v, which: matrix @ v, b, tolerance=1e-10)

        np.testing.assert_allclose(solution.checked("it"), np.linalg.solve(matrix, b), atol=1e-7)

    def test_each_column_may_have_a_matrix_and_an_end_of_its_own(self) -> None:
        matrices = [positive_definite(40, 1, 2.0), positive_definite(40, 2, 5000.0)]
        b = np.random.default_rng(3).standard_normal((40, 2))
        seen: list[int] = []

        def product(values: FloatArray, which: IntArray) -> FloatArray:
            seen.append(len(which))
            return np.column_stack([matrices[c] @ values[:, i] for i, c in enumerate(which)])

        solution = conjugate_gradients(product, b, tolerance=1e-9)

        for column, matrix in enumerate(matrices):
            np.testing.assert_allclose(solution.values[:, column], np.linalg.solve(matrix, b[:, column]), atol=1e-5)
        assert solution.iterations[0] < solution.iterations[1]
        assert seen.count(2) == solution.iterations[0]

    def test_columns_of_a_group_are_one_system(self) -> None:
        matrix = positive_definite(60)
        b = np.random.default_rng(4).standard_normal((60, 2))

        def product(values: FloatArray, which: IntArray) -> FloatArray:
            tall = values.T.reshape(len(which) // 2, 60)
            return (matrix @ tall.T).T.reshape(len(which), 30).T

        stacked = b.T.reshape(4, 30).T
        solution = conjugate_gradients(product, stacked, groups=np.array([0, 0, 1, 1]), tolerance=1e-10)

        actual = solution.values.T.reshape(2, 60).T
        np.testing.assert_allclose(actual, np.linalg.solve(matrix, b), atol=1e-7)

    def test_a_good_start_and_a_good_preconditioner_save_steps(self) -> None:
        matrix = positive_definite(100, condition=1e4)
        b = np.random.default_rng(5).standard_normal((100, 1))
        exact, inverse = np.linalg.solve(matrix, b), np.linalg.inv(matrix)

        plain = conjugate_gradients(lambda v, which: matrix @ v, b)
        started = conjugate_gradients(lambda v, which: matrix @ v, b, start=exact)
        helped = conjugate_gradients(lambda v, which: matrix @ v, b, precondition=lambda v, which: inverse @ v)

        assert plain.iterations[0] > 50
        assert started.iterations[0] == 0
        assert helped.iterations[0] <= 2

    def test_a_right_hand_side_of_zero_has_the_solution_zero(self) -> None:
        solution = conjugate_gradients(lambda v, which: v, np.zeros((5, 2)))

        np.testing.assert_array_equal(solution.checked("it"), 0.0)

    def test_what_has_not_converged_is_an_error_with_advice(self) -> None:
        matrix = positive_definite(100, condition=1e8)
        solution = conjugate_gradients(
            lambda v, which: matrix @ v, np.ones((100, 2)), tolerance=1e-12, max_iterations=3
        )

        with pytest.raises(
            ConvergenceError, match=r"values: expected .* 1e-12 in all 2 systems, found 2 not .* after 3"
        ):
            solution.checked("values")

    def test_a_solution_within_tolerance_is_returned(self) -> None:
        values = np.ones((2, 1))

        assert Solution(values, np.array([3]), np.array([1e-7]), 1e-6).checked("it") is values


class TestLanczos:
    @pytest.mark.parametrize("function", [np.log, np.sqrt, lambda d: 1 / d])
    def test_quadratures_are_quadratic_forms_of_functions(self, function: object) -> None:
        matrix = positive_definite(80)
        starts = np.random.default_rng(1).standard_normal((80, 3))
        run = Lanczos(lambda v, which: matrix @ v, starts)
        run.extend(20)
        run.extend(15)

        values, vectors = np.linalg.eigh(matrix)
        for column in range(3):
            quadrature = run.quadrature(column)
            expected = np.sum(function(values) * (vectors.T @ starts[:, column]) ** 2)  # type: ignore[operator]
            actual = np.sum(quadrature.weights * function(quadrature.nodes))  # type: ignore[operator]
            assert actual == pytest.approx(expected, rel=1e-8)

    def test_a_start_whose_space_is_exhausted_stops_there(self) -> None:
        matrix = np.diag([1.0, 2.0, 3.0, 4.0])
        run = Lanczos(lambda v, which: matrix @ v, np.array([[1.0, 0], [1.0, 0], [0, 1.0], [0, 0]]))
        run.extend(10)

        np.testing.assert_allclose(run.quadrature(0).nodes, [1, 2], atol=1e-12)
        np.testing.assert_allclose(run.quadrature(0).weights, [1, 1], atol=1e-12)
        np.testing.assert_allclose(run.quadrature(1).nodes, [3], atol=1e-12)

    def test_weights_sum_to_the_squared_norm(self) -> None:
        start = np.array([[3.0], [4.0], [0.0]])
        run = Lanczos(lambda v, which: np.diag([1.0, 2.0, 3.0]) @ v, start)
        run.extend(2)

        assert run.quadrature(0).weights.sum() == pytest.approx(25)


class TestDominantPart:
    def test_it_has_the_largest_eigenvalues(self) -> None:
        matrix = positive_definite(200, condition=1e6)
        part = dominant_part(Dense(matrix), 10, rng=np.random.default_rng(1), passes=6)
        values, vectors = np.linalg.eigh(matrix)

        np.testing.assert_allclose(part.values, values[::-1][:10], rtol=1e-5)
        np.testing.assert_allclose(np.abs(np.sum(part.vectors * vectors[:, ::-1][:, :10], axis=0)), 1, atol=1e-3)

    def test_it_ends_at_the_operator_s_own_rank(self) -> None:
        factor = np.random.default_rng(2).standard_normal((30, 4))
        part = dominant_part(Dense(factor @ factor.T), 50, rng=np.random.default_rng(1))
        significant = part.values > 1e-8 * part.values[0]

        assert significant.sum() == 4
        np.testing.assert_allclose((part.vectors * part.values) @ part.vectors.T, factor @ factor.T, atol=1e-4)


class TestOperators:
    def test_a_sum_is_the_sum_of_the_matrices(self) -> None:
        a, b = positive_definite(7, 1), positive_definite(7, 2)
        both = Sum((Dense(a), Dense(b)), (0.9, 0.1))

        np.testing.assert_allclose(as_matrix(both), 0.9 * a + 0.1 * b)
        np.testing.assert_allclose(both.diagonal(), np.diag(0.9 * a + 0.1 * b))
        assert both.shape == (7, 7)

    def test_draws_of_a_sum_have_its_covariances(self) -> None:
        a, b = positive_definite(4, 1), positive_definite(4, 2)
        drawn = Sum((Dense(a), Dense(b)), (0.9, 0.1)).draws(40_000, np.random.default_rng(3))

        np.testing.assert_allclose(np.cov(drawn), 0.9 * a + 0.1 * b, atol=0.03 * np.trace(a + b) / 4)
