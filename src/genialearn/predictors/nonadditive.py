"""GBLUP with dominance and epistasis beside additive effects, a variance for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_known
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.genotypes import GenotypeMatrix
from genialearn.linalg.operators import Dense, LinearOperator, as_matrix
from genialearn.mixed_models import iterative
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.memory import Sizes, needed_bytes
from genialearn.mixed_models.records import relative_weights
from genialearn.mixed_models.several_kernels import fit_several_kernels
from genialearn.mixed_models.solvers import pattern_sizes
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.single_trait import SingleTraitBLUP, dual_coefficients, silent, within_bounds
from genialearn.relationships import GenomicScale
from genialearn.relationships.genomic import GenomicRelationships
from genialearn.relationships.nonadditive import DominanceScale, Epistasis, EpistaticFeatures
from genialearn.relationships.nonlinear import FeatureKernel, float32_inner_products, inner_products, rows_at_once

PARTS = ("dominance", "epistasis")
"""Variances that can be asked for beside the additive one."""

_MOST_EXACT = 5_000
"""Records of a trait up to which matrices of records are inverted in each round of REML, of at most twice as many
animals."""

_MOST_ANIMALS = 45_000
"""Training animals up to which G o G is held: 8 GB in float32. Above, random features stand for it."""


class NonadditiveGBLUP(SingleTraitBLUP):
    """GBLUP with dominance deviations and additive-by-additive epistasis, every trait by itself.

    y = X b + Z (a + d + i) + e with var(a) = G s2a, var(d) = D s2d, var(i) = G o G s2i over its mean diagonal, and
    variances by REML. Predictions are a + d + i; `breeding_values` are a alone, what offspring inherit.

    Parameters
    ----------
    parts
        Beside the additive one: "dominance", "epistasis", or both, a list or names joined by "+".
    solver
        "exact" inverts matrices of records; "iterative" needs products alone: with genotypes at two bits each for G and
        D, with G o G in float32, or above 45,000 animals with random features in its place; "auto" takes the exact one
        up to 5,000 records of a trait.
    n_features
        Random features, where they stand for G o G.
    seed
        Of the random vectors of the iterative solver.

    Attributes
    ----------
    parts_
        "additive" and the parts asked for.
    variances_
        Of each part, and the residual one last, shape (parts + 1, traits).
    marker_effects_
        Additive effect of one copy of the counted allele, shape (markers, traits).
    heritability_, heritability_se_
        s2a / (s2a + s2e), shape (traits,); what s2d and s2i are is in `variances_`.
    mean_, models_, solver_, scale_
        As in `GBLUP`.

    References
    ----------
    D: Vitezica, Varona and Legarra 2013, Genetics 195:1223, doi:10.1534/genetics.113.155176; G o G: Henderson 1985, J
    Anim Sci 60:111, doi:10.2527/jas1985.601111x; at scale: Yang et al. 2025, Int J Mol Sci 26:5687.
    """

    requires = frozenset({"genotypes"})

    def __init__(
        self,
        *,
        parts: str | Sequence[str] = "dominance + epistasis",
        solver: str = "auto",
        n_features: int = 8192,
        seed: int = 1,
    ) -> None:
        super().__init__(solver=solver, seed=seed)
        self.parts = parts
        self.n_features = n_features

    def _fit(self, cohort: Cohort, progress: Progress = silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""
        names = _checked(self.parts)
        check_at_least("gblup-nonadditive n_features", self.n_features, 2)
        self.solver_ = self._chosen_solver(cohort)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        progress("relationships", 0.0)
        exact = self.solver_ == "exact"
        kernel = Dense(self.scale_.relationships(cohort.genotypes)) if exact else self.scale_.operator(cohort.genotypes)
        makers = {"dominance": self._dominance, "epistasis": self._epistasis}
        self._parts: list[_Part] = [makers[name](cohort, kernel) for name in names]
        self.parts_ = ("additive", *names)
        self._n_trained = len(cohort)
        progress("variance components", 0.0)
        relative, mean_weights = relative_weights(cohort)
        fits = self._fitted(relative, kernel, names, progress)
        self._keep(cohort, fits)
        components = [model.components for model in fits.models if model.components is not None]
        own = [0, *range(-1 - len(names), 0)]  # without the random effects that a trait has beside these
        self.variances_ = np.column_stack([component.values[own] for component in components])
        self.variances_[-1] *= mean_weights
        h, rest = self.heritability_, 1 - self.heritability_
        self.heritability_se_ *= mean_weights / (h + mean_weights * rest) ** 2
        self.heritability_ = h / (h + mean_weights * rest)
        dual = dual_coefficients(fits)
        self.marker_effects_ = self.scale_.marker_effects(cohort.genotypes, dual)
        for part, ratios in zip(self._parts, np.transpose([c.ratios[-len(names) :] for c in components]), strict=True):
            part.learn(ratios * dual)
        return fits

    def _fitted(
        self, cohort: Cohort, kernel: Dense | GenomicRelationships, names: Sequence[str], progress: Progress
    ) -> TraitFits:
        if isinstance(kernel, Dense):
            matrices = [kernel.matrix, *(part.matrix() for part in self._parts)]
            return fit_several_kernels(cohort, matrices, ("genetic", *names))
        related = {name: part.operator for name, part in zip(names, self._parts, strict=True)}
        nothing, rng = [None] * len(cohort.traits), np.random.default_rng(self.seed)
        return iterative.fit_trait_models(cohort, kernel, nothing, rng=rng, related=related, progress=progress)

    def _quicker_solver(self, cohort: Cohort) -> str:
        few = _are_few(max(pattern_sizes(cohort), default=0), len(cohort))
        return "exact" if few and not any(trait.random for trait in cohort.traits) else "iterative"

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        n, r = sizes.n_animals, max((pattern.n_records for pattern in sizes.patterns), default=0)
        exact = self.solver == "exact" or (self.solver == "auto" and _are_few(r, n))
        if exact:
            return needed_bytes(replace(sizes, patterns=()), "exact") + 8 * (3 * n * n + 9 * r * r)
        held = 2 * 4 * n * n if n <= _MOST_ANIMALS else 3 * 4 * n * self.n_features
        return needed_bytes(sizes, "iterative") + 2 * n * sizes.n_markers // 4 + held

    def _dominance(self, cohort: Cohort, kernel: object) -> _Part:
        return _DominancePart(DominanceScale(self.scale_.frequencies), cohort.genotypes)

    def _epistasis(self, cohort: Cohort, kernel: Dense | GenomicRelationships) -> _Part:
        if isinstance(kernel, Dense):
            return _EpistaticPart(self.scale_, cohort.genotypes, Epistasis.of(kernel.matrix))
        if len(cohort) <= _MOST_ANIMALS:
            inner = float32_inner_products(cohort.genotypes, self.scale_.frequencies)
            inner /= np.float32(self.scale_.divisor)
            return _EpistaticPart(self.scale_, cohort.genotypes, Epistasis.of(inner))
        features = EpistaticFeatures(self.scale_.frequencies, self.scale_.divisor, self.n_features, self.seed)
        return _FeaturePart(features, cohort.genotypes)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return additive values in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def genetic_values(self, cohort: Cohort) -> FloatArray:
        """Return the sum of all parts in the units of the records, shape (animals, traits)."""
        total = self.breeding_values(cohort)
        genotypes = self.scale_.read_through(cohort.genotypes)
        together = rows_at_once(self._n_trained)
        for start in range(0, len(cohort), together):
            some = slice(start, start + together)
            chosen = genotypes.select(animals=some)
            for part in self._parts:
                total[some] += part.values(chosen)
        return total

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus all genetic parts, shape (animals, traits); of a binary trait within 0 and 1."""
        self._check_fitted()
        return within_bounds(self.mean_ + self.genetic_values(cohort), self.binary_)


def _are_few(n_records: int, n_animals: int) -> bool:
    """Return whether records of a trait, and animals, are few enough for the exact solver."""
    return n_records <= _MOST_EXACT and n_animals <= 2 * _MOST_EXACT


def _checked(parts: str | Sequence[str]) -> list[str]:
    given = [part.strip() for part in parts.split("+")] if isinstance(parts, str) else list(parts)
    known = [check_known("gblup-nonadditive parts", part, PARTS) for part in dict.fromkeys(given)]
    if not known:
        raise SettingError("gblup-nonadditive parts", expected=f"some of {', '.join(PARTS)}", found="none")
    return known


class _Part(Protocol):
    """A genetic part beside the additive one."""

    @property
    def operator(self) -> LinearOperator:
        """Its covariances of the training animals, mean diagonal about 1."""

    def matrix(self) -> FloatArray:
        """Return the same, formed."""

    def learn(self, dual: FloatArray) -> None:
        """Keep what values of new animals need: those of training animals are operator times `dual`."""

    def values(self, genotypes: GenotypeMatrix) -> FloatArray:
        """Return the values of animals whose columns are already those of the training, shape (animals, traits)."""


class _DominancePart:
    def __init__(self, scale: DominanceScale, training: GenotypeMatrix) -> None:
        self._scale, self._training = scale, training

    @property
    def operator(self) -> LinearOperator:
        return self._scale.operator(self._training)

    def matrix(self) -> FloatArray:
        return self._scale.between(self._training, self._training)

    def learn(self, dual: FloatArray) -> None:
        self._effects = self._scale.operator(self._training).effects(dual)

    def values(self, genotypes: GenotypeMatrix) -> FloatArray:
        return self._scale.values(genotypes, self._effects)


class _EpistaticPart:
    def __init__(self, scale: GenomicScale, training: GenotypeMatrix, epistasis: Epistasis) -> None:
        self._scale, self._training, self._epistasis = scale, training, epistasis
        self._unit, self._single = epistasis.unit, epistasis.matrix.dtype == np.float32

    @property
    def operator(self) -> LinearOperator:
        return self._epistasis

    def matrix(self) -> FloatArray:
        return np.asarray(self._epistasis.matrix, dtype=np.float64)

    def learn(self, dual: FloatArray) -> None:
        self._dual = dual
        del self._epistasis

    def values(self, genotypes: GenotypeMatrix) -> FloatArray:
        inner = inner_products(genotypes, self._training, self._scale.frequencies, single=self._single)
        inner /= self._scale.divisor
        inner **= 2
        return np.asarray(inner @ (self._dual / self._unit))


class _FeaturePart:
    def __init__(self, features: EpistaticFeatures, training: GenotypeMatrix) -> None:
        self._features = features
        drawn = features.of(training)
        self._unit = float(np.mean(np.einsum("ij,ij->i", drawn, drawn, dtype=np.float64)))
        drawn /= np.float32(np.sqrt(self._unit))
        self._operator = FeatureKernel(drawn)

    @property
    def operator(self) -> LinearOperator:
        return self._operator

    def matrix(self) -> FloatArray:
        return as_matrix(self._operator)

    def learn(self, dual: FloatArray) -> None:
        self._effects = self._operator.to_features(dual) / np.sqrt(self._unit)
        del self._operator

    def values(self, genotypes: GenotypeMatrix) -> FloatArray:
        return np.asarray(self._features.of(genotypes) @ self._effects)
