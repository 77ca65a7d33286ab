from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from cohorts_for_tests import family_cohort, with_records_repeated
from dense_mixed_model import full_rank, relationships
from genialearn._arrays import FloatArray
from genialearn.cohorts import Cohort
from genialearn.errors import AlignmentError, ConvergenceError, SettingError
from genialearn.mixed_models.exact import record_patterns
from genialearn.mixed_models.multivariate import Covariances, multivariate_reml
from genialearn.mixed_models.variance import Contrasts, restricted_maximum_likelihood
from genialearn.records import design

GENETIC = np.array([[0.5, 0.2], [0.2, 0.3]])
RESIDUAL = np.array([[0.5, -0.1], [-0.1, 0.7]])

BORDERS = {
    "a correlation of 1": (np.full((2, 2), 0.4), RESIDUAL),
    "a correlation of -1": (np.array([[0.4, -0.4], [-0.4, 0.4]]), RESIDUAL),
    "no variance of the first": (np.diag([0.0, 0.4]), RESIDUAL),
    "no genetic variance": (np.zeros((2, 2)), RESIDUAL),
    "no residual variance of the first": (GENETIC, np.diag([0.0, 0.4])),
    "no residual variance": (GENETIC, np.zeros((2, 2))),
    "opposite correlations": (np.ones((2, 2)), np.array([[1.0, -1.0], [-1.0, 1.0]])),
    "three traits, one factor": (np.full((3, 3), 0.5), np.eye(3)),
}


def root(matrix: FloatArray) -> FloatArray:
    """Return F with F F' = S."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def simulated(
    genetic: FloatArray = GENETIC, residual: FloatArray = RESIDUAL, n: int = 300, *, seed: int = 1
) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues and contrasts."""
    rng = np.random.default_rng(seed)
    d = np.sort(rng.exponential(size=n))
    g, e = rng.standard_normal((2, n, len(genetic)))
    return d, np.sqrt(d)[:, None] * g @ root(genetic).T + e @ root(residual).T


def plain_log_likelihood(d: FloatArray, c: FloatArray, genetic: FloatArray, residual: FloatArray) -> float:
    """Return the restricted log likelihood, contrast by contrast."""
    v = d[:, None, None] * genetic + residual
    quadratic = np.einsum("ia,iab,ib", c, np.linalg.inv(v), c)
    return float(-0.5 * (np.linalg.slogdet(v)[1].sum() + quadratic))


def assert_same(expected: Covariances, actual: Covariances, *, scale: FloatArray, tolerance: float = 1e-5) -> None:
    """Assert that estimates and standard errors are the same within a share of the scale of each covariance."""
    for name in ("genetic", "residual", "genetic_se", "residual_se"):
        difference = (getattr(actual, name) - getattr(expected, name)) / scale
        np.testing.assert_allclose(difference, 0, atol=tolerance)


class TestSingleTrait:
    @pytest.mark.parametrize("h2", [0.1, 0.4, 0.9])
    def test_it_is_the_single_trait_estimate(self, h2: float) -> None:
        d, c = simulated(np.array([[h2]]), np.array([[1 - h2]]))
        expected = restricted_maximum_likelihood(Contrasts(d, c[:, 0]))
        actual = multivariate_reml(d, c)

        assert pytest.approx(expected.genetic, rel=1e-5) == actual.genetic[0, 0]
        assert pytest.approx(expected.residual, rel=1e-5) == actual.residual[0, 0]
        assert pytest.approx(expected.log_likelihood, abs=1e-8) == actual.log_likelihood

    @pytest.mark.parametrize("power", [-0.5, 0.5])
    def test_borders(self, power: float) -> None:
        """Values that grow against, or exactly with, the eigenvalues."""
        d = np.linspace(0.1, 3, 100)
        expected = restricted_maximum_likelihood(Contrasts(d, d**power))
        actual = multivariate_reml(d, (d**power)[:, None])

        assert pytest.approx([expected.genetic, expected.residual], rel=1e-3, abs=2e-5 * expected.total) == [
            actual.genetic[0, 0],
            actual.residual[0, 0],
        ]


@dataclass(frozen=True)
class DenseModel:
    """The multivariate model on full matrices: y stacked trait by trait, V = S_g x ZGZ' + S_e x W^-1."""

    y: FloatArray
    x: FloatArray
    kernel: FloatArray
    inverse_weights: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, t: int) -> DenseModel:
        """Return the model of the first traits of a cohort, which share records and weights."""
        records = cohort.records
        z = np.eye(len(cohort))[cohort.record_rows]
        x = full_rank(design(cohort.traits[0].fixed, records.effects).dense())
        kernel = z @ relationships(cohort) @ z.T
        return cls(records.values[:, :t].T.ravel(), np.kron(np.eye(t), x), kernel, np.diag(1 / records.weights[:, 0]))

    def log_likelihood(self, genetic: FloatArray, residual: FloatArray) -> float:
        """Return the restricted log likelihood, without its constant."""
        v = np.kron(genetic, self.kernel) + np.kron(residual, self.inverse_weights)
        scaled = np.linalg.solve(v, np.column_stack([self.x, self.y]))
        information = self.x.T @ scaled[:, :-1]
        b = np.linalg.solve(information, self.x.T @ scaled[:, -1])
        quadratic = self.y @ scaled[:, -1] - b @ information @ b
        return float(-0.5 * (np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + quadratic))

    def best(self, t: int) -> tuple[FloatArray, FloatArray]:
        """Return S_g and S_e of highest likelihood, by brute force on their Cholesky factors."""
        lower = np.tril_indices(t)

        def covariances(parameters: FloatArray) -> list[FloatArray]:
            factors = np.zeros((2, t, t))
            factors[:, lower[0], lower[1]] = np.reshape(parameters, (2, -1))
            return [f @ f.T for f in factors]

        start = np.tile(np.eye(t)[lower], 2)
        found = minimize(lambda p: -self.log_likelihood(*covariances(p)), start, method="BFGS", options={"gtol": 1e-4})
        genetic, residual = covariances(found.x)
        return genetic, residual

    def standard_errors(self, genetic: FloatArray, residual: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return those of all covariances, from second differences of the likelihood."""
        t = len(genetic)
        rows, columns = np.tril_indices(t)
        pairs = len(rows)
        step = 1e-3

        def moved(changes: FloatArray) -> float:
            both = np.array([genetic, residual])
            both[:, rows, columns] += changes.reshape(2, -1)
            both[:, columns, rows] = both[:, rows, columns]
            return self.log_likelihood(*both)

        steps = step * np.eye(2 * pairs)
        curvature = [[moved(a + b) - moved(a - b) - moved(b - a) + moved(-a - b) for a in steps] for b in steps]
        squares = np.diag(np.linalg.inv(-np.array(curvature) / (4 * step**2)))
        out = np.zeros((2, t, t))
        out[:, rows, columns] = out[:, columns, rows] = np.sqrt(squares).reshape(2, -1)
        return out[0], out[1]


@pytest.mark.parametrize("t", [2, 3])
class TestDense:
    def test_estimates(self, t: int) -> None:
        cohort = self.cohort(t)
        dense = DenseModel.of(cohort, t)
        expected = dense.best(t)
        actual = self.fitted(cohort, t)

        assert dense.log_likelihood(actual.genetic, actual.residual) >= dense.log_likelihood(*expected) - 1e-7
        np.testing.assert_allclose(actual.genetic, expected[0], atol=1e-3)
        np.testing.assert_allclose(actual.residual, expected[1], atol=1e-3)

    def test_standard_errors(self, t: int) -> None:
        cohort = self.cohort(t)
        actual = self.fitted(cohort, t)
        expected = DenseModel.of(cohort, t).standard_errors(actual.genetic, actual.residual)

        np.testing.assert_allclose(actual.genetic_se, expected[0], rtol=1e-3)
        np.testing.assert_allclose(actual.residual_se, expected[1], rtol=1e-3)

    @staticmethod
    def cohort(t: int) -> Cohort:
        """Return three records an animal, of weights that traits share."""
        rng = np.random.default_rng(2)
        cohort = with_records_repeated(family_cohort(25, 60, seed=10, holes=0).canonical(), np.full(25, 3))
        shape = cohort.records.values.shape
        weights = np.repeat(rng.uniform(0.5, 2, (shape[0], 1)), shape[1], axis=1)
        values = np.zeros(shape)
        g = root(relationships(cohort)) @ rng.standard_normal((25, t)) @ root(0.3 + 0.7 * np.eye(t)).T
        e = rng.standard_normal((shape[0], t)) / np.sqrt(weights[:, :t])
        values[:, :t] = g[cohort.record_rows] + e @ root(0.5 + 0.5 * np.eye(t)).T
        return replace(cohort, records=replace(cohort.records, values=values, weights=weights))

    @staticmethod
    def fitted(cohort: Cohort, t: int) -> Covariances:
        pattern = record_patterns(cohort, relationships(cohort))[0]
        weighted = pattern.root_weights[:, None] * cohort.records.values[pattern.records, :t]
        return multivariate_reml(pattern.spectrum.values, pattern.spectrum.vectors.T @ weighted)


class TestTruth:
    def test_it_is_inside_intervals(self) -> None:
        """95 % intervals of six covariances and a correlation; 400 replicates tell .93 to .97 from .95."""
        truth = self.parts(GENETIC, RESIDUAL, 0.2 / np.sqrt(0.15))
        fits = [multivariate_reml(*simulated(n=1000, seed=seed)) for seed in range(400)]
        estimates = np.array([self.parts(f.genetic, f.residual, f.genetic_correlations[0, 1]) for f in fits])
        errors = np.array(
            [self.parts(f.genetic_se, f.residual_se, f.genetic_correlations_se[0, 1]) for f in fits],
        )
        inside = np.abs(estimates - truth) < 1.96 * errors

        assert np.isfinite(errors).all()
        np.testing.assert_allclose(inside.mean(axis=0), 0.95, atol=0.025)
        np.testing.assert_allclose(errors.mean(axis=0), estimates.std(axis=0), rtol=0.1)
        np.testing.assert_allclose(estimates.mean(axis=0), truth, atol=0.02)

    @staticmethod
    def parts(genetic: FloatArray, residual: FloatArray, correlation: float) -> FloatArray:
        pairs = np.triu_indices(2)
        return np.array([*genetic[pairs], *residual[pairs], correlation])


class TestInvariance:
    def test_units(self) -> None:
        d, c = simulated()
        units = np.array([1e-6, 1e7])
        scale = np.outer(units, units)
        expected, actual = multivariate_reml(d, c), multivariate_reml(d, c * units)

        scaled = [getattr(expected, name) * scale for name in ("genetic", "residual", "genetic_se", "residual_se")]
        assert_same(Covariances(*scaled, expected.genetic_correlations_se, 0.0), actual, scale=scale)
        np.testing.assert_allclose(actual.genetic_correlations_se, expected.genetic_correlations_se, atol=1e-6)
        assert pytest.approx(expected.log_likelihood - 300 * np.log(10)) == actual.log_likelihood

    def test_scale_of_relationships(self) -> None:
        d, c = simulated()
        expected, actual = multivariate_reml(d, c), multivariate_reml(1e4 * d, c)

        np.testing.assert_allclose(1e4 * actual.genetic, expected.genetic, atol=1e-5)
        np.testing.assert_allclose(actual.residual, expected.residual, atol=1e-5)
        assert pytest.approx(expected.log_likelihood) == actual.log_likelihood

    def test_order_of_traits(self) -> None:
        d, c = simulated(0.2 + 0.3 * np.eye(3), np.diag([0.5, 1.0, 2.0]))
        order = [2, 0, 1]
        expected, actual = multivariate_reml(d, c), multivariate_reml(d, c[:, order])

        np.testing.assert_allclose(actual.genetic, expected.genetic[np.ix_(order, order)], atol=1e-6)
        np.testing.assert_allclose(actual.residual_se, expected.residual_se[np.ix_(order, order)], atol=1e-6)

    def test_combinations_of_traits(self) -> None:
        """Estimates for sums and differences follow from those for the traits."""
        d, c = simulated()
        a = np.array([[1.0, 1.0], [1.0, -1.0]])
        expected, actual = multivariate_reml(d, c), multivariate_reml(d, c @ a.T)

        np.testing.assert_allclose(actual.genetic, a @ expected.genetic @ a.T, atol=1e-5)
        np.testing.assert_allclose(actual.residual, a @ expected.residual @ a.T, atol=1e-5)

    def test_start(self) -> None:
        d, c = simulated()
        expected, actual = multivariate_reml(d, c), multivariate_reml(d, c, start=(np.diag([5.0, 0.01]), np.eye(2)))

        assert_same(expected, actual, scale=np.ones((2, 2)))


class TestBorders:
    @pytest.mark.parametrize("name", BORDERS)
    @settings(max_examples=8, deadline=None)
    @given(seed=st.integers(0, 1000))
    def test_no_other_covariances_are_more_likely(self, name: str, seed: int) -> None:
        d, c = simulated(*BORDERS[name], 200, seed=seed)
        best = multivariate_reml(d, c)
        highest = plain_log_likelihood(d, c, best.genetic, best.residual)
        assert pytest.approx(highest, abs=1e-6) == best.log_likelihood
        assert np.linalg.eigvalsh(best.genetic)[0] > -1e-12
        assert np.linalg.eigvalsh(best.residual)[0] > 0

        rng, unit, least = np.random.default_rng(seed), np.sqrt(np.mean(c**2, axis=0)), 1e-5 * d.mean()
        factors = root(best.genetic), root(best.residual - least * best.genetic)
        for size in np.repeat([1e-3, 1e-2, 1e-1, 1], 20):
            genetic, residual = (
                f @ f.T for f in (f + size * unit[:, None] * rng.standard_normal(f.shape) for f in factors)
            )
            assert plain_log_likelihood(d, c, genetic, residual + least * genetic) < highest + 1e-6

    @pytest.mark.parametrize(("sign", "name"), [(1, "a correlation of 1"), (-1, "a correlation of -1")])
    def test_correlations(self, sign: int, name: str) -> None:
        """In a half of all samples the estimate is at the border."""
        fits = [multivariate_reml(*simulated(*BORDERS[name], seed=seed)) for seed in range(20)]
        at_border = [fit for fit in fits if np.isnan(fit.genetic_correlations_se[0, 1])]

        assert 5 <= len(at_border) <= 18
        for fit in at_border:
            assert pytest.approx(sign) == fit.genetic_correlations[0, 1]
            assert np.isfinite([fit.genetic_se, fit.residual_se]).all()
        for fit in fits:
            assert np.abs(fit.genetic_correlations).max() <= 1

    def test_no_genetic_variance(self) -> None:
        """Contrasts that shrink as eigenvalues grow."""
        d, c = simulated(np.zeros((2, 2)), RESIDUAL)
        found = multivariate_reml(d, c / np.sqrt(d + 0.1)[:, None])

        np.testing.assert_array_equal(found.genetic, np.zeros((2, 2)))
        assert np.isnan(found.genetic_correlations).all()

    def test_relationships_of_nobody(self) -> None:
        """Genetic and residual can't be told apart; their sum can."""
        _, c = simulated()
        found = multivariate_reml(np.ones(300), c)

        np.testing.assert_allclose(found.genetic + found.residual, c.T @ c / 300, atol=1e-6)
        assert np.isnan(found.genetic_se).all()

    def test_eigenvalues_of_0(self) -> None:
        _, c = simulated()
        found = multivariate_reml(np.zeros(300), c)

        np.testing.assert_allclose(found.residual, c.T @ c / 300, atol=1e-4)


class TestErrors:
    def test_too_few_records(self) -> None:
        with pytest.raises(AlignmentError, match=r"^milk, fat: expected at least 4 records more than fixed effects"):
            multivariate_reml(np.ones(3), np.eye(3)[:, :2], name="milk, fat")

    @pytest.mark.parametrize("second", [lambda c: 0 * c, lambda c: -3 * c])
    def test_a_trait_that_others_tell(self, second: Callable[[FloatArray], FloatArray]) -> None:
        d, c = simulated()
        with pytest.raises(AlignmentError, match="expected traits that vary, none a combination of others"):
            multivariate_reml(d, np.column_stack([c[:, 0], second(c[:, 0])]))

    @pytest.mark.parametrize(
        "start",
        [
            (np.eye(3), np.eye(3)),
            (np.eye(2), np.array([[1.0, 0.5], [0.0, 1.0]])),
            (np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]])),
            (np.zeros((2, 2)), np.ones((2, 2))),
            (np.eye(2), np.full((2, 2), np.nan)),
        ],
        ids=["traits", "symmetry", "correlation", "singular", "NaN"],
    )
    def test_start(self, start: tuple[FloatArray, FloatArray]) -> None:
        with pytest.raises(SettingError, match=r"^start: expected genetic and residual covariances of 2 traits"):
            multivariate_reml(*simulated(), start=start)

    def test_too_few_iterations(self) -> None:
        with pytest.raises(ConvergenceError, match=r"^milk, fat: expected REML covariances within 1 iterations"):
            multivariate_reml(*simulated(), max_iterations=1, name="milk, fat")

    def test_no_iterations(self) -> None:
        with pytest.raises(SettingError, match="max_iterations: expected a whole number of at least 1"):
            multivariate_reml(*simulated(), max_iterations=0)
