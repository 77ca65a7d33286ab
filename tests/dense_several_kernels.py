"""The mixed model y = X b + Z (g_1 + g_2 + ...) + e written plainly, on full matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dense_mixed_model import DenseModel
from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts import Cohort


@dataclass(frozen=True)
class DenseSeveral:
    """One trait's records, with covariances K_i of all animals."""

    records: DenseModel
    kernels: Sequence[FloatArray]

    @classmethod
    def of(cls, cohort: Cohort, column: int, kernels: Sequence[FloatArray]) -> DenseSeveral:
        """Return the model of a trait of a cohort in canonical order."""
        return cls(DenseModel.of(cohort, column), kernels)

    def without(self, animals: BoolArray) -> DenseSeveral:
        """Return the model without the records of some animals."""
        return replace(self, records=self.records.without(animals))

    def log_likelihood(self, variances: FloatArray) -> float:
        """Return the restricted log likelihood of the kernels' variances and the residual one, without constants."""
        y, x, z = self.records.y, self.records.x, self.records.z
        v = variances[-1] * np.diag(1 / self.records.w)
        for variance, kernel in zip(variances[:-1], self.kernels, strict=True):
            v = v + variance * z @ kernel @ z.T
        information = x.T @ np.linalg.solve(v, x)
        residual = y - x @ np.linalg.solve(information, x.T @ np.linalg.solve(v, y))
        logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
        return float(-0.5 * (logs + residual @ np.linalg.solve(v, residual)))

    def solved(self, variances: FloatArray) -> tuple[FloatArray, list[FloatArray]]:
        """Return b and the values g_i of all animals by Henderson's mixed-model equations.

        They are written for a_i with g_i = K_i a_i, so that no K_i needs an inverse.
        """
        r, x, z = np.diag(self.records.w / variances[-1]), self.records.x, self.records.z
        wide = np.hstack([x, *(z @ kernel for kernel in self.kernels)])
        tall = np.hstack([x, *(z for _ in self.kernels)])
        left = tall.T @ r @ wide
        n, places = z.shape[1], np.arange(x.shape[1], len(left))
        left[places, places] += np.repeat(1 / variances[:-1], n)
        found = np.linalg.solve(left, tall.T @ r @ self.records.y)
        duals = found[x.shape[1] :].reshape(len(self.kernels), n)
        return found[: x.shape[1]], [kernel @ dual for kernel, dual in zip(self.kernels, duals, strict=True)]
