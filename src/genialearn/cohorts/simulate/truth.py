"""Truth: the true values, QTL and parameters behind a simulated herd."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, StrArray
from genialearn.cohorts.simulate.architecture import Link
from genialearn.cohorts.simulate.genetic_model import GeneticModel, GeneticValues
from genialearn.cohorts.simulate.genome import Genome, Sites
from genialearn.cohorts.simulate.phenotypes import Phenotypes
from genialearn.cohorts.simulate.plan import TraitPlan
from genialearn.cohorts.simulate.realised import (
    DESIGN_NOTES,
    correlations_of,
    design_parameters,
    named,
    rounded,
)
from genialearn.cohorts.simulate.residuals import YIELD_RESIDUAL_CORRELATION
from genialearn.cohorts.simulate.scales import Scales, simulated_heritability
from genialearn.cohorts.simulate.settings import HerdSettings
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign, names_of

NOTES = {
    "h2": "Genetic over genetic plus residual variance within herd-years, among all genotyped animals before holes; "
    "of binary traits on the observed 0/1 scale, from the liability by h2 z^2 / (K (1 - K)).",
    "variances": "In units of the trait; of binary traits in units of liability, whose genetic plus residual variance "
    "is 1.",
    "breeding_values": "Trait mean plus the sum of average effects, which include the regression of a link on its "
    "driver; of binary traits the liability times the slope of the probability at the mean.",
    "genetic_values": "Trait mean plus total genetic value; of binary traits the probability of a 1 given the total "
    "genetic value of liability.",
    "genetic_correlations_asked": "Of the polygenic part; the major gene and the links change those realised.",
}


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known about a simulated herd and about no real one.

    Parameters
    ----------
    breeding_values, genetic_values
        True values on the scale of the records: `id` and one column a trait. A breeding value is the mean plus the
        average effects; a genetic value is all that genes make expect, for a binary trait a probability.
    qtl
        `marker chromosome position counted_allele frequency` and one column of average effects a trait.
    parameters
        Settings, links, variances, heritabilities and correlations, asked and realised.
    slopes
        Where genetic values differ between environments: `id` and one column a trait.
    """

    breeding_values: pd.DataFrame
    genetic_values: pd.DataFrame
    qtl: pd.DataFrame
    parameters: dict[str, Any]
    slopes: pd.DataFrame | None = None

    @property
    def heritabilities(self) -> dict[str, float]:
        """Realised heritability of each trait, on the scale of its records."""
        return dict(self.parameters["h2_realised"])


def truth_tables(
    traits: tuple[TraitDesign, ...],
    animals: StrArray,
    qtl: Sites,
    model: GeneticModel,
    values: GeneticValues,
    *,
    level: FloatArray | float = 1.0,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of breeding values, genetic values and QTL.

    Parameters
    ----------
    traits, animals, qtl, model, values
        What was simulated.
    level
        Weight of genetic values in the mean environment, where environments differ, shape (traits,).
    """
    scales, names = Scales.of(traits), names_of(traits)
    slopes = scales.additive_slopes * level
    return (
        by_animal(animals, scales.means + values.breeding * slopes, names),
        by_animal(animals, scales.expected_records(values.genetic * level), names),
        _qtl_table(qtl, model.effects * slopes, names),
    )


def slope_table(plan: TraitPlan, animals: StrArray, slopes: FloatArray) -> pd.DataFrame | None:
    """Return `id` and the slope of each trait on the covariate of environments, in its units or those of liability."""
    if plan.environments is None:
        return None
    scaled = slopes * plan.environments.slope_weights * Scales.of(plan.traits).genetic
    return by_animal(animals, scaled, plan.names)


def by_animal(animals: StrArray, values: FloatArray, names: list[str]) -> pd.DataFrame:
    """Return a table of `id` and one column a trait."""
    table = pd.DataFrame(values, columns=pd.Index(names))
    table.insert(0, "id", animals)
    return table


def _qtl_table(sites: Sites, effects: FloatArray, names: list[str]) -> pd.DataFrame:
    places = pd.DataFrame(
        {
            "marker": sites.map.names,
            "chromosome": sites.map.chromosomes,
            "position": sites.map.positions,
            "counted_allele": sites.map.counted_alleles,
            "frequency": sites.dosages.mean(axis=0) / 2,
        }
    )
    return pd.concat([places, pd.DataFrame(effects, columns=pd.Index(names))], axis=1)


def parameters(
    settings: HerdSettings,
    plan: TraitPlan,
    genome: Genome,
    model: GeneticModel,
    values: GeneticValues,
    *,
    in_environment: FloatArray,
    phenotypes: Phenotypes,
) -> dict[str, Any]:
    """Return everything that describes the simulation and isn't a table, ready for JSON.

    Parameters
    ----------
    settings, plan, genome, model
        What was simulated.
    values
        Standardised genetic values.
    in_environment
        Total ones in the animals' own environments, shape (animals, traits).
    phenotypes
        With the standardised residuals.
    """
    names, scales = plan.names, Scales.of(plan.traits)
    designed = {} if plan.asked is None else design_parameters(plan, values, in_environment, phenotypes)
    told = trait_parameters(
        plan.traits, plan.architecture.links, model, values.genetic, residuals=phenotypes.residuals, seen=in_environment
    )
    return {
        **settings.said(),
        **told,
        "major_gene": genome.qtl.map.names[genome.major_gene] if plan.architecture.major_gene else None,
        "herd_year_variance": named(names, scales.herd_year**2),
        "residual_correlation_of_yields": YIELD_RESIDUAL_CORRELATION,
        **designed,
        "notes": NOTES | (DESIGN_NOTES if designed else {}),
    }


def trait_parameters(
    traits: tuple[TraitDesign, ...],
    links: tuple[Link, ...],
    model: GeneticModel,
    genetic_values: FloatArray,
    *,
    residuals: FloatArray,
    seen: FloatArray | None = None,
) -> dict[str, Any]:
    """Return what describes the traits of any simulation, ready for JSON.

    Parameters
    ----------
    traits, links, model
        What was simulated.
    genetic_values
        Standardised, shape (animals, traits).
    residuals
        Standardised, shape (records, traits).
    seen
        Genetic values in the animals' own environments, where these differ, shape (animals, traits).
    """
    names, scales = names_of(traits), Scales.of(traits)
    heritabilities = realised_heritabilities(traits, genetic_values if seen is None else seen, residuals)
    return {
        "traits": names,
        "links": [asdict(link) for link in links],
        "h2_asked": {trait.name: trait.heritability for trait in traits},
        "h2_realised": named(names, heritabilities),
        "h2_liability": {trait.name: simulated_heritability(trait) for trait in traits if trait.is_binary},
        "prevalence": {trait.name: trait.mean for trait in traits if trait.is_binary},
        "genetic_variance": named(names, scales.genetic**2),
        "residual_variance": named(names, scales.residual**2),
        "genetic_correlations_asked": rounded(model.correlations_asked),
        "genetic_correlations_realised": rounded(correlations_of(genetic_values)),
        "notes": NOTES,
    }


def realised_heritabilities(
    traits: tuple[TraitDesign, ...], genetic_values: FloatArray, residuals: FloatArray
) -> FloatArray:
    """Return genetic over genetic plus residual variance of a cohort, on the scale of the records, shape (traits,)."""
    scales = Scales.of(traits)
    genetic = (genetic_values * scales.genetic).var(axis=0)
    residual = (residuals * scales.residual).var(axis=0)
    to_observed = np.array(
        [trait.heritability / simulated_heritability(trait) if trait.heritability else 1.0 for trait in traits]
    )
    return np.asarray(genetic / (genetic + residual) * to_observed)
