"""Regression on kernels of the markers that are no sum over them (RKHS): BLUP with another matrix in the place of G."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from genialearn._arrays import FloatArray, IntArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import SettingError
from genialearn.genotypes.matrix import BLOCK_WIDTH
from genialearn.mixed_models.covariances import of_traits
from genialearn.mixed_models.fits import TraitFits
from genialearn.mixed_models.memory import PROCESS, Sizes, needed_bytes
from genialearn.mixed_models.stochastic import Progress
from genialearn.predictors.held_out import learnable
from genialearn.predictors.kernel_values import (
    ALIKE,
    ChosenFits,
    FeatureValues,
    KernelValues,
    RandomFeatures,
    alike,
    best_for_all,
    standardised,
)
from genialearn.predictors.single_trait import SingleTraitBLUP, dual_coefficients, silent
from genialearn.relationships import GenomicScale
from genialearn.relationships.nonlinear import (
    ArcCosine,
    FeatureKernel,
    FormedKernel,
    Gaussian,
    Kernel,
    float32_inner_products,
    rows_at_once,
)

_SAMPLED = 1000
"""Animals among whom the median distance is taken, and a kernel is chosen for all, where there are more."""

_MOST_FORMED = 25_000
"""Animals up to which the iterative solver has the matrix of animals by animals, in float32: 2.5 GB."""

_ROWS = 256
"""Animals whose covariances are made from inner products at one time."""


class KernelBLUP(SingleTraitBLUP):
    """What regressions on kernels have in common; use `RKHS` and `ArcCosineBLUP`.

    y = X b + g + e, var(g) = K s2g, every trait by itself, with variances by REML and of several kernels the one of the
    highest restricted likelihood. K is divided by the variance that values of this covariance have among the training
    animals, so that s2g is comparable with GBLUP's. Genetic values are everything that K sees, additive or not.

    Attributes
    ----------
    kernel_
        The name of each trait's kernel.
    scale_
        Marker map and allele frequencies of the training animals.
    heritability_, heritability_se_, mean_, models_, solver_, notes_
        As in `SingleTraitBLUP`.
    """

    requires = frozenset({"genotypes"})
    n_features: int

    def _fit(self, cohort: Cohort, progress: Progress = silent) -> TraitFits:
        """Fit on a canonical cohort and return what was fitted."""
        self._check()
        self.solver_ = self._chosen_solver(cohort)
        given = self._given(len(cohort.traits))
        self.scale_ = GenomicScale.of(cohort.genotypes)
        progress("relationships", 0.0)
        if self.solver_ == "exact":
            return self._fit_exactly(cohort, given, progress)
        if len(cohort) <= _MOST_FORMED:
            return self._fit_formed(cohort, given, progress)
        return self._fit_features(cohort, given, progress)

    @abstractmethod
    def _check(self) -> None:
        """Raise `SettingError` where a setting is out of range."""

    @abstractmethod
    def _kernels(self, distance: Callable[[], float]) -> list[Kernel]:
        """Return those to choose from, first the one that is taken where nothing tells which is best.

        Parameters
        ----------
        distance
            Gives the median squared distance of training animals.
        """

    def _fit_exactly(self, cohort: Cohort, given: list[float | None], progress: Progress) -> TraitFits:
        inner = self.scale_.relationships(cohort.genotypes)
        own = np.diagonal(inner).copy()
        kernels = self._kernels(lambda: _median_distance(inner))
        progress("variance components", 0.0)
        matrices = [standardised(kernel.of(inner, own, own)) for kernel in kernels]
        fits = ChosenFits.best(cohort, [matrix for matrix, _ in matrices], given)
        self._keep(cohort, fits)
        self.kernel_ = [kernels[place].name for place in fits.chosen]
        self._values: KernelValues | FeatureValues = KernelValues(
            self.scale_,
            cohort.genotypes,
            own,
            kernels,
            [unit for _, unit in matrices],
            fits.chosen,
            dual_coefficients(fits),
        )
        return fits

    def _fit_formed(self, cohort: Cohort, given: list[float | None], progress: Progress) -> TraitFits:
        inner = float32_inner_products(cohort.genotypes, self.scale_.frequencies)
        inner /= np.float32(self.scale_.divisor)
        own = np.diagonal(inner).astype(np.float64)
        few = _sampled(len(own), np.random.default_rng([self.seed, 2]))
        kernel = self._best_of_few(cohort.select(few), inner[np.ix_(few, few)].astype(np.float64), given)
        for start in range(0, len(own), _ROWS):
            rows = slice(start, start + _ROWS)
            inner[:, rows] = kernel.of(inner[:, rows].T.astype(np.float64), own[rows], own).T
        formed = FormedKernel(inner)
        means, unit = formed.centre()
        if not unit > ALIKE:
            raise alike()
        fits = self._solve(cohort, formed, given, progress)
        self.kernel_ = [kernel.name] * len(given)
        dual, only = dual_coefficients(fits), np.zeros(len(given), dtype=np.intp)
        self._values = KernelValues(
            self.scale_, cohort.genotypes, own, [kernel], [unit], only, dual, means @ dual / unit, single=True
        )
        return fits

    def _fit_features(self, cohort: Cohort, given: list[float | None], progress: Progress) -> TraitFits:
        rng = np.random.default_rng([self.seed, 2])
        few = cohort.select(_sampled(len(cohort), rng))
        kernel = self._best_of_few(few, self.scale_.relationships(few.genotypes), given, with_features=True)
        phases = rng.uniform(0, 2 * np.pi, self.n_features).astype(np.float32)
        drawn, features = RandomFeatures.of(self.scale_, kernel, phases, self.seed, cohort.genotypes)
        operator = FeatureKernel(features)
        fits = self._solve(cohort, operator, given, progress)
        self.kernel_ = [kernel.name] * len(given)
        self._values = FeatureValues(drawn, operator.to_features(dual_coefficients(fits)))
        return fits

    def _best_of_few(
        self, few: Cohort, inner: FloatArray, given: Sequence[float | None], *, with_features: bool = False
    ) -> Kernel:
        """Return the kernel that suits some animals best, whose relationships are given.

        The first one where nothing tells: without a trait that has records enough, or with random effects, which the
        exact solver doesn't know and narrow kernels would stand in for.
        """
        kernels = [
            kernel
            for kernel in self._kernels(lambda: _median_distance(inner))
            if kernel.has_features or not with_features
        ]
        known = learnable(few)
        if len(kernels) == 1 or not known.any() or any(trait.random for trait in few.traits):
            return kernels[0]
        own = np.diagonal(inner).copy()
        matrices = [standardised(kernel.of(inner, own, own))[0] for kernel in kernels]
        kept = [h for h, is_known in zip(given, known, strict=True) if is_known]
        return kernels[best_for_all(of_traits(few, known), matrices, kept)]

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs: of all kernels tried, or of random features."""
        n, p = sizes.n_animals, sizes.n_markers
        if (solver if self.solver == "auto" else self.solver) == "exact":
            one = needed_bytes(sizes, "exact")
            return PROCESS + len(self._kernels(lambda: 1.0)) * (one - PROCESS)
        if n <= _MOST_FORMED:
            return needed_bytes(sizes, "iterative") + 4 * n * n + _TEMPORARIES * 8 * n * rows_at_once(n)
        features = 4 * n * self.n_features
        return needed_bytes(sizes, "iterative") - n * p // 4 + 3 * features + 4 * BLOCK_WIDTH * self.n_features

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return genetic values, additive or not, in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        genotypes, rows = self.scale_.read_through(cohort.genotypes), np.arange(len(cohort))
        together = rows_at_once(self._values.n_columns)
        parts = [
            self._values.of(genotypes.select(animals=rows[start : start + together]))
            for start in range(0, len(rows), together)
        ]
        return np.concatenate(parts)


_TEMPORARIES = 6
"""Matrices of covariances while these are made from inner products."""


def _sampled(n_animals: int, rng: np.random.Generator) -> IntArray:
    return np.sort(rng.permutation(n_animals)[:_SAMPLED])


def _median_distance(inner: FloatArray) -> float:
    """Return the median squared distance of two animals by their inner products; the mean where most are alike."""
    own = np.diagonal(inner)
    distances = (own[:, None] + own[None, :] - 2 * inner)[np.triu_indices(len(own), 1)]
    for middle in (np.median, np.mean):
        if len(distances) and float(middle(distances)) > ALIKE:
            return float(middle(distances))
    raise alike()


class RKHS(KernelBLUP):
    """Reproducing kernel Hilbert spaces regression on Gaussian kernels of squared marker distances.

    By the exact solver each trait takes the one bandwidth of the highest restricted likelihood, or the average of all
    kernels; by the iterative one all traits take what suits 1,000 of the animals best, of more than 25,000 animals
    through random Fourier features. With random effects beside the genetic ones it is always the average.

    Parameters
    ----------
    bandwidths
        theta in exp(-theta d / median d).
    n_features
        Random features of more than 25,000 animals.
    heritability, solver, seed
        As in `SingleTraitBLUP`.

    References
    ----------
    Gianola and van Kaam 2008, Genetics 178:2289, doi:10.1534/genetics.107.084285; de los Campos et al. 2010, Genet Res
    92:295, doi:10.1017/S0016672310000285.
    """

    def __init__(
        self,
        *,
        bandwidths: Sequence[float] = (0.2, 1.0, 3.0),
        n_features: int = 4096,
        heritability: float | list[float] | None = None,
        solver: str = "auto",
        seed: int = 1,
    ) -> None:
        super().__init__(heritability=heritability, solver=solver, seed=seed)
        self.bandwidths = bandwidths
        self.n_features = n_features

    def _check(self) -> None:
        check_at_least("rkhs n_features", self.n_features, 2)
        if np.ndim(self.bandwidths) != 1 or not np.size(self.bandwidths):
            raise SettingError("rkhs bandwidths", expected="a list of numbers", found=repr(self.bandwidths))
        for theta in self.bandwidths:
            check_between("rkhs bandwidths", theta, 1e-6, 1e6)

    def _kernels(self, distance: Callable[[], float]) -> list[Kernel]:
        together = tuple(float(theta) for theta in self.bandwidths)
        singles = [(theta,) for theta in together] if len(together) > 1 else []
        scale = distance()
        return [Gaussian(thetas, scale) for thetas in (together, *singles)]


class ArcCosineBLUP(KernelBLUP):
    """Regression on arc-cosine kernels: networks with infinitely many rectified units in each layer.

    By the exact solver each trait takes the number of layers of the highest restricted likelihood; by the iterative one
    all traits take what suits 1,000 of the animals best. One layer with random effects beside the genetic ones, and of
    more than 25,000 animals, whose random rectified features are those of one layer.

    Parameters
    ----------
    most_layers
        Up to how many are tried.
    n_features
        Random features of more than 25,000 animals.
    heritability, solver, seed
        As in `SingleTraitBLUP`.

    References
    ----------
    Cho and Saul 2009, NeurIPS 22:342; Cuevas et al. 2019, G3 9:2913, doi:10.1534/g3.119.400493.
    """

    def __init__(
        self,
        *,
        most_layers: int = 4,
        n_features: int = 4096,
        heritability: float | list[float] | None = None,
        solver: str = "auto",
        seed: int = 1,
    ) -> None:
        super().__init__(heritability=heritability, solver=solver, seed=seed)
        self.most_layers = most_layers
        self.n_features = n_features

    def _check(self) -> None:
        check_at_least("arc-cosine most_layers", self.most_layers, 1)
        check_at_least("arc-cosine n_features", self.n_features, 2)

    def _kernels(self, distance: Callable[[], float]) -> list[Kernel]:
        return [ArcCosine(layers) for layers in range(1, self.most_layers + 1)]
