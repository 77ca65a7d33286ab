"""Few large and many small marker effects, sampled: BayesR and BayesC-pi, all traits in one sweep."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from scipy.special import ndtri

from genialearn._arrays import FloatArray
from genialearn._checks import check_at_least, check_between
from genialearn.cohorts import Cohort
from genialearn.errors import NotFittedError, SettingError
from genialearn.estimator import Estimator
from genialearn.mixed_models.convergence import effective_sample_size, split_r_hat
from genialearn.mixed_models.marker_sampler import BAYES_C, BAYES_R, Chain, MarkerSampler, Prior
from genialearn.mixed_models.memory import Sizes
from genialearn.predictors.gblup import within_bounds
from genialearn.predictors.gblup_multi import refuse_random_effects
from genialearn.predictors.memory import LIBRARIES, marker_system_bytes
from genialearn.predictors.uncertainty import Intervals
from genialearn.relationships import GenomicScale

_SETTLED = 1.05
"""R-hat up to which chains count as settled."""

_FEWEST_KEPT = 20


class MarkerMixture(Estimator):
    """What BayesR and BayesC-pi have in common; use these.

    y = X b + Z u + e of each trait by itself, with dosages less their mean in Z, flat priors of fixed effects, and
    scaled inverse chi-square priors of variances with four degrees of freedom. Fixed effects are sampled too.

    Parameters
    ----------
    sweeps, burn_in
        Draws of every effect in each chain, and how many of the first aren't kept.
    chains
        How many are run, beginning with many and with few effects in turn; two tell whether they have settled. Each has
        a thread, or where there are fewer chains than threads, several.
    draws
        Effects that are stored, of all chains together, for `breeding_value_sd` and `interval`.
    seed
        Of the chains.

    Attributes
    ----------
    marker_effects_
        Posterior means of the effect of one copy of the counted allele, shape (markers, traits).
    inclusion_
        Posterior probability that an effect isn't 0, shape (markers, traits).
    draws_
        Stored effects, float32, shape (draws, markers, traits).
    mean_
        Average fixed part of the records, shape (traits,).
    heritability_, heritability_se_
        Variance of the training animals' breeding values over that and the residual one's sum: posterior mean and
        standard deviation, shape (traits,).
    diagnostics_
        `trait figure mean sd r_hat effective_draws` for heritability, variances and number of effects.
    notes_
        Which traits' chains haven't settled.
    """

    requires = frozenset({"genotypes"})
    _name = ""
    _prior: Prior

    def __init__(
        self, *, sweeps: int = 1500, burn_in: int = 500, chains: int = 2, draws: int = 50, seed: int = 1
    ) -> None:
        self.sweeps = sweeps
        self.burn_in = burn_in
        self.chains = chains
        self.draws = draws
        self.seed = seed

    def fit(self, cohort: Cohort) -> Self:
        """Run the chains."""
        self._check()
        cohort = cohort.canonical()
        self.refuse(cohort)
        sampler = MarkerSampler(cohort, self._prior)
        self.scale_ = GenomicScale.of(cohort.genotypes)
        self.binary_ = np.array([trait.kind == "binary" for trait in cohort.traits])
        n_draws, seeds = -(-self.draws // self.chains), np.random.SeedSequence(self.seed).spawn(self.chains)
        rngs = [np.random.default_rng(seed) for seed in seeds]
        chains = sampler.run_all(self.sweeps, self.burn_in, n_draws, rngs)
        units = np.where(sampler.varies, sampler.units, 1.0)
        self.marker_effects_ = units * np.mean([chain.mean_effects for chain in chains], axis=0)
        self.mean_ = units * np.mean([chain.means for chain in chains], axis=0)
        self.inclusion_ = np.mean([chain.inclusion for chain in chains], axis=0)
        self.draws_ = np.concatenate([chain.draws for chain in chains]) * units.astype(np.float32)
        self._keep_variances(chains, units, sampler.mean_weights, [trait.name for trait in cohort.traits])
        return self

    def _check(self) -> None:
        check_at_least(f"{self._name} chains", self.chains, 1)
        check_at_least(f"{self._name} draws", self.draws, 2)
        check_at_least(f"{self._name} burn_in", self.burn_in, 0)
        check_at_least(f"{self._name} sweeps", self.sweeps, 1)
        if self.sweeps - self.burn_in < _FEWEST_KEPT:
            raise SettingError(
                f"{self._name} sweeps",
                expected=f"at least {_FEWEST_KEPT} more than burn_in, {self.burn_in:,}",
                found=f"{self.sweeps:,}",
            )

    def _keep_variances(self, chains: list[Chain], units: FloatArray, weights: FloatArray, names: list[str]) -> None:
        genetic, residual, n_effects = (
            np.stack([getattr(chain, part) for chain in chains]) for part in ("genetic", "residual", "n_effects")
        )
        total = genetic + weights * residual
        h = np.divide(genetic, total, out=np.zeros_like(total), where=total > 0)
        self.heritability_, self.heritability_se_ = h.mean(axis=(0, 1)), h.std(axis=(0, 1))
        figures = {
            "heritability": h,
            "genetic_variance": genetic * units**2,
            "residual_variance": residual * weights * units**2,
            "n_effects": n_effects,
        }
        self.diagnostics_ = pd.DataFrame(
            [
                (name, figure, draws.mean(), draws.std(), split_r_hat(draws), effective_sample_size(draws))
                for figure, values in figures.items()
                for name, draws in zip(names, np.moveaxis(values, 2, 0), strict=True)
            ],
            columns=["trait", "figure", "mean", "sd", "r_hat", "effective_draws"],
        )
        self.notes_ = _convergence_notes(self.diagnostics_)

    def refuse(self, cohort: Cohort) -> None:
        """Raise `SettingError` where the model can't take what a cohort has."""
        refuse_random_effects(cohort, self._name)

    def memory_bytes(self, sizes: Sizes, solver: str) -> int:
        """Return about how many bytes fitting it needs."""
        return LIBRARIES + marker_system_bytes(sizes, 2 * 4 * self.draws + 12 * 8)

    def breeding_values(self, cohort: Cohort) -> FloatArray:
        """Return posterior means of breeding values in the units of the records, shape (animals, traits)."""
        self._check_fitted()
        return self.scale_.breeding_values(cohort.genotypes, self.marker_effects_)

    def breeding_value_sd(self, cohort: Cohort) -> FloatArray:
        """Return posterior standard deviations of breeding values, from `draws_`, shape (animals, traits)."""
        self._check_fitted()
        n_draws, n_markers, n_traits = self.draws_.shape
        effects = self.draws_.transpose(1, 0, 2).reshape(n_markers, -1).astype(np.float64)
        values = self.scale_.breeding_values(cohort.genotypes, effects).reshape(-1, n_draws, n_traits)
        return np.asarray(values.std(axis=1, ddof=1))

    def interval(self, cohort: Cohort, level: float = 0.9) -> Intervals:
        """Return bounds that hold an animal's breeding value plus mean with probability `level`, by a normal posterior.

        They know of nothing that the markers don't tell.
        """
        check_between("interval level", level, 0.01, 0.999)
        centre, sd = self.mean_ + self.breeding_values(cohort), self.breeding_value_sd(cohort)
        half = float(ndtri((1 + level) / 2)) * sd
        return Intervals(centre - half, centre + half)

    def predict(self, cohort: Cohort) -> FloatArray:
        """Return mean plus breeding value, shape (animals, traits); of a binary trait within 0 and 1."""
        genetic = self.breeding_values(cohort)
        return within_bounds(self.mean_ + genetic, self.binary_)

    def _check_fitted(self) -> None:
        if not hasattr(self, "marker_effects_"):
            raise NotFittedError(type(self).__name__, expected="fit before predict", found="a model that saw no data")


class BayesR(MarkerMixture):
    """BayesR: an effect is 0, or small, or medium, or large; shares and variance are sampled.

    Variances are 0, .01, .1 and 1 times one that is sampled for each trait; with the publications, which have these as
    multiples of something else, that is a matter of scale. Settings and attributes are those of `MarkerMixture`.

    References
    ----------
    Erbe et al. 2012, J Dairy Sci 95:4114, doi:10.3168/jds.2011-5019; Moser et al. 2015, PLoS Genet 11:e1004969.
    """

    _name, _prior = "bayesr", BAYES_R


class BayesC(MarkerMixture):
    """BayesC-pi: an effect is 0 or normal; the share and the variance are sampled.

    Settings and attributes are those of `MarkerMixture`.

    References
    ----------
    Habier et al. 2011, BMC Bioinformatics 12:186, doi:10.1186/1471-2105-12-186.
    """

    _name, _prior = "bayesc", BAYES_C


def _convergence_notes(diagnostics: pd.DataFrame) -> list[str]:
    worst = diagnostics[diagnostics["figure"] == "heritability"]
    late = worst[worst["r_hat"] > _SETTLED]
    if late.empty:
        return []
    shown = ", ".join(f"{row.trait} ({row.r_hat:.2f})" for row in late.itertuples())
    return [f"{len(late)} heritabilities haven't settled, R-hat above {_SETTLED}: {shown}; use more sweeps"]
