"""The restricted likelihood of genetic and residual covariances and its derivatives, on canonical traits.

Formulas and references are in `multivariate`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn.mixed_models.variance import HIGHEST, LOWEST

_INSIDE = 0.02
"""Canonical heritabilities start no nearer to 0 or 1: on the border itself F has no slope that leads away from it."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Contrasts of mean square 1, and eigenvalues of mean 1.

    Parameters
    ----------
    eigenvalues
        d, shape (contrasts,).
    values
        C, shape (contrasts, traits).
    """

    eigenvalues: FloatArray
    values: FloatArray

    def at(self, genetic: FloatArray, residual: FloatArray) -> Point:
        """Return the point of two covariance matrices, positive semidefinite and their sum positive definite."""
        total, vectors = np.linalg.eigh(genetic + residual)
        roots = np.sqrt(np.maximum(total, 1e-14 * total[-1]))
        whitened = (vectors / roots).T @ genetic @ (vectors / roots)
        heritabilities, rotation = np.linalg.eigh(whitened)
        return self.at_canonical((vectors * roots) @ rotation, np.clip(heritabilities, 0.0, 1.0))

    def at_canonical(self, basis: FloatArray, heritabilities: FloatArray) -> Point:
        """Return the point of canonical traits T (traits, traits) and the diagonal of H."""
        v = heritabilities * self.eigenvalues[:, None] + (1 - heritabilities)
        canonical = np.linalg.solve(basis, self.values.T).T
        volume = 2 * len(v) * np.linalg.slogdet(basis)[1]
        log_likelihood = float(-0.5 * (volume + np.sum(np.log(v)) + np.sum(canonical**2 / v)))
        return Point(self, basis, heritabilities, v, canonical / v, log_likelihood)


@dataclass(frozen=True, eq=False)
class Point:
    """The likelihood and its derivatives at S_g = T H T' and S_e = T (I - H) T'.

    Derivatives are by S_g and S_e on the canonical traits, each as t(t + 1)/2 covariances in the order of `pairs_of`,
    the genetic before the residual.

    Parameters
    ----------
    sample
        The contrasts.
    basis
        T, shape (traits, traits).
    heritabilities
        Diagonal of H, within 0 and 1, shape (traits,).
    v
        Diagonals of H d_i + I - H, shape (contrasts, traits).
    weighted
        V^-1 times the canonical contrasts, shape (contrasts, traits).
    log_likelihood
        Restricted, without its constant.
    """

    sample: Sample
    basis: FloatArray
    heritabilities: FloatArray
    v: FloatArray
    weighted: FloatArray
    log_likelihood: float

    @property
    def genetic(self) -> FloatArray:
        """S_g, shape (traits, traits)."""
        return np.asarray((self.basis * self.heritabilities) @ self.basis.T)

    @property
    def residual(self) -> FloatArray:
        """S_e, shape (traits, traits)."""
        return np.asarray((self.basis * (1 - self.heritabilities)) @ self.basis.T)

    @property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """The diagonals of H and I - H."""
        return self.heritabilities, 1 - self.heritabilities

    @property
    def is_at_border(self) -> bool:
        """Whether S_g is singular, or S_e as near to it as it gets."""
        return bool(self.heritabilities.min() < LOWEST or self.heritabilities.max() > HIGHEST - LOWEST)

    def inside(self) -> Point:
        """Return a point near by where neither matrix is close to singular."""
        shares = np.clip(self.heritabilities, _INSIDE, 1 - _INSIDE)
        return self.sample.at_canonical(self.basis, shares)

    def settled(self) -> Point:
        """Return the point with canonical heritabilities of next to nothing set to 0."""
        shares = np.where(self.heritabilities < LOWEST, 0.0, self.heritabilities)
        return self.sample.at_canonical(self.basis, shares)

    def moved(self, genetic: FloatArray, residual: FloatArray) -> Point:
        """Return the point of other covariance matrices, given on the canonical traits of this one."""
        return self.sample.at(self.basis @ genetic @ self.basis.T, self.basis @ residual @ self.basis.T)

    def scores(self) -> tuple[FloatArray, FloatArray]:
        """Return M_g and M_e, both (traits, traits): the likelihood changes by tr(M_g dS_g) + tr(M_e dS_e)."""
        d, w = self.sample.eigenvalues[:, None], self.weighted
        genetic = 0.5 * ((d * w).T @ w - np.diag(np.sum(d / self.v, axis=0)))
        return genetic, 0.5 * (w.T @ w - np.diag(np.sum(1 / self.v, axis=0)))

    def expected_information(self) -> FloatArray:
        """Return tr(V^-1 dV V^-1 dV')/2: a pair of canonical traits knows of no other pair."""
        d, inverse = self.sample.eigenvalues[:, None], 1 / self.v
        pairs = pairs_of(len(self.basis))
        count = np.where(pairs[0] == pairs[1], 0.5, 1.0)
        ee, ge, gg = (np.diag(count * (inverse.T @ (d**power * inverse))[pairs]) for power in range(3))
        return np.block([[gg, ge], [ge, ee]])

    def average_information(self) -> FloatArray:
        """Return c'V^-1 dV V^-1 dV' V^-1 c / 2 (Johnson and Thompson 1995, doi:10.3168/jds.S0022-0302(95)76654-1)."""
        images = np.tensordot(self.weighted, directions_of(len(self.basis)), axes=(1, 2)) / np.sqrt(self.v)[:, None, :]
        both = np.concatenate([self.sample.eigenvalues[:, None, None] * images, images], axis=1)
        return np.asarray(0.5 * np.tensordot(both, both, axes=((0, 2), (0, 2))))

    def observed_information(self) -> FloatArray:
        """Return minus the second derivatives: the average information is midway between this and the expected one."""
        return 2 * self.average_information() - self.expected_information()


def pairs_of(t: int) -> tuple[IntArray, IntArray]:
    """Return the rows and the columns of the upper triangle."""
    rows, columns = np.triu_indices(t)
    return rows.astype(np.int64), columns.astype(np.int64)


def directions_of(t: int) -> FloatArray:
    """Return the change of a symmetric matrix with each of its covariances, shape (pairs, traits, traits)."""
    rows, columns = pairs_of(t)
    out = np.zeros((len(rows), t, t))
    out[np.arange(len(rows)), rows, columns] = out[np.arange(len(rows)), columns, rows] = 1.0
    return out


def matrix_of(changes: FloatArray, t: int) -> FloatArray:
    """Return the symmetric matrix of its upper triangle."""
    return np.asarray(np.tensordot(changes, directions_of(t), axes=1))
