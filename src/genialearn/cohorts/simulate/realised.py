"""What a design asked for and what came of it, for `truth/parameters.json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from genialearn._arrays import FloatArray
from genialearn.cohorts.simulate.architecture import FUNCTIONS, Link
from genialearn.cohorts.simulate.genetic_model import GeneticValues
from genialearn.cohorts.simulate.phenotypes import Phenotypes
from genialearn.cohorts.simulate.plan import TraitPlan
from genialearn.cohorts.simulate.residuals import default_residual_correlations
from genialearn.cohorts.simulate.scales import Scales
from genialearn.cohorts.simulate.summaries import sums_by_animal

DESIGN_NOTES = {
    "repeatability_realised": "Genetic plus permanent environmental variance over all within herd-years; of binary "
    "traits of their liability, where repeatability_asked is on the observed 0/1 scale.",
    "residual_correlations_realised": "Of all records before holes, permanent environment included.",
    "recorded_realised": "Share of the cows that have a record of the trait.",
    "links_realised": "Squared correlation of the target's total genetic value with the function of the driver's "
    "breeding value.",
    "non_additive_realised": "Share of the genetic variance that breeding values don't explain: dominance, products "
    "of pairs, and what links add beyond a line.",
    "environments": "Genetic value in an environment = genetic value (truth/genetic_values.tsv) + covariate x slope "
    "(truth/slopes.tsv), both in units of the trait, of binary traits of liability.",
}


def design_parameters(
    plan: TraitPlan, values: GeneticValues, in_environment: FloatArray, phenotypes: Phenotypes
) -> dict[str, Any]:
    """Return the design asked, and what it made, ready for JSON.

    Parameters
    ----------
    plan
        What was asked.
    values
        Standardised genetic values of the animals.
    in_environment
        The same in the animals' own environments, shape (animals, traits).
    phenotypes
        Their records.
    """
    names = plan.names
    asked = plan.residual_correlations
    return {
        "design": dict(plan.asked or {}),
        "residual_correlations_asked": rounded(default_residual_correlations(plan.traits) if asked is None else asked),
        "residual_correlations_realised": rounded(correlations_of(phenotypes.residuals)),
        "repeatability_asked": {trait.name: trait.repeatability for trait in plan.traits if trait.is_repeated},
        "repeatability_realised": _repeatabilities(plan, in_environment, phenotypes),
        "records_asked": {trait.name: trait.records for trait in plan.traits},
        "records_realised": named(names, _records_a_cow(phenotypes)),
        "recorded_asked": {trait.name: plan.recorded_shares[trait.recording] for trait in plan.traits},
        "recorded_realised": named(names, _recorded(phenotypes)),
        "links_realised": [_explained(link, plan, values) for link in plan.architecture.links],
        "dominance_asked": {trait.name: trait.dominance for trait in plan.traits},
        "epistasis_asked": {trait.name: trait.epistasis for trait in plan.traits},
        "non_additive_realised": named(names, 1 - _squared_correlations(values.breeding, values.genetic)),
        **_environments(plan),
    }


def named(names: list[str], values: FloatArray) -> dict[str, float]:
    """Return one value a trait by name."""
    return dict(zip(names, values.tolist(), strict=True))


def rounded(matrix: FloatArray) -> object:
    """Return a matrix as lists of few digits."""
    return (matrix.round(6) + 0.0).tolist()  # + 0.0 turns -0.0 into 0.0


def correlations_of(values: FloatArray) -> FloatArray:
    """Return the correlations of columns, a matrix even of one, shape (traits, traits)."""
    return np.atleast_2d(np.corrcoef(values, rowvar=False))


def _squared_correlations(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return r^2 column by column, shape (traits,)."""
    return np.array([np.corrcoef(first[:, i], second[:, i])[0, 1] ** 2 for i in range(first.shape[1])])


def _recorded(phenotypes: Phenotypes) -> FloatArray:
    n_animals = int(phenotypes.animals[-1]) + 1
    there = np.isfinite(phenotypes.records)
    return np.array([len(np.unique(phenotypes.animals[column])) / n_animals for column in there.T])


def _records_a_cow(phenotypes: Phenotypes) -> FloatArray:
    """Return the mean number of records of cows that have any, shape (traits,)."""
    there = np.isfinite(phenotypes.records)
    cows = np.array([max(len(np.unique(phenotypes.animals[column])), 1) for column in there.T])
    return np.asarray(there.sum(axis=0) / cows)


def _repeatabilities(plan: TraitPlan, genetic: FloatArray, phenotypes: Phenotypes) -> dict[str, float]:
    """Return the share of variance between animals, by analysis of variance of all records before holes.

    With n_i records of animal i, n0 = (N - sum n_i^2 / N) / (k - 1) of k animals, and mean squares between and within
    them, it's (B - W) / (B + (n0 - 1) W).
    """
    if not plan.is_repeated:
        return {}
    scales, animals = Scales.of(plan.traits), phenotypes.animals
    values = genetic[animals] * scales.genetic + phenotypes.residuals * scales.residual
    counts = np.bincount(animals).astype(np.float64)
    n, k = len(values), len(counts)
    means = sums_by_animal(values, animals) / counts[:, None]
    within = ((values - means[animals]) ** 2).sum(axis=0) / max(n - k, 1)
    between = (counts[:, None] * (means - values.mean(axis=0)) ** 2).sum(axis=0) / (k - 1)
    typical = (n - (counts**2).sum() / n) / (k - 1)
    found = (between - within) / (between + (typical - 1) * within)
    return {trait.name: value for trait, value in zip(plan.traits, found.tolist(), strict=True) if trait.is_repeated}


def _explained(link: Link, plan: TraitPlan, values: GeneticValues) -> dict[str, Any]:
    target, driver = plan.names.index(link.target), plan.names.index(link.driver)
    response = FUNCTIONS[link.function](values.breeding[:, driver])
    r = np.corrcoef(values.genetic[:, target], response)[0, 1] if response.std() > 0 else 0.0
    return {"target": link.target, "driver": link.driver, "share": float(r**2)}


def _environments(plan: TraitPlan) -> dict[str, Any]:
    environments = plan.environments
    if environments is None:
        return {}
    return {
        "environments": [
            {"name": name, "covariate": covariate}
            for name, covariate in zip(environments.labels, environments.covariates.tolist(), strict=True)
        ],
        "slope_variance_asked": named(plan.names, environments.shares),
        "environment_correlations": {
            name: rounded(environments.correlations(share))
            for name, share in zip(plan.names, environments.shares.tolist(), strict=True)
        },
    }
