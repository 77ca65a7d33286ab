"""Tables of records: one row an animal, many rows an animal, or means with weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genialearn._arrays import FloatArray, IntArray, StrArray
from genialearn.cohorts.simulate.phenotypes import Phenotypes
from genialearn.cohorts.simulate.plan import TraitPlan
from genialearn.cohorts.simulate.summaries import summarised
from genialearn.cohorts.simulate.trait_catalogue import TraitDesign

HERD_YEARS = "C(herd_year)"
ONLY_ENVIRONMENT = "E1"
"""What is written where a table has a column for the environment and there is only one."""


@dataclass(frozen=True, eq=False)
class RecordTables:
    """What was recorded.

    Parameters
    ----------
    traits
        `id` and one column a trait, NaN where there is no record; rows are animals, in the order of the genotypes. Of
        repeated records the first, or their mean where they are summarised.
    covariates
        `id herd_year`, and `environment` where there are several, of the first record.
    records
        `id environment herd_year` and one column a trait, one row a record, where cows have several.
    weights
        `id` and one column a trait, where repeated records are summarised.
    """

    traits: pd.DataFrame
    covariates: pd.DataFrame
    records: pd.DataFrame | None = None
    weights: pd.DataFrame | None = None

    def fixed_effects(self, trait: TraitDesign) -> str:
        """Return the formula of fixed effects; means are corrected for them already."""
        return "" if self.weights is not None and trait.is_repeated else HERD_YEARS

    def random_effects(self, trait: TraitDesign) -> str:
        """Return the random effects beside breeding values: the permanent environment of repeated records."""
        return "animal" if self.records is not None and trait.is_repeated else ""


def record_tables(plan: TraitPlan, animals: StrArray, phenotypes: Phenotypes, environments: IntArray) -> RecordTables:
    """Return the tables of a herd's records.

    Parameters
    ----------
    plan
        Says whether records are repeated and summarised.
    animals
        Identifiers, shape (animals,).
    phenotypes
        The records.
    environments
        Position of each animal's environment, shape (animals,).
    """
    first = np.unique(phenotypes.animals, return_index=True)[1]
    labels = _environment_labels(plan, environments)
    covariates = pd.DataFrame({"id": animals, "herd_year": phenotypes.herd_years[first]})
    if plan.environments is not None:
        covariates["environment"] = labels
    if plan.is_repeated and plan.summarise:
        summaries = summarised(phenotypes, plan.traits)
        tables = (_table({"id": animals}, values, plan.names) for values in (summaries.records, summaries.weights))
        return RecordTables(next(tables), covariates, weights=next(tables))
    traits = _table({"id": animals}, phenotypes.records[first], plan.names)
    return RecordTables(traits, covariates, _repeated(plan, animals, phenotypes, labels) if plan.is_repeated else None)


def _repeated(plan: TraitPlan, animals: StrArray, phenotypes: Phenotypes, labels: StrArray) -> pd.DataFrame:
    """Return one row a record, without those that have none of any trait."""
    who = phenotypes.animals
    columns = {"id": animals[who], "environment": labels[who], "herd_year": phenotypes.herd_years}
    rows = np.flatnonzero(np.isfinite(phenotypes.records).any(axis=1))
    return _table({name: column[rows] for name, column in columns.items()}, phenotypes.records[rows], plan.names)


def _environment_labels(plan: TraitPlan, environments: IntArray) -> StrArray:
    names = [ONLY_ENVIRONMENT] if plan.environments is None else plan.environments.labels
    return np.array(names, dtype=object)[environments]


def _table(columns: dict[str, StrArray], values: FloatArray, names: list[str]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(values, columns=pd.Index(names))], axis=1)
