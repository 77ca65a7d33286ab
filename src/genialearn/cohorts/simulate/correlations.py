"""Genetic correlations: those asked, and the factor model that comes nearest to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from genialearn._arrays import BoolArray, FloatArray
from genialearn.cohorts.simulate.trait_catalogue import CATALOGUE, names_of

N_FACTORS = 8
MOST_COMMON = 0.99
"""Largest share of a trait's genetic variance that factors may take."""

_ROUNDS = 300
_UNLISTED_WEIGHT = 0.98
"""How much of what the factors imply for a pair that isn't listed is kept in each round; the rest decays to zero."""

GENETIC_CORRELATIONS = {
    ("milk_yield", "protein_yield"): 0.87,
    ("milk_yield", "fat_yield"): 0.58,
    ("fat_yield", "protein_yield"): 0.70,
    ("milk_yield", "fat_percent"): -0.50,
    ("milk_yield", "protein_percent"): -0.50,
    ("fat_percent", "protein_percent"): 0.60,
    ("fat_yield", "fat_percent"): 0.40,
    ("protein_yield", "protein_percent"): -0.05,
    ("fat_yield", "protein_percent"): 0.05,
    ("protein_yield", "fat_percent"): -0.20,
    ("cow_conception", "milk_yield"): -0.60,
    ("cow_conception", "fat_yield"): -0.42,
    ("cow_conception", "protein_yield"): -0.36,
    ("cow_conception", "heifer_conception"): 0.40,
    ("cow_conception", "calving_to_insemination"): -0.50,
    ("calving_to_insemination", "milk_yield"): 0.50,
    ("calving_to_insemination", "protein_yield"): 0.45,
    ("functional_longevity", "calving_to_insemination"): -0.40,
    ("functional_longevity", "cow_conception"): 0.40,
    ("functional_longevity", "somatic_cell_score"): -0.30,
    ("functional_longevity", "clinical_mastitis"): -0.40,
    ("functional_longevity", "udder_depth"): 0.30,
    ("somatic_cell_score", "clinical_mastitis"): 0.60,
    ("clinical_mastitis", "milk_yield"): 0.28,
    ("clinical_mastitis", "milking_speed"): 0.18,
    ("clinical_mastitis", "udder_depth"): -0.40,
    ("somatic_cell_score", "udder_depth"): -0.30,
    ("somatic_cell_score", "milking_speed"): 0.30,
    ("milk_yield", "udder_depth"): -0.40,
    ("protein_yield", "udder_depth"): -0.35,
    ("udder_depth", "fore_udder_attachment"): 0.60,
    ("udder_depth", "udder_support"): 0.35,
    ("fore_udder_attachment", "rear_udder_height"): 0.40,
    ("rear_udder_height", "udder_support"): 0.35,
    ("front_teat_placement", "udder_support"): 0.40,
    ("front_teat_placement", "teat_length"): -0.20,
    ("height", "chest_depth"): 0.60,
    ("height", "rump_width"): 0.50,
    ("height", "chest_width"): 0.35,
    ("chest_depth", "chest_width"): 0.45,
    ("chest_depth", "rump_width"): 0.45,
    ("chest_width", "body_condition"): 0.40,
    ("body_condition", "milk_yield"): -0.30,
    ("body_condition", "cow_conception"): 0.35,
    ("body_condition", "ketosis"): -0.30,
    ("ketosis", "fat_percent"): 0.21,
    ("locomotion", "foot_angle"): 0.45,
    ("locomotion", "rear_leg_set"): -0.35,
    ("foot_angle", "rear_leg_set"): -0.30,
    ("locomotion", "functional_longevity"): 0.25,
    ("digital_dermatitis", "locomotion"): -0.30,
    ("digital_dermatitis", "sole_ulcer"): 0.10,
    ("sole_ulcer", "locomotion"): -0.35,
    ("calving_ease", "stillbirth"): -0.55,
}
"""Genetic correlations asked, by pair. Those of conception with yields are Boichard & Manfredi's (1994), of mastitis
with milk, somatic cells and milking speed near those of the French evaluations; the others are usual values. A pair
that isn't listed takes what the factors imply."""


class CorrelationModel(Protocol):
    """Genetic values as sums of uncorrelated sources of variance one."""

    @property
    def correlations(self) -> FloatArray:
        """The genetic correlations of the model, shape (traits, traits)."""

    @property
    def mixing(self) -> FloatArray:
        """What takes sources to traits, shape (traits, sources); rows have square sum one."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Genetic values as `mixing` x sources, whatever these are.

    Parameters
    ----------
    mixing
        Shape (traits, sources); rows have square sum one.
    """

    mixing: FloatArray

    @classmethod
    def of_correlations(cls, correlations: FloatArray) -> Mixture:
        """Return the model that has exactly these correlations, by their symmetric root, shape (traits, traits)."""
        return cls(symmetric_root(correlations))

    @property
    def correlations(self) -> FloatArray:
        """The genetic correlations of the model, shape (traits, traits)."""
        return self.mixing @ self.mixing.T


def symmetric_root(matrix: FloatArray) -> FloatArray:
    """Return the symmetric R with R R = matrix, which has no negative eigenvalue but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


@dataclass(frozen=True, eq=False)
class FactorModel:
    """Genetic values as `loadings` x factors + `specific` x a part of the trait's own, all of variance one.

    Parameters
    ----------
    loadings
        Shape (traits, factors).
    specific
        Standard deviations of the traits' own parts, shape (traits,); rows of both have square sum one.
    """

    loadings: FloatArray
    specific: FloatArray

    @property
    def correlations(self) -> FloatArray:
        """The genetic correlations of the model, shape (traits, traits): positive definite by construction."""
        return self.mixing @ self.mixing.T

    @property
    def mixing(self) -> FloatArray:
        """What takes factors and own parts to traits, shape (traits, factors + traits)."""
        return np.hstack([self.loadings, np.diag(self.specific)])

    def select(self, traits: list[str]) -> FactorModel:
        """Return the model of some traits of the catalogue."""
        names = names_of(CATALOGUE)
        rows = [names.index(trait) for trait in traits]
        return FactorModel(self.loadings[rows], self.specific[rows])


def asked_correlations() -> tuple[FloatArray, BoolArray]:
    """Return the correlations asked over the whole catalogue, 0 where none is, and which ones are asked."""
    names = names_of(CATALOGUE)
    asked = np.eye(len(names))
    for (first, second), value in GENETIC_CORRELATIONS.items():
        i, j = names.index(first), names.index(second)
        asked[i, j] = asked[j, i] = value
    return asked, (asked != 0) & ~np.eye(len(names), dtype=bool)


@cache
def fit_factor_model(n_factors: int = N_FACTORS) -> FactorModel:
    """Return the factor model of the catalogue, by principal factors iterated over unlisted pairs and communalities.

    In each round, the listed correlations are put into the matrix that the last loadings imply, and its leading
    eigenvectors are the next loadings: R = L L' + diag(s^2).
    """
    asked, listed = asked_correlations()
    current = 0.5 * np.eye(len(asked)) + asked * listed
    for _ in range(_ROUNDS):
        loadings = _leading_factors(current, n_factors)
        implied = loadings @ loadings.T
        current = np.where(listed, asked, _UNLISTED_WEIGHT * implied)
        np.fill_diagonal(current, np.diag(implied))
    return FactorModel(loadings, np.sqrt(1 - np.diag(implied)))


def _leading_factors(correlations: FloatArray, n_factors: int) -> FloatArray:
    values, vectors = np.linalg.eigh(correlations)
    loadings = vectors[:, -n_factors:] * np.sqrt(np.maximum(values[-n_factors:], 0))
    communalities = np.sum(loadings**2, axis=1)
    return np.asarray(loadings * np.sqrt(np.minimum(1, MOST_COMMON / communalities))[:, None])
