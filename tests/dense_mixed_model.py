"""The mixed model y = X b + Z g + e written plainly, on full matrices: the twin that GBLUP is held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import BoolArray, FloatArray, IntArray
from genialearn.cohorts import Cohort
from genialearn.records import design
from genialearn.relationships import GenomicScale


@dataclass(frozen=True)
class DenseModel:
    """One trait's records y of weights w, fixed effects X and incidence Z on animals, whose relationships are G."""

    y: FloatArray
    w: FloatArray
    x: FloatArray
    z: FloatArray
    g: FloatArray

    @classmethod
    def of(cls, cohort: Cohort, column: int) -> DenseModel:
        """Return the model of a trait of a cohort in canonical order."""
        records = cohort.records
        known = np.flatnonzero(np.isfinite(records.values[:, column]))
        x = design(cohort.traits[column].fixed, records.effects.iloc[known]).dense()
        return cls(
            records.values[known, column],
            records.weights[known, column],
            full_rank(x),
            np.eye(len(cohort))[cohort.record_rows[known]],
            relationships(cohort),
        )

    def without(self, animals: BoolArray) -> DenseModel:
        """Return the model without the records of some animals."""
        kept = ~(self.z @ animals).astype(bool)
        return DenseModel(self.y[kept], self.w[kept], full_rank(self.x[kept]), self.z[kept], self.g)

    def covariance(self, h: float) -> FloatArray:
        """Return V / s2 = h ZGZ' + (1 - h) W^-1."""
        return np.asarray(h * self.z @ self.g @ self.z.T + (1 - h) * np.diag(1 / self.w))

    def fixed(self, h: float) -> FloatArray:
        """Return b = (X'V^-1 X)^-1 X'V^-1 y."""
        v_inverse = np.linalg.inv(self.covariance(h))
        return np.asarray(np.linalg.solve(self.x.T @ v_inverse @ self.x, self.x.T @ v_inverse @ self.y))

    def dual(self, h: float) -> FloatArray:
        """Return h Z'V^-1 (y - X b) s2, of which breeding values are G times."""
        return np.asarray(h * self.z.T @ np.linalg.solve(self.covariance(h), self.y - self.x @ self.fixed(h)))

    def breeding_values(self, h: float) -> FloatArray:
        """Return h G Z'V^-1 (y - X b) s2 of all animals."""
        return np.asarray(self.g @ self.dual(h))

    def log_likelihood(self, h: float) -> float:
        """Return the restricted log likelihood of h, the total variance profiled out."""
        v = self.covariance(h)
        residual = self.y - self.x @ self.fixed(h)
        degrees = len(self.y) - self.x.shape[1]
        total = residual @ np.linalg.solve(v, residual) / degrees
        information = self.x.T @ np.linalg.solve(v, self.x)
        logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + degrees * np.log(total)
        return float(-0.5 * logs)

    def heritability(self) -> float:
        """Return the h of highest likelihood, by brute force on ever finer grids."""
        low, high = 1e-5, 1 - 1e-5
        for _ in range(7):
            grid = np.linspace(low, high, 9)
            best = int(np.argmax([self.log_likelihood(h) for h in grid]))
            low, high = grid[max(best - 1, 0)], grid[min(best + 1, 8)]
        return float((low + high) / 2)


def full_rank(x: FloatArray) -> FloatArray:
    """Return the columns that raise the rank, one after the other."""
    kept: list[int] = []
    for column in range(x.shape[1]):
        if np.linalg.matrix_rank(x[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return x[:, kept]


def relationships(cohort: Cohort) -> FloatArray:
    """Return VanRaden's first G of a cohort in canonical order."""
    return GenomicScale.of(cohort.genotypes).relationships(cohort.genotypes)


def random_folds(n_animals: int, n_folds: int) -> IntArray:
    """Return a random fold for each animal."""
    return np.random.default_rng(12).permutation(n_animals) % n_folds
